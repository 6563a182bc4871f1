// Element-wise work between the products, and rows that are looked up.
//
// T is bfloat16 or float16, what linears multiply in. All but those that look rows up run over `count`
// elements: grid: count / 256, rounded up; block: 256 threads.
//
// esparse_gate_T: output = function(gate) * up; gate, up, output [count] T. Outputs go in the order of the inputs: the next linear's order is
//   in the rows of the two producers.
// esparse_activate_T: output = function(input).
//   function: 0 silu, 1 relu, 2 gelu by the error function, 3 gelu by tanh.
// esparse_add_T: accumulator [count] f32 += addend [count] T, for products that come in 16 bits; T also float32.
// esparse_round_T: output [count] T = input [count] f32.   esparse_widen_T: the other way.
// esparse_soft_cap: values [count] f32 = cap * tanh(values / cap).
// esparse_embed_TABLE: output [indices, channels] f32 = scale * table [rows, channels] at indices [indices]; TABLE also float32.
//   grid: indices; block: 256. The host has checked the indices.
// esparse_rows: output [indices, channels] f32 = rows of input f32. grid: indices; block: 256.
// esparse_add_positions_TABLE: hidden [tokens, channels] f32 += scale * table [rows, channels] at positions [tokens] + offset; TABLE as above.
//   grid: tokens; block: 256.
#include "common.cuh"

enum activation_function { silu, relu, gelu, gelu_tanh };

/// Without differences of nearly equal numbers, so that the tails keep their digits.
DEVICE float activated(int32_t function, float x) {
    switch (function) {
        case silu: return x / (1 + expf(-x));
        case relu: return x > 0 ? x : (x == x ? 0 : x);
        case gelu: return 0.5f * x * erfcf(x * -0.70710678118654752f);
        default: return x / (1 + expf(-2 * 0.79788456080286536f * (x + 0.044715f * x * x * x)));
    }
}

DEVICE int64_t element() { return (int64_t)blockIdx.x * blockDim.x + threadIdx.x; }

#define ELEMENTS(name, T)                                                                                               \
    extern "C" __global__ void esparse_gate_##name(const T *gate, const T *up, int32_t function, int64_t count,         \
                                                   T *output) {                                                         \
        const int64_t i = element();                                                                                    \
        if (i < count) store_rounded(activated(function, to_float(gate[i])) * to_float(up[i]), output + i);             \
    }                                                                                                                   \
    extern "C" __global__ void esparse_activate_##name(const T *input, int32_t function, int64_t count, T *output) {    \
        const int64_t i = element();                                                                                    \
        if (i < count) store_rounded(activated(function, to_float(input[i])), output + i);                              \
    }                                                                                                                   \
    extern "C" __global__ void esparse_round_##name(const float *input, int64_t count, T *output) {                     \
        const int64_t i = element();                                                                                    \
        if (i < count) store_rounded(input[i], output + i);                                                             \
    }                                                                                                                   \
    extern "C" __global__ void esparse_widen_##name(const T *input, int64_t count, float *output) {                     \
        const int64_t i = element();                                                                                    \
        if (i < count) output[i] = to_float(input[i]);                                                                  \
    }
ELEMENTS(bfloat16, bfloat16)
ELEMENTS(float16, float16)

#define TERMS_AND_ROWS(name, T)                                                                                       \
    extern "C" __global__ void esparse_add_##name(const T *addend, int64_t count, float *accumulator) {                \
        const int64_t i = element();                                                                                   \
        if (i < count) accumulator[i] += to_float(addend[i]);                                                          \
    }                                                                                                                  \
    extern "C" __global__ void esparse_embed_##name(const T *table, const int32_t *indices, float scale,               \
                                                    int32_t channels, float *output) {                                 \
        const T *row = table + (int64_t)indices[blockIdx.x] * channels;                                                \
        for (int32_t i = threadIdx.x; i < channels; i += blockDim.x) {                                                 \
            output[(int64_t)blockIdx.x * channels + i] = scale * to_float(row[i]);                                     \
        }                                                                                                              \
    }                                                                                                                  \
    extern "C" __global__ void esparse_add_positions_##name(const T *table, const int32_t *positions, int32_t offset,  \
                                                            float scale, int32_t channels, float *hidden) {            \
        const T *row = table + ((int64_t)positions[blockIdx.x] + offset) * channels;                                   \
        for (int32_t i = threadIdx.x; i < channels; i += blockDim.x) {                                                 \
            hidden[(int64_t)blockIdx.x * channels + i] += scale * to_float(row[i]);                                    \
        }                                                                                                              \
    }
TERMS_AND_ROWS(float32, float)
TERMS_AND_ROWS(bfloat16, bfloat16)
TERMS_AND_ROWS(float16, float16)

extern "C" __global__ void esparse_soft_cap(float cap, int64_t count, float *values) {
    const int64_t i = element();
    if (i < count) values[i] = soft_capped(values[i], cap);
}

extern "C" __global__ void esparse_rows(const float *input, const int32_t *indices, int32_t channels, float *output) {
    const float *row = input + (int64_t)indices[blockIdx.x] * channels;
    for (int32_t i = threadIdx.x; i < channels; i += blockDim.x) output[(int64_t)blockIdx.x * channels + i] = row[i];
}
