// Swap gains of the local block shuffle: one subtract-max-add pass, written once, compiled for each instruction set.
//
// Sums run over 16 lanes within a chunk of rows, are folded in halves, and chunks are added in double precision. The
// lanes are a compiler vector, so AVX-512, AVX2 and plain variants give the same bits.
#include "shuffle_kernels.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define CHUNK ESPARSE_SHUFFLE_CHUNK
enum { LANES = 16, MAXIMAL_GROUP = 32 };

typedef float lanes __attribute__((vector_size(64)));
typedef int32_t integer_lanes __attribute__((vector_size(64)));
typedef float lanes8 __attribute__((vector_size(32)));
typedef float lanes4 __attribute__((vector_size(16)));

// Sum of the lanes, folded in halves.
INLINE double folded(const lanes *sums) {
    lanes8 eight = __builtin_shufflevector(*sums, *sums, 0, 1, 2, 3, 4, 5, 6, 7) +
                   __builtin_shufflevector(*sums, *sums, 8, 9, 10, 11, 12, 13, 14, 15);
    lanes4 four = __builtin_shufflevector(eight, eight, 0, 1, 2, 3) + __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
    return (double)((four[0] + four[2]) + (four[1] + four[3]));
}

// What the gain of one chunk of one group needs: two thresholds a row, then one flag a slot and row.
//
// Among a slot's companions the `kept`-th largest saliency is `lower` where the slot is kept and `upper` where not, so
// max(0, x - threshold) = max(0, x - upper) + flag * (max(0, x - lower) - max(0, x - upper)).
typedef struct {
    const float *upper; // [CHUNK]: the group's `kept`-th largest
    const float *lower; // [CHUNK]: the next one
    const float *flags; // [slot][CHUNK]: 1 where the slot is kept, else 0
} thresholds;

// Fills the thresholds of one chunk; bases[slot] += what the slot's companions alone retain; returns what the group
// retains.
INLINE double group_thresholds(const float *const *members, int rows, int group, int kept, float *scratch,
                               double *bases) {
    lanes base_sums[MAXIMAL_GROUP] = {{0}}, total_sum = {0};
    const lanes one = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    for (int row = 0; row < rows; row += LANES) {
        lanes sorted[MAXIMAL_GROUP];
        for (int slot = 0; slot < group; slot++) sorted[slot] = *(const lanes *)(members[slot] + row);
        // Bubbles the kept + 1 largest to the front.
        for (int front = 0; front <= kept && front < group - 1; front++) {
            for (int slot = group - 1; slot > front; slot--) {
                lanes left = sorted[slot - 1], right = sorted[slot];
                sorted[slot - 1] = __builtin_elementwise_max(left, right);
                sorted[slot] = __builtin_elementwise_min(left, right);
            }
        }
        lanes top = {0};
        for (int rank = 0; rank < kept; rank++) top += sorted[rank];
        total_sum += top;
        lanes upper = sorted[kept - 1], lower = sorted[kept];
        *(lanes *)(scratch + row) = upper;
        *(lanes *)(scratch + CHUNK + row) = lower;
        top += lower;
        for (int slot = 0; slot < group; slot++) {
            lanes value = *(const lanes *)(members[slot] + row);
            // A kept slot leaves its place to the first dropped one; a dropped slot leaves the others as they are.
            base_sums[slot] += top - __builtin_elementwise_max(value, lower);
            *(integer_lanes *)(scratch + (2 + slot) * CHUNK + row) = (value >= upper) & (integer_lanes)one;
        }
    }
    for (int slot = 0; slot < group; slot++) bases[slot] += folded(&base_sums[slot]);
    return folded(&total_sum);
}

// gains[a][b] += sum over the chunk's rows of max(0, channel b - threshold of slot a), for a tile of slots and
// channels. Products with a flag are exact, so a fused multiply-add gives the same bits as a separate one.
INLINE void gain_tile(thresholds limits, int rows, const float *channels, double *gains, int64_t gains_stride,
                      const int slots, const int width) {
    lanes extra[8][4], common[4], zero = {0};
#pragma clang loop unroll(full)
    for (int b = 0; b < width; b++) {
        common[b] = zero;
#pragma clang loop unroll(full)
        for (int a = 0; a < slots; a++) extra[a][b] = zero;
    }
    for (int row = 0; row < rows; row += LANES) {
        lanes upper = *(const lanes *)(limits.upper + row), lower = *(const lanes *)(limits.lower + row);
        lanes difference[4];
#pragma clang loop unroll(full)
        for (int b = 0; b < width; b++) {
            lanes value = *(const lanes *)(channels + b * CHUNK + row);
            lanes over = __builtin_elementwise_max(value - upper, zero);
            difference[b] = __builtin_elementwise_max(value - lower, zero) - over;
            common[b] += over;
        }
#pragma clang loop unroll(full)
        for (int a = 0; a < slots; a++) {
            lanes flag = *(const lanes *)(limits.flags + a * CHUNK + row);
#pragma clang loop unroll(full)
            for (int b = 0; b < width; b++) extra[a][b] += difference[b] * flag;
        }
    }
#pragma clang loop unroll(full)
    for (int b = 0; b < width; b++) {
        const double shared = folded(&common[b]);
#pragma clang loop unroll(full)
        for (int a = 0; a < slots; a++) gains[a * gains_stride + b] += shared + folded(&extra[a][b]);
    }
}

// Gains of `slots` slots from `first_slot` on against channels [begin, end), a row of `gains` for each slot.
INLINE void gain_slots(thresholds limits, int rows, int first_slot, const float *block, int64_t begin, int64_t end,
                       double *gains, const int slots, const int width) {
    const int64_t stride = end - begin;
    limits.flags += (int64_t)first_slot * CHUNK;
    int64_t channel = begin;
    for (; channel + width <= end; channel += width)
        gain_tile(limits, rows, block + channel * CHUNK, gains + (channel - begin), stride, slots, width);
    for (; channel < end; channel++)
        gain_tile(limits, rows, block + channel * CHUNK, gains + (channel - begin), stride, slots, 1);
}

// `registers`: tiles of slots x channels that the instruction set's registers hold.
INLINE void swap_gains(const float *block, int64_t channels, int64_t rows, const int32_t *order, int group, int kept,
                       const int32_t *groups, int64_t group_count, esparse_shuffle_ranges asked, float *scratch,
                       double *gains, double *totals, const int registers) {
    const thresholds limits = {scratch, scratch + CHUNK, scratch + 2 * CHUNK};
    const int slots = asked.slot_end - asked.slot_begin;
    const int64_t width = asked.channel_end - asked.channel_begin, group_size = slots * width;
    for (int64_t index = 0; index < group_count; index++) {
        totals[groups[index]] = 0;
        if (gains) memset(gains + groups[index] * group_size, 0, sizeof(double) * group_size);
    }
    for (int64_t start = 0; start < rows; start += CHUNK, block += channels * CHUNK) {
        // Rows past the last are zero: only whole vectors of the last chunk are read.
        const int count = rows - start < CHUNK ? (int)(rows - start + LANES - 1) / LANES * LANES : CHUNK;
        for (int64_t index = 0; index < group_count; index++) {
            const int64_t first = (int64_t)groups[index] * group;
            const float *members[MAXIMAL_GROUP];
            double bases[MAXIMAL_GROUP] = {0};
            for (int slot = 0; slot < group; slot++) members[slot] = block + order[first + slot] * (int64_t)CHUNK;
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
            if (registers >= 16)
                for (; slot + 8 <= slots; slot += 8) GAINS(8, registers / 8);
            for (; slot + 4 <= slots; slot += 4) GAINS(4, registers / 4);
            for (; slot < slots; slot++) GAINS(1, registers / 4);
#undef GAINS
        }
    }
}

#define ARGUMENTS                                                                                                      \
    const float *block, int64_t channels, int64_t rows, const int32_t *order, int group, int kept,                   \
        const int32_t *groups, int64_t group_count, esparse_shuffle_ranges asked, float *scratch, double *gains,      \
        double *totals
#define PASSED block, channels, rows, order, group, kept, groups, group_count, asked, scratch, gains, totals

static void gains_plain(ARGUMENTS) { swap_gains(PASSED, 4); }

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void gains_avx2(ARGUMENTS) { swap_gains(PASSED, 4); }
__attribute__((target("avx512f,avx512vl,avx512dq"))) static void gains_avx512(ARGUMENTS) {
    swap_gains(PASSED, 16);
}
#endif

void esparse_shuffle_gains(int instruction_set, ARGUMENTS) {
#if defined(__x86_64__)
    if (instruction_set == esparse_instruction_set_avx512) return gains_avx512(PASSED);
    if (instruction_set == esparse_instruction_set_avx2) return gains_avx2(PASSED);
#else
    (void)instruction_set;
#endif
    gains_plain(PASSED);
}

void esparse_shuffle_gather(const float *matrix, int64_t rows, int64_t columns, const int32_t *order, int64_t channels,
                            int64_t first_row, float *block) {
    // Few rows at a time: a cache line of the block is written whole, and the rows' lines stay in the cache.
    for (int64_t row = 0; row < rows; row += LANES) {
        const int count = rows - row < LANES ? (int)(rows - row) : LANES;
        for (int64_t channel = 0; channel < channels; channel++) {
            const float *source = matrix + row * columns + order[channel];
            for (int offset = 0; offset < count; offset++) {
                const int64_t target = first_row + row + offset;
                block[(target / CHUNK * channels + channel) * CHUNK + target % CHUNK] = source[offset * columns];
            }
        }
    }
}
