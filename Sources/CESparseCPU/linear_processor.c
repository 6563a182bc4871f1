// What the processor can do, by cpuid.
#include <string.h>

#include "linear_kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>

/// State components that the operating system saves (XCR0).
__attribute__((target("xsave"))) static uint64_t saved_states(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

esparse_processor esparse_detect_processor(void) {
    esparse_processor processor = {0};
    uint32_t a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d)) return processor;
    char vendor[12];
    memcpy(vendor, &b, 4);
    memcpy(vendor + 4, &d, 4);
    memcpy(vendor + 8, &c, 4);
    processor.is_amd = memcmp(vendor, "AuthenticAMD", 12) == 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return processor;
    int has_xsave = (c >> 27) & 1, has_fma = (c >> 12) & 1, has_f16c = (c >> 29) & 1, has_popcnt = (c >> 23) & 1;
    if (!has_xsave) return processor;
    uint64_t states = saved_states();
    int saves_ymm = (states & 0x6) == 0x6, saves_zmm = (states & 0xE6) == 0xE6;
    int saves_tiles = (states & 0x60000) == 0x60000;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return processor;
    int has_avx2 = (b >> 5) & 1, has_bmi2 = (b >> 8) & 1 && (b >> 3) & 1, has_vbmi2 = (c >> 6) & 1;
    int has_foundation = (b >> 16) & 1, has_dq = (b >> 17) & 1, has_bw = (b >> 30) & 1, has_vl = (b >> 31) & 1;
    int has_tiles = (d >> 22) & 1 && (d >> 24) & 1;
    processor.has_avx2 = saves_ymm && has_avx2 && has_fma && has_f16c && has_bmi2 && has_popcnt;
    processor.has_avx512 = processor.has_avx2 && saves_zmm && has_foundation && has_dq && has_bw && has_vl && has_vbmi2;
    processor.has_amx = processor.has_avx512 && saves_tiles && has_tiles;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) processor.has_bfloat16 = processor.has_avx512 && ((a >> 5) & 1);
    return processor;
}
#elif defined(__aarch64__)
esparse_processor esparse_detect_processor(void) { return (esparse_processor){.has_neon = 1}; }
#else
esparse_processor esparse_detect_processor(void) { return (esparse_processor){0}; }
#endif
