// The sparse product for many tokens in f32 arithmetic, for one SIMD instruction set: a vector holds one input channel of
// `lanes` tokens.
//
// The input is transposed into tiles [channel][tile_tokens]. A block of channels of a tile stays in the first-level cache
// while all rows of the run pass over it; each kept weight is broadcast and multiplied with its channel's vectors, so the
// pattern only decides which addresses are read and any N:M runs at the same speed a kept weight. Loads bound it: a kept
// weight costs 8 FMAs, 8 vector loads and the load of its entry, a row of a block 8 loads and 8 stores of sums.
//
// The including file defines, beside what `linear_template.h` needs, `transpose_square` (lanes x lanes), `list_weights` (which
// makes the entries of `list_channels` channels) and `entry_weight`.

enum {
    /// As many sums as hide the latency of an FMA at two a cycle.
    tile_vectors = 8,
    tile_tokens = tile_vectors * lanes,
    channel_bytes = tile_tokens * 4,
    /// Channels whose input stays in the first-level cache: 24 KiB with 16 lanes.
    block_channels = BLOCK_CHANNELS,
    /// Entries between two branches: all that 2:4 and 4:8 keep of a row in a block of 48 channels, then the rest of others.
    entries_at_once = 24,
    rest_at_once = 4,
    /// Rows whose finished sums are written together.
    rows_at_once = 16,
};

#include "linear_sparse_lists.h"

_Static_assert(block_channels * channel_bytes <= 1 << 16, "an offset has 16 bits");
_Static_assert(block_channels % 8 == 0, "masks are read by bytes");

// MARK: Transposition

/// The token in a lane of a tile's vector.
static inline int64_t tile_token(int64_t tile_vector, int64_t lane) { return tile_vector * lanes + lane; }

/// Vectors of a tile that are computed for so many tokens: 1, 2, 4 or 8.
static inline int64_t vectors_of(int64_t tokens) {
    int64_t vectors = 1;
    while (vectors * lanes < tokens) vectors *= 2;
    return vectors;
}

/// One tile: input [tokens, columns] to [columns][tile_tokens]; vectors without any token are left as they are.
KERNEL void transpose_tile(const int rounds, const float *input, int64_t tokens, int64_t columns, float *tile) {
    const int64_t padded = vectors_of(tokens) * lanes;
    for (int64_t token = 0; token < padded; token += lanes) {
        for (int64_t column = 0; column < columns; column += lanes) {
            int64_t width = columns - column < lanes ? columns - column : lanes;
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

ENTRY void transpose(int rounds, const float *input, int64_t tokens, int64_t columns, void *tiles) {
    for (int64_t token = 0; token < tokens; token += tile_tokens) {
        int64_t count = tokens - token < tile_tokens ? tokens - token : tile_tokens;
        float *tile = (float *)tiles + token * columns;
        if (rounds) {
            transpose_tile(1, input + token * columns, count, columns, tile);
        } else {
            transpose_tile(0, input + token * columns, count, columns, tile);
        }
    }
}

// MARK: Unpacking

/// Lists the kept weights of every row in channels [first, first + blocks_at_once * block_channels).
KERNEL void unpack_blocks(const int element, const esparse_rows *rows, int64_t first, const sparse_scratch *scratch) {
    const int bytes = ELEMENT_BYTES(element), entry_bytes = entry_bytes_of(element);
    const char *end = row_values(rows, KIND(element, 1), rows->rows);
    for (int block = 0; block < blocks_at_once; block++) scratch->starts[block][0] = 0;
    for (int64_t row = 0; row < rows->rows; row++) {
        const uint8_t *mask = rows->bitmask + row * rows->mask_stride;
        const char *cursor = scratch->cursors[row];
        for (int block = 0; block < blocks_at_once; block++) {
            int64_t from = first + block * block_channels, to = from + block_channels;
            if (to > rows->columns) to = rows->columns;
            int32_t start = scratch->starts[block][row], kept = 0;
            char *entries = scratch->entries[block] + start * entry_bytes;
            for (int64_t channel = from; channel < to; channel += list_channels) {
                // Entries are made in order, so what a whole vector writes past the kept ones is overwritten later.
                int count = list_weights(element, mask_bits(mask, channel, to, list_channels),
                                         (int)(channel - from) * channel_bytes, cursor, end, entries + kept * entry_bytes);
                cursor += count * bytes;
                kept += count;
            }
            scratch->starts[block][row + 1] = start + kept;
        }
        scratch->cursors[row] = cursor;
        // What this row needs when the next blocks are unpacked: rows lie far apart, the processor does not foresee them.
        for (int line = 0; line < blocks_at_once * block_channels / 2 * bytes; line += 64) {
            __builtin_prefetch(cursor + line, 0, 2);
        }
        __builtin_prefetch(mask + (first + blocks_at_once * block_channels) / 8, 0, 2);
    }
}

ENTRY void unpack(const esparse_rows *rows, int64_t first, const sparse_scratch *scratch) {
    switch (rows->element) {
        case esparse_float16: unpack_blocks(esparse_float16, rows, first, scratch); break;
        case esparse_bfloat16: unpack_blocks(esparse_bfloat16, rows, first, scratch); break;
        default: unpack_blocks(esparse_float32, rows, first, scratch);
    }
}

// MARK: Products

/// Adds an entry to a row's sums.
KERNEL void add_entry(const int entry_bytes, const int vectors, const char *entries, const char *input, vector *totals) {
    vector weight;
    const float *channel;
    if (entry_bytes == narrow_bytes) {
        uint32_t entry;
        memcpy(&entry, entries, sizeof entry);
        channel = (const float *)(input + (entry & 0xFFFF));
        weight = entry_weight(entry & 0xFFFF0000u);
    } else {
        uint64_t entry;
        memcpy(&entry, entries, sizeof entry);
        channel = (const float *)(input + (uint32_t)entry);
        weight = entry_weight((uint32_t)(entry >> 32));
    }
    // The address in one register: an FMA whose operand is indexed is split in two.
    __asm__("" : "+r"(channel));
    UNROLL for (int v = 0; v < vectors; v++) totals[v] = multiply_add(weight, load(channel + v * lanes), totals[v]);
}

/// Adds a block of channels to the sums of `row_count` rows from `row` on; the first three are constants. `first`
/// starts the sums at zero.
KERNEL void add_block(const int entry_bytes, const int row_count, const int vectors, int first,
                      const block_product *product, int64_t row) {
    vector totals[tile_vectors][tile_vectors];
    const int32_t *starts = product->starts + row;
    const char *entries[tile_vectors];
    float *sums = product->sums + row * tile_tokens;
    int32_t count = starts[1] - starts[0];
    UNROLL for (int r = 0; r < row_count; r++) {
        entries[r] = product->entries + starts[r] * entry_bytes;
        if (starts[r + 1] - starts[r] < count) count = starts[r + 1] - starts[r];
        UNROLL for (int v = 0; v < vectors; v++) {
            totals[r][v] = first ? zero() : load(sums + r * tile_tokens + v * lanes);
        }
    }
    int32_t i = 0;
#define ADD_ENTRIES(number)                                                                                            \
    for (; i + (number) <= count; i += (number)) {                                                                     \
        UNROLL for (int j = 0; j < (number); j++) {                                                                    \
            UNROLL for (int r = 0; r < row_count; r++) {                                                               \
                add_entry(entry_bytes, vectors, entries[r] + (i + j) * entry_bytes, product->input, totals[r]);        \
            }                                                                                                          \
        }                                                                                                              \
    }
    ADD_ENTRIES(entries_at_once / row_count)
    ADD_ENTRIES(rest_at_once / row_count)
#undef ADD_ENTRIES
    UNROLL for (int r = 0; r < row_count; r++) {
        _Pragma("clang loop unroll(disable)") for (int32_t j = i; j < starts[r + 1] - starts[r]; j++) {
            add_entry(entry_bytes, vectors, entries[r] + j * entry_bytes, product->input, totals[r]);
        }
    }
    UNROLL for (int r = 0; r < row_count; r++) {
        UNROLL for (int v = 0; v < vectors; v++) store(sums + r * tile_tokens + v * lanes, totals[r][v]);
    }
}

/// All rows, `row_count` at a time and the last ones alone.
KERNEL void add_rows(const int entry_bytes, const int row_count, const int vectors, int first,
                     const block_product *product) {
    int64_t row = 0;
    for (; row + row_count <= product->rows; row += row_count) {
        // Sums come from the second-level cache; the input of the next tile or block comes in while this one is used.
        UNROLL for (int r = 0; r < row_count; r++) {
            const float *ahead = product->sums + (row + 2 * row_count + r) * tile_tokens;
            UNROLL for (int v = 0; v < vectors; v++) __builtin_prefetch(ahead + v * lanes, 0, 3);
        }
        UNROLL for (int line = 0; line < 2 * row_count; line++) {
            __builtin_prefetch(product->next + (2 * row + line) * 64, 0, 2);
        }
        foresee_output(product, row, row_count);
        add_block(entry_bytes, row_count, vectors, first, product, row);
    }
    for (; row < product->rows; row++) add_block(entry_bytes, 1, vectors, first, product, row);
}

#define ADD_ENTRY(name, entry_bytes, row_count, vectors)                                                             \
    ENTRY void name(int first, const block_product *product) {                                                       \
        add_rows(entry_bytes, row_count, vectors, first, product);                                                   \
    }
ADD_ENTRY(add_narrow_8, narrow_bytes, 1, 8)
ADD_ENTRY(add_narrow_4, narrow_bytes, 2, 4)
ADD_ENTRY(add_narrow_2, narrow_bytes, 4, 2)
ADD_ENTRY(add_narrow_1, narrow_bytes, 4, 1)
ADD_ENTRY(add_wide_8, wide_bytes, 1, 8)
ADD_ENTRY(add_wide_4, wide_bytes, 2, 4)
ADD_ENTRY(add_wide_2, wide_bytes, 4, 2)
ADD_ENTRY(add_wide_1, wide_bytes, 4, 1)
#undef ADD_ENTRY

static void add_vectors(int element, int64_t vectors, int first, const block_product *product) {
    const int is_narrow = entry_bytes_of(element) == narrow_bytes;
    switch (vectors) {
        case 1: (is_narrow ? add_narrow_1 : add_wide_1)(first, product); break;
        case 2: (is_narrow ? add_narrow_2 : add_wide_2)(first, product); break;
        case 4: (is_narrow ? add_narrow_4 : add_wide_4)(first, product); break;
        default: (is_narrow ? add_narrow_8 : add_wide_8)(first, product);
    }
}

#include "linear_sparse_driver.h"
