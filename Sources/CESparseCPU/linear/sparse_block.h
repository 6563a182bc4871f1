// What the sparse products of many tokens share: how tokens are cut into tiles and channels into blocks, and scratch.
//
// A product takes one block of channels of one tile of tokens at a time, whose input stays in the first-level cache
// while all rows of the run pass over it. Bitmasks are taken apart on the way, bit by bit, by the scalar units that a
// vector product leaves idle; so nothing is unpacked beforehand and nothing is packed at load.
//
// The including file defines `lanes`, `vector_unit` (vectors of a tile come in multiples of it), `value_bytes` and
// `channel_unit` (channels of a block come in multiples of it, a multiple of 8, because masks are read by bytes).
#include "storage.h"

enum {
    /// Vectors of tokens in a tile, at most.
    most_vectors = 8,
    /// Bytes of input in a block.
    block_bytes = 32 << 10,
    /// How far ahead weights and masks are brought into the first-level cache.
    rows_ahead = 4,
    /// Rows whose finished sums are written together.
    rows_at_once = 16,
};

/// Vectors that so many tokens fill.
static inline int64_t vectors_of(int64_t tokens) {
    return (tokens + lanes * vector_unit - 1) / (lanes * vector_unit) * vector_unit;
}

static inline int64_t tiles_of(int64_t tokens, int64_t tile_tokens) { return (tokens + tile_tokens - 1) / tile_tokens; }

/// Tokens in a tile where a call has so many: as few tiles as can be, and those of one size.
static int64_t tile_tokens_of(int64_t tokens) {
    int64_t tiles = tiles_of(tokens, most_vectors * lanes);
    return tiles < 1 ? vector_unit * lanes : vectors_of((tokens + tiles - 1) / tiles) * lanes;
}

static inline int64_t block_channels_of(int64_t tile_tokens) {
    return block_bytes / (tile_tokens * value_bytes) / channel_unit * channel_unit;
}

/// Scratch of a product.
typedef struct {
    const char **cursors;  ///< [rows] next stored value
    float *sums;           ///< [tiles][rows][tile_tokens]
} sparse_scratch;

static size_t cursors_bytes(const esparse_rows *rows) { return ((size_t)rows->rows * sizeof(char *) + 63) / 64 * 64; }

static size_t scratch_bytes(const esparse_rows *rows, int64_t tokens, int64_t tile_tokens) {
    return cursors_bytes(rows) + (size_t)(tiles_of(tokens, tile_tokens) * rows->rows * tile_tokens) * sizeof(float);
}

/// Cuts `scratch_bytes` of memory into its parts.
static sparse_scratch lay_out(const esparse_rows *rows, char *memory) {
    return (sparse_scratch){.cursors = (const char **)memory, .sums = (float *)(memory + cursors_bytes(rows))};
}

/// The last bits of a mask, `left` < 64 of them.
static __attribute__((noinline)) uint64_t last_mask_bits(const uint8_t *mask, int64_t left) {
    uint64_t bits = 0;
    for (int64_t byte = 0; 8 * byte < left; byte++) bits |= (uint64_t)mask[byte] << (8 * byte);
    return bits & ((1ull << left) - 1);
}

/// The next 64 bits of a mask, or the last `left` ones.
KERNEL uint64_t mask_bits(const uint8_t *mask, int64_t left) {
    if (__builtin_expect(left < 64, 0)) return last_mask_bits(mask, left);
    uint64_t bits;
    memcpy(&bits, mask, 8);
    return bits;
}

/// Rows of a block of channels and what they are multiplied with.
typedef struct {
    const esparse_rows *weights;
    const char **cursors;       ///< of the first row
    const uint8_t *mask;        ///< the block's first byte of the first row
    int64_t channels;           ///< in the block
    int64_t channel_bytes;      ///< from one channel of the input to the next
    const char *input;          ///< [channels][tile_tokens]
    const char *next;           ///< input of the next tile or block
    float *sums;                ///< [rows][tile_tokens]
    int64_t tile_tokens;
    int64_t rows;
    int starts;                 ///< whether sums start at zero
    int ends;                   ///< whether cursors move on
    int foresees_weights;       ///< whether to prefetch the next block's weights
    int foresees_masks;         ///< and their masks
    float *output;              ///< of the first row and token, where sums are about to be written; else NULL
    int64_t output_stride;
    int64_t tokens;
} block_product;

/// Prefetches what is needed soon, a few lines a row, while products are computed: rows lie far apart, so the
/// processor's own prefetcher does not find them.
KERNEL void foresee(const block_product *product, int64_t row, const int row_count, const int vectors,
                    const int value_size) {
    const esparse_rows *rows = product->weights;
    UNROLL for (int r = 0; r < row_count; r++) {
        int64_t later = row + r + rows_ahead < product->rows ? row + r + rows_ahead : product->rows - 1;
        __builtin_prefetch(product->cursors[later], 0, 3);
        __builtin_prefetch(product->mask + later * rows->mask_stride, 0, 3);
    }
    // Sums come from the second-level cache.
    const float *sums = product->sums + (row + 2 * row_count) * product->tile_tokens;
    const char *input = product->next + 2 * row * 64;
    UNROLL for (int r = 0; r < row_count; r++, sums += product->tile_tokens, input += 128) {
        UNROLL for (int v = 0; v < vectors; v++) __builtin_prefetch(sums + v * lanes, 0, 3);
        __builtin_prefetch(input, 0, 2);
        __builtin_prefetch(input + 64, 0, 2);
    }
    if (product->foresees_weights) {
        for (int r = 0; r < row_count; r++) {
            for (int64_t byte = 0; byte < product->channels / 2 * value_size; byte += 64) {
                __builtin_prefetch(product->cursors[row + r] + product->channels / 2 * value_size + 64 + byte, 0, 2);
            }
        }
    }
    if (product->foresees_masks) {
        for (int r = 0; r < row_count; r++) {
            __builtin_prefetch(product->mask + (row + r) * rows->mask_stride + 64, 0, 2);
        }
    }
    if (product->output) {
        // A line of output that a store waits for costs more than its sums.
        const int64_t share = (product->tile_tokens + rows_at_once - 1) / rows_at_once;
        int64_t end = (row + row_count) * share < product->tokens ? (row + row_count) * share : product->tokens;
        for (int64_t token = row * share; token < end; token++) {
            __builtin_prefetch(product->output + token * product->output_stride, 1, 3);
        }
    }
}
