// The sparse product for many tokens, for one SIMD instruction set: a vector holds one input channel of `lanes` tokens.
//
// The input is transposed into tiles [channel][tile_tokens]. A block of channels of one or two tiles stays in the first-level
// cache while all rows of the run pass over it; each kept weight is broadcast and multiplied with its channel's vectors,
// so the pattern only decides which addresses are read and any N:M runs at the same speed a kept weight.
//
// The including file defines, beside what `linear_template.h` needs, `transpose_square` (lanes x lanes) and
// `keep_offsets`.

enum {
    tile_tokens = 64,
    tile_vectors = tile_tokens / lanes,
    /// Channels whose input stays in the first-level cache: 64 x 2 tiles x 256 bytes = 32 KiB.
    block_channels = 64,
    channel_bytes = tile_tokens * 4,
};

/// The kept weights of a run of rows in one block of channels: weight, and byte offset of its channel in a tile.
typedef struct {
    float *weights;          ///< [rows][block_channels]
    uint32_t *offsets;       ///< [rows][block_channels]
    int32_t *counts;         ///< [rows]
    const char **cursors;    ///< [rows] next stored value
    float *sums;             ///< [tiles][rows][tile_tokens]
} sparse_scratch;

static size_t aligned_bytes(size_t bytes) { return (bytes + 63) / 64 * 64; }

static size_t lay_out(const esparse_rows *rows, int64_t tokens, char *base, sparse_scratch *scratch) {
    size_t count = (size_t)rows->rows, tiles = (size_t)(tokens + tile_tokens - 1) / tile_tokens, used = 0;
    sparse_scratch parts;
    // A vector more than needed: stores of whole vectors run past the last kept weight.
    size_t entries = aligned_bytes((count * block_channels + 2 * lanes) * 4);
    parts.weights = (float *)(base + used), used += entries;
    parts.offsets = (uint32_t *)(base + used), used += entries;
    parts.counts = (int32_t *)(base + used), used += aligned_bytes(count * 4);
    parts.cursors = (const char **)(base + used), used += aligned_bytes(count * sizeof(char *));
    parts.sums = (float *)(base + used), used += tiles * count * channel_bytes;
    if (scratch) *scratch = parts;
    return used;
}

static size_t sparse_many_scratch(const esparse_rows *rows, int64_t tokens) {
    return lay_out(rows, tokens, NULL, NULL);
}

// MARK: Transposition

/// One tile: input [tokens, columns] to [columns][tile_tokens], missing tokens zero.
KERNEL void transpose_tile(const int rounds, const float *input, int64_t tokens, int64_t columns, float *tile) {
    for (int64_t column = 0; column < columns; column += lanes) {
        int64_t width = columns - column < lanes ? columns - column : lanes;
        for (int64_t token = 0; token < tile_tokens; token += lanes) {
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

ENTRY void transpose(int rounds, const float *input, int64_t tokens, int64_t columns, float *tiles) {
    for (int64_t token = 0; token < tokens; token += tile_tokens) {
        int64_t count = tokens - token < tile_tokens ? tokens - token : tile_tokens;
        if (rounds) {
            transpose_tile(1, input + token * columns, count, columns, tiles + token * columns);
        } else {
            transpose_tile(0, input + token * columns, count, columns, tiles + token * columns);
        }
    }
}

// MARK: Unpacking

/// Lists the kept weights of every row in channels [first, first + block_channels).
KERNEL void unpack_block(const int element, const esparse_rows *rows, int64_t first, const sparse_scratch *scratch) {
    int64_t last = first + block_channels < rows->columns ? first + block_channels : rows->columns;
    for (int64_t row = 0; row < rows->rows; row++) {
        const uint8_t *mask = rows->bitmask + row * rows->mask_stride;
        uint32_t *offsets = scratch->offsets + row * block_channels;
        int64_t kept = 0;
        for (int64_t channel = first; channel < last; channel += 16) {
            uint32_t bits = mask[channel / 8];
            if (channel / 8 + 1 < rows->mask_stride) bits |= (uint32_t)mask[channel / 8 + 1] << 8;
            kept += keep_offsets(bits, (uint32_t)(channel - first) * channel_bytes, offsets + kept);
        }
        // Rows are unpacked in order, so what a whole vector writes past a row is overwritten by the next one.
        float *weights = scratch->weights + row * block_channels;
        const char *cursor = scratch->cursors[row];
        const int64_t left = row_values(rows, KIND(element, 1), rows->rows) - cursor;
        int64_t i = 0;
        for (; i < kept && left >= (i + lanes) * ELEMENT_BYTES(element); i += lanes) {
            const char *from = cursor + i * ELEMENT_BYTES(element);
            store(weights + i, load_natural(KIND(element, 0), &from, NULL, NULL));
        }
        if (i < kept) {
            char copy[lanes * 4] = {0};
            const char *from = copy;
            memcpy(copy, cursor + i * ELEMENT_BYTES(element), (size_t)(kept - i) * ELEMENT_BYTES(element));
            store(weights + i, load_natural(KIND(element, 0), &from, NULL, NULL));
        }
        scratch->counts[row] = (int32_t)kept;
        scratch->cursors[row] = cursor + kept * ELEMENT_BYTES(element);
    }
}

ENTRY void unpack(const esparse_rows *rows, int64_t first, const sparse_scratch *scratch) {
    switch (rows->element) {
        case esparse_float16: unpack_block(esparse_float16, rows, first, scratch); break;
        case esparse_bfloat16: unpack_block(esparse_bfloat16, rows, first, scratch); break;
        default: unpack_block(esparse_float32, rows, first, scratch);
    }
}

// MARK: Products

/// Adds a block of channels to the sums of `row_count` rows and `vectors` vectors of tokens in each of `tile_count` tiles;
/// these three are constants. `first` starts the sums at zero.
KERNEL void add_block(const int row_count, const int tile_count, const int vectors, const int first,
                      const sparse_scratch *scratch, int64_t row, const char *const *inputs, float *const *sums) {
    vector totals[2][2][tile_vectors];
    const float *weights[2];
    const uint32_t *offsets[2];
    int32_t count = scratch->counts[row];
    UNROLL for (int r = 0; r < row_count; r++) {
        weights[r] = scratch->weights + (row + r) * block_channels;
        offsets[r] = scratch->offsets + (row + r) * block_channels;
        if (scratch->counts[row + r] < count) count = scratch->counts[row + r];
        UNROLL for (int tile = 0; tile < tile_count; tile++) {
            UNROLL for (int v = 0; v < vectors; v++) {
                totals[r][tile][v] = first ? zero() : load(sums[tile] + (row + r) * tile_tokens + v * lanes);
            }
        }
    }
#define ADD_KEPT(r, i)                                                                                       \
    do {                                                                                                     \
        vector weight = all(weights[r][i]);                                                                  \
        UNROLL for (int tile = 0; tile < tile_count; tile++) {                                               \
            const float *channel = (const float *)(inputs[tile] + offsets[r][i]);                            \
            UNROLL for (int v = 0; v < vectors; v++) {                                                       \
                totals[r][tile][v] = multiply_add(weight, load(channel + v * lanes), totals[r][tile][v]);    \
            }                                                                                                \
        }                                                                                                    \
    } while (0)
    for (int32_t i = 0; i < count; i++) {
        UNROLL for (int r = 0; r < row_count; r++) ADD_KEPT(r, i);
    }
    if (row_count > 1) {
        UNROLL for (int r = 0; r < row_count; r++) {
            for (int32_t i = count; i < scratch->counts[row + r]; i++) ADD_KEPT(r, i);
        }
    }
#undef ADD_KEPT
    UNROLL for (int r = 0; r < row_count; r++) {
        UNROLL for (int tile = 0; tile < tile_count; tile++) {
            UNROLL for (int v = 0; v < vectors; v++) {
                store(sums[tile] + (row + r) * tile_tokens + v * lanes, totals[r][tile][v]);
            }
        }
    }
}

/// All rows, `row_count` at a time and the last one alone.
KERNEL void add_rows(const int row_count, const int tile_count, const int vectors, const int first, int64_t rows,
                     const sparse_scratch *scratch, const char *const *inputs, float *const *sums) {
    int64_t row = 0;
    for (; row + row_count <= rows; row += row_count) {
        add_block(row_count, tile_count, vectors, first, scratch, row, inputs, sums);
    }
    for (; row < rows; row++) add_block(1, tile_count, vectors, first, scratch, row, inputs, sums);
}

#define ADD_ENTRY(name, row_count, tile_count, vectors)                                                     \
    ENTRY void name(int first, int64_t rows, const sparse_scratch *scratch, const char *const *inputs,     \
                    float *const *sums) {                                                                  \
        if (first) {                                                                                       \
            add_rows(row_count, tile_count, vectors, 1, rows, scratch, inputs, sums);                      \
        } else {                                                                                           \
            add_rows(row_count, tile_count, vectors, 0, rows, scratch, inputs, sums);                      \
        }                                                                                                  \
    }
#if TILES_AT_ONCE == 2
ADD_ENTRY(add_two_tiles, 1, 2, tile_vectors)
#endif
ADD_ENTRY(add_tile, TILES_AT_ONCE, 1, tile_vectors)
ADD_ENTRY(add_half_tile, 2, 1, tile_vectors / 2)
ADD_ENTRY(add_quarter_tile, 2, 1, tile_vectors / 4)

/// Sums [rows][tile_tokens] to output [tokens, rows], with bias and what was there.
ENTRY void write_tile(const esparse_rows *rows, const float *sums, int64_t tokens, float *output, int64_t output_stride,
                      int accumulates) {
    for (int64_t row = 0; row < rows->rows; row += lanes) {
        int64_t width = rows->rows - row < lanes ? rows->rows - row : lanes;
        float biases[lanes] = {0};
        if (rows->bias) memcpy(biases, rows->bias + row, (size_t)width * 4);
        for (int64_t token = 0; token < tokens; token += lanes) {
            int64_t height = tokens - token < lanes ? tokens - token : lanes;
            vector square[lanes];
            for (int i = 0; i < lanes; i++) {
                square[i] = i < width ? load(sums + (row + i) * tile_tokens + token) : zero();
            }
            transpose_square(square);
            for (int64_t i = 0; i < height; i++) {
                float *place = output + (token + i) * output_stride + row;
                vector value = add(square[i], load(biases));
                if (width == lanes) {
                    store(place, accumulates ? add(value, load(place)) : value);
                } else {
                    float values[lanes];
                    store(values, value);
                    for (int64_t j = 0; j < width; j++) place[j] = accumulates ? place[j] + values[j] : values[j];
                }
            }
        }
    }
}

ENTRY void sparse_many(const esparse_rows *rows, const float *tiles, int64_t tokens, float *output,
                       int64_t output_stride, int accumulates, void *memory) {
    sparse_scratch scratch;
    lay_out(rows, tokens, memory, &scratch);
    for (int64_t row = 0; row < rows->rows; row++) {
        scratch.cursors[row] = row_values(rows, kind_of(rows), row);
    }
    const int64_t tile_count = (tokens + tile_tokens - 1) / tile_tokens;
    for (int64_t first = 0; first < rows->columns; first += block_channels) {
        unpack(rows, first, &scratch);
        for (int64_t tile = 0; tile < tile_count;) {
            const char *inputs[2];
            float *sums[2];
            for (int i = 0; i < 2; i++) {
                inputs[i] = (const char *)(tiles + ((tile + i) * rows->columns + first) * tile_tokens);
                sums[i] = scratch.sums + (tile + i) * rows->rows * tile_tokens;
            }
            int64_t left = tokens - tile * tile_tokens;
#if TILES_AT_ONCE == 2
            if (left > tile_tokens) {
                add_two_tiles(first == 0, rows->rows, &scratch, inputs, sums);
                tile += 2;
                continue;
            }
#endif
            if (left > tile_tokens / 2) {
                add_tile(first == 0, rows->rows, &scratch, inputs, sums);
            } else if (left > tile_tokens / 4) {
                add_half_tile(first == 0, rows->rows, &scratch, inputs, sums);
            } else {
                add_quarter_tile(first == 0, rows->rows, &scratch, inputs, sums);
            }
            tile += 1;
        }
    }
    for (int64_t tile = 0; tile < tile_count; tile++) {
        int64_t left = tokens - tile * tile_tokens;
        write_tile(rows, scratch.sums + tile * rows->rows * tile_tokens, left < tile_tokens ? left : tile_tokens,
                   output + tile * tile_tokens * output_stride, output_stride, accumulates);
    }
}
