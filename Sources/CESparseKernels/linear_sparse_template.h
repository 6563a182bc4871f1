// The sparse product for many tokens, for one SIMD instruction set: a vector holds one input channel of `lanes` tokens.
//
// The input is transposed into tiles [channel][tile_tokens]. A block of channels of a tile stays in the first-level cache
// while all rows of the run pass over it; each kept weight is broadcast and multiplied with its channel's vectors, so the
// pattern only decides which addresses are read and any N:M runs at the same speed a kept weight. A kept weight costs
// 8 FMAs, 9 vector loads and 1 scalar load: loads bound it, at 8 / 9 of the FMA peak where two vectors load a cycle.
//
// The including file defines, beside what `linear_template.h` needs, `transpose_square` (lanes x lanes) and
// `keep_offsets`.

enum {
    /// As many sums as hide the latency of an FMA at two a cycle.
    tile_vectors = 8,
    tile_tokens = tile_vectors * lanes,
    channel_bytes = tile_tokens * 4,
    /// Channels whose input stays in the first-level cache: 24 KiB with 16 lanes.
    block_channels = 48,
    /// Blocks unpacked together, so that more than a cache line of each row is read at once.
    blocks_at_once = 8,
};

/// The kept weights of a run of rows in a few blocks of channels, block by block and row by row: weight, and byte offset of
/// its channel in a tile's block.
typedef struct {
    float *weights[blocks_at_once];
    uint32_t *offsets[blocks_at_once];
    int32_t *starts[blocks_at_once];  ///< [rows + 1] first entry of each row
    const char **cursors;             ///< [rows] next stored value
    float *sums;                      ///< [tiles][rows][tile_tokens]
} sparse_scratch;

static size_t aligned_bytes(size_t bytes) { return (bytes + 63) / 64 * 64; }

static size_t lay_out(const esparse_rows *rows, int64_t tokens, char *base, sparse_scratch *scratch) {
    size_t count = (size_t)rows->rows, tiles = (size_t)(tokens + tile_tokens - 1) / tile_tokens, used = 0;
    // Stores of whole vectors run past the last kept weight.
    size_t entries = aligned_bytes((count * block_channels + 2 * lanes) * 4);
    sparse_scratch parts;
    for (int block = 0; block < blocks_at_once; block++) {
        parts.weights[block] = (float *)(base + used), used += entries;
        parts.offsets[block] = (uint32_t *)(base + used), used += entries;
        parts.starts[block] = (int32_t *)(base + used), used += aligned_bytes((count + 1) * 4);
    }
    parts.cursors = (const char **)(base + used), used += aligned_bytes(count * sizeof(char *));
    parts.sums = (float *)(base + used), used += tiles * count * channel_bytes;
    if (scratch) *scratch = parts;
    return used;
}

static size_t sparse_many_scratch(const esparse_rows *rows, int64_t tokens) {
    return lay_out(rows, tokens, NULL, NULL);
}

// MARK: Transposition

/// Tokens of a tile that are computed: 1, 2, 4 or 8 vectors.
static inline int64_t padded_tokens(int64_t tokens) {
    int64_t padded = lanes;
    while (padded < tokens) padded *= 2;
    return padded;
}

/// One tile: input [tokens, columns] to [columns][tile_tokens]; vectors without any token are left as they are.
KERNEL void transpose_tile(const int rounds, const float *input, int64_t tokens, int64_t columns, float *tile) {
    const int64_t padded = padded_tokens(tokens);
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

/// `lanes` stored elements as floats, zeros after `end`.
KERNEL vector load_near_end(const int element, const char *from, const char *end) {
    if (__builtin_expect(end - from >= lanes * ELEMENT_BYTES(element), 1)) {
        return load_natural(KIND(element, 0), &from, NULL, NULL);
    }
    char copy[lanes * 4] = {0};
    const char *place = copy;
    memcpy(copy, from, (size_t)(end - from));
    return load_natural(KIND(element, 0), &place, NULL, NULL);
}

/// Lists the kept weights of every row in channels [first, first + blocks_at_once * block_channels).
KERNEL void unpack_blocks(const int element, const esparse_rows *rows, int64_t first, const sparse_scratch *scratch) {
    const int bytes = ELEMENT_BYTES(element);
    const char *end = row_values(rows, KIND(element, 1), rows->rows);
    for (int block = 0; block < blocks_at_once; block++) scratch->starts[block][0] = 0;
    for (int64_t row = 0; row < rows->rows; row++) {
        const uint8_t *mask = rows->bitmask + row * rows->mask_stride;
        const char *cursor = scratch->cursors[row];
        for (int block = 0; block < blocks_at_once; block++) {
            int64_t from = first + block * block_channels, to = from + block_channels;
            if (to > rows->columns) to = rows->columns;
            int32_t start = scratch->starts[block][row];
            uint32_t *offsets = scratch->offsets[block] + start;
            int32_t kept = 0;
            for (int64_t channel = from; channel < to; channel += 16) {
                uint32_t bits = mask[channel / 8];
                if (channel + 8 < to) bits |= (uint32_t)mask[channel / 8 + 1] << 8;
                kept += keep_offsets(bits, (uint32_t)(channel - from) * channel_bytes, offsets + kept);
            }
            // Rows are unpacked in order, so what a whole vector writes past a row is overwritten by the next one.
            float *weights = scratch->weights[block] + start;
            for (int32_t i = 0; i < kept; i += lanes) {
                store(weights + i, load_near_end(element, cursor + i * bytes, end));
            }
            scratch->starts[block][row + 1] = start + kept;
            cursor += kept * bytes;
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

/// Adds a block of channels to the sums of `row_count` rows and `vectors` vectors of tokens; these two are constants.
/// `first` starts the sums at zero.
KERNEL void add_block(const int row_count, const int vectors, const int first, const float *weights,
                      const uint32_t *offsets, const int32_t *starts, const char *input, float *sums) {
    vector totals[tile_vectors][tile_vectors];
    int32_t count = starts[1] - starts[0];
    UNROLL for (int r = 0; r < row_count; r++) {
        if (starts[r + 1] - starts[r] < count) count = starts[r + 1] - starts[r];
        UNROLL for (int v = 0; v < vectors; v++) {
            totals[r][v] = first ? zero() : load(sums + r * tile_tokens + v * lanes);
        }
    }
#define ADD_KEPT(r, i)                                                                                 \
    do {                                                                                               \
        vector weight = all(weights[starts[r] + (i)]);                                                 \
        const float *channel = (const float *)(input + offsets[starts[r] + (i)]);                      \
        UNROLL for (int v = 0; v < vectors; v++) {                                                     \
            totals[r][v] = multiply_add(weight, load(channel + v * lanes), totals[r][v]);              \
        }                                                                                              \
    } while (0)
    for (int32_t i = 0; i < count; i++) {
        UNROLL for (int r = 0; r < row_count; r++) ADD_KEPT(r, i);
    }
    if (row_count > 1) {
        UNROLL for (int r = 0; r < row_count; r++) {
            for (int32_t i = count; i < starts[r + 1] - starts[r]; i++) ADD_KEPT(r, i);
        }
    }
#undef ADD_KEPT
    UNROLL for (int r = 0; r < row_count; r++) {
        UNROLL for (int v = 0; v < vectors; v++) store(sums + r * tile_tokens + v * lanes, totals[r][v]);
    }
}

/// All rows, `row_count` at a time and the last ones alone.
KERNEL void add_rows(const int row_count, const int vectors, const int first, int64_t rows, const float *weights,
                     const uint32_t *offsets, const int32_t *starts, const char *input, const char *next, float *sums) {
    int64_t row = 0;
    for (; row + row_count <= rows; row += row_count) {
        // The input of the next block of channels or the next tile comes in while this one is used.
        UNROLL for (int line = 0; line < 2 * row_count; line++) __builtin_prefetch(next + (2 * row + line) * 64, 0, 2);
        add_block(row_count, vectors, first, weights, offsets, starts + row, input, sums + row * tile_tokens);
    }
    for (; row < rows; row++) {
        add_block(1, vectors, first, weights, offsets, starts + row, input, sums + row * tile_tokens);
    }
}

#define ADD_ENTRY(name, row_count, vectors)                                                                     \
    ENTRY void name(int first, int64_t rows, const float *weights, const uint32_t *offsets,                     \
                    const int32_t *starts, const char *input, const char *next, float *sums) {                                    \
        if (first) {                                                                                            \
            add_rows(row_count, vectors, 1, rows, weights, offsets, starts, input, next, sums);                 \
        } else {                                                                                                \
            add_rows(row_count, vectors, 0, rows, weights, offsets, starts, input, next, sums);                 \
        }                                                                                                       \
    }
ADD_ENTRY(add_8_vectors, 1, 8)
ADD_ENTRY(add_4_vectors, 2, 4)
ADD_ENTRY(add_2_vectors, 4, 2)
ADD_ENTRY(add_1_vector, 4, 1)

static void add_vectors(int64_t tokens, int first, int64_t rows, const float *weights, const uint32_t *offsets,
                        const int32_t *starts, const char *input, const char *next, float *sums) {
    switch (padded_tokens(tokens) / lanes) {
        case 1: add_1_vector(first, rows, weights, offsets, starts, input, next, sums); break;
        case 2: add_2_vectors(first, rows, weights, offsets, starts, input, next, sums); break;
        case 4: add_4_vectors(first, rows, weights, offsets, starts, input, next, sums); break;
        default: add_8_vectors(first, rows, weights, offsets, starts, input, next, sums);
    }
}

/// Sums [rows][tile_tokens] to output [tokens, rows], with bias and what was there.
ENTRY void write_tile(const esparse_rows *rows, const float *sums, int64_t tokens, float *output, int64_t output_stride,
                      int accumulates) {
    for (int64_t token = 0; token < tokens; token += lanes) {
        int64_t height = tokens - token < lanes ? tokens - token : lanes;
        for (int64_t row = 0; row < rows->rows; row += lanes) {
            int64_t width = rows->rows - row < lanes ? rows->rows - row : lanes;
            float biases[lanes] = {0};
            if (rows->bias) memcpy(biases, rows->bias + row, (size_t)width * 4);
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
        int64_t block = first / block_channels % blocks_at_once;
        if (block == 0) unpack(rows, first, &scratch);
        for (int64_t tile = 0; tile < tile_count; tile++) {
            int64_t left = tokens - tile * tile_tokens;
            const float *input = tiles + (tile * rows->columns + first) * tile_tokens;
            const float *next = tile + 1 < tile_count ? input + rows->columns * tile_tokens
                                                      : tiles + (first + block_channels) * tile_tokens;
            add_vectors(left < tile_tokens ? left : tile_tokens, first == 0, rows->rows, scratch.weights[block],
                        scratch.offsets[block], scratch.starts[block], (const char *)input,
                        (const char *)next, scratch.sums + tile * rows->rows * tile_tokens);
        }
    }
    for (int64_t tile = 0; tile < tile_count; tile++) {
        int64_t left = tokens - tile * tile_tokens;
        write_tile(rows, scratch.sums + tile * rows->rows * tile_tokens, left < tile_tokens ? left : tile_tokens,
                   output + tile * tile_tokens * output_stride, output_stride, accumulates);
    }
}
