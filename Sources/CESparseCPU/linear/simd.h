// The linear kernels of one SIMD instruction set, written once on a handful of vector operations.
//
// The including file defines the type `vector` of `lanes` floats with its operations, and how stored values become
// vectors:
//
// - `next_floats`, `next_halves` (`lanes` columns of a row, of four and of two bytes) and `next_float_pair`,
//   `next_half_pair` (twice as many), which move a cursor and read a bitmask where there is one; types `halves` and
//   `half_pair` hold values of two bytes.
// - `widen_float16`, `widen_float16_pair`, `widen_bfloat16`, `split_bfloat16`, which make floats of them. A pair of
//   bf16 vectors comes in its order, or, where `splits_apart`, even columns first: then the input is packed like that.

#include "few.h"

// MARK: Conversions

ENTRY void round_all(const float *input, float *output, int64_t count) {
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes) store(output + i, rounded(load(input + i)));
    if (i < count) {
        float tail[lanes] = {0};
        memcpy(tail, input + i, (size_t)(count - i) * 4);
        store(tail, rounded(load(tail)));
        memcpy(output + i, tail, (size_t)(count - i) * 4);
    }
}

ENTRY void narrow(const float *input, uint16_t *output, int64_t count) {
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes) store_high_halves(output + i, rounded(load(input + i)));
    if (i < count) {
        float tail[lanes] = {0};
        uint16_t narrowed[lanes];
        memcpy(tail, input + i, (size_t)(count - i) * 4);
        store_high_halves(narrowed, rounded(load(tail)));
        memcpy(output + i, narrowed, (size_t)(count - i) * 2);
    }
}

/// Within every `step` columns: even ones, then odd ones, by `lanes` (what shifting and masking pairs of bf16 gives).
KERNEL void separate_pairs(float *row, int64_t count) {
    for (int64_t start = 0; start < count; start += step) {
        float copy[step];
        memcpy(copy, row + start, sizeof copy);
        for (int i = 0; i < lanes; i++) {
            row[start + i] = copy[2 * i];
            row[start + lanes + i] = copy[2 * i + 1];
        }
    }
}

KERNEL void pack_rows(const int separates, const esparse_rows *rows, int rounds, const float *input, int64_t tokens,
                      float *packed, int64_t packed_stride) {
    for (int64_t token = 0; token < tokens; token++) {
        float *row = packed + token * packed_stride;
        const float *values = input + token * rows->columns;
        if (rounds) {
            round_all(values, row, rows->columns);
        } else {
            memcpy(row, values, (size_t)rows->columns * 4);
        }
        memset(row + rows->columns, 0, (size_t)(packed_stride - rows->columns) * 4);
        if (separates) separate_pairs(row, packed_stride);
    }
}

ENTRY void pack_in_order(const esparse_rows *rows, int rounds, const float *input, int64_t tokens, float *packed,
                         int64_t packed_stride) {
    pack_rows(0, rows, rounds, input, tokens, packed, packed_stride);
}

ENTRY void pack_separated(const esparse_rows *rows, int rounds, const float *input, int64_t tokens, float *packed,
                          int64_t packed_stride) {
    pack_rows(1, rows, rounds, input, tokens, packed, packed_stride);
}

KERNEL void widen_format(const int format, const esparse_rows *rows, float *dense) {
    const int is_masked = traits[format].is_masked;
    const char *end = row_values(rows, format, rows->rows);
    for (int64_t row = 0; row < rows->rows; row++) {
        const char *cursor = row_values(rows, format, row);
        const uint8_t *mask = is_masked ? rows->bitmask + row * rows->mask_stride : NULL;
        float *place = dense + row * rows->columns;
        int64_t column = 0;
        for (; column + lanes <= rows->columns; column += lanes) {
            store(place + column, next(format, &cursor, end, is_masked ? mask + column / 8 : NULL));
        }
        if (column < rows->columns) {
            _Alignas(64) char tail[lanes * 4] = {0};
            uint8_t tail_mask[4] = {0};
            size_t count = (size_t)(rows->columns - column);
            const char *tail_cursor = cursor;
            if (is_masked) {
                memcpy(tail_mask, mask + column / 8, (count + 7) / 8);
            } else {
                memcpy(tail, cursor, count * traits[format].bytes);
                tail_cursor = tail;
            }
            float values[lanes];
            store(values, next(format, &tail_cursor, end, tail_mask));
            memcpy(place + column, values, count * 4);
        }
    }
}

#define WIDEN(name) \
    ENTRY void widen_##name(const esparse_rows *rows, float *dense) { widen_format(esparse_##name, rows, dense); }
#define FORMAT(name, layout, values) IF_ROWS_##layout(WIDEN(name))
#include "../formats/all.h"
#undef FORMAT

ENTRY void expand_masked_bf16(const esparse_rows *rows, uint16_t *dense) {
    const int format = esparse_masked_bf16;
    const char *end = row_values(rows, format, rows->rows);
    for (int64_t row = 0; row < rows->rows; row++) {
        const char *cursor = row_values(rows, format, row);
        const uint8_t *mask = rows->bitmask + row * rows->mask_stride;
        uint16_t *place = dense + row * rows->columns;
        int64_t column = 0;
        for (; column + lanes <= rows->columns; column += lanes) {
            store_high_halves(place + column, next(format, &cursor, end, mask + column / 8));
        }
        if (column < rows->columns) {
            uint8_t tail_mask[4] = {0};
            uint16_t values[lanes];
            memcpy(tail_mask, mask + column / 8, (size_t)(rows->columns - column + 7) / 8);
            store_high_halves(values, next(format, &cursor, end, tail_mask));
            memcpy(place + column, values, (size_t)(rows->columns - column) * 2);
        }
    }
}

// MARK: Log-likelihood

/// e^x for x <= 0, NaN for NaN: 2^n e^r with |r| <= ln(2) / 2 and the Taylor series to r^7, whose error (5e-9) is below
/// a float's.
KERNEL vector exponential(vector x) {
    // The second operand is what `larger` gives where one is NaN, so a NaN goes through.
    x = larger(all(-87.0f), x);
    vector n = nearest_integer(multiply(x, all(1.44269504f)));
    vector r = multiply_add(n, all(-0.693359375f), x);
    r = multiply_add(n, all(2.12194440e-4f), r);
    vector sum = all(1.0f / 5040);
    sum = multiply_add(sum, r, all(1.0f / 720));
    sum = multiply_add(sum, r, all(1.0f / 120));
    sum = multiply_add(sum, r, all(1.0f / 24));
    sum = multiply_add(sum, r, all(1.0f / 6));
    sum = multiply_add(sum, r, all(0.5f));
    sum = multiply_add(sum, r, all(1));
    sum = multiply_add(sum, r, all(1));
    return times_power_of_two(sum, n);
}

ENTRY void exponential_sum(const float *values, int64_t count, float *largest, double *sum) {
    vector maxima = all(values[0]);
    int64_t whole = count / lanes * lanes;
    for (int64_t i = 0; i < whole; i += lanes) maxima = larger(maxima, load(values + i));
    float lane_values[lanes];
    store(lane_values, maxima);
    float maximum = values[0];
    for (int i = 0; i < lanes; i++) maximum = lane_values[i] > maximum ? lane_values[i] : maximum;
    for (int64_t i = whole; i < count; i++) maximum = values[i] > maximum ? values[i] : maximum;

    double total = 0;
    vector shift = all(-maximum);
    for (int64_t start = 0; start < whole; start += 64 * lanes) {
        int64_t end = start + 64 * lanes < whole ? start + 64 * lanes : whole;
        vector part = zero();
        for (int64_t i = start; i < end; i += lanes) part = add(part, exponential(add(load(values + i), shift)));
        store(lane_values, part);
        for (int i = 0; i < lanes; i++) total += (double)lane_values[i];
    }
    if (whole < count) {
        for (int i = 0; i < lanes; i++) lane_values[i] = whole + i < count ? values[whole + i] - maximum : 0;
        store(lane_values, exponential(load(lane_values)));
        for (int64_t i = whole; i < count; i++) total += (double)lane_values[i - whole];
    }
    *largest = maximum;
    *sum = total;
}
