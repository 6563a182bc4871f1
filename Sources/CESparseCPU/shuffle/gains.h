// Swap gains of the local block shuffle: one subtract-max-add pass.
//
// Sums run over 16 rows side by side within a chunk of rows, are folded in halves, and chunks are added in double
// precision. Those 16 are a compiler's vector, in as many registers as an instruction set needs for it, so all sets
// give the same bits. The including file defines `GAIN_TILE`: slots times channels whose sums the registers hold.

enum { gain_lanes = 16, largest_group = 32, chunk_rows = ESPARSE_SHUFFLE_CHUNK };

typedef float gain_vector __attribute__((vector_size(64)));
typedef int32_t gain_flags __attribute__((vector_size(64)));
typedef float gain_half __attribute__((vector_size(32)));
typedef float gain_quarter __attribute__((vector_size(16)));

/// Sum of the lanes, folded in halves.
KERNEL double folded(const gain_vector *sums) {
    gain_half eight = __builtin_shufflevector(*sums, *sums, 0, 1, 2, 3, 4, 5, 6, 7) +
                      __builtin_shufflevector(*sums, *sums, 8, 9, 10, 11, 12, 13, 14, 15);
    gain_quarter four =
        __builtin_shufflevector(eight, eight, 0, 1, 2, 3) + __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
    return (double)((four[0] + four[2]) + (four[1] + four[3]));
}

/// What the gain of one chunk of one group needs: two thresholds a row, then one flag a slot and row.
///
/// Among a slot's companions the `kept`-th largest saliency is `lower` where the slot is kept and `upper` where not, so
/// max(0, x - threshold) = max(0, x - upper) + flag * (max(0, x - lower) - max(0, x - upper)).
typedef struct {
    const float *upper;  ///< [chunk_rows]: the group's `kept`-th largest
    const float *lower;  ///< [chunk_rows]: the next one
    const float *flags;  ///< [slot][chunk_rows]: 1 where the slot is kept, else 0
} thresholds;

/// Fills the thresholds of one chunk; bases[slot] += what the slot's companions alone retain; returns what the group
/// retains.
KERNEL double group_thresholds(const float *const *members, int rows, int group, int kept, float *scratch,
                               double *bases) {
    gain_vector base_sums[largest_group] = {{0}}, total_sum = {0};
    const gain_vector one = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    for (int row = 0; row < rows; row += gain_lanes) {
        gain_vector sorted[largest_group];
        for (int slot = 0; slot < group; slot++) sorted[slot] = *(const gain_vector *)(members[slot] + row);
        // Bubbles the kept + 1 largest to the front.
        for (int front = 0; front <= kept && front < group - 1; front++) {
            for (int slot = group - 1; slot > front; slot--) {
                gain_vector left = sorted[slot - 1], right = sorted[slot];
                sorted[slot - 1] = __builtin_elementwise_max(left, right);
                sorted[slot] = __builtin_elementwise_min(left, right);
            }
        }
        gain_vector top = {0};
        for (int rank = 0; rank < kept; rank++) top += sorted[rank];
        total_sum += top;
        gain_vector upper = sorted[kept - 1], lower = sorted[kept];
        *(gain_vector *)(scratch + row) = upper;
        *(gain_vector *)(scratch + chunk_rows + row) = lower;
        top += lower;
        for (int slot = 0; slot < group; slot++) {
            gain_vector value = *(const gain_vector *)(members[slot] + row);
            // A kept slot leaves its place to the first dropped one; a dropped slot leaves the others as they are.
            base_sums[slot] += top - __builtin_elementwise_max(value, lower);
            *(gain_flags *)(scratch + (2 + slot) * chunk_rows + row) = (value >= upper) & (gain_flags)one;
        }
    }
    for (int slot = 0; slot < group; slot++) bases[slot] += folded(&base_sums[slot]);
    return folded(&total_sum);
}

/// gains[a][b] += sum over the chunk's rows of max(0, channel b - threshold of slot a), for a tile of slots and
/// channels. Products with a flag are exact, so a fused multiply-add gives the same bits as a separate one.
KERNEL void gain_tile(thresholds limits, int rows, const float *channels, double *gains, int64_t gains_stride,
                      const int slots, const int width) {
    gain_vector extra[8][4], common[4], zero = {0};
    UNROLL for (int b = 0; b < width; b++) {
        common[b] = zero;
        UNROLL for (int a = 0; a < slots; a++) extra[a][b] = zero;
    }
    for (int row = 0; row < rows; row += gain_lanes) {
        gain_vector upper = *(const gain_vector *)(limits.upper + row);
        gain_vector lower = *(const gain_vector *)(limits.lower + row);
        gain_vector difference[4];
        UNROLL for (int b = 0; b < width; b++) {
            gain_vector value = *(const gain_vector *)(channels + b * chunk_rows + row);
            gain_vector over = __builtin_elementwise_max(value - upper, zero);
            difference[b] = __builtin_elementwise_max(value - lower, zero) - over;
            common[b] += over;
        }
        UNROLL for (int a = 0; a < slots; a++) {
            gain_vector flag = *(const gain_vector *)(limits.flags + a * chunk_rows + row);
            UNROLL for (int b = 0; b < width; b++) extra[a][b] += difference[b] * flag;
        }
    }
    UNROLL for (int b = 0; b < width; b++) {
        const double shared = folded(&common[b]);
        UNROLL for (int a = 0; a < slots; a++) gains[a * gains_stride + b] += shared + folded(&extra[a][b]);
    }
}

/// Gains of `slots` slots from `first_slot` on against channels [begin, end), a row of `gains` for each slot.
KERNEL void gain_slots(thresholds limits, int rows, int first_slot, const float *block, int64_t begin, int64_t end,
                       double *gains, const int slots, const int width) {
    const int64_t stride = end - begin;
    limits.flags += (int64_t)first_slot * chunk_rows;
    int64_t channel = begin;
    for (; channel + width <= end; channel += width)
        gain_tile(limits, rows, block + channel * chunk_rows, gains + (channel - begin), stride, slots, width);
    for (; channel < end; channel++)
        gain_tile(limits, rows, block + channel * chunk_rows, gains + (channel - begin), stride, slots, 1);
}

/// See `esparse_shuffle_kernels.gains`.
static void swap_gains(const float *block, int64_t channels, int64_t rows, const int32_t *order, int group, int kept,
                       const int32_t *groups, int64_t group_count, esparse_shuffle_ranges asked, float *scratch,
                       double *gains, double *totals) {
    const thresholds limits = {scratch, scratch + chunk_rows, scratch + 2 * chunk_rows};
    const int slots = asked.slot_end - asked.slot_begin;
    const int64_t width = asked.channel_end - asked.channel_begin, group_size = slots * width;
    for (int64_t index = 0; index < group_count; index++) {
        totals[groups[index]] = 0;
        if (gains) memset(gains + groups[index] * group_size, 0, sizeof(double) * group_size);
    }
    for (int64_t start = 0; start < rows; start += chunk_rows, block += channels * chunk_rows) {
        // Rows past the last are zero: only whole vectors of the last chunk are read.
        const int left = rows - start < chunk_rows ? (int)(rows - start) : chunk_rows;
        const int count = (left + gain_lanes - 1) / gain_lanes * gain_lanes;
        for (int64_t index = 0; index < group_count; index++) {
            const int64_t first = (int64_t)groups[index] * group;
            const float *members[largest_group];
            double bases[largest_group] = {0};
            for (int slot = 0; slot < group; slot++) members[slot] = block + order[first + slot] * (int64_t)chunk_rows;
            totals[groups[index]] += group_thresholds(members, count, group, kept, scratch, bases);
            if (!gains) continue;
            double *table = gains + groups[index] * group_size;
            for (int slot = 0; slot < slots; slot++) {
                for (int64_t channel = 0; channel < width; channel++) {
                    table[slot * width + channel] += bases[asked.slot_begin + slot];
                }
            }
            int slot = 0;
#define GAINS(SLOTS, WIDTH)                                                                                            \
    gain_slots(limits, count, asked.slot_begin + slot, block, asked.channel_begin, asked.channel_end,                 \
               table + slot * width, SLOTS, WIDTH)
            if (GAIN_TILE >= 16)
                for (; slot + 8 <= slots; slot += 8) GAINS(8, GAIN_TILE / 8);
            for (; slot + 4 <= slots; slot += 4) GAINS(4, GAIN_TILE / 4);
            for (; slot < slots; slot++) GAINS(1, GAIN_TILE / 4);
#undef GAINS
        }
    }
}
