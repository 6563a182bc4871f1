// Embeds the kernel files, so that one executable carries them. A new file gets its line in both places.
#include "esparse_cuda_sources.h"

#include <stddef.h>
#include <string.h>

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char attention_few_cu[] = {
#embed "../ESparseCUDA/Kernels/attention_few.cu"
    , 0};
static const unsigned char attention_tiled_cu[] = {
#embed "../ESparseCUDA/Kernels/attention_tiled.cu"
    , 0};
static const unsigned char channel_swaps_cu[] = {
#embed "../ESparseCUDA/Kernels/channel_swaps.cu"
    , 0};
static const unsigned char common_cuh[] = {
#embed "../ESparseCUDA/Kernels/common.cuh"
    , 0};
static const unsigned char decompression_cu[] = {
#embed "../ESparseCUDA/Kernels/decompression.cu"
    , 0};
static const unsigned char elements_cu[] = {
#embed "../ESparseCUDA/Kernels/elements.cu"
    , 0};
static const unsigned char likelihood_cu[] = {
#embed "../ESparseCUDA/Kernels/likelihood.cu"
    , 0};
static const unsigned char mask_refinement_cu[] = {
#embed "../ESparseCUDA/Kernels/mask_refinement.cu"
    , 0};
static const unsigned char normalization_cu[] = {
#embed "../ESparseCUDA/Kernels/normalization.cu"
    , 0};
static const unsigned char positions_cu[] = {
#embed "../ESparseCUDA/Kernels/positions.cu"
    , 0};
static const unsigned char saliency_cu[] = {
#embed "../ESparseCUDA/Kernels/saliency.cu"
    , 0};
static const unsigned char sampling_cu[] = {
#embed "../ESparseCUDA/Kernels/sampling.cu"
    , 0};
static const unsigned char sparse_few_tokens_cu[] = {
#embed "../ESparseCUDA/Kernels/sparse_few_tokens.cu"
    , 0};
static const unsigned char statistics_cu[] = {
#embed "../ESparseCUDA/Kernels/statistics.cu"
    , 0};

static const struct {
    const char *name;
    const unsigned char *text;
} sources[] = {
    {"attention_few.cu", attention_few_cu},
    {"attention_tiled.cu", attention_tiled_cu},
    {"channel_swaps.cu", channel_swaps_cu},
    {"common.cuh", common_cuh},
    {"decompression.cu", decompression_cu},
    {"elements.cu", elements_cu},
    {"likelihood.cu", likelihood_cu},
    {"mask_refinement.cu", mask_refinement_cu},
    {"normalization.cu", normalization_cu},
    {"positions.cu", positions_cu},
    {"saliency.cu", saliency_cu},
    {"sampling.cu", sampling_cu},
    {"sparse_few_tokens.cu", sparse_few_tokens_cu},
    {"statistics.cu", statistics_cu},
};

enum { source_count = sizeof sources / sizeof sources[0] };

const char *esparse_cuda_source_name(int32_t index) {
    return index >= 0 && index < source_count ? sources[index].name : NULL;
}

const char *esparse_cuda_source(const char *name) {
    for (int32_t i = 0; i < source_count; i++) {
        if (strcmp(sources[i].name, name) == 0) return (const char *)sources[i].text;
    }
    return NULL;
}
