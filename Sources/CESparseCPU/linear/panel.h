// Panels: weights of eight rows side by side, so that a vector holds one kept weight of each row.
//
// Columns are cut into spans of eight, of which every row keeps the same number K, 2 or 4 (1:2, 2:4, 1:4, 4:8, 2:8). A
// panel is the spans of eight rows, four spans a chunk: first a byte of channels a row, [span][row], then the kept
// values. A pass over the weights is one stream through memory. Where rows are missing in the last panel, its last row
// is repeated.
//
// The byte of channels is the span's bitmask. In grouped panels, where every four columns keep the same number of
// weights (1:2, 2:4, 1:4), it is two bits a slot, the slot's channel within its four, first slot lowest: kernels need
// no look-up.
//
// Plain panels hold values in pairs of slots, [span][K / 2][row][2] in bf16 and [span][K / 2][2][row] in f16 and f32,
// in as many bytes as masked rows take. The last chunk may have fewer spans.
//
// Compact panels hold bf16 values in 12 bits without loss. The upper byte of bf16 is the sign and all but the last bit
// of the exponent, and the weights of eight rows and 1,024 columns hardly ever have more than 16 different ones. So 32
// chunks are a segment, which begins with a list of upper bytes; a value is its upper byte's number in the list, a
// nibble, and its lower byte. A panel with too many upper bytes is spilled: it lies elsewhere as a plain one. The last
// chunk is whole.
//
// A unit of a compact chunk is four pairs of slots: 32 bytes of nibbles (low: pairs 0 and 1, high: pairs 2 and 3), 32
// lower bytes of pairs 0 and 1, 32 lower bytes of pairs 2 and 3. Within 32 bytes: pair 0 rows 0-3, pair 1 rows 0-3,
// pair 0 rows 4-7, pair 1 rows 4-7, so that interleaving upper and lower bytes gives plain pairs.
#ifndef ESPARSE_LINEAR_PANEL_H
#define ESPARSE_LINEAR_PANEL_H

#include "storage.h"

enum {
    panel_rows = 8,
    span_columns = 8,
    chunk_spans = 4,
    /// Chunks of a segment of a compact panel.
    segment_chunks = 32,
    segment_spans = segment_chunks * chunk_spans,
    /// Bytes of a segment's list of upper bytes, padded so that what follows lies at a multiple of 32.
    upper_bytes = 32,
    /// Upper bytes that a nibble can tell apart.
    most_upper_bytes = 16,
    unit_pairs = 4,
    /// Bytes of a unit's nibbles, and of the lower bytes of half a unit.
    unit_part_bytes = 32,
    unit_bytes = 3 * unit_part_bytes,
};

/// Kept weights of a row in a span; 0 where rows do not suit panels.
static inline int64_t kept_in_span(const esparse_rows *rows) {
    int64_t spans = rows->columns / span_columns;
    int64_t kept = spans && rows->kept_per_row % spans == 0 ? rows->kept_per_row / spans : 0;
    return rows->columns % span_columns == 0 && (kept == 2 || kept == 4) ? kept : 0;
}

/// Bytes of a span of a plain panel.
static inline int64_t span_bytes(int format, int64_t kept) { return panel_rows * (1 + kept * traits[format].bytes); }

/// Bytes of the units of a chunk of a compact panel.
static inline int64_t units_bytes(int64_t kept) { return chunk_spans * kept / 2 / unit_pairs * unit_bytes; }

static inline int64_t compact_chunk_bytes(int64_t kept) { return chunk_spans * panel_rows + units_bytes(kept); }

static int64_t panel_bytes(const esparse_rows *rows) {
    const int64_t kept = kept_in_span(rows);
    if (!kept) return 0;
    if (!traits[rows->format].is_compact) return rows->columns / span_columns * span_bytes(rows->format, kept);
    const int64_t chunks = (rows->columns / span_columns + chunk_spans - 1) / chunk_spans;
    return (chunks + segment_chunks - 1) / segment_chunks * upper_bytes + chunks * compact_chunk_bytes(kept);
}

/// Bytes of a whole chunk.
static inline int64_t bytes_of_chunk(const esparse_rows *rows) {
    const int64_t kept = kept_in_span(rows);
    return traits[rows->format].is_compact ? compact_chunk_bytes(kept) : chunk_spans * span_bytes(rows->format, kept);
}

/// Spans of the chunk that begins at `span`.
static inline int64_t spans_in_chunk(const esparse_rows *rows, int64_t span) {
    int64_t left = rows->columns / span_columns - span;
    return left < chunk_spans ? left : chunk_spans;
}

/// A panel of a run of rows, in whichever format it lies: what is spilled of compact panels is plain.
typedef struct {
    const uint8_t *start;
    esparse_format format;
} panel_place;

static inline panel_place panel_at(const esparse_rows *rows, int64_t panel) {
    const uint8_t *spilled = rows->spilled ? rows->spilled[panel] : NULL;
    if (spilled) return (panel_place){.start = spilled, .format = esparse_panels_bf16};
    return (panel_place){.start = rows->panels + panel * panel_bytes(rows), .format = rows->format};
}

/// The upper bytes of the segment of a compact panel that holds `span`.
static inline const uint8_t *uppers_at(const esparse_rows *rows, panel_place panel, int64_t span) {
    const int64_t segment_bytes = upper_bytes + segment_chunks * compact_chunk_bytes(kept_in_span(rows));
    return panel.start + span / segment_spans * segment_bytes;
}

/// Where the chunk of a panel that begins at `span` lies.
static inline const uint8_t *chunk_at(const esparse_rows *rows, panel_place panel, int64_t span) {
    const int64_t kept = kept_in_span(rows);
    if (!traits[panel.format].is_compact) return panel.start + span * span_bytes(panel.format, kept);
    return uppers_at(rows, panel, span) + upper_bytes + span % segment_spans / chunk_spans * compact_chunk_bytes(kept);
}

/// Which half of a span a slot's channel is in, of a grouped panel.
static inline int64_t group_of(int64_t kept, int64_t slot) { return slot / (kept / 2); }

/// The byte of channels of a span with this bitmask; false where it does not keep what it should.
static inline int span_channels(int64_t kept, int is_grouped, unsigned bits, uint8_t *channels) {
    *channels = (uint8_t)bits;
    if (!is_grouped) return __builtin_popcount(bits) == kept;
    if (__builtin_popcount(bits & 15) != kept / 2 || __builtin_popcount(bits >> 4) != kept / 2) return 0;
    *channels = 0;
    for (int slot = 0; bits; slot++, bits &= bits - 1) *channels |= (uint8_t)((__builtin_ctz(bits) & 3) << 2 * slot);
    return 1;
}

/// The channel of a slot in its span.
static inline int64_t channel_of(int64_t kept, int is_grouped, unsigned channels, int64_t slot) {
    if (is_grouped) return 4 * group_of(kept, slot) + (channels >> 2 * slot & 3);
    for (; slot > 0; slot--) channels &= channels - 1;
    return __builtin_ctz(channels);
}

/// Bytes from a span's first value to the value of a slot of a row, in a plain panel.
static inline int64_t value_place(int format, int64_t slot, int64_t row) {
    if (traits[format].is_bf16) return slot / 2 * panel_rows * 4 + row * 4 + slot % 2 * 2;
    return (slot * panel_rows + row) * traits[format].bytes;
}

/// Where a value of a compact chunk lies.
typedef struct {
    int64_t nibble;  ///< bytes from the chunk's units on
    int64_t shift;   ///< of the nibble in its byte
    int64_t lower;   ///< bytes from the chunk's units on
} compact_place;

static inline compact_place compact_value_place(int64_t kept, int64_t span, int64_t slot, int64_t row) {
    const int64_t pair = span * kept / 2 + slot / 2, unit = pair / unit_pairs * unit_bytes;
    const int64_t half = pair % unit_pairs / 2;
    const int64_t place = row / 4 * 16 + pair % 2 * 8 + row % 4 * 2 + slot % 2;
    return (compact_place){
        .nibble = unit + place,
        .shift = 4 * half,
        .lower = unit + (1 + half) * unit_part_bytes + place,
    };
}

/// Masked rows to plain panels; the first two are constants.
KERNEL esparse_fill fill_plain_of(const int format, const int kept, const esparse_rows *rows, uint8_t *panels) {
    const int value_size = traits[format].bytes;
    const int64_t span_count = rows->columns / span_columns, row_bytes = rows->kept_per_row * value_size;
    uint8_t *place = panels;
    for (int64_t first = 0; first < rows->rows; first += panel_rows) {
        for (int64_t chunk = 0; chunk < span_count; chunk += chunk_spans) {
            const int64_t spans = spans_in_chunk(rows, chunk);
            uint8_t *values = place + spans * panel_rows;
            for (int64_t row = 0; row < panel_rows; row++) {
                const int64_t source = first + row < rows->rows ? first + row : rows->rows - 1;
                const uint8_t *mask = rows->bitmask + source * rows->mask_stride + chunk;
                const char *from = (const char *)rows->weights + source * row_bytes + chunk * kept * value_size;
                for (int64_t span = 0; span < spans; span++) {
                    uint8_t *channels = place + span * panel_rows + row;
                    if (!span_channels(kept, rows->is_grouped, mask[span], channels)) return esparse_fill_wrong;
                    uint8_t *to = values + span * kept * panel_rows * value_size;
                    UNROLL for (int slot = 0; slot < kept; slot++, from += value_size) {
                        memcpy(to + value_place(format, slot, row), from, (size_t)value_size);
                    }
                }
            }
            place = values + spans * kept * panel_rows * value_size;
        }
    }
    return esparse_fill_done;
}

/// Masked rows of bf16 to compact panels; the first is a constant.
KERNEL esparse_fill fill_compact_of(const int kept, const esparse_rows *rows, uint8_t *panels) {
    enum { unknown = 255 };
    const int64_t span_count = rows->columns / span_columns;
    uint8_t *place = panels;
    for (int64_t first = 0; first < rows->rows; first += panel_rows) {
        uint8_t numbers[256], *uppers = place;
        int count = 0;
        for (int64_t chunk = 0; chunk < span_count; chunk += chunk_spans) {
            if (chunk % segment_spans == 0) {
                uppers = place;
                count = 0;
                memset(numbers, unknown, sizeof numbers);
                memset(uppers, 0, upper_bytes);
                place += upper_bytes;
            }
            uint8_t *values = place + chunk_spans * panel_rows;
            memset(place, 0, (size_t)compact_chunk_bytes(kept));
            for (int64_t row = 0; row < panel_rows; row++) {
                const int64_t source = first + row < rows->rows ? first + row : rows->rows - 1;
                const uint8_t *mask = rows->bitmask + source * rows->mask_stride + chunk;
                const uint8_t *from = (const uint8_t *)rows->weights + (source * rows->kept_per_row + chunk * kept) * 2;
                for (int64_t span = 0; span < spans_in_chunk(rows, chunk); span++) {
                    uint8_t *channels = place + span * panel_rows + row;
                    if (!span_channels(kept, rows->is_grouped, mask[span], channels)) return esparse_fill_wrong;
                    UNROLL for (int slot = 0; slot < kept; slot++, from += 2) {
                        if (numbers[from[1]] == unknown) {
                            if (count == most_upper_bytes) return esparse_fill_spills;
                            uppers[count] = from[1];
                            numbers[from[1]] = (uint8_t)count++;
                        }
                        const compact_place at = compact_value_place(kept, span, slot, row);
                        values[at.nibble] |= (uint8_t)(numbers[from[1]] << at.shift);
                        values[at.lower] = from[0];
                    }
                }
            }
            place = values + units_bytes(kept);
        }
    }
    return esparse_fill_done;
}

/// Functions `fill_...` of the table.
#define FILL(name)                                                                                            \
    static esparse_fill fill_##name(const esparse_rows *rows, uint8_t *panels) {                              \
        switch (kept_in_span(rows)) {                                                                         \
            case 2: return FILL_OF(name, 2);                                                                  \
            case 4: return FILL_OF(name, 4);                                                                  \
            default: return esparse_fill_wrong;                                                               \
        }                                                                                                     \
    }
#define FILL_OF(name, kept)                                                  \
    (traits[esparse_##name].is_compact ? fill_compact_of(kept, rows, panels) \
                                       : fill_plain_of(esparse_##name, kept, rows, panels))
#define FORMAT(name, layout, values) IF_PANELS_##layout(FILL(name))
#include "../formats/all.h"
#undef FORMAT

/// Panels to dense rows [rows, columns] of the same values.
static void spread_panels(const esparse_rows *rows, void *dense) {
    const int64_t kept = kept_in_span(rows), value_size = traits[rows->format].bytes;
    const int64_t span_count = rows->columns / span_columns;
    memset(dense, 0, (size_t)(rows->rows * rows->columns * value_size));
    for (int64_t row = 0; row < rows->rows; row++) {
        const panel_place panel = panel_at(rows, row / panel_rows);
        const int is_compact = traits[panel.format].is_compact;
        const int64_t place = row % panel_rows;
        char *to = (char *)dense + row * rows->columns * value_size;
        for (int64_t span = 0; span < span_count; span++) {
            const int64_t first = span / chunk_spans * chunk_spans, within = span - first;
            const uint8_t *chunk = chunk_at(rows, panel, first);
            const uint8_t *values = chunk + (is_compact ? chunk_spans : spans_in_chunk(rows, first)) * panel_rows;
            const unsigned channels = chunk[within * panel_rows + place];
            for (int64_t slot = 0; slot < kept; slot++) {
                const int64_t channel = channel_of(kept, rows->is_grouped, channels, slot);
                char *column = to + (span * span_columns + channel) * value_size;
                if (is_compact) {
                    const compact_place at = compact_value_place(kept, within, slot, place);
                    const uint8_t *uppers = uppers_at(rows, panel, span);
                    const uint8_t value[2] = {values[at.lower], uppers[values[at.nibble] >> at.shift & 15]};
                    memcpy(column, value, sizeof value);
                } else {
                    const uint8_t *value = values + within * kept * panel_rows * value_size;
                    memcpy(column, value + value_place(panel.format, slot, place), (size_t)value_size);
                }
            }
        }
    }
}

#endif
