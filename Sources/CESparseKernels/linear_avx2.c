// Linear kernels for AVX2 (with FMA, F16C, BMI2): 8 floats a vector, bitmasks expanded by a permutation made with pdep.
#include "linear_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET "avx2,fma,f16c,bmi2,popcnt,prfchw"
#define KERNEL static inline __attribute__((always_inline, target(TARGET)))
#define ENTRY static __attribute__((noinline, target(TARGET)))
#define ROWS_WITH_1_TOKEN 4
#define ROWS_WITH_2_TOKENS 2
#define ROWS_WITH_4_TOKENS 2
#define ROWS_WITH_8_TOKENS 0

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
KERNEL vector nearest_integer(vector value) { return _mm256_round_ps(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

KERNEL float sum_of(vector value) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
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

#include "linear_storage.h"

/// 8 stored elements as floats.
KERNEL vector load_elements(const int element, const char *from) {
    if (element == esparse_float32) return _mm256_loadu_ps((const float *)from);
    __m128i halves = _mm_loadu_si128((const __m128i *)from);
    if (element == esparse_float16) return _mm256_cvtph_ps(halves);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

/// bf16 pairs of dense weights are taken apart by a shift and a mask, so the input comes even columns first.
KERNEL int kind_separates_pairs(int kind) { return kind == KIND(esparse_bfloat16, 0); }

/// The next 8 columns of a row in their order; moves the cursor past their values. Near `end` values are copied out first.
KERNEL vector load_natural(const int kind, const char **cursor, const char *end, const uint8_t *mask) {
    const char *from = *cursor;
    const int element = KIND_ELEMENT(kind), bytes = ELEMENT_BYTES(element);
    if (!KIND_IS_SPARSE(kind)) {
        *cursor = from + 8 * bytes;
        return load_elements(element, from);
    }
    uint64_t bits = *mask;
    *cursor = from + _mm_popcnt_u32((uint32_t)bits) * bytes;
    vector values;
    if (__builtin_expect(end - from >= 8 * bytes, 1)) {
        values = load_elements(element, from);
    } else {
        char copy[32] = {0};
        memcpy(copy, from, (size_t)(end - from));
        values = load_elements(element, copy);
    }
    // One byte a column: all ones where kept, then the number of kept columns before it.
    uint64_t kept = _pdep_u64(bits, 0x0101010101010101u) * 0xFF;
    uint64_t ranks = _pdep_u64(0x0706050403020100u, kept);
    __m256i order = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)ranks));
    __m256i keeps = _mm256_cvtepi8_epi32(_mm_cvtsi64_si128((long long)kept));
    return _mm256_and_ps(_mm256_permutevar8x32_ps(values, order), _mm256_castsi256_ps(keeps));
}

/// The next 16 columns of a row; moves the cursor past their values.
KERNEL vector_pair load_pair(const int kind, const char **cursor, const char *end, const uint8_t *mask) {
    if (kind == KIND(esparse_bfloat16, 0)) {
        __m256i pairs = _mm256_loadu_si256((const __m256i *)*cursor);
        *cursor += 32;
        return (vector_pair){
            _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)),
            _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int)0xFFFF0000))),
        };
    }
    vector low = load_natural(kind, cursor, end, mask);
    vector high = load_natural(kind, cursor, end, KIND_IS_SPARSE(kind) ? mask + 1 : NULL);
    return (vector_pair){low, high};
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

#include "linear_sparse_entry.h"

enum { list_channels = 8 };

/// Makes the entries of the channels kept among 8, whose weights start at `from` and whose offsets start at `start`;
/// returns how many. Nothing from `end` on is read.
KERNEL int list_weights(const int element, uint32_t bits, int start, const char *from, const char *end, char *entries) {
    uint64_t channels = _pext_u64(0x0706050403020100u, _pdep_u64(bits, 0x0101010101010101u) * 0xFF);
    __m256i steps = _mm256_slli_epi32(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)channels)), 8);
    __m256i offsets = _mm256_add_epi32(steps, _mm256_set1_epi32(start));
    char copy[32] = {0};
    if (__builtin_expect(end - from < 8 * ELEMENT_BYTES(element), 0)) {
        memcpy(copy, from, (size_t)(end - from));
        from = copy;
    }
    __m256i weights = _mm256_castps_si256(load_elements(element, from));
    if (element == esparse_bfloat16) {
        _mm256_storeu_si256((__m256i *)entries, _mm256_or_si256(weights, offsets));
    } else {
        __m256i low = _mm256_unpacklo_epi32(offsets, weights), high = _mm256_unpackhi_epi32(offsets, weights);
        _mm256_storeu_si256((__m256i *)entries, _mm256_permute2x128_si256(low, high, 0x20));
        _mm256_storeu_si256((__m256i *)(entries + 32), _mm256_permute2x128_si256(low, high, 0x31));
    }
    return (int)_mm_popcnt_u32(bits);
}

KERNEL vector entry_weight(uint32_t bits) { return _mm256_castsi256_ps(_mm256_set1_epi32((int)bits)); }

#define BLOCK_CHANNELS 96
#include "linear_template.h"
#include "linear_sparse_template.h"

const esparse_linear_kernels *esparse_linear_kernels_avx2(void) {
    static const esparse_linear_kernels table = {
        .pack = pack, .few = few, .widen = widen, .expand = expand, .round = round_all, .narrow = narrow,
        .exponential_sum = exponential_sum, .sparse_many = MANY_KERNELS,
    };
    return &table;
}
#else
const esparse_linear_kernels *esparse_linear_kernels_avx2(void) { return NULL; }
#endif
