// Checks the few-token linear kernels of every instruction set this processor has against a plain product in double
// precision: random shapes, patterns, element types and values. Buffers have their exact sizes, for AddressSanitizer and
// valgrind. Usage: check_linear [ROUNDS [SET,...]]
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linear_kernels.h"

static uint64_t state = 88172645463325252u;
static int failures;

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

/// Stores a random finite element and returns its value.
static float random_element(int element, int spreads, char *to) {
    if (element == esparse_float32) {
        float value = random_value(spreads);
        memcpy(to, &value, 4);
        return value;
    }
    uint16_t half = element == esparse_float16 ? (uint16_t)(below(2) << 15 | below(spreads ? 31 : 16) << 10 | below(1024))
                                               : (uint16_t)(below(2) << 15 | (below(spreads ? 40 : 4) + 100) << 7 | below(128));
    memcpy(to, &half, 2);
    return element == esparse_float16 ? half_value(half) : of_bits((uint32_t)half << 16);
}

static void *buffer(size_t bytes) {
    void *memory = calloc(bytes ? bytes : 1, 1);
    if (!memory) exit(2);
    return memory;
}

static void fail(const char *set, const char *what, const esparse_rows *rows, int tokens, int kept, int group) {
    if (failures++ < 20) {
        printf("%s %s: R %d, C %d, T %d, element %d, pattern %d:%d\n", set, what, (int)rows->rows, (int)rows->columns, tokens,
               (int)rows->element, kept, group);
    }
}

/// One random linear; a `group` of 0 is dense.
static void check(const char *set, const esparse_linear_kernels *kernels, int row_count, int columns, int tokens,
                  int element, int kept, int group) {
    const int spreads = below(2), accumulates = below(2), has_bias = below(2);
    const size_t bytes = element == esparse_float32 ? 4 : 2, mask_stride = (size_t)(columns + 7) / 8;
    const int kept_per_row = group ? columns / group * kept : columns;
    const int64_t stride = (columns + 31) / 32 * 32;
    const size_t outputs = (size_t)tokens * row_count, weights = (size_t)row_count * columns;
    char *values = buffer((size_t)row_count * kept_per_row * bytes), *next = values;
    uint8_t *mask = group ? buffer(row_count * mask_stride) : NULL;
    float *dense = buffer(weights * 4), *bias = has_bias ? buffer((size_t)row_count * 4) : NULL;
    for (int row = 0; row < row_count; row++) {
        for (int column = 0, left = 0; column < columns; column++) {
            if (group) {
                if (column % group == 0) left = kept;
                if (below(group - column % group) >= left) continue;
                left--;
                mask[row * mask_stride + column / 8] |= (uint8_t)(1 << (column % 8));
            }
            dense[(size_t)row * columns + column] = random_element(element, spreads, next);
            next += bytes;
        }
        if (bias) bias[row] = random_value(spreads);
    }
    float *input = buffer((size_t)tokens * columns * 4), *packed = buffer((size_t)tokens * stride * 4);
    float *old = buffer(outputs * 4), *output = buffer(outputs * 4), *alone = buffer(outputs * 4);
    for (int i = 0; i < tokens * columns; i++) input[i] = random_value(spreads);
    for (size_t i = 0; i < outputs; i++) old[i] = accumulates ? random_value(spreads) : NAN;
    memcpy(output, old, outputs * 4), memcpy(alone, old, outputs * 4);

    esparse_rows rows = {values, mask, bias, row_count, columns, kept_per_row, (int64_t)mask_stride, element};
    kernels->pack(&rows, 0, input, tokens, packed, stride);
    kernels->few(&rows, packed, stride, tokens, output, row_count, accumulates);
    // An f32 sum of n products in any order is within n u times the sum of magnitudes, u = 2^-24 (Higham, section 3.1).
    int is_right = 1;
    for (int token = 0; token < tokens; token++) {
        for (int row = 0; row < row_count; row++) {
            size_t at = (size_t)token * row_count + row;
            double sum = (accumulates ? (double)old[at] : 0) + (bias ? (double)bias[row] : 0);
            double magnitude = (accumulates ? fabs((double)old[at]) : 0) + (bias ? fabs((double)bias[row]) : 0);
            for (int column = 0; column < columns; column++) {
                double product = (double)dense[(size_t)row * columns + column] * (double)input[token * columns + column];
                sum += product, magnitude += fabs(product);
            }
            is_right &= fabs((double)output[at] - sum) <= (columns + 3) * 0x1p-24 * magnitude + columns * 0x1p-126;
            esparse_rows one = rows;
            one.weights = values + (size_t)row * kept_per_row * bytes, one.rows = 1;
            one.bitmask = mask ? mask + row * mask_stride : NULL, one.bias = bias ? bias + row : NULL;
            kernels->few(&one, packed + token * stride, stride, 1, alone + at, row_count, accumulates);
        }
    }
    if (!is_right) fail(set, "few", &rows, tokens, kept, group);
    if (memcmp(output, alone, outputs * 4)) fail(set, "few, bits of one row and token", &rows, tokens, kept, group);

    float *widened = buffer(weights * 4);
    kernels->widen(&rows, widened);
    for (size_t i = 0; i < weights; i++) is_right &= widened[i] == dense[i];
    if (group && element == esparse_bfloat16) {
        uint16_t *expanded = buffer(weights * 2);
        kernels->expand(&rows, expanded);
        for (size_t i = 0; i < weights; i++) is_right &= of_bits((uint32_t)expanded[i] << 16) == dense[i];
        free(expanded);
    }
    if (!is_right) fail(set, "widen or expand", &rows, tokens, kept, group);
    free(values), free(mask), free(dense), free(bias), free(input), free(packed), free(old), free(output), free(alone);
    free(widened);
}

int main(int count, char **arguments) {
    static const int patterns[][2] = {{0, 0}, {1, 2}, {2, 4}, {1, 4},  {2, 8},  {4, 8}, {3, 7},
                                      {7, 8}, {4, 4}, {1, 3}, {5, 16}, {1, 16}, {8, 32}};
    const esparse_processor processor = esparse_detect_processor();
    const struct {
        const char *name;
        const esparse_linear_kernels *kernels;
    } sets[] = {
        {"plain", esparse_linear_kernels_plain()},
        {"avx2", processor.has_avx2 ? esparse_linear_kernels_avx2() : NULL},
        {"avx512", processor.has_avx512 ? esparse_linear_kernels_avx512() : NULL},
        {"neon", processor.has_neon ? esparse_linear_kernels_neon() : NULL},
    };
    const int rounds = count > 1 ? atoi(arguments[1]) : 300;
    for (size_t set = 0; set < sizeof sets / sizeof *sets; set++) {
        if (!sets[set].kernels || (count > 2 && !strstr(arguments[2], sets[set].name))) continue;
        for (int round = 0; round < rounds; round++) {
            const int *pattern = patterns[below(sizeof patterns / sizeof *patterns)], group = pattern[1];
            const int most = below(4) == 0 ? 300 : 40, most_columns = below(6) == 0 ? 1100 : 2 * most;
            int columns = 1 + below(most_columns);
            if (group) columns = columns < group ? group : columns / group * group;
            check(sets[set].name, sets[set].kernels, 1 + below(most), columns, 1 + below(below(2) ? 9 : 40), below(3),
                  pattern[0], group);
        }
        printf("%s: %d rounds\n", sets[set].name, rounds);
    }
    if (failures) printf("%d checks failed\n", failures);
    return failures != 0;
}
