// Normalisations, element-wise functions, conversions and appending to the KV cache.

/// The sum of `(x - mean)^2`, in 4 vectors of partial sums.
KERNEL float square_sum_of(const float *row, ptrdiff_t channels, float mean) {
    float_vector sums[4] = {all_lanes(0), all_lanes(0), all_lanes(0), all_lanes(0)};
    ptrdiff_t channel = 0;
    for (; channel + 4 * LAYER_LANES <= channels; channel += 4 * LAYER_LANES)
        for (int part = 0; part < 4; ++part) {
            float_vector x = load_floats(row + channel + part * LAYER_LANES) - mean;
            sums[part] += x * x;
        }
    float tail = 0;
    for (; channel < channels; ++channel) tail += (row[channel] - mean) * (row[channel] - mean);
    return lane_sum((sums[0] + sums[1]) + (sums[2] + sums[3])) + tail;
}

KERNEL float sum_of(const float *row, ptrdiff_t channels) {
    float_vector sums[4] = {all_lanes(0), all_lanes(0), all_lanes(0), all_lanes(0)};
    ptrdiff_t channel = 0;
    for (; channel + 4 * LAYER_LANES <= channels; channel += 4 * LAYER_LANES)
        for (int part = 0; part < 4; ++part) sums[part] += load_floats(row + channel + part * LAYER_LANES);
    float tail = 0;
    for (; channel < channels; ++channel) tail += row[channel];
    return lane_sum((sums[0] + sums[1]) + (sums[2] + sums[3])) + tail;
}

static void normalize_rms(
    const float *input, ptrdiff_t tokens, ptrdiff_t channels, const float *weight, float epsilon,
    const int32_t *order, float *restrict output) {
    for (ptrdiff_t token = 0; token < tokens; ++token) {
        const float *row = input + token * channels;
        float *out = output + token * channels;
        float factor = 1 / sqrtf(square_sum_of(row, channels, 0) / (float)channels + epsilon);
        if (order)
            for (ptrdiff_t j = 0; j < channels; ++j) out[j] = row[order[j]] * factor * weight[j];
        else
            for (ptrdiff_t j = 0; j < channels; ++j) out[j] = row[j] * factor * weight[j];
    }
}

static void normalize_layer(
    const float *input, ptrdiff_t tokens, ptrdiff_t channels, const float *weight, const float *bias, float epsilon,
    const int32_t *order, float *restrict output) {
    for (ptrdiff_t token = 0; token < tokens; ++token) {
        const float *row = input + token * channels;
        float *out = output + token * channels;
        float mean = sum_of(row, channels) / (float)channels;
        float factor = 1 / sqrtf(square_sum_of(row, channels, mean) / (float)channels + epsilon);
        if (order)
            for (ptrdiff_t j = 0; j < channels; ++j) out[j] = (row[order[j]] - mean) * factor * weight[j] + bias[j];
        else
            for (ptrdiff_t j = 0; j < channels; ++j) out[j] = (row[j] - mean) * factor * weight[j] + bias[j];
    }
}

KERNEL float_vector function_value(const esparse_function function, float_vector x) {
    switch (function) {
    case esparse_function_silu: return x / (power_of_e(-x) + 1.0f);
    case esparse_function_relu: return x < 0.0f ? all_lanes(0) : x;
    case esparse_function_gelu_tanh: {
        // x (1 + tanh u) / 2 = x / (1 + exp(-2 u)) with u = sqrt(2 / pi) (x + 0.044715 x^3).
        float_vector u = x * 0.7978845608f * (x * x * 0.044715f + 1.0f);
        return x / (power_of_e(u * -2.0f) + 1.0f);
    }
    case esparse_function_gelu: {
        // The complementary error function keeps the relative precision of the negative tail.
        for (int lane = 0; lane < LAYER_LANES; ++lane) x[lane] = x[lane] * 0.5f * erfcf(x[lane] * -0.70710678f);
        return x;
    }
    }
    __builtin_unreachable();
}

KERNEL void apply_function(
    const esparse_function function, const float *gate, const float *up, ptrdiff_t count, float *output) {
    ptrdiff_t index = 0;
    for (; index + LAYER_LANES <= count; index += LAYER_LANES) {
        float_vector value = function_value(function, load_floats(gate + index));
        store_floats(output + index, up ? value * load_floats(up + index) : value);
    }
    if (index < count) {
        float_vector value = function_value(function, load_first(gate + index, count - index));
        store_first(output + index, up ? value * load_first(up + index, count - index) : value, count - index);
    }
}

static void apply_activation(
    esparse_function function, const float *gate, const float *up, ptrdiff_t count, float *output) {
    switch (function) {
    case esparse_function_silu: apply_function(esparse_function_silu, gate, up, count, output); break;
    case esparse_function_relu: apply_function(esparse_function_relu, gate, up, count, output); break;
    case esparse_function_gelu_tanh: apply_function(esparse_function_gelu_tanh, gate, up, count, output); break;
    case esparse_function_gelu: apply_function(esparse_function_gelu, gate, up, count, output); break;
    }
}

ENTRY void soft_cap_all(float cap, ptrdiff_t count, float *values) {
    ptrdiff_t index = 0;
    for (; index + LAYER_LANES <= count; index += LAYER_LANES)
        store_floats(values + index, tangent(load_floats(values + index) / cap) * cap);
    if (index < count)
        store_first(values + index, tangent(load_first(values + index, count - index) / cap) * cap, count - index);
}

static void scale_all(float factor, ptrdiff_t count, float *values) {
    for (ptrdiff_t index = 0; index < count; ++index) values[index] *= factor;
}

static void add_all(const float *addend, ptrdiff_t count, float *accumulator) {
    for (ptrdiff_t index = 0; index < count; ++index) accumulator[index] += addend[index];
}

static void widen_bf16(const void *input, ptrdiff_t count, float *output) {
    const uint8_t *bytes = input;
    ptrdiff_t index = 0;
    for (; index + LAYER_LANES <= count; index += LAYER_LANES)
        store_floats(output + index, load_bf16(bytes + 2 * index));
    uint16_t rest[LAYER_LANES] = {0};
    memcpy(rest, bytes + 2 * index, 2 * (size_t)(count - index));
    store_first(output + index, load_bf16(rest), count - index);
}

static void widen_f16(const void *input, ptrdiff_t count, float *output) {
    const uint8_t *bytes = input;
    ptrdiff_t index = 0;
    for (; index + LAYER_LANES <= count; index += LAYER_LANES)
        store_floats(output + index, load_f16(bytes + 2 * index));
    uint16_t rest[LAYER_LANES] = {0};
    memcpy(rest, bytes + 2 * index, 2 * (size_t)(count - index));
    store_first(output + index, load_f16(rest), count - index);
}

/// Copies a head `[size]`, turned by `cosines` and `sines` where there are any, channel pairs being `(i, i + count)`.
KERNEL void turn(
    const float *input, ptrdiff_t size, const float *rotation, ptrdiff_t count, float *restrict output) {
    if (!rotation) {
        memcpy(output, input, sizeof(float) * (size_t)size);
        return;
    }
    for (ptrdiff_t i = 0; i < count; ++i) {
        float first = input[i], second = input[i + count];
        float cosine = rotation[i], sine = rotation[i + count];
        output[i] = first * cosine - second * sine;
        output[i + count] = second * cosine + first * sine;
    }
    memcpy(output + 2 * count, input + 2 * count, sizeof(float) * (size_t)(size - 2 * count));
}

static void append_head(
    const float *input, ptrdiff_t tokens, ptrdiff_t stride, ptrdiff_t size, ptrdiff_t padded_size,
    const float *rotation, ptrdiff_t frequency_count, ptrdiff_t start, int32_t cache_is_bf16, void *output) {
    for (ptrdiff_t token = 0; token < tokens; ++token) {
        const float *row = input + token * stride;
        const float *angles = rotation ? rotation + (start + token) * 2 * frequency_count : NULL;
        if (!cache_is_bf16) {
            float *place = (float *)output + token * padded_size;
            turn(row, size, angles, frequency_count, place);
            memset(place + size, 0, sizeof(float) * (size_t)(padded_size - size));
            continue;
        }
        float turned[size + esparse_head_padding];
        memset(turned + size, 0, sizeof(float) * esparse_head_padding);
        turn(row, size, angles, frequency_count, turned);
        for (ptrdiff_t channel = 0; channel < padded_size; channel += LAYER_LANES)
            store_bf16((uint16_t *)output + token * padded_size + channel, load_floats(turned + channel));
    }
}
