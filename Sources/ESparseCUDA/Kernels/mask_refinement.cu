// Exchanges of kept and dropped weights while the outputs' error falls: MaskRefinement.swift's decisions, one block of threads a row.
//
// C: channels, in the order of the groups; H [C, C] f32 is proportional to the sums of products of the inputs.
//
// esparse_product_diagonal: diagonal [C] f32 = scale * products [order[i], order[i]]. grid: C / 256, rounded up; block: 256.
// esparse_ordered_products: H [C, C] = scale * products in the order `order` with `diagonal` [C] as its diagonal, and of each channel's row
//   what lies in its own group, own [C, group]. Of products [channels, channels] f32 only the lower triangle is read.
//   grid: (C, C / 256, rounded up); block: 256. order null: as it is.
// esparse_dropped: ordered [rows, C] f32 = weight [rows, C] f32 in the order `order`, dropped the same with 0 where bits keep.
//   grid: (rows, C / 256, rounded up); block: 256.
// esparse_refine_mask: refines bits [rows, (C + 7) / 8]; response [rows, C] f32 is dropped * H and is changed; errors [rows, 2] f64:
//   sum of dropped times response before and after. Up to `rounds` rounds; an exchange must win more than `smallest_gain` of the
//   row's error. grid: rows; block: 128.
//
// The threads look at groups side by side and take the first that has an exchange, which is what visiting them one after
// another finds: no exchange changes groups that were passed over. Each operation is rounded by itself, as on the CPU.
#include "common.cuh"

enum { threads_per_row = 128 };

DEVICE int32_t source_of(const int32_t *order, int32_t place) { return order ? order[place] : place; }

extern "C" __global__ void esparse_product_diagonal(const float *products, const int32_t *order, int32_t channels,
                                                    float scale, float *diagonal) {
    const int32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= channels) return;
    diagonal[i] = __fmul_rn(scale, products[(int64_t)source_of(order, i) * (channels + 1)]);
}

extern "C" __global__ void esparse_ordered_products(const float *products, const int32_t *order,
                                                    const float *diagonal, int32_t channels, float scale,
                                                    int32_t group, float *hessian, float *own) {
    const int32_t row = blockIdx.x, column = blockIdx.y * blockDim.x + threadIdx.x;
    if (column >= channels) return;
    const int32_t first = source_of(order, row), second = source_of(order, column);
    const int32_t high = first > second ? first : second, low = first > second ? second : first;
    const float value =
        row == column ? diagonal[row] : __fmul_rn(scale, products[(int64_t)high * channels + low]);
    hessian[(int64_t)row * channels + column] = value;
    if (row / group == column / group) own[(int64_t)row * group + column % group] = value;
}

DEVICE bool is_kept(const uint8_t *bits, int32_t column) { return bits[column / 8] >> column % 8 & 1; }

extern "C" __global__ void esparse_dropped(const float *weight, const uint8_t *bits, const int32_t *order,
                                           int32_t channels, float *ordered, float *dropped) {
    const int32_t column = blockIdx.y * blockDim.x + threadIdx.x;
    if (column >= channels) return;
    const int64_t row = (int64_t)blockIdx.x * channels;
    const float value = weight[row + source_of(order, column)];
    ordered[row + column] = value;
    dropped[row + column] = is_kept(bits + (int64_t)blockIdx.x * ((channels + 7) / 8), column) ? 0 : value;
}

/// An exchange of two columns and what it does to the row's error.
struct mask_exchange {
    int32_t drop, keep;
    float change;
};

/// The exchange of a group that lowers a row's error most, the lowest columns among equal ones; its change is 0 where none lowers it.
DEVICE mask_exchange best_exchange(const float *weight, const float *response, const float *own, const uint8_t *bits,
                              int32_t start, int32_t group) {
    mask_exchange best = {0, 0, 0};
#pragma unroll 1
    for (int32_t drop = start; drop < start + group; drop++) {
        if (!is_kept(bits, drop)) continue;
        const float *row = own + (int64_t)drop * group - start;
        const float lost = weight[drop];
        const float cost = __fmul_rn(lost, __fadd_rn(2 * response[drop], __fmul_rn(lost, row[drop])));
#pragma unroll 1
        for (int32_t keep = start; keep < start + group; keep++) {
            if (is_kept(bits, keep)) continue;
            const float won = weight[keep], square = own[(int64_t)keep * group + keep - start];
            const float gain = __fmul_rn(won, __fsub_rn(2 * response[keep], __fmul_rn(won, square)));
            const float both = __fmul_rn(__fmul_rn(2 * lost, won), row[keep]);
            const float change = __fsub_rn(__fsub_rn(cost, gain), both);
            if (change < best.change) best = {drop, keep, change};
        }
    }
    return best;
}

/// The sum of dropped weight times response over a row, in the columns' order; the products are exact. The same in every thread.
DEVICE double row_error(const float *weight, const float *response, const uint8_t *bits, int32_t channels) {
    __shared__ double terms[threads_per_row];
    __shared__ double total;
    if (threadIdx.x == 0) total = 0;
    for (int32_t start = 0; start < channels; start += threads_per_row) {
        const int32_t column = start + threadIdx.x;
        __syncthreads();
        // A kept weight counts as 0, times a response that need not be finite.
        terms[threadIdx.x] =
            column < channels ? (double)(is_kept(bits, column) ? 0 : weight[column]) * (double)response[column] : 0;
        __syncthreads();
        if (threadIdx.x != 0) continue;
        double sum = total;
#pragma unroll 8
        for (int32_t i = 0; i < threads_per_row; i++) sum += terms[i];
        total = sum;
    }
    __syncthreads();
    return total;
}

extern "C" __global__ void __launch_bounds__(threads_per_row)
    esparse_refine_mask(const float *weight, const float *hessian, const float *own, int32_t channels, int32_t group,
                        int32_t kept, int32_t rounds, float smallest_gain, uint8_t *bits, float *response,
                        double *errors) {
    __shared__ int32_t winner;
    const int32_t groups = channels / group, none = 0x7fffffff;
    weight += (int64_t)blockIdx.x * channels;
    response += (int64_t)blockIdx.x * channels;
    bits += (int64_t)blockIdx.x * ((channels + 7) / 8);
    const double before = row_error(weight, response, bits, channels);
    const float threshold = __fmul_rn(-(float)before, smallest_gain);
    for (int32_t round = 0; round < rounds; round++) {
        bool is_changed = false;
        for (int32_t start = 0; start < groups;) {
            if (threadIdx.x == 0) winner = none;
            __syncthreads();
            const int32_t candidate = start + threadIdx.x;
            if (candidate < groups &&
                best_exchange(weight, response, own, bits, candidate * group, group).change < threshold) {
                atomicMin(&winner, candidate);
            }
            __syncthreads();
            const int32_t first = winner;
            __syncthreads();
            if (first == none) {
                start += threads_per_row;
                continue;
            }
            // Each exchange lowers the error; more than N of them in one visit would undo one another.
            for (int32_t step = 0; step < kept; step++) {
                const mask_exchange best = best_exchange(weight, response, own, bits, first * group, group);
                if (!(best.change < threshold)) break;
                __syncthreads();
                const float lost = weight[best.drop], won = weight[best.keep];
                const float *drop_row = hessian + (int64_t)best.drop * channels;
                const float *keep_row = hessian + (int64_t)best.keep * channels;
                if (threadIdx.x == 0) {
                    bits[best.drop / 8] &= (uint8_t)~(1 << best.drop % 8);
                    bits[best.keep / 8] |= (uint8_t)(1 << best.keep % 8);
                }
#pragma unroll 4
                for (int32_t i = threadIdx.x; i < channels; i += threads_per_row) {
                    const float change = __fsub_rn(__fmul_rn(lost, drop_row[i]), __fmul_rn(won, keep_row[i]));
                    response[i] = __fadd_rn(response[i], change);
                }
                __syncthreads();
                is_changed = true;
            }
            start = first + 1;
        }
        if (!is_changed) break;
    }
    const double after = row_error(weight, response, bits, channels);
    if (threadIdx.x == 0) {
        errors[2 * (int64_t)blockIdx.x] = before;
        errors[2 * (int64_t)blockIdx.x + 1] = after;
    }
}
