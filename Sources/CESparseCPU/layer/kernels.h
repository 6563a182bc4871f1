// The layer kernels of one instruction set.
//
// The including file defines `LAYER_LANES`, the singles of a vector, and `LAYER_STRIP`, the vectors that a matrix
// product of attention handles at once: what fits the registers beside 6 rows.

#include "vector.h"
// (the order matters)
#include "rows.h"
#include "attention.h"
#include "statistics.h"

static const esparse_layer_kernels layer_kernels = {
    .normalize_rms = normalize_rms,
    .normalize_layer = normalize_layer,
    .apply = apply_activation,
    .soft_cap = soft_cap_all,
    .scale = scale_all,
    .add = add_all,
    .widen_bf16 = widen_bf16,
    .widen_f16 = widen_f16,
    .append = append_head,
    .attend_tile = attend_tile,
    .attend_few = attend_few,
    .merge_few = merge_few,
    .accumulate_moments = accumulate_moments,
    .accumulate_histogram = accumulate_histogram,
    .accumulate_logarithmic_histogram = accumulate_logarithmic_histogram,
};
