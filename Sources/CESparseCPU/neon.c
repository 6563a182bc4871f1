// Kernels for arm64: linears with 8 floats a vector (two registers), bitmasks expanded by table look-ups.
#include "prelude.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define LAYER_LANES 4
#define LAYER_STRIP 2
#define GAIN_TILE 4
#define PEAK_BYTES 16
#include "layer/kernels.h"
#include "peak/loops.h"
#include "shuffle/kernels.h"

// MARK: Linears

#include "linear/expand_table.h"
#define ROWS_WITH_1_TOKEN 8
#define ROWS_WITH_2_TOKENS 4
#define ROWS_WITH_4_TOKENS 0
#define ROWS_WITH_8_TOKENS 0
#define EXPANDED_ROWS_WITH_4_TOKENS 2
#define READS_PAST_VALUES 1
#define VALUES_AHEAD 512
#define VALUES_NEAR 3

enum { lanes = 8 };
typedef struct {
    float32x4_t low, high;
} vector;
typedef struct {
    vector low, high;
} vector_pair;

#define EACH(function, a) ((vector){function((a).low), function((a).high)})
#define EACH_2(function, a, b) ((vector){function((a).low, (b).low), function((a).high, (b).high)})
#define EACH_PAIR(function, a) ((vector_pair){function((a).low), function((a).high)})

KERNEL vector all(float value) { return (vector){vdupq_n_f32(value), vdupq_n_f32(value)}; }
KERNEL vector zero(void) { return all(0); }
KERNEL vector load(const float *from) { return (vector){vld1q_f32(from), vld1q_f32(from + 4)}; }
KERNEL void store(float *to, vector value) {
    vst1q_f32(to, value.low);
    vst1q_f32(to + 4, value.high);
}
KERNEL vector add(vector a, vector b) { return EACH_2(vaddq_f32, a, b); }
KERNEL vector multiply(vector a, vector b) { return EACH_2(vmulq_f32, a, b); }
KERNEL vector multiply_add(vector a, vector b, vector c) {
    return (vector){vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
}
/// The larger of two; `b` where one is NaN.
KERNEL float32x4_t larger_half(float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
KERNEL vector larger(vector a, vector b) { return EACH_2(larger_half, a, b); }
KERNEL vector nearest_integer(vector value) { return EACH(vrndnq_f32, value); }

/// For powers in [-126, 127].
KERNEL float32x4_t scaled_half(float32x4_t value, float32x4_t power) {
    int32x4_t exponent = vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(power), vdupq_n_s32(127)), 23);
    return vmulq_f32(value, vreinterpretq_f32_s32(exponent));
}
KERNEL vector times_power_of_two(vector value, vector power) { return EACH_2(scaled_half, value, power); }

/// The sum of the lanes of each of eight vectors: lanes i and i + 4 first, then neighbours.
KERNEL void reduce_eight(const vector *sums, float *totals) {
    UNROLL for (int i = 0; i < 8; i += 4) {
        float32x4_t fours[4];
        UNROLL for (int j = 0; j < 4; j++) fours[j] = vaddq_f32(sums[i + j].low, sums[i + j].high);
        vst1q_f32(totals + i, vpaddq_f32(vpaddq_f32(fours[0], fours[1]), vpaddq_f32(fours[2], fours[3])));
    }
}

/// Nearest bf16, ties to even, in a float; NaN stays a quiet NaN.
KERNEL float32x4_t rounded_half(float32x4_t value) {
    uint32x4_t bits = vreinterpretq_u32_f32(value);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t sum = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7FFF)), odd);
    uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    uint32x4_t chosen = vbslq_u32(vceqq_f32(value, value), sum, quiet);
    return vreinterpretq_f32_u32(vandq_u32(chosen, vdupq_n_u32(0xFFFF0000)));
}
KERNEL vector rounded(vector value) { return EACH(rounded_half, value); }

KERNEL void store_high_halves(uint16_t *to, vector value) {
    vst1_u16(to, vshrn_n_u32(vreinterpretq_u32_f32(value.low), 16));
    vst1_u16(to + 4, vshrn_n_u32(vreinterpretq_u32_f32(value.high), 16));
}

/// `count` bytes of stored values at `copy` or where they lie; near `end`, where one is given, what there is and then
/// zeros.
KERNEL const char *readable(const char *from, const char *end, int count, char *copy) {
    if (!end || end - from >= count) return from;
    memcpy(copy, from, (size_t)(end - from));
    return copy;
}

typedef uint16x8_t halves;
typedef struct {
    halves low, high;
} half_pair;

KERNEL halves next_halves(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    const char *from = *cursor;
    if (!is_masked) {
        *cursor = from + 16;
        return vreinterpretq_u16_u8(vld1q_u8((const uint8_t *)from));
    }
    *cursor = from + 2 * __builtin_popcount(*mask);
    char copy[32] = {0};
    uint8x16_t values = vld1q_u8((const uint8_t *)readable(from, end, 16, copy));
    return vreinterpretq_u16_u8(vqtbl1q_u8(values, vld1q_u8(expand_shuffles[*mask])));
}

KERNEL half_pair next_half_pair(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    halves low = next_halves(is_masked, cursor, end, mask);
    return (half_pair){low, next_halves(is_masked, cursor, end, is_masked ? mask + 1 : NULL)};
}

KERNEL vector next_floats(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    const char *from = *cursor;
    if (!is_masked) {
        *cursor = from + 32;
        return (vector){
            vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)from)),
            vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)from + 16)),
        };
    }
    *cursor = from + 4 * __builtin_popcount(*mask);
    char copy[32] = {0};
    const uint8_t *values = (const uint8_t *)readable(from, end, 32, copy);
    uint8x16x2_t pair = {{vld1q_u8(values), vld1q_u8(values + 16)}};
    // Bytes 2 k and 2 k + 1 become 4 k to 4 k + 3; what gives zero stays above 127.
    uint8x16_t places = vld1q_u8(expand_shuffles[*mask]);
    uint8x16_t even = vqaddq_u8(places, places), odd = vqaddq_u8(even, vdupq_n_u8(1));
    return (vector){
        vreinterpretq_f32_u8(vqtbl2q_u8(pair, vzip1q_u8(even, odd))),
        vreinterpretq_f32_u8(vqtbl2q_u8(pair, vzip2q_u8(even, odd))),
    };
}

KERNEL vector_pair next_float_pair(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    vector low = next_floats(is_masked, cursor, end, mask);
    return (vector_pair){low, next_floats(is_masked, cursor, end, is_masked ? mask + 1 : NULL)};
}

KERNEL vector widen_float16(halves values) {
    float16x8_t floats = vreinterpretq_f16_u16(values);
    return (vector){vcvt_f32_f16(vget_low_f16(floats)), vcvt_high_f32_f16(floats)};
}

KERNEL vector_pair widen_float16_pair(half_pair values) { return EACH_PAIR(widen_float16, values); }

KERNEL vector widen_bfloat16(halves values) {
    return (vector){
        vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(values), 16)),
        vreinterpretq_f32_u32(vshll_high_n_u16(values, 16)),
    };
}

enum { splits_apart = 0 };

KERNEL vector_pair split_bfloat16(half_pair values) { return EACH_PAIR(widen_bfloat16, values); }

/// The next f16 weights of a row, of which `left` are left, with whatever lies behind them; nothing from `end` on is
/// read.
KERNEL vector load_float16(int64_t left, const char *from, const char *end) {
    (void)left;
    char copy[16] = {0};
    return widen_float16(vreinterpretq_u16_u8(vld1q_u8((const uint8_t *)readable(from, end, 16, copy))));
}

#define SIMD
#include "linear/storage.h"
#include "linear/simd.h"
#define MANY {0}
#include "linear/table.h"

const esparse_kernels esparse_kernels_neon = {
    .name = "neon",
    .features = esparse_feature_neon,
    .linear = &linear_kernels,
    .layer = &layer_kernels,
    .shuffle = &shuffle_kernels,
    .peak = &peak_kernels,
};
#endif
