// AVX-512: vectors of 16 floats and what every kernel does with them.
#ifndef ESPARSE_AVX512_VECTOR_H
#define ESPARSE_AVX512_VECTOR_H

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

#endif
