// Swap gains of the local block shuffle: one subtract-max-add pass, written once and compiled for each instruction set.
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

// One chunk of one group: thresholds[slot][row], the `kept`-th largest saliency among the slot's companions;
// bases[slot] += what the companions alone retain; returns what the group retains.
INLINE double group_thresholds(const float *const *members, int group, int kept, float *thresholds, double *bases) {
    lanes base_sums[MAXIMAL_GROUP] = {{0}}, total_sum = {0};
    for (int row = 0; row < CHUNK; row += LANES) {
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
        lanes last_kept = sorted[kept - 1], first_dropped = sorted[kept];
        top += first_dropped;
        for (int slot = 0; slot < group; slot++) {
            lanes value = *(const lanes *)(members[slot] + row);
            // A kept member leaves its place to the first dropped one; a dropped member leaves the others as they are.
            lanes leaving = __builtin_elementwise_max(value, first_dropped);
            base_sums[slot] += top - leaving;
            integer_lanes is_kept = value >= last_kept;
            *(integer_lanes *)(thresholds + slot * CHUNK + row) =
                (is_kept & (integer_lanes)first_dropped) | (~is_kept & (integer_lanes)last_kept);
        }
    }
    for (int slot = 0; slot < group; slot++) bases[slot] += folded(&base_sums[slot]);
    return folded(&total_sum);
}

// gains[a][b] += sum over the chunk's rows of max(0, channel b - threshold a), for a tile of slots and channels.
INLINE void gain_tile(const float *thresholds, const float *channels, double *gains, int64_t gains_stride,
                      const int slots, const int width) {
    lanes sums[4][4], zero = {0};
#pragma clang loop unroll(full)
    for (int a = 0; a < slots; a++)
#pragma clang loop unroll(full)
        for (int b = 0; b < width; b++) sums[a][b] = zero;
    for (int row = 0; row < CHUNK; row += LANES) {
        lanes values[4];
#pragma clang loop unroll(full)
        for (int b = 0; b < width; b++) values[b] = *(const lanes *)(channels + b * CHUNK + row);
#pragma clang loop unroll(full)
        for (int a = 0; a < slots; a++) {
            lanes threshold = *(const lanes *)(thresholds + a * CHUNK + row);
#pragma clang loop unroll(full)
            for (int b = 0; b < width; b++) sums[a][b] += __builtin_elementwise_max(values[b] - threshold, zero);
        }
    }
#pragma clang loop unroll(full)
    for (int a = 0; a < slots; a++)
#pragma clang loop unroll(full)
        for (int b = 0; b < width; b++) gains[a * gains_stride + b] += folded(&sums[a][b]);
}

INLINE void gain_slots(const float *thresholds, const float *block, int64_t channels, double *gains, const int slots,
                       const int width) {
    int64_t channel = 0;
    for (; channel + width <= channels; channel += width)
        gain_tile(thresholds, block + channel * CHUNK, gains + channel, channels, slots, width);
    for (; channel < channels; channel++)
        gain_tile(thresholds, block + channel * CHUNK, gains + channel, channels, slots, 1);
}

INLINE void swap_gains(const float *block, int64_t channels, int64_t chunks, const int32_t *order, int group, int kept,
                       const int32_t *groups, int64_t group_count, float *scratch, double *gains, double *totals,
                       const int tile) {
    for (int64_t index = 0; index < group_count; index++) {
        totals[groups[index]] = 0;
        if (gains) memset(gains + groups[index] * group * channels, 0, sizeof(double) * group * channels);
    }
    for (int64_t chunk = 0; chunk < chunks; chunk++, block += channels * CHUNK) {
        for (int64_t index = 0; index < group_count; index++) {
            const int64_t first = (int64_t)groups[index] * group;
            const float *members[MAXIMAL_GROUP];
            double bases[MAXIMAL_GROUP] = {0};
            for (int slot = 0; slot < group; slot++) members[slot] = block + order[first + slot] * (int64_t)CHUNK;
            totals[groups[index]] += group_thresholds(members, group, kept, scratch, bases);
            if (!gains) continue;
            double *rows = gains + first * channels;
            for (int slot = 0; slot < group; slot++)
                for (int64_t channel = 0; channel < channels; channel++) rows[slot * channels + channel] += bases[slot];
            int slot = 0;
            for (; slot + tile <= group; slot += tile)
                gain_slots(scratch + slot * CHUNK, block, channels, rows + slot * channels, tile, tile);
            for (; slot < group; slot++)
                gain_slots(scratch + slot * CHUNK, block, channels, rows + slot * channels, 1, tile);
        }
    }
}

#define ARGUMENTS                                                                                                      \
    const float *block, int64_t channels, int64_t chunks, const int32_t *order, int group, int kept,                   \
        const int32_t *groups, int64_t group_count, float *scratch, double *gains, double *totals
#define PASSED block, channels, chunks, order, group, kept, groups, group_count, scratch, gains, totals

static void gains_plain(ARGUMENTS) { swap_gains(PASSED, 1); }

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void gains_avx2(ARGUMENTS) { swap_gains(PASSED, 2); }
__attribute__((target("avx512f,avx512vl,avx512dq"))) static void gains_avx512(ARGUMENTS) {
    swap_gains(PASSED, 4);
}

int esparse_shuffle_best_variant(void) {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        return ESPARSE_SHUFFLE_AVX512;
    return __builtin_cpu_supports("avx2") ? ESPARSE_SHUFFLE_AVX2 : ESPARSE_SHUFFLE_PLAIN;
}
#else
int esparse_shuffle_best_variant(void) { return ESPARSE_SHUFFLE_PLAIN; }
#endif

void esparse_shuffle_gains(int variant, ARGUMENTS) {
#if defined(__x86_64__)
    if (variant == ESPARSE_SHUFFLE_AVX512) return gains_avx512(PASSED);
    if (variant == ESPARSE_SHUFFLE_AVX2) return gains_avx2(PASSED);
#else
    (void)variant;
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
