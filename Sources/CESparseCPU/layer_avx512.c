// Layer kernels for AVX-512 F, BW, DQ and VL.

#if defined(__x86_64__)

#define LAYER_SUFFIX avx512
#define LAYER_LANES 16
/// Vectors of lanes that the matrix products of attention handle at once: what fits the registers beside 6 rows.
#define LAYER_STRIP 4

// Every function of this file, and no system header, is compiled for the instruction set.
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "layer_kernels.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
                             apply_to = function)
#include "layer_vector.h"
// (the order matters)
#include "layer_rows.h"
#include "layer_attention.h"
#include "layer_statistics.h"
#include "layer_table.h"
#pragma clang attribute pop

#endif
