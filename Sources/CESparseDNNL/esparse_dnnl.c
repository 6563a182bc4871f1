#include "esparse_dnnl.h"
typedef int esparse_dnnl_placeholder;
