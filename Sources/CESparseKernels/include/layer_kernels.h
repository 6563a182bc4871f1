// Kernels of everything but linears.
#ifndef ESPARSE_LAYER_KERNELS_H
#define ESPARSE_LAYER_KERNELS_H
#endif
