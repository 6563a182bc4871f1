// Lists of kept weights: the bitmask form of a run of rows, taken apart for the sparse products of many tokens.
//
// A product works on a block of `block_channels` channels at a time, whose input stays in the first-level cache, and needs
// the kept weights of every row in that block, each with the place of its input. Lists are made in scratch, a few blocks at
// once, and serve every token of the call: nothing is packed at load.
//
// The including file defines `block_channels`, `tile_tokens`, `rows_at_once` and `entry_bytes_of(element)`.
#include <stdint.h>

#include "linear_storage.h"

enum {
    /// Blocks listed together, so that more than a cache line of each row is read at once.
    blocks_at_once = 8,
    /// Whole vectors are stored past the last entry.
    entry_slack = 256,
};

/// Scratch of a product.
typedef struct {
    char *entries[blocks_at_once];    ///< kept weights of a block, row by row
    int32_t *starts[blocks_at_once];  ///< [rows + 1] first entry of each row
    const char **cursors;             ///< [rows] next stored value
    float *sums;                      ///< [tiles][rows][tile_tokens]
} sparse_scratch;

static size_t aligned_bytes(size_t bytes) { return (bytes + 63) / 64 * 64; }

static size_t entries_bytes(const esparse_rows *rows) {
    return aligned_bytes((size_t)rows->rows * block_channels * entry_bytes_of(rows->element) + entry_slack);
}

static size_t starts_bytes(const esparse_rows *rows) { return aligned_bytes((size_t)(rows->rows + 1) * sizeof(int32_t)); }

static size_t cursors_bytes(const esparse_rows *rows) { return aligned_bytes((size_t)rows->rows * sizeof(char *)); }

static int64_t tiles_of(int64_t tokens) { return (tokens + tile_tokens - 1) / tile_tokens; }

static size_t scratch_bytes(const esparse_rows *rows, int64_t tokens) {
    return blocks_at_once * (entries_bytes(rows) + starts_bytes(rows)) + cursors_bytes(rows) +
           (size_t)(tiles_of(tokens) * rows->rows * tile_tokens) * sizeof(float);
}

/// Cuts `scratch_bytes` of memory into its parts.
static sparse_scratch lay_out(const esparse_rows *rows, char *memory) {
    sparse_scratch scratch;
    for (int block = 0; block < blocks_at_once; block++) {
        scratch.entries[block] = memory;
        memory += entries_bytes(rows);
        scratch.starts[block] = (int32_t *)memory;
        memory += starts_bytes(rows);
    }
    scratch.cursors = (const char **)memory;
    scratch.sums = (float *)(memory + cursors_bytes(rows));
    return scratch;
}

/// The bits of `count` (8, 16 or 32, a constant) channels from `channel` on, which must be a multiple of 8; none past `end`.
static inline __attribute__((always_inline)) uint32_t mask_bits(const uint8_t *mask, int64_t channel, int64_t end,
                                                                const int count) {
    uint32_t bits = 0;
    const uint8_t *from = mask + channel / 8;
    const int64_t left = end - channel;
    if (left >= count) {
        memcpy(&bits, from, (size_t)count / 8);
        return bits;
    }
    if (count == 32 && left == 16) {
        memcpy(&bits, from, 2);
        return bits;
    }
    for (int64_t byte = 0; 8 * byte < left; byte++) bits |= (uint32_t)from[byte] << (8 * byte);
    return bits & ((1u << left) - 1);
}

/// Rows of a block of channels and what they are multiplied with.
typedef struct {
    const char *entries;
    const int32_t *starts;  ///< of the first row
    const char *input;      ///< [block_channels][tile_tokens]
    const char *next;       ///< input of the next tile or block
    float *sums;            ///< [rows][tile_tokens]
    int64_t rows;
    float *output;          ///< of the first row and token, where sums are about to be written; else NULL
    int64_t output_stride;
    int64_t tokens;
} block_product;

/// Asks for the lines of output that are written after `rows_at_once` rows, a few a row: they are far apart, and a line
/// that a store waits for costs more than its sums.
static inline __attribute__((always_inline)) void foresee_output(const block_product *product, int64_t row,
                                                                 const int row_count) {
    if (!product->output) return;
    const int64_t share = tile_tokens / rows_at_once;
    int64_t end = (row + row_count) * share < product->tokens ? (row + row_count) * share : product->tokens;
    for (int64_t token = row * share; token < end; token++) {
        __builtin_prefetch(product->output + token * product->output_stride, 1, 3);
    }
}
