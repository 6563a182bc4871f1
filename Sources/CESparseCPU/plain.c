// Kernels in plain C: what every other instruction set must agree with, and what runs where there is none.
#include "prelude.h"

#define LAYER_LANES 4
#define LAYER_STRIP 2
#define GAIN_TILE 4
#define PEAK_BYTES 16
#include "layer/kernels.h"
#include "peak/loops.h"
#include "shuffle/kernels.h"

// MARK: Linears

static float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/// Nearest bf16, ties to even; NaN stays a quiet NaN.
static uint16_t narrowed(float value) {
    uint32_t bits = bits_of_float(value);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return (uint16_t)((bits | 0x400000u) >> 16);
    return (uint16_t)((bits + 0x7FFFu + ((bits >> 16) & 1)) >> 16);
}

/// The single with the value of an IEEE half. Scaling by 2^112 moves the exponent's bias and normalises subnormals.
static float widened_half(uint16_t half) {
    uint32_t scaled = bits_of_float(float_of_bits((uint32_t)(half & 0x7FFF) << 13) * 0x1p112f);
    uint32_t special = (half & 0x7C00) == 0x7C00 ? 0x7F800000u : 0;
    return float_of_bits((uint32_t)(half & 0x8000) << 16 | scaled | special);
}

/// Element `index` of an array of `element`s.
static float element_at(const void *array, int element, int64_t index) {
    const char *bytes = array;
    if (element == esparse_float32) {
        float value;
        memcpy(&value, bytes + index * 4, 4);
        return value;
    }
    uint16_t bits;
    memcpy(&bits, bytes + index * 2, 2);
    return element == esparse_float16 ? widened_half(bits) : float_of_bits((uint32_t)bits << 16);
}

static int is_kept(const uint8_t *bitmask, int64_t column) { return bitmask[column / 8] >> (column % 8) & 1; }

static void pack(const esparse_rows *rows, int rounds, const float *input, int64_t tokens, float *packed,
                 int64_t packed_stride) {
    for (int64_t token = 0; token < tokens; token++) {
        float *row = packed + token * packed_stride;
        for (int64_t column = 0; column < packed_stride; column++) {
            float value = column < rows->columns ? input[token * rows->columns + column] : 0;
            row[column] = rounds ? float_of_bits((uint32_t)narrowed(value) << 16) : value;
        }
    }
}

static void few(const esparse_rows *rows, const float *packed, int64_t packed_stride, int64_t tokens, float *output,
                int64_t output_stride, int accumulates) {
    for (int64_t row = 0; row < rows->rows; row++) {
        for (int64_t token = 0; token < tokens; token++) {
            const float *x = packed + token * packed_stride;
            int64_t next = row * rows->kept_per_row;
            float sum = 0;
            for (int64_t column = 0; column < rows->columns; column++) {
                if (rows->bitmask && !is_kept(rows->bitmask + row * rows->mask_stride, column)) continue;
                sum += x[column] * element_at(rows->weights, rows->element, next++);
            }
            float *place = output + token * output_stride + row;
            *place = sum + (rows->bias ? rows->bias[row] : 0) + (accumulates ? *place : 0);
        }
    }
}

static void widen(const esparse_rows *rows, float *dense) {
    for (int64_t row = 0; row < rows->rows; row++) {
        int64_t next = row * rows->kept_per_row;
        for (int64_t column = 0; column < rows->columns; column++) {
            int kept = !rows->bitmask || is_kept(rows->bitmask + row * rows->mask_stride, column);
            dense[row * rows->columns + column] = kept ? element_at(rows->weights, rows->element, next++) : 0;
        }
    }
}

static void expand(const esparse_rows *rows, uint16_t *dense) {
    const char *values = rows->weights;
    for (int64_t row = 0; row < rows->rows; row++) {
        int64_t next = row * rows->kept_per_row;
        for (int64_t column = 0; column < rows->columns; column++) {
            uint16_t *place = dense + row * rows->columns + column;
            *place = 0;
            if (is_kept(rows->bitmask + row * rows->mask_stride, column)) memcpy(place, values + 2 * next++, 2);
        }
    }
}

static void round_all(const float *input, float *output, int64_t count) {
    for (int64_t i = 0; i < count; i++) output[i] = float_of_bits((uint32_t)narrowed(input[i]) << 16);
}

static void narrow(const float *input, uint16_t *output, int64_t count) {
    for (int64_t i = 0; i < count; i++) output[i] = narrowed(input[i]);
}

static void exponential_sum(const float *values, int64_t count, float *largest, double *sum) {
    float maximum = values[0];
    for (int64_t i = 1; i < count; i++) maximum = values[i] > maximum ? values[i] : maximum;
    double total = 0;
    for (int64_t i = 0; i < count; i++) total += exp((double)values[i] - (double)maximum);
    *largest = maximum;
    *sum = total;
}

static const esparse_linear_kernels linear_kernels = {
    .pack = pack, .few = few, .widen = widen, .expand = expand, .round = round_all, .narrow = narrow,
    .exponential_sum = exponential_sum,
};

const esparse_kernels esparse_kernels_plain = {
    .name = "plain",
    .features = 0,
    .linear = &linear_kernels,
    .layer = &layer_kernels,
    .shuffle = &shuffle_kernels,
    .peak = &peak_kernels,
};
