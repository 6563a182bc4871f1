// Linear kernels for AVX-512 (F, BW, DQ, VL, VBMI2): 16 floats a vector, bitmasks expanded by the processor.
#include "linear_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "linear_storage.h"

#define TARGET "avx2,fma,f16c,bmi2,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2"
#define KERNEL static inline __attribute__((always_inline, target(TARGET)))
#define ENTRY static __attribute__((noinline, target(TARGET)))
#define ROWS_WITH_1_TOKEN 8
#define ROWS_WITH_2_TOKENS 4
#define ROWS_WITH_4_TOKENS 4
#define ROWS_WITH_8_TOKENS 2
#define EXPANDED_ROWS_WITH_4_TOKENS 4
#define READS_PAST_VALUES 0

enum { lanes = 16 };
typedef __m512 vector;
typedef struct {
    vector low, high;
} vector_pair;

KERNEL vector zero(void) { return _mm512_setzero_ps(); }
KERNEL vector all(float value) { return _mm512_set1_ps(value); }
KERNEL vector load(const float *from) { return _mm512_loadu_ps(from); }
KERNEL void store(float *to, vector value) { _mm512_storeu_ps(to, value); }
KERNEL vector add(vector a, vector b) { return _mm512_add_ps(a, b); }
KERNEL vector multiply(vector a, vector b) { return _mm512_mul_ps(a, b); }
KERNEL vector multiply_add(vector a, vector b, vector c) { return _mm512_fmadd_ps(a, b, c); }
KERNEL vector larger(vector a, vector b) { return _mm512_max_ps(a, b); }
KERNEL vector nearest_integer(vector value) { return _mm512_roundscale_ps(value, 0); }
KERNEL vector times_power_of_two(vector value, vector power) { return _mm512_scalef_ps(value, power); }

/// The sum of the lanes of each of eight vectors, by halves: lanes i and i + 8 first, then i + 4, i + 2, i + 1.
KERNEL void reduce_eight(const vector *sums, float *totals) {
    vector fours[4], pairs[2];
    UNROLL for (int i = 0; i < 4; i++) {
        fours[i] = add(_mm512_shuffle_f32x4(sums[i], sums[i + 4], 0x44), _mm512_shuffle_f32x4(sums[i], sums[i + 4], 0xEE));
    }
    UNROLL for (int i = 0; i < 2; i++) {
        pairs[i] = add(_mm512_shuffle_f32x4(fours[i], fours[i + 2], 0x88), _mm512_shuffle_f32x4(fours[i], fours[i + 2], 0xDD));
    }
    // 128-bit lane l of pairs[i] holds four lanes of vector [0, 4, 2, 6][l] + i.
    vector twos = add(_mm512_shuffle_ps(pairs[0], pairs[1], 0x44), _mm512_shuffle_ps(pairs[0], pairs[1], 0xEE));
    vector ones = add(twos, _mm512_permute_ps(twos, 0xB1));
    __m512i order = _mm512_setr_epi32(0, 2, 8, 10, 4, 6, 12, 14, 0, 0, 0, 0, 0, 0, 0, 0);
    _mm256_storeu_ps(totals, _mm512_castps512_ps256(_mm512_permutexvar_ps(order, ones)));
}

/// Nearest bf16, ties to even, in a float; NaN stays a quiet NaN.
KERNEL vector rounded(vector value) {
    __m512i bits = _mm512_castps_si512(value);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i sum = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
    __mmask16 is_nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    sum = _mm512_mask_or_epi32(sum, is_nan, bits, _mm512_set1_epi32(0x400000));
    return _mm512_castsi512_ps(_mm512_and_si512(sum, _mm512_set1_epi32((int)0xFFFF0000)));
}

KERNEL void store_high_halves(uint16_t *to, vector value) {
    __m256i halves = _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(value), 16));
    _mm256_storeu_si256((__m256i *)to, halves);
}

KERNEL vector_pair split_bfloat16(__m512i pairs) {
    return (vector_pair){
        _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)),
        _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int)0xFFFF0000))),
    };
}

KERNEL vector_pair widen_float16(__m512i halves) {
    return (vector_pair){
        _mm512_cvtph_ps(_mm512_castsi512_si256(halves)),
        _mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1)),
    };
}

/// bf16 pairs are taken apart by a shift and a mask, so the input comes even columns first.
KERNEL int kind_separates_pairs(int kind) { return KIND_ELEMENT(kind) == esparse_bfloat16; }

/// The next 32 columns of a row; moves the cursor past their values. Expanding loads touch active elements only.
KERNEL vector_pair load_pair(const int kind, const char **cursor, const char *end, const uint8_t *mask) {
    (void)end;
    const char *from = *cursor;
    if (!KIND_IS_SPARSE(kind)) {
        *cursor = from + 32 * ELEMENT_BYTES(KIND_ELEMENT(kind));
        if (KIND_ELEMENT(kind) == esparse_float32) {
            return (vector_pair){_mm512_loadu_ps(from), _mm512_loadu_ps(from + 64)};
        }
        __m512i halves = _mm512_loadu_si512(from);
        return KIND_ELEMENT(kind) == esparse_float16 ? widen_float16(halves) : split_bfloat16(halves);
    }
    uint32_t bits;
    memcpy(&bits, mask, 4);
    *cursor = from + _mm_popcnt_u32(bits) * ELEMENT_BYTES(KIND_ELEMENT(kind));
    if (KIND_ELEMENT(kind) == esparse_float32) {
        const char *middle = from + 4 * _mm_popcnt_u32(bits & 0xFFFF);
        return (vector_pair){
            _mm512_maskz_expandloadu_ps((__mmask16)bits, from),
            _mm512_maskz_expandloadu_ps((__mmask16)(bits >> 16), middle),
        };
    }
    __m512i halves = _mm512_maskz_expandloadu_epi16(bits, from);
    return KIND_ELEMENT(kind) == esparse_float16 ? widen_float16(halves) : split_bfloat16(halves);
}

/// The next 16 columns of a row in their order; moves the cursor past their values.
KERNEL vector load_natural(const int kind, const char **cursor, const char *end, const uint8_t *mask) {
    (void)end;
    const char *from = *cursor;
    uint16_t bits = 0xFFFF;
    if (KIND_IS_SPARSE(kind)) memcpy(&bits, mask, 2);
    *cursor = from + _mm_popcnt_u32(bits) * ELEMENT_BYTES(KIND_ELEMENT(kind));
    if (KIND_ELEMENT(kind) == esparse_float32) {
        return KIND_IS_SPARSE(kind) ? _mm512_maskz_expandloadu_ps(bits, from) : _mm512_loadu_ps(from);
    }
    __m256i halves = KIND_IS_SPARSE(kind) ? _mm256_maskz_expandloadu_epi16(bits, from)
                                          : _mm256_loadu_si256((const __m256i *)from);
    return KIND_ELEMENT(kind) == esparse_float16
               ? _mm512_cvtph_ps(halves)
               : _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

/// Rows become columns.
KERNEL void transpose_square(vector *rows) {
    vector quads[16];
    UNROLL for (int group = 0; group < 4; group++) {
        vector *four = rows + 4 * group;
        __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(four[0], four[1]));
        __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(four[0], four[1]));
        __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(four[2], four[3]));
        __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(four[2], four[3]));
        // Lane l of quads[4 * group + k] is column 4 l + k of these four rows.
        quads[4 * group] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        quads[4 * group + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        quads[4 * group + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        quads[4 * group + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
    UNROLL for (int k = 0; k < 4; k++) {
        vector even_low = _mm512_shuffle_f32x4(quads[k], quads[4 + k], 0x88);
        vector even_high = _mm512_shuffle_f32x4(quads[8 + k], quads[12 + k], 0x88);
        vector odd_low = _mm512_shuffle_f32x4(quads[k], quads[4 + k], 0xDD);
        vector odd_high = _mm512_shuffle_f32x4(quads[8 + k], quads[12 + k], 0xDD);
        rows[k] = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
        rows[8 + k] = _mm512_shuffle_f32x4(even_low, even_high, 0xDD);
        rows[4 + k] = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
        rows[12 + k] = _mm512_shuffle_f32x4(odd_low, odd_high, 0xDD);
    }
}

/// Byte offsets, from `start`, of the channels kept among 16; writes whole vectors and returns how many count.
KERNEL int keep_offsets(uint32_t bits, uint32_t start, uint32_t *offsets) {
    const __m512i steps = _mm512_mullo_epi32(
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), _mm512_set1_epi32(512));
    __m512i all_offsets = _mm512_add_epi32(steps, _mm512_set1_epi32((int)start));
    _mm512_storeu_si512(offsets, _mm512_maskz_compress_epi32((__mmask16)bits, all_offsets));
    return (int)_mm_popcnt_u32(bits);
}

#include "linear_template.h"
#include "linear_sparse_template.h"

const esparse_linear_kernels *esparse_linear_kernels_avx512(void) {
    static const esparse_linear_kernels table = {
        .pack = pack, .few = few, .widen = widen, .expand = expand, .round = round_all, .narrow = narrow,
        .exponential_sum = exponential_sum, .tile_tokens = tile_tokens, .transpose = transpose,
        .sparse_many_scratch = sparse_many_scratch, .sparse_many = sparse_many,
    };
    return &table;
}
#else
const esparse_linear_kernels *esparse_linear_kernels_avx512(void) { return NULL; }
#endif
