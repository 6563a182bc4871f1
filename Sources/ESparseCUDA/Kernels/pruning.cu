// Pruning's statistics and masks, the same bits as on the CPU.
//
// esparse_moments: sums and extremes of each channel, token after token in double precision, on from what is there already.
//   grid: channels / 32, rounded up; block: 32 threads. input [tokens, channels] f32; sums, square_sums [channels] f64;
//   minimums, maximums [channels] f32, not changed by NaN.
// esparse_logarithmic_histogram: counts in bins by sign, exponent and `fraction_bits` bits of the fraction.
//   grid, block as above. low: the bits of the smallest magnitude told apart, shifted right by 23 - fraction_bits; counts
//   [channels, bins] u32, the positive values' bins first.
// esparse_saliency: saliency [rows, columns] f32 = |weight| * factors [columns]. weight f32.
//   grid: rows * columns / 256, rounded up; block: 256.
// esparse_mask: bits [rows, (columns + 7) / 8] of the `kept` largest saliencies in every `group` columns of the permuted order; ties keep
//   the lower place; NaN is largest; -0 equals 0. order [columns] or null; columns is a multiple of group.
//   grid: (columns / (8 * group), rounded up, / 64, rounded up, rows); block: 64 threads, one for every 8 groups, which are whole bytes.
#include "common.cuh"

extern "C" __global__ void esparse_moments(const float *input, int32_t tokens, int32_t channels, double *sums,
                                           double *square_sums, float *minimums, float *maximums) {
    const int32_t channel = blockIdx.x * blockDim.x + threadIdx.x;
    if (channel >= channels) return;
    double sum = sums[channel], square_sum = square_sums[channel];
    float minimum = minimums[channel], maximum = maximums[channel];
    for (int32_t token = 0; token < tokens; token++) {
        const float value = input[(int64_t)token * channels + channel];
        sum += (double)value;
        // The square is exact, so it does not matter whether it is fused with the sum.
        square_sum += (double)value * (double)value;
        minimum = value < minimum ? value : minimum;
        maximum = value > maximum ? value : maximum;
    }
    sums[channel] = sum;
    square_sums[channel] = square_sum;
    minimums[channel] = minimum;
    maximums[channel] = maximum;
}

extern "C" __global__ void esparse_logarithmic_histogram(const float *input, int32_t tokens, int32_t channels,
                                                         int32_t fraction_bits, int32_t low, int32_t bins,
                                                         uint32_t *counts) {
    const int32_t channel = blockIdx.x * blockDim.x + threadIdx.x, half = bins / 2;
    if (channel >= channels) return;
    counts += (int64_t)channel * bins;
    for (int32_t token = 0; token < tokens; token++) {
        const int32_t bits = (int32_t)__float_as_uint(input[(int64_t)token * channels + channel]);
        int32_t bin = ((bits & 0x7fffffff) >> (23 - fraction_bits)) - low;
        bin = bin > 0 ? bin : 0;
        bin = bin < half - 1 ? bin : half - 1;
        counts[bin + (bits < 0 ? half : 0)] += 1;
    }
}

extern "C" __global__ void esparse_saliency(const float *weight, const float *factors, int32_t columns, int64_t count,
                                            float *saliency) {
    const int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) saliency[i] = fabsf(weight[i]) * factors[i % columns];
}

/// An integer that orders as the number does.
DEVICE int32_t ordered(float value) {
    if (value != value) return 0x7fffffff;
    const int32_t bits = (int32_t)__float_as_uint(value + 0.0f);
    return bits ^ ((bits >> 31) & 0x7fffffff);
}

extern "C" __global__ void esparse_mask(const float *saliency, const int32_t *order, int32_t columns, int32_t group,
                                        int32_t kept, uint8_t *bits) {
    const int32_t first = ((int32_t)blockIdx.x * blockDim.x + threadIdx.x) * 8 * group;
    if (first >= columns) return;
    saliency += (int64_t)blockIdx.y * columns;
    bits += (int64_t)blockIdx.y * ((columns + 7) / 8);
    const int32_t end = min(first + 8 * group, columns);
    uint32_t pending = 0;
    int32_t keys[32];
    for (int32_t start = first; start < end; start += group) {
        for (int32_t i = 0; i < group; i++) keys[i] = ordered(saliency[order ? order[start + i] : start + i]);
        for (int32_t i = 0; i < group; i++) {
            int32_t before = 0;
            for (int32_t j = 0; j < group; j++) before += j < i ? keys[j] >= keys[i] : keys[j] > keys[i];
            const int32_t column = start + i;
            pending |= (uint32_t)(before < kept) << (column % 8);
            if (column % 8 == 7 || column == columns - 1) {
                bits[column / 8] = (uint8_t)pending;
                pending = 0;
            }
        }
    }
}
