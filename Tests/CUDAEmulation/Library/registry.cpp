// All kernels, compiled for the host, by their names.
#include "registry.h"

#include <map>

#include "attention_few.cu"
#include "attention_tiled.cu"
#include "channel_swaps.cu"
#include "decompression.cu"
#include "elements.cu"
#include "likelihood.cu"
#include "mask_refinement.cu"
#include "normalization.cu"
#include "positions.cu"
#include "saliency.cu"
#include "sampling.cu"
#include "sparse_few_tokens.cu"
#include "statistics.cu"

namespace emulation {
namespace {

#define ONE(file, name) {#name, make_entry(file, name)}
#define BOTH(file, name) ONE(file, name##_bfloat16), ONE(file, name##_float16)
#define ALL(file, name) BOTH(file, name), ONE(file, name##_float32)

const std::map<std::string, kernel_entry> &kernels() {
    static const std::map<std::string, kernel_entry> all = {
        ALL("normalization.cu", esparse_rms_norm),
        ALL("normalization.cu", esparse_layer_norm),
        BOTH("elements.cu", esparse_gate),
        BOTH("elements.cu", esparse_activate),
        ALL("elements.cu", esparse_add),
        BOTH("elements.cu", esparse_round),
        BOTH("elements.cu", esparse_widen),
        ONE("elements.cu", esparse_soft_cap),
        ALL("elements.cu", esparse_embed),
        ONE("elements.cu", esparse_rows),
        ALL("elements.cu", esparse_add_positions),
        BOTH("positions.cu", esparse_append),
        BOTH("attention_few.cu", esparse_attend_part),
        BOTH("attention_few.cu", esparse_attend_combine),
        BOTH("attention_tiled.cu", esparse_attend_tiled_64),
        BOTH("attention_tiled.cu", esparse_attend_tiled_80),
        BOTH("attention_tiled.cu", esparse_attend_tiled_96),
        BOTH("attention_tiled.cu", esparse_attend_tiled_128),
        ONE("decompression.cu", esparse_decompress),
        ONE("likelihood.cu", esparse_likelihood_begin),
        ONE("likelihood.cu", esparse_likelihood_add),
        ONE("likelihood.cu", esparse_likelihood_end),
        ONE("channel_swaps.cu", esparse_swap_gather),
        ONE("channel_swaps.cu", esparse_swap_limits),
        ONE("channel_swaps.cu", esparse_swap_gains_4),
        ONE("channel_swaps.cu", esparse_swap_gains_8),
        ONE("mask_refinement.cu", esparse_product_diagonal),
        ONE("mask_refinement.cu", esparse_ordered_products),
        ONE("mask_refinement.cu", esparse_dropped),
        ONE("mask_refinement.cu", esparse_refine_mask),
        ONE("saliency.cu", esparse_saliency),
        ONE("saliency.cu", esparse_first_nonfinite),
        ONE("saliency.cu", esparse_column_sums),
        ONE("saliency.cu", esparse_mask),
        ONE("saliency.cu", esparse_retained),
        ONE("sampling.cu", esparse_sample_likeliest),
        ONE("sampling.cu", esparse_sample_threshold),
        ONE("sampling.cu", esparse_sample_weights),
        ONE("sampling.cu", esparse_sample_draw),
        ALL("statistics.cu", esparse_moments),
        ALL("statistics.cu", esparse_logarithmic_histogram),
        BOTH("sparse_few_tokens.cu", esparse_sparse_few_tokens_1),
        BOTH("sparse_few_tokens.cu", esparse_sparse_few_tokens_2),
        BOTH("sparse_few_tokens.cu", esparse_sparse_few_tokens_4),
        BOTH("sparse_few_tokens.cu", esparse_sparse_few_tokens_8),
        BOTH("sparse_few_tokens.cu", esparse_sparse_few_tokens_16),
    };
    return all;
}

}  // namespace

const kernel_entry *find_kernel(const std::string &name) {
    const auto found = kernels().find(name);
    return found == kernels().end() ? nullptr : &found->second;
}

}  // namespace emulation
