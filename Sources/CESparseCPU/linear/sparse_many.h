// The sparse product for many tokens in f32 arithmetic, for one SIMD instruction set: a vector holds one input channel
// of `lanes` tokens.
//
// The input is transposed into tiles [channel][tile_tokens]. Each kept weight is broadcast and multiplied with its
// channel's vectors, so the pattern only decides which addresses are read and any N:M runs at the same speed a kept
// weight. Loads bound it: a kept weight of a tile of 8 vectors costs 8 FMAs, each with a load, and the broadcast; a row
// of a block 8 loads and 8 stores of sums.
//
// The including file defines, beside what `simd.h` needs, `transpose_square` (lanes x lanes), `load_float16` (as many
// f16 weights as a vector holds, or what is left), `broadcast_bfloat16` and `broadcast_pair` (one or two bf16
// weights), and `rows_with(vectors)`, how many rows' sums fit the registers.

enum {
    vector_unit = 1,
    value_bytes = 4,
    multiplies_bf16 = 0,
    channel_unit = 64,
    /// Weights of a row between two branches.
    weights_at_once = 8,
};

#include "sparse_block.h"

// MARK: Transposition

/// The token in a lane of a tile's vector.
static inline int64_t tile_token(int64_t tile_vector, int64_t lane) { return tile_vector * lanes + lane; }

/// Channels [first, end) of one tile: input [tokens, columns] to [columns][tile_tokens]; vectors without any token are
/// left as they are.
KERNEL void transpose_tile(const int rounds, const float *input, int64_t tokens, int64_t columns, int64_t first,
                           int64_t end, int64_t tile_tokens, float *tile) {
    for (int64_t token = 0; token < tokens; token += lanes) {
        for (int64_t column = first; column < end; column += lanes) {
            int64_t width = end - column < lanes ? end - column : lanes;
            vector square[lanes];
            for (int i = 0; i < lanes; i++) {
                const float *from = input + (token + i) * columns + column;
                if (token + i >= tokens) {
                    square[i] = zero();
                } else if (width == lanes) {
                    square[i] = load(from);
                } else {
                    float copy[lanes] = {0};
                    memcpy(copy, from, (size_t)width * 4);
                    square[i] = load(copy);
                }
                if (rounds) square[i] = rounded(square[i]);
            }
            transpose_square(square);
            for (int64_t i = 0; i < width; i++) store(tile + (column + i) * tile_tokens + token, square[i]);
        }
    }
}

ENTRY void transpose(int rounds, const float *input, int64_t tokens, int64_t columns, int64_t first, int64_t count,
                     int64_t tile_tokens, void *tiles) {
    for (int64_t token = 0; token < tokens; token += tile_tokens) {
        const int64_t left = tokens - token < tile_tokens ? tokens - token : tile_tokens;
        const float *from = input + token * columns;
        float *tile = (float *)tiles + token * columns;
        if (rounds) {
            transpose_tile(1, from, left, columns, first, first + count, tile_tokens, tile);
        } else {
            transpose_tile(0, from, left, columns, first, first + count, tile_tokens, tile);
        }
    }
}

// MARK: Products

/// Adds a row's next weight, whose channel is the lowest set bit, to its sums.
KERNEL void add_weight(const int vectors, vector weight, uint64_t *bits, const char *input, int64_t channel_bytes,
                       vector *totals) {
    const float *channel = (const float *)(input + __builtin_ctzll(*bits) * channel_bytes);
    *bits &= *bits - 1;
    // Keeps the address in one register: the processor splits an FMA with an indexed operand in two.
    __asm__("" : "+r"(channel));
    UNROLL for (int v = 0; v < vectors; v++) totals[v] = multiply_add(weight, load(channel + v * lanes), totals[v]);
}

/// Adds a row's next two weights of bf16, which one load broadcasts, to its sums.
KERNEL void add_pair(const int vectors, const char *from, uint64_t *bits, const char *input, int64_t channel_bytes,
                     vector *totals) {
    vector_pair weights = broadcast_pair(from);
    add_weight(vectors, weights.low, bits, input, channel_bytes, totals);
    add_weight(vectors, weights.high, bits, input, channel_bytes, totals);
}

/// Adds a block of channels to the sums of `row_count` rows from `row` on; the first three are constants.
KERNEL void add_block(const int format, const int vectors, const int row_count, const block_product *product,
                      int64_t row) {
    const esparse_rows *rows = product->weights;
    const int is_bf16 = traits[format].is_bf16, value_size = traits[format].bytes;
    const int64_t channel_bytes = product->channel_bytes;
    const char *end = row_values(rows, format, rows->rows), *cursors[4];
    const uint8_t *masks[4];
    _Alignas(64) float buffers[4][64];
    float *sums = product->sums + row * product->tile_tokens;
    vector totals[4][most_vectors];
    foresee(product, row, row_count, vectors, value_size);
    UNROLL for (int r = 0; r < row_count; r++) {
        cursors[r] = product->cursors[row + r];
        masks[r] = product->mask + (row + r) * rows->mask_stride;
        UNROLL for (int v = 0; v < vectors; v++) {
            totals[r][v] = product->starts ? zero() : load(sums + r * product->tile_tokens + v * lanes);
        }
    }
    const char *input = product->input;
    for (int64_t left = product->channels; left > 0; left -= 64, input += 64 * channel_bytes) {
        uint64_t bits[4];
        const float *weights[4];
        int64_t counts[4], least = 64, i = 0;
        UNROLL for (int r = 0; r < row_count; r++) {
            bits[r] = mask_bits(masks[r], left);
            masks[r] += 8;
            counts[r] = __builtin_popcountll(bits[r]);
            least = counts[r] < least ? counts[r] : least;
            if (!is_bf16) weights[r] = listed(format, cursors[r], end, counts[r], buffers[r]);
        }
        for (; i + weights_at_once <= least; i += weights_at_once) {
            UNROLL for (int j = 0; j < weights_at_once; j += 2) {
                UNROLL for (int r = 0; r < row_count; r++) {
                    if (is_bf16) {
                        add_pair(vectors, cursors[r] + 2 * (i + j), &bits[r], input, channel_bytes, totals[r]);
                    } else {
                        add_weight(vectors, all(weights[r][i + j]), &bits[r], input, channel_bytes, totals[r]);
                        add_weight(vectors, all(weights[r][i + j + 1]), &bits[r], input, channel_bytes, totals[r]);
                    }
                }
            }
        }
        UNROLL for (int r = 0; r < row_count; r++) {
            _Pragma("clang loop unroll(disable)") for (int64_t j = i; j < counts[r]; j++) {
                vector weight = is_bf16 ? broadcast_bfloat16(cursors[r] + 2 * j) : all(weights[r][j]);
                add_weight(vectors, weight, &bits[r], input, channel_bytes, totals[r]);
            }
            cursors[r] += counts[r] * value_size;
        }
    }
    UNROLL for (int r = 0; r < row_count; r++) {
        if (product->ends) product->cursors[row + r] = cursors[r];
        UNROLL for (int v = 0; v < vectors; v++) store(sums + r * product->tile_tokens + v * lanes, totals[r][v]);
    }
}

/// All rows, as many at a time as the registers hold and the last ones alone.
KERNEL void add_rows(const int format, const int vectors, const block_product *product) {
    int64_t row = 0;
    for (; row + rows_with(vectors) <= product->rows; row += rows_with(vectors)) {
        add_block(format, vectors, rows_with(vectors), product, row);
    }
    for (; row < product->rows; row++) add_block(format, vectors, 1, product, row);
}

#define ADD(name, vectors) \
    ENTRY void add_##name##_##vectors(const block_product *product) { add_rows(esparse_##name, vectors, product); }
#define ADD_ALL(name) \
    ADD(name, 1) ADD(name, 2) ADD(name, 3) ADD(name, 4) ADD(name, 5) ADD(name, 6) ADD(name, 7) ADD(name, 8)
#define FORMAT(name, layout, values) IF_MASKED_##layout(ADD_ALL(name))
#include "../formats/all.h"
#undef FORMAT

static void add_vectors(int64_t vectors, const block_product *product) {
#define ADDED(name)                                                                                           \
    [esparse_##name] = {add_##name##_1, add_##name##_2, add_##name##_3, add_##name##_4,                       \
                        add_##name##_5, add_##name##_6, add_##name##_7, add_##name##_8},
#define FORMAT(name, layout, values) IF_MASKED_##layout(ADDED(name))
    static void (*const kernels[esparse_format_count][most_vectors])(const block_product *) = {
#include "../formats/all.h"
    };
#undef FORMAT
    kernels[product->weights->format][vectors - 1](product);
}

#include "sparse_driver.h"
