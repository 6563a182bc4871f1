// A block of channels of a tile of tokens times weights in panels: the inner loops of `panel_many.h`.
//
// A pair is two slots of a row: one word of two offsets into the block says where their channels lie, one word (bf16)
// or two hold their weights, both listed beforehand. Pairs of a panel's rows lie together.
#ifndef ESPARSE_LINEAR_PANEL_BLOCK_H
#define ESPARSE_LINEAR_PANEL_BLOCK_H

#include "panel_codes.h"

enum {
    /// Vectors of tokens in a tile, at most: with two weights they fit 16 registers.
    most_panel_vectors = 13,
    /// Bytes of a panel's pairs of offsets, or of bf16 weights.
    pair_bytes = panel_rows * 4,
};

/// A block of channels of a tile of tokens, and the panels that it is multiplied with.
typedef struct {
    const char *input;    ///< [channels][tile_tokens]
    const char *weights;  ///< listed, of the first panel
    const char *offsets;  ///< of the first panel
    float *sums;          ///< [rows][tile_tokens]
    int64_t rows;
    int64_t tile_tokens;
    int64_t spans;
    int64_t slots;         ///< of a row in a span
    int64_t weight_bytes;  ///< from one panel's weights to the next
    int64_t offset_bytes;  ///< from one panel's offsets to the next
    int starts;            ///< whether sums start at zero

    const char *next;           ///< the input needed next
    int64_t next_lines;         ///< lines of it that a row prefetches
    const char *later_weights;  ///< the first panel's weights in the next block, to be prefetched; else NULL
    int64_t stored_bytes;       ///< from one stored panel to the next
    int64_t later_lines;        ///< lines of each panel to prefetch
} panel_block;

/// Two weights of a row.
KERNEL vector_pair broadcast_slots(const int is_bf16, const char *from) {
    if (is_bf16) return broadcast_pair(from);
    return (vector_pair){all(*(const float *)from), all(*(const float *)(from + panel_rows * 4))};
}

KERNEL void add_channel(const int vectors, vector weight, const char *channel, vector *totals) {
    // Keeps the address in one register: the processor splits an FMA with an indexed operand in two.
    __asm__("" : "+r"(channel));
    UNROLL for (int v = 0; v < vectors; v++) {
        totals[v] = multiply_add(weight, load((const float *)channel + v * lanes), totals[v]);
    }
}

/// `row_count` rows of a panel from `row` on; the first three are constants.
KERNEL void add_panel_rows(const int is_bf16, const int vectors, const int row_count, const panel_block *block,
                           const char *weights, const char *offsets, int64_t row, float *sums) {
    const int pair_step = is_bf16 ? pair_bytes : 2 * pair_bytes;
    vector totals[4][most_panel_vectors];
    UNROLL for (int r = 0; r < row_count; r++) {
        const float *from = sums + r * block->tile_tokens, *later = from + 2 * row_count * block->tile_tokens;
        UNROLL for (int v = 0; v < vectors; v++) totals[r][v] = block->starts ? zero() : load(from + v * lanes);
        // Sums come from the second-level cache.
        UNROLL for (int v = 0; v < vectors; v += 2) __builtin_prefetch(later + v * lanes, 0, 3);
    }
    weights += row * 4, offsets += row * 4;
    for (int64_t span = 0; span < block->spans; span += chunk_spans) {
        const int64_t spans = block->spans - span < chunk_spans ? block->spans - span : chunk_spans;
        for (int64_t pair = spans * block->slots / 2; pair > 0; pair--) {
            UNROLL for (int r = 0; r < row_count; r++) {
                uint32_t places;
                memcpy(&places, offsets + 4 * r, sizeof places);
                const vector_pair pair_weights = broadcast_slots(is_bf16, weights + 4 * r);
                add_channel(vectors, pair_weights.low, block->input + (uint16_t)places, totals[r]);
                add_channel(vectors, pair_weights.high, block->input + (places >> 16), totals[r]);
            }
            offsets += pair_bytes, weights += pair_step;
        }
    }
    UNROLL for (int r = 0; r < row_count; r++) {
        UNROLL for (int v = 0; v < vectors; v++) store(sums + r * block->tile_tokens + v * lanes, totals[r][v]);
    }
}

/// All panels of a block, with as many rows together as it takes to hide an FMA's latency.
KERNEL void add_panels(const int is_bf16, const int vectors, const panel_block *block) {
    const int rows_together = vectors <= 3 ? 4 : vectors <= 6 ? 2 : 1;
    const char *weights = block->weights, *offsets = block->offsets, *next = block->next;
    float *sums = block->sums;
    for (int64_t first = 0; first < block->rows; first += panel_rows) {
        if (block->later_weights) {
            const char *later = block->later_weights + first / panel_rows * block->stored_bytes;
            for (int64_t line = 0; line < block->later_lines; line++) __builtin_prefetch(later + line * 64, 0, 2);
        }
        for (int64_t row = 0; row < panel_rows; row += rows_together) {
            for (int64_t line = 0; line < rows_together * block->next_lines; line++, next += 64) {
                __builtin_prefetch(next, 0, 2);
            }
            add_panel_rows(is_bf16, vectors, rows_together, block, weights, offsets, row, sums);
            sums += rows_together * block->tile_tokens;
        }
        weights += block->weight_bytes, offsets += block->offset_bytes;
    }
}

#define ADD_PANELS(vectors)                                                                               \
    ENTRY void add_panels_##vectors(const panel_block *block) { add_panels(0, vectors, block); }          \
    ENTRY void add_bf16_panels_##vectors(const panel_block *block) { add_panels(1, vectors, block); }
ADD_PANELS(1)
ADD_PANELS(2)
ADD_PANELS(3)
ADD_PANELS(4)
ADD_PANELS(5)
ADD_PANELS(6)
ADD_PANELS(7)
ADD_PANELS(8)
ADD_PANELS(9)
ADD_PANELS(10)
ADD_PANELS(11)
ADD_PANELS(12)
ADD_PANELS(13)
#undef ADD_PANELS

static void add_panel_block(int is_bf16, int64_t vectors, const panel_block *block) {
#define BOTH(vectors) {add_panels_##vectors, add_bf16_panels_##vectors}
    static void (*const kernels[most_panel_vectors][2])(const panel_block *) = {
        BOTH(1), BOTH(2), BOTH(3), BOTH(4), BOTH(5), BOTH(6), BOTH(7), BOTH(8), BOTH(9), BOTH(10), BOTH(11), BOTH(12),
        BOTH(13),
    };
#undef BOTH
    kernels[vectors - 1][is_bf16](block);
}

#endif
