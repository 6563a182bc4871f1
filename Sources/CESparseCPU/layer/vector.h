// Vectors of LAYER_LANES singles for the layer kernels, and the exponential on them.

typedef float float_vector __attribute__((ext_vector_type(LAYER_LANES)));
typedef int32_t integer_vector __attribute__((ext_vector_type(LAYER_LANES)));
typedef uint32_t bit_vector __attribute__((ext_vector_type(LAYER_LANES)));
typedef uint16_t half_bit_vector __attribute__((ext_vector_type(LAYER_LANES)));
typedef double double_vector __attribute__((ext_vector_type(LAYER_LANES)));

KERNEL float_vector load_floats(const float *from) {
    float_vector value;
    memcpy(&value, from, sizeof value);
    return value;
}

KERNEL void store_floats(float *to, float_vector value) { memcpy(to, &value, sizeof value); }

KERNEL bit_vector bits_of(float_vector value) {
    bit_vector bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

KERNEL float_vector from_bits(bit_vector bits) {
    float_vector value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

KERNEL float_vector larger_lanes(float_vector a, float_vector b) { return a > b ? a : b; }

/// `value` in every lane.
KERNEL float_vector all_lanes(float value) { return (float_vector)value; }

/// The first `count` values; the other lanes are 0.
KERNEL float_vector load_first(const float *from, ptrdiff_t count) {
    float values[LAYER_LANES] = {0};
    memcpy(values, from, sizeof(float) * (size_t)count);
    return load_floats(values);
}

KERNEL void store_first(float *to, float_vector value, ptrdiff_t count) {
    float values[LAYER_LANES];
    store_floats(values, value);
    memcpy(to, values, sizeof(float) * (size_t)count);
}

typedef float four_vector __attribute__((ext_vector_type(4)));

/// Four lanes with the same sum, by adding halves.
KERNEL four_vector fold(float_vector value) {
#if LAYER_LANES == 16
    __auto_type eight = value.lo + value.hi;
    return eight.lo + eight.hi;
#elif LAYER_LANES == 8
    return value.lo + value.hi;
#else
    return value;
#endif
}

/// The sum of the lanes.
KERNEL float lane_sum(float_vector value) {
    four_vector four = fold(value);
    __auto_type two = four.lo + four.hi;
    return two.x + two.y;
}

/// The sums of the lanes of four vectors, each added up as by `lane_sum`.
KERNEL four_vector lane_sums(const float_vector values[4]) {
    four_vector a = fold(values[0]), b = fold(values[1]), c = fold(values[2]), d = fold(values[3]);
    four_vector ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    four_vector cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

/// Singles from BF16 bits.
KERNEL float_vector load_bf16(const void *from) {
    half_bit_vector bits;
    memcpy(&bits, from, sizeof bits);
    return from_bits(__builtin_convertvector(bits, bit_vector) << 16);
}

/// BF16 bits, rounded to nearest, ties to even; NaN stays a NaN.
KERNEL void store_bf16(void *to, float_vector value) {
    bit_vector bits = bits_of(value);
    bit_vector rounded = bits + 0x7fff + ((bits >> 16) & 1);
    bit_vector result = (value != value ? bits | 0x400000 : rounded) >> 16;
    half_bit_vector narrow = __builtin_convertvector(result, half_bit_vector);
    memcpy(to, &narrow, sizeof narrow);
}

/// Singles from F16 bits: the product with 2^112 moves the exponent's bias and normalises subnormals.
KERNEL float_vector load_f16(const void *from) {
    half_bit_vector narrow;
    memcpy(&narrow, from, sizeof narrow);
    bit_vector bits = __builtin_convertvector(narrow, bit_vector);
    bit_vector scaled = bits_of(from_bits((bits & 0x7fff) << 13) * 0x1p112f);
    bit_vector special = (bits & 0x7c00) == 0x7c00 ? (bit_vector)0x7f800000 : (bit_vector)0;
    return from_bits(scaled | special | ((bits & 0x8000) << 16));
}

/// `e^x` with a relative error below 3e-7; 0 below -86.9, infinity above 88.72.
///
/// `x = n ln 2 + r` with `|r| <= ln 2 / 2`; a polynomial of degree 6 gives `e^r`, the exponent field 2^n.
KERNEL float_vector power_of_e(float_vector x) {
    const float_vector shift = all_lanes(0x1.8p23f);
    float_vector shifted = x * 0x1.715476p0f + shift;
    float_vector n = shifted - shift;
    float_vector r = x - n * 0x1.63p-1f;
    r = r - n * -0x1.bd0106p-13f;
    float_vector p = all_lanes(0x1.6a2256p-10f);
    p = p * r + 0x1.123b02p-7f;
    p = p * r + 0x1.5558f8p-5f;
    p = p * r + 0x1.55549p-3f;
    p = p * r + 0x1.fffffcp-2f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    // 2^(n-1), doubled afterwards, so that n = 128 fits the exponent field.
    float_vector scale = from_bits((bits_of(shifted) << 23) + (126u << 23));
    float_vector result = p * scale * 2.0f;
    result = x < -86.9f ? all_lanes(0) : result;
    return x > 88.72f ? all_lanes(INFINITY) : result;
}

/// The hyperbolic tangent with a relative error below 5e-7; NaN stays a NaN.
KERNEL float_vector tangent(float_vector x) {
    // Near 0 an odd polynomial of degree 11, because 1 - 2 / (e^2x + 1) would cancel.
    float_vector square = x * x;
    float_vector p = all_lanes(-0x1.9bba66p-8f);
    p = p * square + 0x1.595686p-6f;
    p = p * square + -0x1.b92bbap-5f;
    p = p * square + 0x1.110d3cp-3f;
    p = p * square + -0x1.55554cp-2f;
    float_vector near = x + x * square * p;
    float_vector far = 1.0f - 2.0f / (power_of_e(x * 2.0f) + 1.0f);
    return square < 0.55f * 0.55f ? near : far;
}

/// `2^x` for `x` up to 127, with a relative error below 2.5e-7; 0 below -64, so that products with it stay normal
/// numbers; NaN stays a NaN.
///
/// `x = n + r` with `|r| <= 1 / 2`; a polynomial of degree 5 gives `2^r`, the exponent field 2^n.
KERNEL float_vector power_of_two(float_vector x) {
    // Its last bits hold the exponent field of 1, to which adding x adds n.
    const float_vector shift = all_lanes(0x1.8p23f + 127);
    float_vector shifted = x + shift;
    float_vector r = x - (shifted - shift);
    float_vector p = all_lanes(0x1.5c08e6p-10f);
    p = p * r + 0x1.3d0c52p-7f;
    p = p * r + 0x1.c6b6e4p-5f;
    p = p * r + 0x1.ebf918p-3f;
    p = p * r + 0x1.62e428p-1f;
    p = p * r + 0x1.000002p0f;
    return x < -64.0f ? all_lanes(0) : p * from_bits(bits_of(shifted) << 23);
}
