// Kernels in C, one file per instruction set plus the plain reference.
#ifndef ESPARSE_KERNELS_H
#define ESPARSE_KERNELS_H
#include "linear_kernels.h"
#include "layer_kernels.h"
#endif
