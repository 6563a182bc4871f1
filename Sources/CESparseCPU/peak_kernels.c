// Loops that reach the machine's limits: the arithmetic and the bandwidth that benchmarks are compared with.
#include "peak_kernels.h"

/// Independent chains of multiply-adds: at least latency times units of any processor there is; with their two
/// constants they fit the registers.
enum { chains = 12 };

/// Four numbers, the narrowest vector of any processor of interest.
typedef float quadruple __attribute__((vector_size(16)));

// The empty assembly keeps a chain's value in a register and the compiler from simplifying.
#if defined(__x86_64__)
#define KEEP(value) __asm__ volatile("" : "+x"(value))
#elif defined(__aarch64__)
#define KEEP(value) __asm__ volatile("" : "+w"(value))
#else
#define KEEP(value) __asm__ volatile("" : "+m"(value))
#endif

static void multiply_add_plain(int64_t rounds) {
    quadruple sums[chains];
    for (int i = 0; i < chains; i++) sums[i] = (quadruple){0} + (float)i;
    for (int64_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < chains; i++) {
            sums[i] = sums[i] * 0.5f + 1.0f;
            KEEP(sums[i]);
        }
    }
}

static uint64_t read_plain(const uint64_t *words, int64_t count) {
    uint64_t sum = 0;
    for (int64_t i = 0; i < count; i++) sum |= words[i];
    return sum;
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2,fma"))) static void multiply_add_avx2(int64_t rounds) {
    __m256 half = _mm256_set1_ps(0.5f), one = _mm256_set1_ps(1.0f);
    __m256 sums[chains];
    for (int i = 0; i < chains; i++) sums[i] = _mm256_set1_ps((float)i);
    for (int64_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < chains; i++) {
            sums[i] = _mm256_fmadd_ps(sums[i], half, one);
            KEEP(sums[i]);
        }
    }
}

__attribute__((target("avx512f"))) static void multiply_add_avx512(int64_t rounds) {
    __m512 half = _mm512_set1_ps(0.5f), one = _mm512_set1_ps(1.0f);
    __m512 sums[chains];
    for (int i = 0; i < chains; i++) sums[i] = _mm512_set1_ps((float)i);
    for (int64_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < chains; i++) {
            sums[i] = _mm512_fmadd_ps(sums[i], half, one);
            KEEP(sums[i]);
        }
    }
}

__attribute__((target("avx512f,avx512bf16"))) static void multiply_add_bfloat16(int64_t rounds) {
    __m512bh pairs = (__m512bh)_mm512_set1_epi32(0x3F003F00);
    __m512 sums[chains];
    for (int i = 0; i < chains; i++) sums[i] = _mm512_set1_ps((float)i);
    for (int64_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < chains; i++) {
            sums[i] = _mm512_dpbf16_ps(sums[i], pairs, pairs);
            KEEP(sums[i]);
        }
    }
}

__attribute__((target("avx512f"))) static uint64_t read_avx512(const uint64_t *words, int64_t count) {
    __m512i sums[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    int64_t i = 0;
    for (; i + 32 <= count; i += 32) {
        for (int part = 0; part < 4; part++) {
            sums[part] = _mm512_or_si512(sums[part], _mm512_loadu_si512(words + i + 8 * part));
        }
    }
    uint64_t sum = (uint64_t)_mm512_reduce_or_epi64(
        _mm512_or_si512(_mm512_or_si512(sums[0], sums[1]), _mm512_or_si512(sums[2], sums[3])));
    return sum | read_plain(words + i, count - i);
}

int64_t esparse_peak_operations(int32_t instruction_set, int32_t arithmetic) {
    if (arithmetic == esparse_peak_bfloat16) return 2 * 32 * chains;
    if (instruction_set == esparse_instruction_set_avx512) return 2 * 16 * chains;
    if (instruction_set == esparse_instruction_set_avx2) return 2 * 8 * chains;
    return 2 * 4 * chains;
}

void esparse_peak_multiply_add(int32_t instruction_set, int32_t arithmetic, int64_t rounds) {
    if (arithmetic == esparse_peak_bfloat16) {
        multiply_add_bfloat16(rounds);
    } else if (instruction_set == esparse_instruction_set_avx512) {
        multiply_add_avx512(rounds);
    } else if (instruction_set == esparse_instruction_set_avx2) {
        multiply_add_avx2(rounds);
    } else {
        multiply_add_plain(rounds);
    }
}

uint64_t esparse_peak_read(int32_t instruction_set, const uint64_t *words, int64_t count) {
    return instruction_set == esparse_instruction_set_avx512 ? read_avx512(words, count) : read_plain(words, count);
}
#else
int64_t esparse_peak_operations(int32_t instruction_set, int32_t arithmetic) {
    (void)instruction_set;
    (void)arithmetic;
    return 2 * 4 * chains;
}

void esparse_peak_multiply_add(int32_t instruction_set, int32_t arithmetic, int64_t rounds) {
    (void)instruction_set;
    (void)arithmetic;
    multiply_add_plain(rounds);
}

uint64_t esparse_peak_read(int32_t instruction_set, const uint64_t *words, int64_t count) {
    (void)instruction_set;
    return read_plain(words, count);
}
#endif
