// Linear kernels for AVX-512 (F, BW, DQ, VL, VBMI2): 16 floats a vector, bitmasks expanded by the processor.
#include "linear_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "linear_storage.h"

#define TARGET "avx2,fma,f16c,bmi2,popcnt,prfchw,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2"
#define KERNEL static inline __attribute__((always_inline, target(TARGET)))
#define ENTRY static __attribute__((noinline, target(TARGET)))
#define ROWS_WITH_1_TOKEN 8
#define ROWS_WITH_2_TOKENS 4
#define ROWS_WITH_4_TOKENS 4
#define ROWS_WITH_8_TOKENS 2
#define EXPANDED_ROWS_WITH_4_TOKENS 4
#define READS_PAST_VALUES 0

#include "linear_avx512_vector.h"

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

#include "linear_sparse_entry.h"

enum { list_channels = 32 };

/// 16 weights from `from` on, zeros where the mask is.
KERNEL vector load_weights(const int element, __mmask16 stored, const char *from) {
    if (element == esparse_float32) return _mm512_maskz_loadu_ps(stored, from);
    __m256i halves = _mm256_maskz_loadu_epi16(stored, from);
    if (element == esparse_float16) return _mm512_cvtph_ps(halves);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

/// Makes the entries of the channels kept among 32, whose weights start at `from` and whose offsets start at `start`;
/// returns how many.
KERNEL int list_weights(const int element, uint32_t bits, int start, const char *from, const char *end, char *entries) {
    (void)end;
    const __m512i steps = _mm512_set_epi16(
        31 << 9, 30 << 9, 29 << 9, 28 << 9, 27 << 9, 26 << 9, 25 << 9, 24 << 9, 23 << 9, 22 << 9, 21 << 9, 20 << 9,
        19 << 9, 18 << 9, 17 << 9, 16 << 9, 15 << 9, 14 << 9, 13 << 9, 12 << 9, 11 << 9, 10 << 9, 9 << 9, 8 << 9, 7 << 9,
        6 << 9, 5 << 9, 4 << 9, 3 << 9, 2 << 9, 1 << 9, 0);
    __m512i places = _mm512_maskz_compress_epi16(bits, _mm512_add_epi16(steps, _mm512_set1_epi16((short)start)));
    int count = (int)_mm_popcnt_u32(bits);
    for (int done = 0; done < count; done += 16) {
        __mmask16 stored = (__mmask16)_bzhi_u32(0xFFFF, (uint32_t)(count - done));
        __m512i weights = _mm512_castps_si512(load_weights(element, stored, from + done * ELEMENT_BYTES(element)));
        __m512i offsets = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(places));
        if (element == esparse_bfloat16) {
            _mm512_storeu_si512(entries + done * narrow_bytes, _mm512_or_si512(weights, offsets));
        } else {
            const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
            _mm512_storeu_si512(entries + done * wide_bytes, _mm512_permutex2var_epi32(offsets, low, weights));
            _mm512_storeu_si512(entries + done * wide_bytes + 64, _mm512_permutex2var_epi32(offsets, high, weights));
        }
        places = _mm512_shuffle_i64x2(places, places, 0xEE);
    }
    return count;
}

/// A weight from a register: a broadcast from memory would be one more load, and loads are what limits.
KERNEL vector entry_weight(uint32_t bits) {
    __asm__("" : "+r"(bits));
    return _mm512_castsi512_ps(_mm512_set1_epi32((int)bits));
}

#define BLOCK_CHANNELS 48
#include "linear_template.h"
#include "linear_sparse_template.h"

const esparse_linear_kernels *esparse_linear_kernels_avx512(void) {
    static const esparse_linear_kernels table = {
        .pack = pack, .few = few, .widen = widen, .expand = expand, .round = round_all, .narrow = narrow,
        .exponential_sum = exponential_sum, .sparse_many = MANY_KERNELS,
    };
    return &table;
}
#else
const esparse_linear_kernels *esparse_linear_kernels_avx512(void) { return NULL; }
#endif
