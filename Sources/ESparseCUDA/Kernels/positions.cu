// Rotary positions and the KV cache: queries and keys are turned, keys and values appended.
//
// esparse_append_T (T: bfloat16, float16). Heads have `head_size` channels; channel i of the first `rotary_count` turns with channel
// i + rotary_count, as Hugging Face pairs them.
//   grid: (tokens, query heads + key/value heads); block: 32 threads.
//   query [tokens, query_heads * head_size] T; turned: the same shape, the queries at their positions; without rotary positions
//   query_heads may be 0, and the queries stay as they are; key, value [tokens, key_heads * head_size] T;
//   sequences [tokens]: slot of each token's sequence; positions [tokens]: its position there; lengths [tokens]: its sequence's positions;
//   cosines, sines [rows, rotary_count] f32, null for models without rotary positions (then rotary_count is 0): row p is position p, but
//   in sequences of more than long_row positions row long_row + p is;
//   keys, values: the layer's cache, [sequences, key_heads, capacity, head_size] T.
#include "common.cuh"

template <typename T>
DEVICE void turn(const T *from, T *to, const float *cosine, const float *sine, int32_t rotary_count,
                 int32_t head_size) {
    for (int32_t i = threadIdx.x; i < rotary_count; i += blockDim.x) {
        const float first = to_float(from[i]), second = to_float(from[i + rotary_count]);
        store_rounded(first * cosine[i] - second * sine[i], to + i);
        store_rounded(second * cosine[i] + first * sine[i], to + i + rotary_count);
    }
    for (int32_t i = 2 * rotary_count + threadIdx.x; i < head_size; i += blockDim.x) to[i] = from[i];
}

template <typename T>
DEVICE void append(const T *query, const T *key, const T *value, const int32_t *sequences, const int32_t *positions,
                   const int32_t *lengths, const float *cosines, const float *sines, int32_t rotary_count,
                   int32_t long_row, int32_t query_heads, int32_t key_heads, int32_t head_size, int32_t capacity,
                   T *turned, T *keys, T *values) {
    const int64_t token = blockIdx.x;
    const int32_t position = positions[token], head = blockIdx.y;
    const int64_t row = lengths[token] > long_row ? (int64_t)long_row + position : position;
    const float *cosine = rotary_count ? cosines + row * rotary_count : nullptr;
    const float *sine = rotary_count ? sines + row * rotary_count : nullptr;
    if (head < query_heads) {
        const int64_t place = (token * query_heads + head) * head_size;
        turn(query + place, turned + place, cosine, sine, rotary_count, head_size);
        return;
    }
    const int64_t from = (token * key_heads + head - query_heads) * head_size;
    const int64_t to = (((int64_t)sequences[token] * key_heads + head - query_heads) * capacity + position) * head_size;
    turn(key + from, keys + to, cosine, sine, rotary_count, head_size);
    for (int32_t i = threadIdx.x; i < head_size; i += blockDim.x) values[to + i] = value[from + i];
}

#define APPEND(name, T)                                                                                               \
    extern "C" __global__ void esparse_append_##name(                                                                 \
        const T *query, const T *key, const T *value, const int32_t *sequences, const int32_t *positions,             \
        const int32_t *lengths, const float *cosines, const float *sines, int32_t rotary_count, int32_t long_row,     \
        int32_t query_heads, int32_t key_heads, int32_t head_size, int32_t capacity, T *turned, T *keys, T *values) { \
        append(query, key, value, sequences, positions, lengths, cosines, sines, rotary_count, long_row, query_heads, \
               key_heads, head_size, capacity, turned, keys, values);                                                 \
    }
APPEND(bfloat16, bfloat16)
APPEND(float16, float16)
