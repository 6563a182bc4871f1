// Random linears for checks of kernels in C: shapes, patterns, element types and values, with what they must give.
//
// Buffers have their exact sizes and odd starts, for AddressSanitizer and valgrind.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

static uint64_t state = 88172645463325252u;

static int below(int limit) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (int)(state % (uint64_t)limit);
}

/// An ordinary number, or one of very different magnitudes where `spreads`.
static float random_value(int spreads) {
    static const float scales[] = {0, 1, 1e-6f, 1e4f, 1e-3f, 1};
    float value = (float)(below(2001) - 1000) / 500;
    return spreads ? value * scales[below(6)] : value;
}

static float of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static float half_value(uint16_t half) {
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double magnitude = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return (float)(half & 0x8000 ? -magnitude : magnitude);
}

/// The nearest bf16 of a finite number, ties to even.
static float rounded_value(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return of_bits((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000u);
}

/// Types of elements, and the formats that hold them, each in this order.
enum { float32, float16, bfloat16, element_count };
static const esparse_format dense_formats[] = {esparse_dense_f32, esparse_dense_f16, esparse_dense_bf16};
static const esparse_format masked_formats[] = {esparse_masked_f32, esparse_masked_f16, esparse_masked_bf16};
static const esparse_format panel_formats[] = {esparse_panels_f32, esparse_panels_f16, esparse_panels_bf16};

/// Stores a random finite element and returns its value.
static float random_element(int element, int spreads, char *to) {
    if (element == float32) {
        float value = random_value(spreads);
        memcpy(to, &value, 4);
        return value;
    }
    const int sign = below(2) << 15;
    uint16_t half = element == float16
                        ? (uint16_t)(sign | below(spreads ? 31 : 16) << 10 | below(1024))
                        : (uint16_t)(sign | (below(spreads ? 40 : 14) + 100) << 7 | below(128));
    memcpy(to, &half, 2);
    return element == float16 ? half_value(half) : of_bits((uint32_t)half << 16);
}

/// Zeroed memory of `bytes` whose end is the end of its allocation.
static void *buffer(size_t bytes) {
    void *memory = calloc(bytes ? bytes : 1, 1);
    if (!memory) exit(2);
    return memory;
}

/// A linear, its input, what lies in the output before, and what must lie there afterwards.
typedef struct {
    esparse_rows rows;
    int element, tokens, kept, group, accumulates;
    char *values;
    uint8_t *mask;
    float *bias, *dense, *input, *old;
    /// [tokens, rows] sums in double precision, and sums of magnitudes.
    double *sums, *magnitudes;
} random_linear;

/// One random linear; a `group` of 0 is dense. Inputs are bf16 numbers where `rounds`.
static random_linear make_linear(int row_count, int columns, int tokens, int element, int kept, int group, int rounds) {
    const int spreads = below(2), has_bias = below(2), accumulates = below(2);
    const size_t bytes = element == float32 ? 4 : 2, mask_stride = (size_t)(columns + 7) / 8;
    const int kept_per_row = group ? columns / group * kept : columns;
    random_linear linear = {
        .element = element, .tokens = tokens, .kept = kept, .group = group, .accumulates = accumulates,
        .values = buffer((size_t)row_count * kept_per_row * bytes),
        .mask = group ? buffer(row_count * mask_stride) : NULL,
        .bias = has_bias ? buffer((size_t)row_count * 4) : NULL,
        .dense = buffer((size_t)row_count * columns * 4),
        .input = buffer((size_t)tokens * columns * 4),
        .old = buffer((size_t)tokens * row_count * 4),
        .sums = buffer((size_t)tokens * row_count * 8),
        .magnitudes = buffer((size_t)tokens * row_count * 8),
    };
    char *next = linear.values;
    for (int row = 0; row < row_count; row++) {
        for (int column = 0, left = 0; column < columns; column++) {
            if (group) {
                if (column % group == 0) left = kept;
                if (below(group - column % group) >= left) continue;
                left--;
                linear.mask[row * mask_stride + column / 8] |= (uint8_t)(1 << (column % 8));
            }
            linear.dense[(size_t)row * columns + column] = random_element(element, spreads, next);
            next += bytes;
        }
        if (has_bias) linear.bias[row] = random_value(spreads);
    }
    for (int i = 0; i < tokens * columns; i++) {
        linear.input[i] = rounds ? rounded_value(random_value(spreads)) : random_value(spreads);
    }
    for (int i = 0; i < tokens * row_count; i++) {
        const float *w = linear.dense + (size_t)(i % row_count) * columns, *x = linear.input + i / row_count * columns;
        linear.old[i] = accumulates ? random_value(spreads) : NAN;
        double sum = (accumulates ? (double)linear.old[i] : 0) + (has_bias ? (double)linear.bias[i % row_count] : 0);
        double magnitude = (accumulates ? fabs((double)linear.old[i]) : 0) +
                           (has_bias ? fabs((double)linear.bias[i % row_count]) : 0);
        for (int column = 0; column < columns; column++) {
            double product = (double)w[column] * (double)x[column];
            sum += product, magnitude += fabs(product);
        }
        linear.sums[i] = sum, linear.magnitudes[i] = magnitude;
    }
    linear.rows = (esparse_rows){
        .format = (group ? masked_formats : dense_formats)[element],
        .weights = linear.values, .bitmask = linear.mask, .bias = linear.bias, .rows = row_count, .columns = columns,
        .kept_per_row = kept_per_row, .mask_stride = (int64_t)mask_stride,
        .is_grouped = group && 4 % group == 0,
    };
    return linear;
}

static void free_linear(random_linear *linear) {
    free(linear->values), free(linear->mask), free(linear->bias), free(linear->dense), free(linear->input);
    free(linear->old), free(linear->sums), free(linear->magnitudes);
}

/// Whether an output is within `factor` times the sum of magnitudes, or what subnormals may lose.
static int is_near(const random_linear *linear, const float *output, double factor) {
    const int64_t count = linear->tokens * linear->rows.rows;
    const double lost = 8 * (double)linear->rows.columns * 0x1p-126;
    int is_right = 1;
    for (int64_t i = 0; i < count; i++) {
        is_right &= fabs((double)output[i] - linear->sums[i]) <= factor * linear->magnitudes[i] + lost;
    }
    return is_right;
}
