// The processor's features, by cpuid.
#include "processor.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

typedef struct {
    uint32_t a, b, c, d;
} leaf;

/// All zero where the processor does not have it.
static leaf leaf_at(uint32_t number, uint32_t part) {
    leaf result = {0};
    __get_cpuid_count(number, part, &result.a, &result.b, &result.c, &result.d);
    return result;
}

/// State components that the operating system saves (XCR0).
__attribute__((target("xsave"))) static uint64_t saved_states(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

/// Whether all these bits of a register are set.
static int has(uint32_t value, uint32_t bits) { return (value & bits) == bits; }
#define BIT(number) (1u << (number))

esparse_features esparse_processor_features(void) {
    const leaf vendor = leaf_at(0, 0), basic = leaf_at(1, 0), extended = leaf_at(7, 0), more = leaf_at(7, 1);
    const int is_amd = !memcmp(&vendor.b, "Auth", 4) && !memcmp(&vendor.d, "enti", 4) && !memcmp(&vendor.c, "cAMD", 4);
    const uint32_t has_xsave = BIT(27);
    if (!has(basic.c, has_xsave)) return 0;
    const uint64_t states = saved_states();
    const int saves_ymm = (states & 0x6) == 0x6, saves_zmm = (states & 0xE6) == 0xE6;
    const int saves_tiles = (states & 0x60000) == 0x60000;

    const uint32_t fma_popcnt_f16c = BIT(12) | BIT(23) | BIT(29), bmi_avx2_bmi2 = BIT(3) | BIT(5) | BIT(8);
    const uint32_t f_dq_bw_vl = BIT(16) | BIT(17) | BIT(30) | BIT(31), vbmi2 = BIT(6);
    const uint32_t amx_bf16_tile = BIT(22) | BIT(24), bf16 = BIT(5);
    esparse_features features = 0;
    if (!saves_ymm || !has(basic.c, fma_popcnt_f16c) || !has(extended.b, bmi_avx2_bmi2)) return features;
    features |= esparse_feature_avx2;
    if (!saves_zmm || !has(extended.b, f_dq_bw_vl) || !has(extended.c, vbmi2)) return features;
    features |= esparse_feature_avx512;
    if (has(more.a, bf16)) features |= esparse_feature_avx512_bf16;
    if (has(more.a, bf16) && is_amd) features |= esparse_feature_double_rate_bf16;
    if (saves_tiles && has(extended.d, amx_bf16_tile)) features |= esparse_feature_amx_bf16;
    return features;
}
#elif defined(__aarch64__)
esparse_features esparse_processor_features(void) { return esparse_feature_neon; }
#else
esparse_features esparse_processor_features(void) { return 0; }
#endif
