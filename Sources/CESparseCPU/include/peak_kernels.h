// What the machine can do at best: multiply-adds on registers alone, and reading memory in a row.
#ifndef ESPARSE_PEAK_KERNELS_H
#define ESPARSE_PEAK_KERNELS_H

#include <stdint.h>

#include "instruction_sets.h"

/// The arithmetic of `esparse_peak_multiply_add`.
enum {
    esparse_peak_float32 = 0,
    /// AVX-512 BF16 dot products; the processor must have them.
    esparse_peak_bfloat16 = 1,
};

/// Floating-point operations (a multiply-add counts two) of one round of `esparse_peak_multiply_add`.
int64_t esparse_peak_operations(int32_t instruction_set, int32_t arithmetic);
/// Runs rounds of independent multiply-adds that touch no memory, on the calling thread.
void esparse_peak_multiply_add(int32_t instruction_set, int32_t arithmetic, int64_t rounds);
/// Reads `count` 64-bit words, on the calling thread; the result keeps the compiler from leaving the reads out.
uint64_t esparse_peak_read(int32_t instruction_set, const uint64_t *words, int64_t count);

#endif
