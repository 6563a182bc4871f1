// The sparse product for many tokens with weights in panels: a vector holds one input channel of `lanes` tokens.
//
// As in `sparse_many.h` each kept weight is broadcast and multiplied with its channel's vectors in a tile of the
// input. A block's weights, and where their channels lie, are listed once for all tiles. Loads are the bound: every
// FMA loads its operand, and two weights share one broadcast and one load of offsets. So a tile is as wide as the
// registers allow, its block stays in the first-level cache, and the next block is prefetched meanwhile.
#include "panel_block.h"

enum {
    /// Bytes of input in a block.
    panel_block_bytes = 27 << 10,
};

/// Tokens in a tile where a call has so many: as few tiles as can be, and those of one size.
static int64_t panel_tile_tokens(int64_t tokens) {
    int64_t tiles = tiles_of(tokens, most_panel_vectors * lanes);
    return tiles < 1 ? lanes : vectors_of((tokens + tiles - 1) / tiles) * lanes;
}

/// Chunks of channels in a block, at most eight.
static inline int64_t chunks_in_block(int64_t tile_tokens) {
    int64_t chunks = panel_block_bytes / (tile_tokens * 4 * chunk_spans * span_columns);
    return chunks < 8 ? chunks : 8;
}

/// Scratch of a product.
typedef struct {
    char *offsets;  ///< [panels][pairs of slots in a block][row][2] of channels in a block, 16 bits each
    char *weights;  ///< [panels][pairs of slots in a block], bf16 [row][2] or f32 [2][row]
    float *sums;    ///< [tiles][rows][tile_tokens]
} panel_scratch;

static int64_t padded_rows(const esparse_rows *rows) { return (rows->rows + panel_rows - 1) / panel_rows * panel_rows; }

/// Pairs of slots of a row in a whole block.
static inline int64_t block_pairs(const esparse_rows *rows, int64_t tile_tokens) {
    return chunks_in_block(tile_tokens) * chunk_spans * kept_in_span(rows) / 2;
}

/// Bytes of a panel's pair of listed weights.
static inline int64_t listed_bytes(const esparse_rows *rows) {
    return traits[rows->format].is_bf16 ? pair_bytes : 2 * pair_bytes;
}

static size_t panel_scratch_bytes(const esparse_rows *rows, int64_t tokens, int64_t tile_tokens) {
    const int64_t pairs = padded_rows(rows) / panel_rows * block_pairs(rows, tile_tokens);
    return (size_t)(pairs * (pair_bytes + listed_bytes(rows)) + 64 +
                    tiles_of(tokens, tile_tokens) * padded_rows(rows) * tile_tokens * 4);
}

static panel_scratch lay_out_panels(const esparse_rows *rows, int64_t tile_tokens, char *memory) {
    const int64_t pairs = padded_rows(rows) / panel_rows * block_pairs(rows, tile_tokens);
    char *weights = memory + pairs * pair_bytes, *behind = weights + pairs * listed_bytes(rows);
    return (panel_scratch){
        .offsets = memory,
        .weights = weights,
        .sums = (float *)(((uintptr_t)behind + 63) / 64 * 64),
    };
}

// MARK: Listing

/// The channels from which those of two slots count, [row][2].
KERNEL __m256i first_of(const panel_kind kind, int64_t span, int64_t slot) {
    const int64_t first = span * span_columns;
    if (!kind.is_grouped) return _mm256_set1_epi16((short)first);
    const int64_t low = first + 4 * group_of(kind.kept, slot), high = first + 4 * group_of(kind.kept, slot + 1);
    return _mm256_set1_epi32((int)(low | high << 16));
}

/// Lists span `s` of a chunk, which is span `block_span` of the block; its bytes of channels are in `codes`.
KERNEL void list_span(const panel_kind kind, const int s, int64_t block_span, const char *values, const uint8_t *uppers,
                      __m256i codes, __m256i scale, char *offsets, char *weights) {
    const int bits = kind.is_grouped ? 2 : 3, first_bits = (1 << bits) - 1;
    const int weight_step = traits[kind.format].is_bf16 ? pair_bytes : 2 * pair_bytes;
    const __m256i first_channel = _mm256_set1_epi32(first_bits), second_channel = _mm256_set1_epi32(first_bits << 16);
    UNROLL for (int slot = 0; slot < kind.kept; slot += 2, offsets += pair_bytes, weights += weight_step) {
        const __m256i codes_left = _mm256_srli_epi32(codes, bits * slot);
        const __m256i low = _mm256_and_si256(codes_left, first_channel);
        const __m256i high = _mm256_and_si256(_mm256_slli_epi32(codes_left, 16 - bits), second_channel);
        const __m256i channels = _mm256_add_epi16(_mm256_or_si256(low, high), first_of(kind, block_span, slot));
        _mm256_storeu_si256((__m256i *)offsets, _mm256_mullo_epi16(channels, scale));
        const int place = s * kind.kept + slot;
        const char *from = values + place * panel_rows * traits[kind.format].bytes;
        if (traits[kind.format].is_compact) {
            _mm256_storeu_si256((__m256i *)weights, compact_pair(values, place / 2, uppers));
        } else if (traits[kind.format].is_bf16) {
            memcpy(weights, from, pair_bytes);
        } else {
            const vector_pair pair = load_slots(kind.format, from);
            store((float *)weights, pair.low);
            store((float *)weights + lanes, pair.high);
        }
    }
}

/// The offsets of a block's channels from its first one, and its weights, of one panel.
KERNEL void list_panel(const panel_kind kind, const esparse_rows *rows, panel_place panel, int64_t first_span,
                       int64_t span_count, int64_t channel_bytes, char *offsets, char *weights) {
    const int64_t bytes = panel_bytes(rows), weight_bytes = listed_bytes(rows) * kind.kept / 2;
    const int offset_bytes = pair_bytes * kind.kept / 2, is_compact = traits[kind.format].is_compact;
    const __m256i scale = _mm256_set1_epi16((short)channel_bytes);
    for (int64_t span = 0; span < span_count; span += chunk_spans) {
        const int spans = (int)spans_in_chunk(rows, first_span + span);
        const char *chunk = (const char *)chunk_at(rows, panel, first_span + span);
        const uint8_t *uppers = is_compact ? uppers_at(rows, panel, first_span + span) : NULL;
        const char *values = chunk + (is_compact ? chunk_spans : spans) * panel_rows;
        __m256i codes[chunk_spans];
        channel_codes(kind, (const uint8_t *)chunk, codes);
        // Later blocks are prefetched while the one before is multiplied.
        if (first_span == 0) {
            for (int64_t byte = 0; byte < bytes_of_chunk(rows); byte += 64) {
                __builtin_prefetch(chunk + 4 * bytes + byte, 0, 2);
            }
        }
        if (spans == chunk_spans) {
            UNROLL for (int s = 0; s < chunk_spans; s++) {
                list_span(kind, s, span + s, values, uppers, codes[s], scale, offsets + s * offset_bytes,
                          weights + s * weight_bytes);
            }
        } else {
            for (int s = 0; s < spans; s++) {
                list_span(kind, s, span + s, values, uppers, codes[s], scale, offsets + s * offset_bytes,
                          weights + s * weight_bytes);
            }
        }
        offsets += spans * offset_bytes, weights += spans * weight_bytes;
    }
}

typedef void list_function(const esparse_rows *, panel_place, int64_t, int64_t, int64_t, char *, char *);
#define LIST_PANEL(name, format, is_grouped, kept)                                                               \
    ENTRY void name##is_grouped##kept(const esparse_rows *rows, panel_place panel, int64_t first_span,           \
                                      int64_t span_count, int64_t channel_bytes, char *offsets, char *weights) { \
        const panel_kind kind = {format, is_grouped, kept};                                                      \
        list_panel(kind, rows, panel, first_span, span_count, channel_bytes, offsets, weights);                  \
    }
#define FORMAT(name, layout, values) IF_PANELS_##layout(EACH_KEPT(LIST_PANEL, list_##name##_, esparse_##name))
#include "../formats/all.h"
#undef FORMAT

/// Lists a block of all panels.
static void list_block(const esparse_rows *rows, int64_t first_span, int64_t span_count, int64_t channel_bytes,
                       int64_t pairs_apart, const panel_scratch *scratch) {
#define FORMAT(name, layout, values) IF_PANELS_##layout([esparse_##name] = KEPT_TABLE(list_##name##_),)
    static list_function *const functions[esparse_format_count][2][2] = {
#include "../formats/all.h"
    };
#undef FORMAT
    for (int64_t number = 0; number * panel_rows < rows->rows; number++) {
        const panel_place panel = panel_at(rows, number);
        OF_PANEL_KIND(functions, rows, panel.format)
        (rows, panel, first_span, span_count, channel_bytes, scratch->offsets + number * pairs_apart * pair_bytes,
         scratch->weights + number * pairs_apart * listed_bytes(rows));
    }
}

// MARK: All blocks

ENTRY void many_panels(const esparse_rows *rows, const void *tiles, int64_t tokens, int64_t tile_tokens, float *output,
                       int64_t output_stride, int accumulates, void *memory) {
    const panel_scratch scratch = lay_out_panels(rows, tile_tokens, memory);
    const int is_bf16 = traits[rows->format].is_bf16;
    const int64_t kept = kept_in_span(rows), span_count = rows->columns / span_columns, height = padded_rows(rows);
    const int64_t most_spans = chunks_in_block(tile_tokens) * chunk_spans, pairs = block_pairs(rows, tile_tokens);
    const int64_t channel_bytes = tile_tokens * 4, tile_bytes = rows->columns * channel_bytes;
    const int64_t tile_count = tiles_of(tokens, tile_tokens);
    const panel_place first_panel = {.start = rows->panels, .format = rows->format};
    for (int64_t first = 0; first < span_count; first += most_spans) {
        const int64_t spans = span_count - first < most_spans ? span_count - first : most_spans;
        const int is_last = first + spans == span_count;
        list_block(rows, first, spans, channel_bytes, pairs, &scratch);
        const int64_t block_lines = spans * span_columns * channel_bytes / 64;
        for (int64_t tile = 0; tile < tile_count; tile++) {
            const char *input = (const char *)tiles + tile * tile_bytes + first * span_columns * channel_bytes;
            const int64_t left = tokens - tile * tile_tokens, count = left < tile_tokens ? left : tile_tokens;
            panel_block block = {
                .input = input,
                .weights = scratch.weights,
                .offsets = scratch.offsets,
                .sums = scratch.sums + tile * height * tile_tokens,
                .rows = rows->rows,
                .tile_tokens = tile_tokens,
                .spans = spans,
                .slots = kept,
                .weight_bytes = pairs * listed_bytes(rows),
                .offset_bytes = pairs * pair_bytes,
                .starts = first == 0,
                .next = tile + 1 < tile_count
                            ? input + tile_bytes
                            : (const char *)tiles + (first + most_spans) * span_columns * channel_bytes,
                .next_lines = (block_lines + height - 1) / height,
                .later_weights =
                    tile == 0 && !is_last ? (const char *)chunk_at(rows, first_panel, first + spans) : NULL,
                .stored_bytes = panel_bytes(rows),
                .later_lines = chunks_in_block(tile_tokens) * bytes_of_chunk(rows) / 64 + 1,
            };
            if (is_last && tile + 1 == tile_count) block.next_lines = 0;
            for (int64_t line = 0; line < block_lines; line++) __builtin_prefetch(input + line * 64, 0, 3);
            if (!is_last) {
                add_panel_block(is_bf16, vectors_of(count), &block);
                continue;
            }
            // The last block: sums are written while they are in the first-level cache.
            float *place = output + tile * tile_tokens * output_stride;
            for (int64_t row = 0; row < rows->rows; row += rows_at_once) {
                block.rows = rows->rows - row < rows_at_once ? rows->rows - row : rows_at_once;
                for (int64_t token = 0; token < count; token++) {
                    __builtin_prefetch(place + token * output_stride + row, 1, 3);
                }
                add_panel_block(is_bf16, vectors_of(count), &block);
                write_rows(rows, row, block.rows, block.sums, count, tile_tokens, place, output_stride, accumulates);
                block.weights += rows_at_once / panel_rows * block.weight_bytes;
                block.offsets += rows_at_once / panel_rows * block.offset_bytes;
                block.sums += rows_at_once * tile_tokens;
                block.next += rows_at_once * block.next_lines * 64;
            }
        }
    }
}

// MARK: The table

/// Dense rows of the panels' values become floats: values of four bytes are.
KERNEL void widen_panels(const int format, const esparse_rows *rows, float *dense) {
    if (traits[format].bytes == 4) return spread_panels(rows, dense);
    // From the upper half of their own memory, which the floats never reach before it is read.
    const int64_t count = rows->rows * rows->columns;
    const char *cursor = (const char *)dense + 2 * count;
    spread_panels(rows, (char *)dense + 2 * count);
    for (int64_t i = 0; i < count; i += lanes) store(dense + i, next(format, &cursor, NULL, NULL));
}

ENTRY void expand_panels(const esparse_rows *rows, uint16_t *dense) { spread_panels(rows, dense); }

#define WIDEN_PANELS(name) \
    ENTRY void widen_##name(const esparse_rows *rows, float *dense) { widen_panels(esparse_##name, rows, dense); }
#define FORMAT(name, layout, values) IF_PANELS_##layout(WIDEN_PANELS(name))
#include "../formats/all.h"
#undef FORMAT

#define FUNCTIONS_panels(name, values)                                                                         \
    [esparse_##name] = {                                                                                       \
        .pack = pack_panels, .few = few_panels, .widen = widen_##name,                                         \
        .expand = values##_is_bf16 ? expand_panels : NULL,                                                     \
        .many = {.value_bytes = 4, .tile_tokens = panel_tile_tokens, .transpose = transpose,                   \
                 .scratch = panel_scratch_bytes, .multiply = many_panels},                                     \
        .panel_bytes = panel_bytes, .fill = fill_##name,                                                       \
    },
#define FUNCTIONS_compact FUNCTIONS_panels
