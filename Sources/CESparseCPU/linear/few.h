// Products of few tokens, written once for all SIMD instruction sets: dot products straight on the stored weights.
//
// Eight rows are worked on together, an eighth of all rows apart. Each is a stream through memory that goes on from
// row to row, which the processor's prefetcher follows and prefetch instructions run ahead of. One or two tokens (and
// more, where there are registers) keep their sums in registers and multiply weights as they are loaded. Other counts
// expand a piece of the eight rows to f32 in the first-level cache once and multiply it with all tokens.
//
// An output is one vector of sums over columns in ascending order, then one tree over its lanes, whatever the number
// of tokens and rows. The including file defines, beside what `simd.h` needs, `reduce_eight`; how many rows are
// multiplied at once with each number of tokens (`ROWS_WITH_..._TOKENS`, 0 where weights are expanded first, then
// `EXPANDED_ROWS_WITH_4_TOKENS`); `READS_PAST_VALUES`, whether loads may reach past what is kept; how many bytes ahead
// values are prefetched (`VALUES_AHEAD`) and how near (`VALUES_NEAR`: 3 the first-level cache, 2 the second).

enum {
    step = 2 * lanes,
    block_rows = 8,
    /// Tokens whose sums are kept at once.
    most_tokens = 32,
    /// Most columns taken at once, so that the input of 16 tokens and the expanded weights fit the first-level cache.
    piece_columns = 320,
    /// How far ahead a bitmask is prefetched, in bytes.
    mask_ahead = 512,
};

/// Eight rows on their way through the columns.
typedef struct {
    const char *cursor[block_rows];   ///< next stored value
    const uint8_t *mask[block_rows];  ///< first byte of the row's bitmask
    const char *end;                  ///< behind the last value that may be read
} row_block;

/// Rows `row`, `row + gap`, ...; those that are missing repeat the last one, and their results are dropped.
KERNEL row_block block_at(const int format, const esparse_rows *rows, int64_t row, int64_t gap) {
    row_block block = {.end = row_values(rows, format, rows->rows)};
    for (int r = 0; r < block_rows; r++) {
        int64_t index = row + r * gap < rows->rows ? row + r * gap : rows->rows - 1;
        block.cursor[r] = row_values(rows, format, index);
        block.mask[r] = traits[format].is_masked ? rows->bitmask + index * rows->mask_stride : NULL;
    }
    return block;
}

/// Brings in what `count` steps of a row will need later, for weights of which half are kept.
KERNEL void prefetch_values(const int format, const int count, const char *cursor) {
    const int bytes = count * step * traits[format].bytes / (traits[format].is_masked ? 2 : 1);
    UNROLL for (int line = 0; line < bytes; line += 64) {
        __builtin_prefetch(cursor + VALUES_AHEAD + line, 0, VALUES_NEAR);
    }
}

KERNEL void prefetch_mask(const int format, const uint8_t *mask, int64_t column) {
    if (traits[format].is_masked) __builtin_prefetch(mask + column / 8 + mask_ahead, 0, 3);
}

// MARK: Sums in registers

/// Rows [first, first + row_count) of a block times `token_count` tokens over whole steps of columns; counts are
/// constants.
KERNEL void multiply_directly(const int format, const int first, const int row_count, const int token_count,
                              row_block *block, int64_t from, int64_t to, const float *x, int64_t stride,
                              vector sums[][block_rows]) {
    vector totals[block_rows][block_rows];
    const char *cursor[block_rows];
    const uint8_t *mask[block_rows];
    UNROLL for (int r = 0; r < row_count; r++) {
        cursor[r] = block->cursor[first + r];
        mask[r] = block->mask[first + r];
        UNROLL for (int t = 0; t < token_count; t++) totals[r][t] = sums[t][first + r];
    }
#define ADD_STEP(column)                                                                                 \
    do {                                                                                                 \
        vector_pair weights[block_rows];                                                                 \
        UNROLL for (int r = 0; r < row_count; r++) {                                                     \
            const uint8_t *bits = traits[format].is_masked ? mask[r] + (column) / 8 : NULL;              \
            weights[r] = next_pair(format, &cursor[r], NULL, bits);                                      \
        }                                                                                                \
        UNROLL for (int t = 0; t < token_count; t++) {                                                   \
            vector low = load(x + t * stride + (column)), high = load(x + t * stride + (column) + lanes); \
            UNROLL for (int r = 0; r < row_count; r++) {                                                 \
                totals[r][t] = multiply_add(weights[r].low, low, totals[r][t]);                          \
                totals[r][t] = multiply_add(weights[r].high, high, totals[r][t]);                        \
            }                                                                                            \
        }                                                                                                \
    } while (0)
    int64_t column = from;
    for (; column + 2 * step <= to; column += 2 * step) {
        if ((column - from) % (8 * 64) == 0) {
            UNROLL for (int r = 0; r < row_count; r++) prefetch_mask(format, mask[r], column);
        }
        UNROLL for (int r = 0; r < row_count; r++) prefetch_values(format, 2, cursor[r]);
        ADD_STEP(column);
        ADD_STEP(column + step);
    }
    if (column < to) ADD_STEP(column);
#undef ADD_STEP
    UNROLL for (int r = 0; r < row_count; r++) {
        block->cursor[first + r] = cursor[r];
        UNROLL for (int t = 0; t < token_count; t++) sums[t][first + r] = totals[r][t];
    }
}

KERNEL void multiply_rows(const int format, const int row_count, const int token_count, row_block *block, int64_t from,
                          int64_t to, const float *x, int64_t stride, vector sums[][block_rows]) {
    UNROLL for (int r = 0; r < block_rows; r += row_count) {
        multiply_directly(format, r, row_count, token_count, block, from, to, x, stride, sums);
    }
}

// MARK: Weights expanded first

/// Columns [from, to) of eight rows to `piece` [8][piece_columns], in the order of the packed input.
KERNEL void expand_piece(const int format, const int is_guarded, row_block *block, int64_t from, int64_t to,
                         float *piece) {
    for (int r = 0; r < block_rows; r++) {
        const char *cursor = block->cursor[r];
        const uint8_t *mask = block->mask[r];
        float *place = piece + r * piece_columns;
        prefetch_mask(format, mask, from);
        for (int64_t column = from; column < to; column += step, place += step) {
            prefetch_values(format, 1, cursor);
            vector_pair weights = next_pair(format, &cursor, is_guarded ? block->end : NULL,
                                            traits[format].is_masked ? mask + column / 8 : NULL);
            store(place, weights.low);
            store(place + lanes, weights.high);
        }
        block->cursor[r] = cursor;
    }
}

/// Adds `row_count` expanded rows times `token_count` tokens over `count` columns; the first two are constants.
KERNEL void add_products(const int row_count, const int token_count, int64_t count, const float *piece, const float *x,
                         int64_t stride, vector sums[][block_rows]) {
    vector totals[block_rows][block_rows];
    UNROLL for (int t = 0; t < token_count; t++) {
        UNROLL for (int r = 0; r < row_count; r++) totals[t][r] = sums[t][r];
    }
    for (int64_t i = 0; i < count; i += lanes) {
        vector weights[block_rows];
        UNROLL for (int r = 0; r < row_count; r++) weights[r] = load(piece + r * piece_columns + i);
        UNROLL for (int t = 0; t < token_count; t++) {
            vector input = load(x + t * stride + i);
            UNROLL for (int r = 0; r < row_count; r++) totals[t][r] = multiply_add(weights[r], input, totals[t][r]);
        }
    }
    UNROLL for (int t = 0; t < token_count; t++) {
        UNROLL for (int r = 0; r < row_count; r++) sums[t][r] = totals[t][r];
    }
}

/// Adds eight expanded rows times all tokens.
ENTRY void add_piece(int64_t count, const float *piece, const float *x, int64_t stride, int64_t tokens,
                     vector sums[][block_rows]) {
    int64_t token = 0;
#define ADD_GROUP(row_count, token_count)                                                                      \
    for (; token + (token_count) <= tokens; token += (token_count)) {                                          \
        for (int r = 0; r < block_rows; r += (row_count)) {                                                    \
            add_products(row_count, token_count, count, piece + r * piece_columns, x + token * stride, stride, \
                         (vector(*)[block_rows])&sums[token][r]);                                              \
        }                                                                                                      \
    }
    ADD_GROUP(EXPANDED_ROWS_WITH_4_TOKENS, 4)
    ADD_GROUP(4, 2)
    ADD_GROUP(8, 1)
#undef ADD_GROUP
}

// MARK: All rows

/// The columns after the last whole step, copied out so that whole vectors can be read.
KERNEL void multiply_tail(const int format, const row_block *block, int64_t column, int64_t columns, const float *x,
                          int64_t stride, int64_t tokens, vector sums[][block_rows]) {
    for (int r = 0; r < block_rows; r++) {
        _Alignas(64) char values[step * 4] = {0};
        _Alignas(8) uint8_t mask[8] = {0};
        const char *cursor = values, *end = values + sizeof values;
        if (traits[format].is_masked) {
            memcpy(mask, block->mask[r] + column / 8, (size_t)(columns - column + 7) / 8);
            cursor = block->cursor[r];
            end = block->end;
        } else {
            memcpy(values, block->cursor[r], (size_t)(columns - column) * traits[format].bytes);
        }
        vector_pair weights = next_pair(format, &cursor, end, mask);
        for (int64_t t = 0; t < tokens; t++) {
            const float *input = x + t * stride + column;
            vector sum = multiply_add(weights.low, load(input), sums[t][r]);
            sums[t][r] = multiply_add(weights.high, load(input + lanes), sum);
        }
    }
}

/// Up to `most_tokens` tokens.
KERNEL void few_of_format(const int format, const esparse_rows *rows, const float *x, int64_t stride, int64_t tokens,
                        float *output, int64_t output_stride, int accumulates) {
    vector sums[most_tokens][block_rows];
    _Alignas(64) float piece[block_rows * piece_columns];
    const int64_t gap = (rows->rows + block_rows - 1) / block_rows, whole = rows->columns / step * step;
    const int64_t pieces = (whole + piece_columns - 1) / piece_columns;
    const int64_t even = pieces ? (whole / step + pieces - 1) / pieces * step : 0;
    for (int64_t row = 0; row < gap; row++) {
        row_block block = block_at(format, rows, row, gap);
        for (int64_t t = 0; t < tokens; t++) {
            for (int r = 0; r < block_rows; r++) sums[t][r] = zero();
        }
        // Where vectors of values could reach behind the last row.
        const int64_t last = row + (block_rows - 1) * gap < rows->rows ? row + (block_rows - 1) * gap : rows->rows - 1;
        const int is_guarded = READS_PAST_VALUES && traits[format].is_masked &&
                               block.end - row_values(rows, format, last + 1) < step * 4;
        const int64_t length = tokens == 1 && !is_guarded ? whole : even;
        for (int64_t from = 0; from < whole; from += length) {
            const int64_t to = whole - from < length ? whole : from + length;
            switch (is_guarded ? 0 : tokens) {
                case 1: multiply_rows(format, ROWS_WITH_1_TOKEN, 1, &block, from, to, x, stride, sums); break;
                case 2: multiply_rows(format, ROWS_WITH_2_TOKENS, 2, &block, from, to, x, stride, sums); break;
#if ROWS_WITH_4_TOKENS > 0
                case 4: multiply_rows(format, ROWS_WITH_4_TOKENS, 4, &block, from, to, x, stride, sums); break;
#endif
#if ROWS_WITH_8_TOKENS > 0
                case 8: multiply_rows(format, ROWS_WITH_8_TOKENS, 8, &block, from, to, x, stride, sums); break;
#endif
                default:
                    if (is_guarded) {
                        expand_piece(format, 1, &block, from, to, piece);
                    } else {
                        expand_piece(format, 0, &block, from, to, piece);
                    }
                    add_piece(to - from, piece, x + from, stride, tokens, sums);
            }
        }
        if (whole < rows->columns) multiply_tail(format, &block, whole, rows->columns, x, stride, tokens, sums);
        for (int64_t t = 0; t < tokens; t++) {
            float totals[block_rows];
            reduce_eight(sums[t], totals);
            for (int r = 0; r < block_rows && row + r * gap < rows->rows; r++) {
                float *place = output + t * output_stride + row + r * gap;
                *place = totals[r] + (rows->bias ? rows->bias[row + r * gap] : 0) + (accumulates ? *place : 0);
            }
        }
    }
}

#define FEW(name)                                                                                                    \
    ENTRY void part_##name(const esparse_rows *rows, const float *x, int64_t stride, int64_t tokens, float *output,  \
                           int64_t output_stride, int accumulates) {                                                 \
        few_of_format(esparse_##name, rows, x, stride, tokens, output, output_stride, accumulates);                  \
    }                                                                                                                \
    ENTRY void few_##name(const esparse_rows *rows, const float *packed, int64_t packed_stride, int64_t tokens,      \
                          float *output, int64_t output_stride, int accumulates) {                                   \
        for (int64_t token = 0; token < tokens; token += most_tokens) {                                              \
            const int64_t count = tokens - token < most_tokens ? tokens - token : most_tokens;                       \
            part_##name(rows, packed + token * packed_stride, packed_stride, count, output + token * output_stride,  \
                        output_stride, accumulates);                                                                 \
        }                                                                                                            \
    }
#define FORMAT(name, layout, values) IF_ROWS_##layout(FEW(name))
#include "../formats/all.h"
#undef FORMAT
