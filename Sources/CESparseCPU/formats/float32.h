// f32 weights.
#ifdef FORMAT
FORMAT(dense_f32, dense, f32)
FORMAT(masked_f32, masked, f32)
FORMAT(panels_f32, panels, f32)
#else

enum { f32_bytes = 4, f32_is_bf16 = 0 };

KERNEL float f32_value(const char *from) {
    float value;
    memcpy(&value, from, sizeof value);
    return value;
}

#ifdef SIMD
KERNEL vector f32_next(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    return next_floats(is_masked, cursor, end, mask);
}

KERNEL vector_pair f32_next_pair(const int is_masked, const char **cursor, const char *end, const uint8_t *mask) {
    return next_float_pair(is_masked, cursor, end, mask);
}

KERNEL const float *f32_listed(const char *from, const char *end, int64_t count, float *buffer) {
    (void)end, (void)count, (void)buffer;
    return (const float *)from;
}
#endif
#endif
