#include "esparse_kernels.h"
typedef int esparse_linear_placeholder;
