// Kernels of the channel shuffle and of the N:M mask: swap gains of a block of channels, the bits that are kept, and
// exchanges of kept and dropped weights.
//
// All instruction sets add in the same order, so results are the same bits on every machine.
#ifndef ESPARSE_SHUFFLE_KERNELS_H
#define ESPARSE_SHUFFLE_KERNELS_H

#include <stdint.h>

/// Rows of a chunk: single-precision partial sums never run over more rows than this.
enum { ESPARSE_SHUFFLE_CHUNK = 1024 };

/// Which gains are asked for: slots [slot_begin, slot_end) of each group, channels [channel_begin, channel_end) of the
/// block.
typedef struct {
    int32_t slot_begin, slot_end;
    int64_t channel_begin, channel_end;
} esparse_shuffle_ranges;

/// The kernels of one instruction set. Every function runs on the calling thread.
typedef struct {
    /// For each listed group of `group` slots, of which `kept` are retained (slot s holds channel order[s] of the
    /// block):
    ///   totals[g]                = sum over rows of the `kept` largest saliencies of the group
    ///   gains[g][slot][channel]  = that sum if the channel took the slot, undefined for the group's other members;
    ///                              slots and channels count from the begin of the range that is asked for
    /// `block` is what `esparse_shuffle_gather` fills, `scratch` holds (group + 2) * ESPARSE_SHUFFLE_CHUNK floats; both
    /// are 64-byte aligned. `gains` may be null: totals only.
    void (*gains)(const float *block, int64_t channels, int64_t rows, const int32_t *order, int group, int kept,
                  const int32_t *groups, int64_t group_count, esparse_shuffle_ranges asked, float *scratch,
                  double *gains, double *totals);
    /// response[i] += lost * drop_row[i] - won * keep_row[i] for i in [0, count), each operation rounded by itself.
    void (*exchange)(float *response, float lost, const float *drop_row, float won, const float *keep_row,
                     int64_t count);
} esparse_shuffle_kernels;

/// Copies chosen columns of a row-major matrix [rows, columns] into a block [chunk][channel][row of the chunk] at row
/// `first_row`. The block's rows past the matrix must have been zeroed.
void esparse_shuffle_gather(const float *matrix, int64_t rows, int64_t columns, const int32_t *order, int64_t channels,
                            int64_t first_row, float *block);

/// Mask bits of rows [rows, columns] of saliency: bit j % 8 of byte j / 8 of a row is 1 when permuted column j is among
/// the `kept` largest of its group of `group` consecutive permuted columns; ties keep the lower j; a NaN counts as
/// largest. `order` may be null: identity. `row` is scratch of `columns` values. `bits` is [rows][(columns + 7) / 8],
/// zeroed.
void esparse_mask_bits(const float *saliency, int64_t rows, int64_t columns, const int32_t *order, int group, int kept,
                       int32_t *row, uint8_t *bits);

#endif
