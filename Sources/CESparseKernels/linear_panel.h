// Panels: how weights of eight rows lie together, so that a vector holds one kept weight of each.
//
// Columns are cut into spans of eight, of which every row keeps the same number K, 2 or 4 (1:2, 2:4, 1:4, 4:8, 2:8). A
// panel is the spans of eight rows, four spans a chunk (the last may have fewer): first the bytes of bitmask,
// [span][row], then the kept values, [span][K / 2][row][2] in bf16 and [span][K / 2][2][row] in f16 and f32. So a panel
// takes the bytes that its rows take in the portable form, and a pass over the weights is one stream through memory.
// Where rows are missing in the last panel, the last one is repeated.
#ifndef ESPARSE_LINEAR_PANEL_H
#define ESPARSE_LINEAR_PANEL_H

#include "linear_storage.h"

enum {
    panel_rows = 8,
    span_columns = 8,
    chunk_spans = 4,
};

/// Kept weights of a row in a span; 0 where rows do not suit panels.
static inline int64_t kept_in_span(const esparse_rows *rows) {
    int64_t spans = rows->columns / span_columns;
    int64_t kept = spans && rows->kept_per_row % spans == 0 ? rows->kept_per_row / spans : 0;
    return rows->columns % span_columns == 0 && (kept == 2 || kept == 4) ? kept : 0;
}

static inline int64_t span_bytes(const esparse_rows *rows, int64_t kept) {
    return panel_rows * (1 + kept * ELEMENT_BYTES(rows->element));
}

static int64_t panel_bytes(const esparse_rows *rows) {
    const int64_t kept = kept_in_span(rows);
    return kept ? rows->columns / span_columns * span_bytes(rows, kept) : 0;
}

/// Spans of the chunk that begins at `span`.
static inline int64_t spans_in_chunk(const esparse_rows *rows, int64_t span) {
    int64_t left = rows->columns / span_columns - span;
    return left < chunk_spans ? left : chunk_spans;
}

/// Bytes from a span's first value to the value of a slot of a row.
static inline int64_t value_place(int element, int64_t slot, int64_t row) {
    if (element == esparse_bfloat16) return slot / 2 * panel_rows * 4 + row * 4 + slot % 2 * 2;
    return (slot * panel_rows + row) * ELEMENT_BYTES(element);
}

/// Portable rows to panels; the first two are constants.
static inline __attribute__((always_inline)) int fill_panels_of(const int element, const int kept,
                                                                const esparse_rows *rows, uint8_t *panels) {
    const int value_bytes = ELEMENT_BYTES(element);
    const int64_t span_count = rows->columns / span_columns, row_bytes = rows->kept_per_row * value_bytes;
    uint8_t *place = panels;
    for (int64_t first = 0; first < rows->rows; first += panel_rows) {
        for (int64_t chunk = 0; chunk < span_count; chunk += chunk_spans) {
            const int64_t spans = spans_in_chunk(rows, chunk);
            uint8_t *values = place + spans * panel_rows;
            for (int64_t row = 0; row < panel_rows; row++) {
                const int64_t source = first + row < rows->rows ? first + row : rows->rows - 1;
                const uint8_t *mask = rows->bitmask + source * rows->mask_stride + chunk;
                const char *from = (const char *)rows->weights + source * row_bytes + chunk * kept * value_bytes;
                for (int64_t span = 0; span < spans; span++) {
                    if (__builtin_popcount(mask[span]) != kept) return 0;
                    place[span * panel_rows + row] = mask[span];
                    uint8_t *to = values + span * kept * panel_rows * value_bytes;
                    UNROLL for (int slot = 0; slot < kept; slot++, from += value_bytes) {
                        memcpy(to + value_place(element, slot, row), from, (size_t)value_bytes);
                    }
                }
            }
            place = values + spans * kept * panel_rows * value_bytes;
        }
    }
    return 1;
}

/// Portable rows to panels, each of `panel_bytes`; false where a span keeps another number of weights.
static int fill_panels(const esparse_rows *rows, uint8_t *panels) {
    switch (rows->element * 8 + kept_in_span(rows)) {
        case esparse_float32 * 8 + 2: return fill_panels_of(esparse_float32, 2, rows, panels);
        case esparse_float32 * 8 + 4: return fill_panels_of(esparse_float32, 4, rows, panels);
        case esparse_float16 * 8 + 2: return fill_panels_of(esparse_float16, 2, rows, panels);
        case esparse_float16 * 8 + 4: return fill_panels_of(esparse_float16, 4, rows, panels);
        case esparse_bfloat16 * 8 + 2: return fill_panels_of(esparse_bfloat16, 2, rows, panels);
        case esparse_bfloat16 * 8 + 4: return fill_panels_of(esparse_bfloat16, 4, rows, panels);
        default: return 0;
    }
}

/// Panels to dense rows [rows, columns]; elements of `dense` are those of the panels.
static void spread_panels(const esparse_rows *rows, void *dense) {
    const int64_t kept = kept_in_span(rows), value_bytes = ELEMENT_BYTES(rows->element);
    const int64_t span_count = rows->columns / span_columns, bytes = panel_bytes(rows);
    memset(dense, 0, (size_t)(rows->rows * rows->columns * value_bytes));
    for (int64_t row = 0; row < rows->rows; row++) {
        const uint8_t *from = rows->panels + row / panel_rows * bytes;
        char *to = (char *)dense + row * rows->columns * value_bytes;
        for (int64_t chunk = 0; chunk < span_count; chunk += chunk_spans) {
            const int64_t spans = spans_in_chunk(rows, chunk);
            const uint8_t *values = from + spans * panel_rows;
            for (int64_t span = 0; span < spans; span++) {
                unsigned bits = from[span * panel_rows + row % panel_rows];
                for (int64_t slot = 0; bits; slot++, bits &= bits - 1) {
                    const int64_t column = (chunk + span) * span_columns + __builtin_ctz(bits);
                    memcpy(to + column * value_bytes, values + value_place(rows->element, slot, row % panel_rows),
                           (size_t)value_bytes);
                }
                values += kept * panel_rows * value_bytes;
            }
            from = values;
        }
    }
}

#endif
