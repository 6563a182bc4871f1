// f16 weights: IEEE halves.
#ifdef FORMAT
FORMAT(dense_f16, dense, f16)
FORMAT(masked_f16, masked, f16)
FORMAT(panels_f16, panels, f16)
#else

enum { f16_bytes = 2, f16_is_bf16 = 0 };

/// Scaling by 2^112 moves the exponent's bias and normalises subnormals.
KERNEL float f16_value(const char *from) {
    uint16_t half;
    memcpy(&half, from, sizeof half);
    const uint32_t magnitude = (uint32_t)(half & 0x7FFF) << 13, sign = (uint32_t)(half & 0x8000) << 16;
    float scaled;
    uint32_t bits;
    memcpy(&scaled, &magnitude, sizeof scaled);
    scaled *= 0x1p112f;
    memcpy(&bits, &scaled, sizeof bits);
    bits |= sign | ((half & 0x7C00) == 0x7C00 ? 0x7F800000u : 0);
    memcpy(&scaled, &bits, sizeof scaled);
    return scaled;
}

#ifdef SIMD
KERNEL vector f16_next(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    return widen_float16(next_halves(is_masked, cursor, end, mask));
}

KERNEL vector_pair f16_next_pair(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    return widen_float16_pair(next_half_pair(is_masked, cursor, end, mask));
}

KERNEL const float *f16_listed(const char *from, const char *end, int64_t count, float *buffer) {
    for (int64_t i = 0; i < count; i += lanes) store(buffer + i, load_float16(count - i, from + 2 * i, end));
    return buffer;
}
#endif
#endif
