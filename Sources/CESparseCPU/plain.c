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

#include "linear/storage.h"

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

/// A stored value. The format is a constant, here and below.
KERNEL float value_at(const int format, const char *from) {
    switch (format) {
#define FORMAT(name, layout, values) case esparse_##name: return values##_value(from);
#include "formats/all.h"
#undef FORMAT
    }
    __builtin_unreachable();
}

/// Whether a row keeps a weight in a column.
KERNEL int is_kept(const int format, const esparse_rows *rows, int64_t row, int64_t column) {
    return !traits[format].is_masked || rows->bitmask[row * rows->mask_stride + column / 8] >> (column % 8) & 1;
}

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

KERNEL void few(const int format, const esparse_rows *rows, const float *packed, int64_t packed_stride, int64_t tokens,
                float *output, int64_t output_stride, int accumulates) {
    for (int64_t row = 0; row < rows->rows; row++) {
        for (int64_t token = 0; token < tokens; token++) {
            const float *x = packed + token * packed_stride;
            const char *from = row_values(rows, format, row);
            float sum = 0;
            for (int64_t column = 0; column < rows->columns; column++) {
                if (!is_kept(format, rows, row, column)) continue;
                sum += x[column] * value_at(format, from);
                from += traits[format].bytes;
            }
            float *place = output + token * output_stride + row;
            *place = sum + (rows->bias ? rows->bias[row] : 0) + (accumulates ? *place : 0);
        }
    }
}

KERNEL void widen(const int format, const esparse_rows *rows, float *dense) {
    for (int64_t row = 0; row < rows->rows; row++) {
        const char *from = row_values(rows, format, row);
        for (int64_t column = 0; column < rows->columns; column++) {
            float *place = dense + row * rows->columns + column;
            *place = 0;
            if (!is_kept(format, rows, row, column)) continue;
            *place = value_at(format, from);
            from += traits[format].bytes;
        }
    }
}

static void expand_masked_bf16(const esparse_rows *rows, uint16_t *dense) {
    for (int64_t row = 0; row < rows->rows; row++) {
        const char *from = row_values(rows, esparse_masked_bf16, row);
        for (int64_t column = 0; column < rows->columns; column++) {
            uint16_t *place = dense + row * rows->columns + column;
            *place = 0;
            if (!is_kept(esparse_masked_bf16, rows, row, column)) continue;
            memcpy(place, from, 2);
            from += 2;
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

#define FEW_AND_WIDEN(name)                                                                                          \
    ENTRY void few_##name(const esparse_rows *rows, const float *packed, int64_t packed_stride, int64_t tokens,      \
                          float *output, int64_t output_stride, int accumulates) {                                   \
        few(esparse_##name, rows, packed, packed_stride, tokens, output, output_stride, accumulates);                \
    }                                                                                                                \
    ENTRY void widen_##name(const esparse_rows *rows, float *dense) { widen(esparse_##name, rows, dense); }
#define FORMAT(name, layout, values) IF_ROWS_##layout(FEW_AND_WIDEN(name))
#include "formats/all.h"
#undef FORMAT

#define FUNCTIONS(name, ...) [esparse_##name] = {.pack = pack, .few = few_##name, .widen = widen_##name, __VA_ARGS__},
#define FORMAT(name, layout, values) \
    IF_ROWS_##layout(FUNCTIONS(name, IF_MASKED_##layout(.expand = values##_is_bf16 ? expand_masked_bf16 : NULL)))
static const esparse_format_kernels format_kernels[esparse_format_count] = {
#include "formats/all.h"
};
#undef FORMAT

static esparse_format_kernels format_functions(esparse_format format) { return format_kernels[format]; }

static const esparse_linear_kernels linear_kernels = {
    .functions = format_functions, .round = round_all, .narrow = narrow, .exponential_sum = exponential_sum,
};

const esparse_kernels esparse_kernels_plain = {
    .name = "plain",
    .features = 0,
    .linear = &linear_kernels,
    .layer = &layer_kernels,
    .shuffle = &shuffle_kernels,
    .peak = &peak_kernels,
};
