// Products of few tokens with weights in panels: a lane is a row, so nothing is expanded and no lanes are added up.
//
// One vector holds a span of a token's input (in grouped panels one half of it, twice). A slot's channels permute it,
// and then lane r holds what row r's weight multiplies. An output adds up spans and slots in ascending order, whatever
// the number of tokens and rows. Many tokens are bound by one permutation and one multiply-add a kept weight, few by
// memory.
#include "panel_codes.h"

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

/// Two slots of a span of a chunk of a panel.
KERNEL vector_pair load_pair_of_slots(const panel_kind kind, const char *values, const int span, const int slot,
                                      const char *uppers) {
    const int place = span * kind.kept + slot;
    if (traits[kind.format].is_compact) return split_bfloat16(compact_pair(values, place / 2, (const uint8_t *)uppers));
    return load_slots(kind.format, values + place * panel_rows * traits[kind.format].bytes);
}

/// What a slot's weights multiply: the channels that `codes` name of a token's span.
KERNEL vector slot_input(const panel_kind kind, const float *x, __m256i codes, const int slot) {
    if (kind.is_grouped) {
        const __m128 *half = (const __m128 *)(x + 4 * group_of(kind.kept, slot));
        return _mm256_permutevar_ps(_mm256_broadcast_ps(half), _mm256_srli_epi32(codes, 2 * slot));
    }
    return _mm256_permutevar8x32_ps(load(x), _mm256_srli_epi32(codes, 3 * slot));
}

/// Adds `token_count` tokens times a span of a chunk of a panel to its sums; the first two are constants.
KERNEL void add_span(const panel_kind kind, const int token_count, const char *values, const int span,
                     const char *uppers, __m256i codes, const float *x, vector *totals) {
    UNROLL for (int slot = 0; slot < kind.kept; slot += 2) {
        const vector_pair weights = load_pair_of_slots(kind, values, span, slot, uppers);
        UNROLL for (int t = 0; t < token_count; t++) {
            totals[t] = multiply_add(weights.low, slot_input(kind, x + t * lanes, codes, slot), totals[t]);
            totals[t] = multiply_add(weights.high, slot_input(kind, x + t * lanes, codes, slot + 1), totals[t]);
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

/// `panel_count` panels from `row` on, none spilled, times a group of `token_count` tokens; the first three are
/// constants.
KERNEL void multiply_panels(const panel_kind kind, const int panel_count, const int token_count,
                            const esparse_rows *rows, int64_t row, const float *x, int64_t tokens, float *output,
                            int64_t output_stride, int accumulates) {
    const int64_t bytes = panel_bytes(rows), span_count = rows->columns / span_columns;
    const int x_step = token_count * lanes, values_bytes = kind.kept * panel_rows * traits[kind.format].bytes;
    const int is_compact = traits[kind.format].is_compact;
    const int chunk_bytes =
        is_compact ? (int)compact_chunk_bytes(kind.kept) : chunk_spans * (panel_rows + values_bytes);
    const char *cursor = (const char *)rows->panels + row / panel_rows * bytes, *uppers = cursor;
    vector totals[4][panel_tokens];
    UNROLL for (int p = 0; p < panel_count; p++) {
        UNROLL for (int t = 0; t < token_count; t++) totals[p][t] = zero();
    }
    int64_t span = 0;
    for (; span + chunk_spans <= span_count; span += chunk_spans, x += chunk_spans * x_step) {
        __m256i codes[4][chunk_spans];
        if (is_compact && span % segment_spans == 0) uppers = cursor, cursor += upper_bytes;
        UNROLL for (int p = 0; p < panel_count; p++) {
            const char *chunk = cursor + p * bytes;
            channel_codes(kind, (const uint8_t *)chunk, codes[p]);
            for (int ahead = 0; ahead < chunk_bytes; ahead += 64) {
                __builtin_prefetch(chunk + panel_ahead + ahead, 0, 2);
            }
        }
        // Panels take turns span by span: their chains of additions then overlap within the processor's window.
        UNROLL for (int s = 0; s < chunk_spans; s++) {
            UNROLL for (int p = 0; p < panel_count; p++) {
                const char *values = cursor + p * bytes + chunk_spans * panel_rows;
                add_span(kind, token_count, values, s, uppers + p * bytes, codes[p][s], x + s * x_step, totals[p]);
            }
        }
        cursor += chunk_bytes;
    }
    const int left = (int)(span_count - span);
    if (is_compact && left > 0 && span % segment_spans == 0) uppers = cursor, cursor += upper_bytes;
    UNROLL for (int p = 0; p < panel_count; p++) {
        // Channels of fewer spans are followed by values, so that 32 bytes may be read.
        const char *chunk = cursor + p * bytes;
        const char *values = chunk + (is_compact ? chunk_spans : left) * panel_rows;
        __m256i codes[chunk_spans];
        if (left > 0) channel_codes(kind, (const uint8_t *)chunk, codes);
        for (int s = 0; s < left; s++) {
            add_span(kind, token_count, values, s, uppers + p * bytes, codes[s], x + s * x_step, totals[p]);
        }
        write_panel(rows, row + p * panel_rows, tokens, totals[p], output, output_stride, accumulates);
    }
}

/// Panels of one kind times all tokens; few tokens take several panels at once, so that enough sums are kept apart.
KERNEL void few_of_panels(const panel_kind kind, const esparse_rows *rows, const float *packed, int64_t packed_stride,
                          int64_t tokens, float *output, int64_t output_stride, int accumulates) {
    int64_t row = 0;
#define MULTIPLY(panel_count, token_count, first, count)                                                          \
    multiply_panels(kind, panel_count, token_count, rows, row, packed + (first) * packed_stride, count,           \
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

typedef void few_function(const esparse_rows *, const float *, int64_t, int64_t, float *, int64_t, int);
#define FEW_OF_PANELS(name, format, is_grouped, kept)                                                            \
    ENTRY void name##is_grouped##kept(const esparse_rows *rows, const float *x, int64_t stride, int64_t tokens,  \
                                      float *output, int64_t output_stride, int accumulates) {                   \
        const panel_kind kind = {format, is_grouped, kept};                                                      \
        few_of_panels(kind, rows, x, stride, tokens, output, output_stride, accumulates);                        \
    }
#define FORMAT(name, layout, values) IF_PANELS_##layout(EACH_KEPT(FEW_OF_PANELS, few_##name##_, esparse_##name))
#include "../formats/all.h"
#undef FORMAT

/// The panels from `row` on up to the next spilled one, or where the first is spilled that one, as a plain panel.
static esparse_rows panel_run(const esparse_rows *rows, int64_t row) {
    const int64_t panel = row / panel_rows;
    const panel_place first = panel_at(rows, panel);
    esparse_rows run = *rows;
    int64_t end = panel + 1;
    if (first.format == rows->format) {
        while (end * panel_rows < rows->rows && !(rows->spilled && rows->spilled[end])) end++;
    }
    run.panels = first.start, run.format = first.format, run.spilled = NULL;
    if (rows->bias) run.bias += row;
    run.rows = (end * panel_rows < rows->rows ? end * panel_rows : rows->rows) - row;
    return run;
}

ENTRY void few_panels(const esparse_rows *rows, const float *packed, int64_t packed_stride, int64_t tokens,
                      float *output, int64_t output_stride, int accumulates) {
#define FORMAT(name, layout, values) IF_PANELS_##layout([esparse_##name] = KEPT_TABLE(few_##name##_),)
    static few_function *const functions[esparse_format_count][2][2] = {
#include "../formats/all.h"
    };
#undef FORMAT
    for (int64_t row = 0; row < rows->rows;) {
        const esparse_rows run = panel_run(rows, row);
        OF_PANEL_KIND(functions, rows, run.format)
        (&run, packed, packed_stride, tokens, output + row, output_stride, accumulates);
        row += run.rows;
    }
}
