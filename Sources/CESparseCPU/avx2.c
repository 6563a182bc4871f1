// Kernels for AVX2 (with FMA, F16C, BMI2): 8 floats a vector, bitmasks expanded by shuffles from a table.
#include "prelude.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2,popcnt,prfchw"))), apply_to = function)

#define LAYER_LANES 8
#define LAYER_STRIP 2
#define GAIN_TILE 4
#define PEAK_BYTES 32
#include "layer/kernels.h"
#include "peak/loops.h"
#include "shuffle/kernels.h"

// MARK: Linears

#include "linear/expand_table.h"
#define ROWS_WITH_1_TOKEN 4
#define ROWS_WITH_2_TOKENS 4
#define ROWS_WITH_4_TOKENS 0
#define ROWS_WITH_8_TOKENS 0
#define EXPANDED_ROWS_WITH_4_TOKENS 2
#define READS_PAST_VALUES 1
#define VALUES_AHEAD 2048
#define VALUES_NEAR 2

enum { lanes = 8 };
typedef __m256 vector;
typedef struct {
    vector low, high;
} vector_pair;

KERNEL vector zero(void) { return _mm256_setzero_ps(); }
KERNEL vector all(float value) { return _mm256_set1_ps(value); }
KERNEL vector load(const float *from) { return _mm256_loadu_ps(from); }
KERNEL void store(float *to, vector value) { _mm256_storeu_ps(to, value); }
KERNEL vector add(vector a, vector b) { return _mm256_add_ps(a, b); }
KERNEL vector multiply(vector a, vector b) { return _mm256_mul_ps(a, b); }
KERNEL vector multiply_add(vector a, vector b, vector c) { return _mm256_fmadd_ps(a, b, c); }
KERNEL vector larger(vector a, vector b) { return _mm256_max_ps(a, b); }
KERNEL vector nearest_integer(vector value) {
    return _mm256_round_ps(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/// The sum of the lanes of each of eight vectors, by halves: lanes i and i + 4 first, then i + 2, i + 1.
KERNEL void reduce_eight(const vector *sums, float *totals) {
    vector fours[4], pairs[2];
    UNROLL for (int i = 0; i < 4; i++) {
        fours[i] = add(_mm256_permute2f128_ps(sums[i], sums[i + 4], 0x20),
                       _mm256_permute2f128_ps(sums[i], sums[i + 4], 0x31));
    }
    // The lower half of fours[i] holds four lanes of vector i, the upper half of vector i + 4.
    UNROLL for (int i = 0; i < 2; i++) {
        pairs[i] = add(_mm256_shuffle_ps(fours[2 * i], fours[2 * i + 1], 0x44),
                       _mm256_shuffle_ps(fours[2 * i], fours[2 * i + 1], 0xEE));
    }
    _mm256_storeu_ps(totals, add(_mm256_shuffle_ps(pairs[0], pairs[1], 0x88),
                                 _mm256_shuffle_ps(pairs[0], pairs[1], 0xDD)));
}

/// For powers in [-126, 127].
KERNEL vector times_power_of_two(vector value, vector power) {
    __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(value, _mm256_castsi256_ps(exponent));
}

/// Nearest bf16, ties to even, in a float; NaN stays a quiet NaN.
KERNEL vector rounded(vector value) {
    __m256i bits = _mm256_castps_si256(value);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i sum = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    __m256 is_nan = _mm256_cmp_ps(value, value, _CMP_UNORD_Q);
    __m256 chosen = _mm256_blendv_ps(_mm256_castsi256_ps(sum), _mm256_castsi256_ps(quiet), is_nan);
    return _mm256_and_ps(chosen, _mm256_castsi256_ps(_mm256_set1_epi32((int)0xFFFF0000)));
}

KERNEL void store_high_halves(uint16_t *to, vector value) {
    __m256i halves = _mm256_srli_epi32(_mm256_castps_si256(value), 16);
    halves = _mm256_permute4x64_epi64(_mm256_packus_epi32(halves, halves), 0x08);
    _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128(halves));
}

/// 16 bytes of stored values; near `end`, where one is given, what there is and then zeros.
KERNEL __m128i load_sixteen_bytes(const char *from, const char *end) {
    if (!end || end - from >= 16) return _mm_loadu_si128((const __m128i *)from);
    char copy[16] = {0};
    memcpy(copy, from, (size_t)(end - from));
    return _mm_loadu_si128((const __m128i *)copy);
}

typedef __m128i halves;
typedef __m256i half_pair;

KERNEL halves next_halves(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    const char *from = *cursor;
    if (!is_masked) {
        *cursor += 16;
        return _mm_loadu_si128((const __m128i *)from);
    }
    *cursor += 2 * _mm_popcnt_u32(*mask);
    return _mm_shuffle_epi8(load_sixteen_bytes(from, end), _mm_load_si128((const __m128i *)expand_shuffles[*mask]));
}

KERNEL half_pair next_half_pair(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    if (!is_masked) {
        *cursor += 32;
        return _mm256_loadu_si256((const __m256i *)(*cursor - 32));
    }
    halves low = next_halves(1, cursor, end, mask);
    return _mm256_set_m128i(next_halves(1, cursor, end, mask + 1), low);
}

KERNEL vector next_floats(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    const char *from = *cursor;
    if (!is_masked) {
        *cursor += 32;
        return _mm256_loadu_ps((const float *)from);
    }
    *cursor += 4 * _mm_popcnt_u32(*mask);
    vector values;
    if (!end || end - from >= 32) {
        values = _mm256_loadu_ps((const float *)from);
    } else {
        char copy[32] = {0};
        memcpy(copy, from, (size_t)(end - from));
        values = _mm256_loadu_ps((const float *)copy);
    }
    // The lower byte is twice the number of kept columns before this one; the sign is set where it is not kept.
    __m256i places = _mm256_cvtepi16_epi32(_mm_load_si128((const __m128i *)expand_shuffles[*mask]));
    vector spread = _mm256_permutevar8x32_ps(values, _mm256_srli_epi32(places, 1));
    return _mm256_andnot_ps(_mm256_castsi256_ps(_mm256_srai_epi32(places, 31)), spread);
}

KERNEL vector_pair next_float_pair(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    vector low = next_floats(is_masked, cursor, end, mask);
    return (vector_pair){low, next_floats(is_masked, cursor, end, is_masked ? mask + 1 : NULL)};
}

KERNEL vector widen_float16(halves values) { return _mm256_cvtph_ps(values); }

KERNEL vector_pair widen_float16_pair(half_pair values) {
    return (vector_pair){_mm256_cvtph_ps(_mm256_castsi256_si128(values)),
                         _mm256_cvtph_ps(_mm256_extracti128_si256(values, 1))};
}

KERNEL vector widen_bfloat16(halves values) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(values), 16));
}

enum { splits_apart = 1 };

KERNEL vector_pair split_bfloat16(half_pair pairs) {
    return (vector_pair){
        _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)),
        _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int)0xFFFF0000))),
    };
}

/// Rows become columns.
KERNEL void transpose_square(vector *rows) {
    vector quads[8];
    UNROLL for (int group = 0; group < 2; group++) {
        vector *four = rows + 4 * group;
        __m256d a = _mm256_castps_pd(_mm256_unpacklo_ps(four[0], four[1]));
        __m256d b = _mm256_castps_pd(_mm256_unpackhi_ps(four[0], four[1]));
        __m256d c = _mm256_castps_pd(_mm256_unpacklo_ps(four[2], four[3]));
        __m256d d = _mm256_castps_pd(_mm256_unpackhi_ps(four[2], four[3]));
        // Lane l of quads[4 * group + k] is column 4 l + k of these four rows.
        quads[4 * group] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, c));
        quads[4 * group + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, c));
        quads[4 * group + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(b, d));
        quads[4 * group + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(b, d));
    }
    UNROLL for (int k = 0; k < 4; k++) {
        rows[k] = _mm256_permute2f128_ps(quads[k], quads[4 + k], 0x20);
        rows[4 + k] = _mm256_permute2f128_ps(quads[k], quads[4 + k], 0x31);
    }
}

/// The next f16 weights of a row, of which `left` are left, with whatever lies behind them; nothing from `end` on is
/// read.
KERNEL vector load_float16(int64_t left, const char *from, const char *end) {
    (void)left;
    return _mm256_cvtph_ps(load_sixteen_bytes(from, end));
}

/// A bf16 weight in all lanes.
KERNEL vector broadcast_bfloat16(const char *from) {
    uint16_t half;
    memcpy(&half, from, sizeof half);
    return _mm256_castsi256_ps(_mm256_set1_epi32((int)((uint32_t)half << 16)));
}

/// Two bf16 weights, each in all lanes of a vector.
KERNEL vector_pair broadcast_pair(const char *from) {
    int32_t halves;
    memcpy(&halves, from, sizeof halves);
    return split_bfloat16(_mm256_set1_epi32(halves));
}

/// Rows whose sums are kept at once: enough chains of additions to hide an FMA's latency, in 16 registers.
#define rows_with(vectors) ((vectors) < 3 ? 4 : (vectors) < 6 ? 2 : 1)

#define SIMD
#include "linear/storage.h"
#include "linear/simd.h"
#include "linear/sparse_many.h"
#include "linear/panel_few.h"
#include "linear/panel_many.h"
#define MANY MANY_KERNELS
#include "linear/table.h"

#pragma clang attribute pop

const esparse_kernels esparse_kernels_avx2 = {
    .name = "avx2",
    .features = esparse_feature_avx2,
    .linear = &linear_kernels,
    .layer = &layer_kernels,
    .shuffle = &shuffle_kernels,
    .peak = &peak_kernels,
};
#endif
