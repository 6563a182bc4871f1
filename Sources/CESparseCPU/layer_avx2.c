// Layer kernels for AVX2, FMA and F16C.

#if defined(__x86_64__)

#define LAYER_SUFFIX avx2
#define LAYER_LANES 8
/// Vectors of lanes that the matrix products of attention handle at once: what fits the registers beside 6 rows.
#define LAYER_STRIP 2

// Every function of this file, and no system header, is compiled for the instruction set.
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "layer_kernels.h"
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "layer_vector.h"
// (the order matters)
#include "layer_rows.h"
#include "layer_attention.h"
#include "layer_statistics.h"
#include "layer_table.h"
#pragma clang attribute pop

#endif
