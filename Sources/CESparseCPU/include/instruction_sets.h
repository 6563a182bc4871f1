// The instruction sets that kernels are compiled for, as numbers that choose among them.
#ifndef ESPARSE_INSTRUCTION_SETS_H
#define ESPARSE_INSTRUCTION_SETS_H

enum {
    esparse_instruction_set_plain = 0,
    /// AVX2, FMA, F16C and BMI2.
    esparse_instruction_set_avx2 = 1,
    /// AVX-512 F, BW, DQ, VL and VBMI2.
    esparse_instruction_set_avx512 = 2,
    /// Advanced SIMD of arm64.
    esparse_instruction_set_neon = 3,
};

#endif
