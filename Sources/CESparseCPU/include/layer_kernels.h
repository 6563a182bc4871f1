// Kernels of everything in a model but linears, and of calibration statistics.
//
// Dimension legend: T tokens, C channels, H query heads, K key/value heads, G = H / K heads of a group, S head size.
// Matrices are row-major, single precision. No function allocates, checks or keeps anything.
#ifndef ESPARSE_LAYER_KERNELS_H
#define ESPARSE_LAYER_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Element-wise functions.
typedef enum {
    esparse_function_silu = 0,
    esparse_function_relu = 1,
    esparse_function_gelu = 2,
    esparse_function_gelu_tanh = 3,
} esparse_function;

enum {
    /// Query rows (token, head of the group) that one attention tile handles side by side.
    esparse_attention_lanes = 128,
    /// Keys that one step of an attention tile handles.
    esparse_attention_keys = 60,
    /// Keys of one piece of the attention of a few rows.
    esparse_attention_chunk = 256,
    /// Most rows that are better handled as a few rows than as a tile.
    esparse_attention_few_rows = 8,
    /// Rows of the cache are padded with zeros to a multiple of this many channels.
    esparse_head_padding = 16,
};

/// Causal attention of rows `[first_row, first_row + row_count)` of one segment and one key/value head.
///
/// Row r is head `r % G` of the group and token `r / G` of the segment, at position `start + r / G`.
typedef struct {
    /// The segment's first token, at the group's first head; tokens are `stride` values apart.
    const float *query;
    /// The segment's first token, at channel 0; tokens are `stride` values apart.
    float *output;
    /// H * S.
    ptrdiff_t stride;
    /// Channel of the group's first head in the output, before `positions`.
    ptrdiff_t first_channel;
    /// Where each channel of the output is written, `[H * S]`; NULL means in place.
    const int32_t *_Nullable positions;
    /// G.
    ptrdiff_t group;
    /// S.
    ptrdiff_t size;
    /// S rounded up to a multiple of `esparse_head_padding`: distance of rows of the cache.
    ptrdiff_t padded_size;
    ptrdiff_t first_row;
    ptrdiff_t row_count;
    /// Position of the segment's first token.
    ptrdiff_t start;
    /// Keys and values of this head, `[position, padded_size]`, F32, or BF16 where `cache_is_bf16` is not 0.
    const void *keys;
    const void *values;
    int32_t cache_is_bf16;
    float scale;
    /// Scaled scores become `soft_cap * tanh(score / soft_cap)`; 0 leaves them as they are.
    float soft_cap;
    /// A row sees the last `window` positions up to its own, at least 1 and at most 2^30, which no position reaches.
    ptrdiff_t window;
    /// `[position, 2, frequency_count]`: cosines, then sines; NULL without rotary positions.
    const float *_Nullable rotation;
    ptrdiff_t frequency_count;
    /// Scratch of this call alone; see `esparse_attention_tile_scratch` and `esparse_attention_few_scratch`.
    float *scratch;
    /// Of a piece of the attention of a few rows: the keys it looks at.
    ptrdiff_t first_key;
    ptrdiff_t key_count;
    /// Of a piece: `[row_count, 2 + padded_size]`: largest score, sum of weights, weighted sum of values.
    float *_Nullable partial;
} esparse_attention_task;

/// Values of `scratch` that `attend_tile` needs, for heads of `padded_size` channels.
static inline ptrdiff_t esparse_attention_tile_scratch(ptrdiff_t padded_size) {
    return 2 * esparse_attention_lanes * padded_size + esparse_attention_lanes * esparse_attention_keys
        + 2 * esparse_attention_keys * padded_size + 2 * esparse_attention_lanes;
}

/// Values of `scratch` that `attend_few` needs.
static inline ptrdiff_t esparse_attention_few_scratch(ptrdiff_t padded_size) {
    return esparse_attention_few_rows * (padded_size + esparse_attention_chunk);
}

/// The functions of one instruction set.
typedef struct {
    /// `output[t, j] = x[t, order[j]] / sqrt(mean(x[t]^2) + epsilon) * weight[j]`; `order` NULL is the identity.
    void (*normalize_rms)(
        const float *input, ptrdiff_t tokens, ptrdiff_t channels, const float *weight, float epsilon,
        const int32_t *_Nullable order, float *output);
    /// `output[t, j] = (x[t, order[j]] - mean) / sqrt(variance + epsilon) * weight[j] + bias[j]`.
    void (*normalize_layer)(
        const float *input, ptrdiff_t tokens, ptrdiff_t channels, const float *weight, const float *bias,
        float epsilon, const int32_t *_Nullable order, float *output);
    /// `output = function(gate) * up`; `up` NULL means 1.
    void (*apply)(
        esparse_function function, const float *gate, const float *_Nullable up, ptrdiff_t count, float *output);
    /// `values = cap * tanh(values / cap)`, `cap` above 0.
    void (*soft_cap)(float cap, ptrdiff_t count, float *values);
    /// `values *= factor`.
    void (*scale)(float factor, ptrdiff_t count, float *values);
    /// `accumulator += addend`.
    void (*add)(const float *addend, ptrdiff_t count, float *accumulator);
    /// BF16 or F16 to F32; the input need not be aligned.
    void (*widen_bf16)(const void *input, ptrdiff_t count, float *output);
    void (*widen_f16)(const void *input, ptrdiff_t count, float *output);
    /// Writes one head of `tokens` keys or values, `stride` values apart, to `[tokens, padded_size]` of a cache, turned
    /// by rows `[start, start + tokens)` of `rotation` where that is given.
    void (*append)(
        const float *input, ptrdiff_t tokens, ptrdiff_t stride, ptrdiff_t size, ptrdiff_t padded_size,
        const float *_Nullable rotation, ptrdiff_t frequency_count, ptrdiff_t start, int32_t cache_is_bf16,
        void *output);
    /// Attention of at most `esparse_attention_lanes` rows over all keys they see.
    void (*attend_tile)(const esparse_attention_task *task);
    /// Attention of at most `esparse_attention_few_rows` rows over keys `[first_key, first_key + key_count)`, into
    /// `partial`.
    void (*attend_few)(const esparse_attention_task *task);
    /// Merges `count` pieces that lie one after the other at `partial` and writes the output.
    void (*merge_few)(const esparse_attention_task *task, ptrdiff_t count);

    /// Channels `[first, last)` of `x [tokens, channels]`: adds each channel's values and squares to `sum` and
    /// `square_sum` token after token, and lowers `minimum` and raises `maximum`, all `[channels]`.
    void (*accumulate_moments)(
        const float *input, ptrdiff_t tokens, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t last, double *sum,
        double *square_sum, float *minimum, float *maximum);
    /// Channels `[first, last)`: counts each value in bin `min(bins - 1, max(0, trunc((x - origin[c]) *
    /// inverse_width[c])))` of `counts [channels, bins]`, in single precision with one rounding an operation; NaN goes
    /// to bin 0.
    void (*accumulate_histogram)(
        const float *input, ptrdiff_t tokens, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t last, const float *origin,
        const float *inverse_width, int32_t bins, uint32_t *counts);
    /// Channels `[first, last)`: counts each value in bin `clamp(magnitude >> (23 - fraction_bits), low, low + half -
    /// 1) - low` where `magnitude` are its bits without the sign and `half = bins / 2`, plus `half` where it is
    /// negative.
    void (*accumulate_logarithmic_histogram)(
        const float *input, ptrdiff_t tokens, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t last,
        int32_t fraction_bits, int32_t low, int32_t bins, uint32_t *counts);
} esparse_layer_kernels;

#pragma clang assume_nonnull end

#endif
