// Kernels for AVX-512 (F, BW, DQ, VL, VBMI2): 16 floats a vector, bitmasks expanded by the processor.
#include "prelude.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET "avx2,fma,f16c,bmi,bmi2,popcnt,prfchw,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2"
#pragma clang attribute push(__attribute__((target(TARGET))), apply_to = function)

#define LAYER_LANES 16
#define LAYER_STRIP 4
#define GAIN_TILE 16
#define PEAK_BYTES 64
#include "layer/kernels.h"
#include "peak/loops.h"
#include "shuffle/kernels.h"

// MARK: Linears

#define ROWS_WITH_1_TOKEN 8
#define ROWS_WITH_2_TOKENS 4
#define ROWS_WITH_4_TOKENS 4
#define ROWS_WITH_8_TOKENS 2
#define EXPANDED_ROWS_WITH_4_TOKENS 4
#define READS_PAST_VALUES 0
#define VALUES_AHEAD 512
#define VALUES_NEAR 3

#include "linear/avx512_vector.h"

/// The sum of the lanes of each of eight vectors, by halves: lanes i and i + 8 first, then i + 4, i + 2, i + 1.
KERNEL void reduce_eight(const vector *sums, float *totals) {
    vector fours[4], pairs[2];
    UNROLL for (int i = 0; i < 4; i++) {
        fours[i] = add(_mm512_shuffle_f32x4(sums[i], sums[i + 4], 0x44),
                       _mm512_shuffle_f32x4(sums[i], sums[i + 4], 0xEE));
    }
    UNROLL for (int i = 0; i < 2; i++) {
        pairs[i] = add(_mm512_shuffle_f32x4(fours[i], fours[i + 2], 0x88),
                       _mm512_shuffle_f32x4(fours[i], fours[i + 2], 0xDD));
    }
    // 128-bit lane l of pairs[i] holds four lanes of vector [0, 4, 2, 6][l] + i.
    vector twos = add(_mm512_shuffle_ps(pairs[0], pairs[1], 0x44), _mm512_shuffle_ps(pairs[0], pairs[1], 0xEE));
    vector ones = add(twos, _mm512_permute_ps(twos, 0xB1));
    __m512i order = _mm512_setr_epi32(0, 2, 8, 10, 4, 6, 12, 14, 0, 0, 0, 0, 0, 0, 0, 0);
    _mm256_storeu_ps(totals, _mm512_castps512_ps256(_mm512_permutexvar_ps(order, ones)));
}

typedef __m256i halves;
typedef __m512i half_pair;

// Expanding loads touch active elements only, so the end of what is stored does not matter.

KERNEL halves next_halves(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    (void)end;
    const char *from = *cursor;
    uint16_t bits = 0xFFFF;
    if (is_masked) memcpy(&bits, mask, 2);
    *cursor = from + 2 * _mm_popcnt_u32(bits);
    return is_masked ? _mm256_maskz_expandloadu_epi16(bits, from) : _mm256_loadu_si256((const __m256i *)from);
}

KERNEL half_pair next_half_pair(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    (void)end;
    const char *from = *cursor;
    uint32_t bits = 0xFFFFFFFF;
    if (is_masked) memcpy(&bits, mask, 4);
    *cursor = from + 2 * _mm_popcnt_u32(bits);
    return is_masked ? _mm512_maskz_expandloadu_epi16(bits, from) : _mm512_loadu_si512(from);
}

KERNEL vector next_floats(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    (void)end;
    const char *from = *cursor;
    uint16_t bits = 0xFFFF;
    if (is_masked) memcpy(&bits, mask, 2);
    *cursor = from + 4 * _mm_popcnt_u32(bits);
    return is_masked ? _mm512_maskz_expandloadu_ps(bits, from) : _mm512_loadu_ps(from);
}

KERNEL vector_pair next_float_pair(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    (void)end;
    const char *from = *cursor;
    uint32_t bits = 0xFFFFFFFF;
    if (is_masked) memcpy(&bits, mask, 4);
    *cursor = from + 4 * _mm_popcnt_u32(bits);
    if (!is_masked) return (vector_pair){_mm512_loadu_ps(from), _mm512_loadu_ps(from + 64)};
    const char *middle = from + 4 * _mm_popcnt_u32(bits & 0xFFFF);
    return (vector_pair){
        _mm512_maskz_expandloadu_ps((__mmask16)bits, from),
        _mm512_maskz_expandloadu_ps((__mmask16)(bits >> 16), middle),
    };
}

KERNEL vector widen_float16(halves values) { return _mm512_cvtph_ps(values); }

KERNEL vector_pair widen_float16_pair(half_pair values) {
    return (vector_pair){
        _mm512_cvtph_ps(_mm512_castsi512_si256(values)),
        _mm512_cvtph_ps(_mm512_extracti64x4_epi64(values, 1)),
    };
}

KERNEL vector widen_bfloat16(halves values) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(values), 16));
}

enum { splits_apart = 1 };

KERNEL vector_pair split_bfloat16(half_pair pairs) {
    return (vector_pair){
        _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)),
        _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int)0xFFFF0000))),
    };
}

/// The next f16 weights of a row, of which `left` are left; zeros where there are none.
KERNEL vector load_float16(int64_t left, const char *from, const char *end) {
    (void)end;
    __mmask16 stored = (__mmask16)_bzhi_u32(0xFFFF, (uint32_t)(left < lanes ? left : lanes));
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(stored, from));
}

/// A bf16 weight in all lanes.
KERNEL vector broadcast_bfloat16(const char *from) {
    uint16_t half;
    memcpy(&half, from, sizeof half);
    return _mm512_castsi512_ps(_mm512_set1_epi32((int)((uint32_t)half << 16)));
}

/// Two bf16 weights, each in all lanes of a vector.
KERNEL vector_pair broadcast_pair(const char *from) {
    int32_t halves;
    memcpy(&halves, from, sizeof halves);
    return split_bfloat16(_mm512_set1_epi32(halves));
}

/// Rows whose sums are kept at once: enough chains of additions to hide an FMA's latency.
#define rows_with(vectors) ((vectors) < 3 ? 4 : 2)

#define SIMD
#include "linear/storage.h"
#include "linear/simd.h"
#include "linear/sparse_many.h"
#define MANY MANY_KERNELS
#include "linear/table.h"

#pragma clang attribute pop

const esparse_kernels esparse_kernels_avx512 = {
    .name = "avx512",
    .features = esparse_feature_avx2 | esparse_feature_avx512,
    .linear = &linear_kernels,
    .layer = &layer_kernels,
    .shuffle = &shuffle_kernels,
    .peak = &peak_kernels,
};
#endif
