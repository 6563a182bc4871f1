// Norms before a linear, written through the linear's input order, and norms of heads.
//
// esparse_rms_norm_T, esparse_layer_norm_T: T is what the linear multiplies in (bfloat16, float16) or float32.
//   grid: runs of `size` channels, one a token or, in norms of heads, one a head; block: up to 256 threads, whole warps.
//   input [runs, size] f32; weight, bias [size] f32 or null (1 and 0); order [size] or null: output channel j is input channel
//   order[j]; output [runs, size].
#include "common.cuh"

template <typename T>
DEVICE void rms_norm(const float *input, const float *weight, const int32_t *order, float epsilon, int32_t size,
                     T *output) {
    __shared__ float scratch[warp_size];
    input += (int64_t)blockIdx.x * size;
    output += (int64_t)blockIdx.x * size;
    float sum = 0;
    for (int32_t i = threadIdx.x; i < size; i += blockDim.x) sum += input[i] * input[i];
    const float scale = 1 / sqrtf(block_sum(sum, scratch) / size + epsilon);
    for (int32_t j = threadIdx.x; j < size; j += blockDim.x) {
        const int32_t channel = order ? order[j] : j;
        store_rounded(input[channel] * scale * (weight ? weight[channel] : 1), output + j);
    }
}

template <typename T>
DEVICE void layer_norm(const float *input, const float *weight, const float *bias, const int32_t *order, float epsilon,
                       int32_t size, T *output) {
    __shared__ float scratch[warp_size];
    input += (int64_t)blockIdx.x * size;
    output += (int64_t)blockIdx.x * size;
    float sum = 0;
    for (int32_t i = threadIdx.x; i < size; i += blockDim.x) sum += input[i];
    const float mean = block_sum(sum, scratch) / size;
    // Around the mean: the difference of two large sums would lose what is small.
    float squares = 0;
    for (int32_t i = threadIdx.x; i < size; i += blockDim.x) squares += (input[i] - mean) * (input[i] - mean);
    const float scale = 1 / sqrtf(block_sum(squares, scratch) / size + epsilon);
    for (int32_t j = threadIdx.x; j < size; j += blockDim.x) {
        const int32_t channel = order ? order[j] : j;
        const float value = (input[channel] - mean) * scale * (weight ? weight[channel] : 1);
        store_rounded(value + (bias ? bias[channel] : 0), output + j);
    }
}

#define NORMS(name, T)                                                                                               \
    extern "C" __global__ void esparse_rms_norm_##name(const float *input, const float *weight, const int32_t *order, \
                                                       float epsilon, int32_t size, T *output) {                     \
        rms_norm(input, weight, order, epsilon, size, output);                                                       \
    }                                                                                                                \
    extern "C" __global__ void esparse_layer_norm_##name(const float *input, const float *weight, const float *bias, \
                                                         const int32_t *order, float epsilon, int32_t size,          \
                                                         T *output) {                                                \
        layer_norm(input, weight, bias, order, epsilon, size, output);                                               \
    }
NORMS(float32, float)
NORMS(bfloat16, bfloat16)
NORMS(float16, float16)
