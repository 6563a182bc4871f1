// Products of few tokens with weights in panels: a lane is a row, so nothing is expanded and no lanes are added up.
//
// A span of a token's input is one vector, which the channels of a slot permute: lane r then holds what row r's weight
// multiplies. An output is a sum in ascending order of spans and slots, whatever the number of tokens and rows. One
// permutation and one multiply-add a kept weight is what bounds many tokens, memory what bounds few.
#include "linear_panel_codes.h"

enum {
    /// Tokens worked on together, at most.
    panel_tokens = 8,
    /// How far ahead weights are prefetched into the second-level cache, in bytes.
    panel_ahead = 2048,
};

/// Tokens, rounded up, that are worked on together when so many are left.
static inline int64_t token_group(int64_t left) {
    return left > 4 ? panel_tokens : left > 2 ? 4 : left;
}

/// Input [T, C] to groups of tokens [group][C / 8][token][8]; missing tokens are zero.
ENTRY void pack_panels(const esparse_rows *rows, int rounds, const float *input, int64_t tokens, float *packed,
                       int64_t packed_stride) {
    for (int64_t first = 0; first < tokens; first += panel_tokens) {
        const int64_t group = token_group(tokens - first);
        float *place = packed + first * packed_stride;
        for (int64_t token = 0; token < group; token++) {
            const float *from = input + (first + token) * rows->columns;
            for (int64_t column = 0; column < rows->columns; column += lanes) {
                vector value = first + token < tokens ? load(from + column) : zero();
                store(place + column * group + token * lanes, rounds ? rounded(value) : value);
            }
        }
    }
}

/// Adds a span of `token_count` tokens times a span of a panel to its sums; all but the pointers are constants.
KERNEL void add_span(const int element, const int kept, const int token_count, const char *values, __m256i codes,
                     const float *x, vector *totals) {
    UNROLL for (int slot = 0; slot < kept; slot += 2) {
        const vector_pair weights = load_slots(element, values + slot * panel_rows * ELEMENT_BYTES(element));
        const __m256i low = _mm256_srli_epi32(codes, 3 * slot), high = _mm256_srli_epi32(codes, 3 * slot + 3);
        UNROLL for (int t = 0; t < token_count; t++) {
            const vector input = load(x + t * lanes);
            totals[t] = multiply_add(weights.low, _mm256_permutevar8x32_ps(input, low), totals[t]);
            totals[t] = multiply_add(weights.high, _mm256_permutevar8x32_ps(input, high), totals[t]);
        }
    }
}

/// Rows of the panel at `row` times a group of tokens, of which `tokens` are written.
KERNEL void write_panel(const esparse_rows *rows, int64_t row, int64_t tokens, const vector *totals, float *output,
                        int64_t output_stride, int accumulates) {
    const int64_t width = rows->rows - row < panel_rows ? rows->rows - row : panel_rows;
    float biases[panel_rows] = {0};
    if (rows->bias) memcpy(biases, rows->bias + row, (size_t)width * 4);
    for (int64_t t = 0; t < tokens; t++) {
        float *place = output + t * output_stride + row;
        const vector value = add(totals[t], load(biases));
        if (width == panel_rows) {
            store(place, accumulates ? add(value, load(place)) : value);
        } else {
            float values[panel_rows];
            store(values, value);
            for (int64_t i = 0; i < width; i++) place[i] = accumulates ? place[i] + values[i] : values[i];
        }
    }
}

/// `panel_count` panels from `row` on times a group of `token_count` tokens; the first four are constants.
KERNEL void multiply_panels(const int element, const int kept, const int panel_count, const int token_count,
                            const esparse_rows *rows, int64_t row, const float *x, int64_t tokens, float *output,
                            int64_t output_stride, int accumulates) {
    const int64_t bytes = panel_bytes(rows), span_count = rows->columns / span_columns;
    const int value_bytes = kept * panel_rows * ELEMENT_BYTES(element), x_step = token_count * lanes;
    const char *cursor = (const char *)rows->panels + row / panel_rows * bytes;
    vector totals[4][panel_tokens];
    UNROLL for (int p = 0; p < panel_count; p++) {
        UNROLL for (int t = 0; t < token_count; t++) totals[p][t] = zero();
    }
    int64_t span = 0;
    for (; span + chunk_spans <= span_count; span += chunk_spans, x += chunk_spans * x_step) {
        __m256i codes[4][chunk_spans];
        UNROLL for (int p = 0; p < panel_count; p++) {
            const char *chunk = cursor + p * bytes;
            channel_codes(kept, (const uint8_t *)chunk, codes[p]);
            for (int ahead = 0; ahead < chunk_spans * (panel_rows + value_bytes); ahead += 64) {
                __builtin_prefetch(chunk + panel_ahead + ahead, 0, 2);
            }
        }
        // Panels take turns span by span: their chains of additions then overlap within the processor's window.
        UNROLL for (int s = 0; s < chunk_spans; s++) {
            UNROLL for (int p = 0; p < panel_count; p++) {
                const char *values = cursor + p * bytes + chunk_spans * panel_rows + s * value_bytes;
                add_span(element, kept, token_count, values, codes[p][s], x + s * x_step, totals[p]);
            }
        }
        cursor += chunk_spans * (panel_rows + value_bytes);
    }
    const int64_t left = span_count - span;
    UNROLL for (int p = 0; p < panel_count; p++) {
        // Bitmask of fewer spans is followed by values, so that 32 bytes may be read.
        const char *chunk = cursor + p * bytes, *values = chunk + left * panel_rows;
        __m256i codes[chunk_spans];
        if (left > 0) channel_codes(kept, (const uint8_t *)chunk, codes);
        for (int64_t s = 0; s < left; s++) {
            add_span(element, kept, token_count, values + s * value_bytes, codes[s], x + s * x_step, totals[p]);
        }
        write_panel(rows, row + p * panel_rows, tokens, totals[p], output, output_stride, accumulates);
    }
}

/// Panels of one kind times all tokens; few tokens take several panels at once, so that enough sums are kept apart.
KERNEL void few_of_panels(const int element, const int kept, const esparse_rows *rows, const float *packed,
                          int64_t packed_stride, int64_t tokens, float *output, int64_t output_stride,
                          int accumulates) {
    int64_t row = 0;
#define MULTIPLY(panel_count, token_count, first, count)                                                          \
    multiply_panels(element, kept, panel_count, token_count, rows, row, packed + (first) * packed_stride, count,  \
                    output + (first) * output_stride, output_stride, accumulates)
#define RUNS(panel_count, token_count)                                                                            \
    for (; row + ((panel_count) - 1) * panel_rows < rows->rows; row += (panel_count) * panel_rows) {              \
        MULTIPLY(panel_count, token_count, 0, tokens);                                                            \
    }
    if (tokens == 1) {
        RUNS(4, 1)
    } else if (tokens == 2) {
        RUNS(4, 2)
    } else if (tokens <= 4) {
        RUNS(2, 4)
    }
#undef RUNS
    for (; row < rows->rows; row += panel_rows) {
        for (int64_t first = 0; first < tokens; first += panel_tokens) {
            const int64_t left = tokens - first;
            switch (token_group(left)) {
                case 1: MULTIPLY(1, 1, first, left); break;
                case 2: MULTIPLY(1, 2, first, left); break;
                case 4: MULTIPLY(1, 4, first, left); break;
                default: MULTIPLY(1, panel_tokens, first, left < panel_tokens ? left : panel_tokens);
            }
        }
    }
#undef MULTIPLY
}

#define FEW_OF_PANELS(name, element, kept)                                                                       \
    ENTRY void name(const esparse_rows *rows, const float *x, int64_t stride, int64_t tokens, float *output,     \
                    int64_t output_stride, int accumulates) {                                                    \
        few_of_panels(element, kept, rows, x, stride, tokens, output, output_stride, accumulates);               \
    }
FEW_OF_PANELS(few_panels_float32_2, esparse_float32, 2)
FEW_OF_PANELS(few_panels_float32_4, esparse_float32, 4)
FEW_OF_PANELS(few_panels_float16_2, esparse_float16, 2)
FEW_OF_PANELS(few_panels_float16_4, esparse_float16, 4)
FEW_OF_PANELS(few_panels_bfloat16_2, esparse_bfloat16, 2)
FEW_OF_PANELS(few_panels_bfloat16_4, esparse_bfloat16, 4)
#undef FEW_OF_PANELS

ENTRY void few_panels(const esparse_rows *rows, const float *packed, int64_t packed_stride, int64_t tokens,
                      float *output, int64_t output_stride, int accumulates) {
    static void (*const kernels[3][2])(const esparse_rows *, const float *, int64_t, int64_t, float *, int64_t, int) = {
        [esparse_float32] = {few_panels_float32_2, few_panels_float32_4},
        [esparse_float16] = {few_panels_float16_2, few_panels_float16_4},
        [esparse_bfloat16] = {few_panels_bfloat16_2, few_panels_bfloat16_4},
    };
    kernels[rows->element][kept_in_span(rows) / 2 - 1](rows, packed, packed_stride, tokens, output, output_stride,
                                                       accumulates);
}
