// bf16 weights: the upper halves of singles. Two of them are one word, which kernels take apart by a shift and a mask.
#ifdef FORMAT
FORMAT(dense_bf16, dense, bf16)
FORMAT(masked_bf16, masked, bf16)
FORMAT(panels_bf16, panels, bf16)
#else

enum { bf16_bytes = 2, bf16_is_bf16 = 1 };

KERNEL float bf16_value(const char *from) {
    uint16_t half;
    memcpy(&half, from, sizeof half);
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#ifdef SIMD
KERNEL vector bf16_next(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    return widen_bfloat16(next_halves(is_masked, cursor, end, mask));
}

KERNEL vector_pair bf16_next_pair(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    return split_bfloat16(next_half_pair(is_masked, cursor, end, mask));
}

/// One by one: where many are wanted kernels broadcast two at a time instead.
KERNEL const float *bf16_listed(const char *from, const char *end, int64_t count, float *buffer) {
    (void)end;
    for (int64_t i = 0; i < count; i++) buffer[i] = bf16_value(from + 2 * i);
    return buffer;
}
#endif
#endif
