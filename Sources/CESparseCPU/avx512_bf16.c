// Kernels for AVX-512 BF16, beside those of AVX-512: the sparse product for many tokens, where `vdpbf16ps` multiplies
// two channels of a token at once.
//
// The input is rounded to bf16 and transposed into tiles [channel][tile_tokens], two bytes a value. The kept weights
// of a row in 32 channels are taken two by two, whatever the pattern: a pair of weights is one broadcast word, and the
// pair of their channels is made on the fly by interleaving two vectors of 32 tokens. That costs one load and one
// interleaving a dot product, so 2:4, 4:8 and any other N:M run at the same speed a kept weight. A table of ready-made
// pairs would save the interleaving, but takes 3 (2:4) or 7 (4:8) times the first-level cache, so sums are loaded and
// stored as much more often.
#include "prelude.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET "avx2,fma,f16c,bmi,bmi2,popcnt,prfchw,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,avx512bf16"
#pragma clang attribute push(__attribute__((target(TARGET))), apply_to = function)

#define PEAK_BYTES 64
#define PEAK_PAIRS (__m512bh)_mm512_set1_epi32(0x3F003F00)
#define PEAK_STEP(sums) (peak_vector)_mm512_dpbf16_ps((__m512)(sums), PEAK_PAIRS, PEAK_PAIRS)
#define PEAK_OPERATIONS (2 * 32)
#include "peak/loops.h"

#include "linear/avx512_vector.h"
#include "linear/storage.h"

enum {
    vector_unit = 2,
    value_bytes = 2,
    multiplies_bf16 = 1,
    /// Pairs are made within so many channels, whatever the number of tokens: the order of additions depends on them.
    channel_unit = 32,
    /// Pairs of weights of a row between two branches.
    pairs_at_once = 4,
};

#include "linear/sparse_block.h"

// MARK: Transposition

/// The token in a lane of a tile's vector: interleaving takes the low and the high half of every 128 bits.
static inline int64_t tile_token(int64_t tile_vector, int64_t lane) {
    return tile_vector / 2 * 32 + lane / 4 * 8 + tile_vector % 2 * 4 + lane % 4;
}

/// 16 channels of 16 tokens, zero where there are no tokens or channels.
KERNEL void load_square(const float *input, int64_t tokens, int64_t width, int64_t columns, vector *square) {
    __mmask16 mask = width < lanes ? (__mmask16)((1u << width) - 1) : 0xFFFF;
    for (int i = 0; i < lanes; i++) square[i] = i < tokens ? _mm512_maskz_loadu_ps(mask, input + i * columns) : zero();
    transpose_square(square);
}

ENTRY void transpose(int rounds, const float *input, int64_t tokens, int64_t columns, int64_t first, int64_t count,
                     int64_t tile_tokens, void *tiles) {
    (void)rounds;
    for (int64_t start = 0; start < tokens; start += tile_tokens) {
        char *place = (char *)tiles + start * columns * value_bytes;
        const int64_t left = tokens - start < tile_tokens ? tokens - start : tile_tokens, end = first + count;
        for (int64_t token = 0; token < left; token += 2 * lanes) {
            const float *from = input + (start + token) * columns;
            for (int64_t column = first; column < end; column += lanes) {
                int64_t width = end - column < lanes ? end - column : lanes;
                vector low[lanes], high[lanes];
                load_square(from + column, left - token, width, columns, low);
                load_square(from + lanes * columns + column, left - token - lanes, width, columns, high);
                for (int64_t i = 0; i < width; i++) {
                    __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(high[i], low[i]);
                    _mm512_storeu_si512(place + ((column + i) * tile_tokens + token) * value_bytes, halves);
                }
            }
        }
    }
}

// MARK: Products

/// The input of the channel of the lowest set bit, which is cleared.
KERNEL const char *next_channel(uint64_t *bits, const char *input, int64_t channel_bytes) {
    const char *channel = input + __builtin_ctzll(*bits) * channel_bytes;
    *bits &= *bits - 1;
    return channel;
}

/// Adds a pair of weights to a row's sums; `second` is NULL where there is one weight only.
KERNEL void add_pair(const int vectors, uint32_t pair, const char *first, const char *second, vector *totals) {
    __m512bh weights = (__m512bh)_mm512_set1_epi32((int)pair);
    UNROLL for (int v = 0; v < vectors; v += 2) {
        __m512i a = _mm512_loadu_si512(first + v * 32);
        __m512i b = second ? _mm512_loadu_si512(second + v * 32) : _mm512_setzero_si512();
        totals[v] = _mm512_dpbf16_ps(totals[v], (__m512bh)_mm512_unpacklo_epi16(a, b), weights);
        totals[v + 1] = _mm512_dpbf16_ps(totals[v + 1], (__m512bh)_mm512_unpackhi_epi16(a, b), weights);
    }
}

/// Adds the row's next two weights to its sums.
KERNEL void add_next(const int vectors, const char *cursor, uint64_t *bits, const char *input, int64_t channel_bytes,
                     vector *totals) {
    uint32_t pair;
    memcpy(&pair, cursor, sizeof pair);
    const char *first = next_channel(bits, input, channel_bytes);
    add_pair(vectors, pair, first, next_channel(bits, input, channel_bytes), totals);
}

/// Adds a block of channels to the sums of all rows; `vectors` is a constant.
KERNEL void add_rows(const int vectors, const block_product *product) {
    const int64_t channel_bytes = product->channel_bytes;
    for (int64_t row = 0; row < product->rows; row++) {
        float *sums = product->sums + row * product->tile_tokens;
        const uint8_t *mask = product->mask + row * product->weights->mask_stride;
        const char *cursor = product->cursors[row];
        vector totals[most_vectors];
        UNROLL for (int v = 0; v < vectors; v++) totals[v] = product->starts ? zero() : load(sums + v * lanes);
        foresee(product, row, 1, vectors, 2);
        for (int64_t channel = 0; channel < product->channels; channel += channel_unit) {
            const char *input = product->input + channel * channel_bytes;
            int64_t left = product->channels - channel;
            uint64_t bits;
            if (left < channel_unit) {
                bits = last_mask_bits(mask + channel / 8, left);
            } else {
                uint32_t half;
                memcpy(&half, mask + channel / 8, sizeof half);
                bits = half;
            }
            int64_t count = __builtin_popcountll(bits);
            for (; count >= 2 * pairs_at_once; count -= 2 * pairs_at_once, cursor += 4 * pairs_at_once) {
                UNROLL for (int j = 0; j < pairs_at_once; j++) {
                    add_next(vectors, cursor + 4 * j, &bits, input, channel_bytes, totals);
                }
            }
            _Pragma("clang loop unroll(disable)") for (; count >= 2; count -= 2, cursor += 4) {
                add_next(vectors, cursor, &bits, input, channel_bytes, totals);
            }
            if (count == 1) {
                uint16_t weight;
                memcpy(&weight, cursor, sizeof weight);
                add_pair(vectors, weight, next_channel(&bits, input, channel_bytes), NULL, totals);
                cursor += 2;
            }
        }
        if (product->ends) product->cursors[row] = cursor;
        UNROLL for (int v = 0; v < vectors; v++) store(sums + v * lanes, totals[v]);
    }
}

ENTRY void add_2_vectors(const block_product *product) { add_rows(2, product); }
ENTRY void add_4_vectors(const block_product *product) { add_rows(4, product); }
ENTRY void add_6_vectors(const block_product *product) { add_rows(6, product); }
ENTRY void add_8_vectors(const block_product *product) { add_rows(8, product); }

static void add_vectors(int64_t vectors, const block_product *product) {
    static void (*const kernels[])(const block_product *) = {
        add_2_vectors, add_4_vectors, add_6_vectors, add_8_vectors,
    };
    kernels[vectors / 2 - 1](product);
}

#include "linear/sparse_driver.h"

static esparse_format_kernels format_functions(esparse_format format) {
    static const esparse_format_kernels masked_bf16 = {.many = MANY_KERNELS}, none = {0};
    return format == esparse_masked_bf16 ? masked_bf16 : none;
}

static const esparse_linear_kernels linear_kernels = {.functions = format_functions};

#pragma clang attribute pop

const esparse_kernels esparse_kernels_avx512_bf16 = {
    .name = "avx512_bf16",
    .features = esparse_feature_avx2 | esparse_feature_avx512 | esparse_feature_avx512_bf16,
    .linear = &linear_kernels,
    .peak = &peak_kernels,
};
#endif
