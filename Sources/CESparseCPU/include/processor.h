// What the processor can do, as the features that tables of kernels ask for.
#ifndef ESPARSE_PROCESSOR_H
#define ESPARSE_PROCESSOR_H

#include <stdint.h>

/// A set of `esparse_feature_...` bits.
typedef uint32_t esparse_features;

/// A feature is what processors bring together, and counts only where the system saves the registers it needs. More of
/// one kind says nothing about another: AMX stands beside AVX-512, not above it.
enum {
    /// AVX2, FMA, F16C, BMI1, BMI2 and POPCNT (Haswell, Zen and later).
    esparse_feature_avx2 = 1 << 0,
    /// AVX-512 F, BW, DQ, VL and VBMI2 (Ice Lake, Zen 4 and later).
    esparse_feature_avx512 = 1 << 1,
    /// AVX-512 BF16: dot products of bf16 pairs.
    esparse_feature_avx512_bf16 = 1 << 2,
    /// Those dot products do twice the work of single-precision multiply-adds (AMD); on Intel without AMX they do half.
    esparse_feature_double_rate_bf16 = 1 << 3,
    /// AMX tiles with bf16.
    esparse_feature_amx_bf16 = 1 << 4,
    /// Advanced SIMD of arm64.
    esparse_feature_neon = 1 << 5,
};

/// The features of this processor. Slow under a hypervisor: ask once.
esparse_features esparse_processor_features(void);

#endif
