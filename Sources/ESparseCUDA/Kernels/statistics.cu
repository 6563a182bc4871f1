// Statistics of the channels that enter a linear, the same bits as on the CPU.
//
// T is bfloat16, float16 or float32: what the input [tokens, channels] is stored in.
//
// esparse_moments_T: one sequence's sums join the totals: in the sequence each channel adds its tokens in order, in double precision, from 0.
//   grid: channels / 32, rounded up; block: 32 threads. sums, square_sums [channels] f64; minimums, maximums [channels] f32, not
//   changed by NaN.
// esparse_logarithmic_histogram_T: counts in bins by sign, exponent and `fraction_bits` bits of the fraction.
//   grid: (channels / 128, rounded up, tokens / 64, rounded up); block: 128. low: the bits of the smallest magnitude told apart, shifted
//   right by 23 - fraction_bits; counts [channels, bins] u32, the positive values' bins first.
#include "common.cuh"

enum { tokens_per_block = 64 };

template <typename Input>
DEVICE void add_moments(const Input *input, int32_t tokens, int32_t channels, double *sums, double *square_sums,
                        float *minimums, float *maximums) {
    const int32_t channel = blockIdx.x * blockDim.x + threadIdx.x;
    if (channel >= channels) return;
    double sum = 0, square_sum = 0;
    float minimum = minimums[channel], maximum = maximums[channel];
#pragma unroll 8
    for (int32_t token = 0; token < tokens; token++) {
        const float value = to_float(input[(int64_t)token * channels + channel]);
        sum += (double)value;
        // The square is exact, so it does not matter whether it is fused with the sum.
        square_sum += (double)value * (double)value;
        minimum = value < minimum ? value : minimum;
        maximum = value > maximum ? value : maximum;
    }
    sums[channel] += sum;
    square_sums[channel] += square_sum;
    minimums[channel] = minimum;
    maximums[channel] = maximum;
}

template <typename Input>
DEVICE void add_logarithmic_counts(const Input *input, int32_t tokens, int32_t channels, int32_t fraction_bits,
                                   int32_t low, int32_t bins, uint32_t *counts) {
    const int32_t channel = blockIdx.x * blockDim.x + threadIdx.x, half = bins / 2;
    if (channel >= channels) return;
    counts += (int64_t)channel * bins;
    const int32_t first = blockIdx.y * tokens_per_block, end = min(first + tokens_per_block, tokens);
#pragma unroll 4
    for (int32_t token = first; token < end; token++) {
        const int32_t bits = (int32_t)__float_as_uint(to_float(input[(int64_t)token * channels + channel]));
        int32_t bin = ((bits & 0x7fffffff) >> (23 - fraction_bits)) - low;
        bin = bin > 0 ? bin : 0;
        bin = bin < half - 1 ? bin : half - 1;
        // Whole numbers: the order does not matter.
        atomicAdd(counts + bin + (bits < 0 ? half : 0), 1u);
    }
}

#define STATISTICS(name, T)                                                                                           \
    extern "C" __global__ void esparse_moments_##name(const T *input, int32_t tokens, int32_t channels, double *sums, \
                                                      double *square_sums, float *minimums, float *maximums) {        \
        add_moments(input, tokens, channels, sums, square_sums, minimums, maximums);                                  \
    }                                                                                                                 \
    extern "C" __global__ void esparse_logarithmic_histogram_##name(const T *input, int32_t tokens, int32_t channels, \
                                                                    int32_t fraction_bits, int32_t low, int32_t bins, \
                                                                    uint32_t *counts) {                               \
        add_logarithmic_counts(input, tokens, channels, fraction_bits, low, bins, counts);                            \
    }
STATISTICS(float32, float)
STATISTICS(bfloat16, bfloat16)
STATISTICS(float16, float16)
