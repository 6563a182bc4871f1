#include "esparse_kernels.h"
typedef int esparse_kernels_placeholder;
