// What the machine can do at best: multiply-adds in registers alone, and reading memory from end to end.
#ifndef ESPARSE_PEAK_KERNELS_H
#define ESPARSE_PEAK_KERNELS_H

#include <stdint.h>

/// The loops of one instruction set; every function runs on the calling thread.
typedef struct {
    /// Floating-point operations of one round of `multiply_add`, of which each multiply-add counts two.
    int64_t operations;
    /// Runs rounds of independent multiply-adds (or bf16 dot products) that touch no memory.
    void (*multiply_add)(int64_t rounds);
    /// Reads `count` 64-bit words; the result keeps the compiler from leaving the reads out.
    uint64_t (*read)(const uint64_t *words, int64_t count);
} esparse_peak_kernels;

#endif
