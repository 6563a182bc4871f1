// Causal attention of a few tokens (decoding, and heads of sizes that the tiled kernel does not know): the keys of each token and
// head are cut in splits that blocks work on at once, and their results are combined in the order of the splits.
//
// esparse_attend_part_T: T is bfloat16 or float16.
//   grid: (tokens, query heads, splits); block: 128 threads; dynamic shared memory: (head_size + 128) * 4 bytes.
//   query [tokens, query_heads * head_size] T, positions applied; keys, values: the layer's cache
//   [sequences, key_heads, capacity, head_size] T; sequences, positions [tokens]; a token attends to the last `window` positions up to its
//   own; soft_cap: scaled scores become soft_cap * tanh(score / soft_cap), 0 for none. split_length: positions of a split, which start at
//   multiples of it, the first of a token at or before the first position of its window.
//   head_size: at most 256. parts [tokens, query_heads, splits, head_size + 2] f32: the weighted sum of the
//   values, the largest score and the sum of exponentials relative to it (0 for a split without positions).
// esparse_attend_combine_T: grid: (tokens, query heads); block: 128.
//   places [query_heads * head_size] or null: where the output's channels go; output [tokens, query_heads * head_size] T.
#include "common.cuh"

enum { attend_part_threads = 128, most_head_size = 256 };

/// `query` lies in shared memory as floats; keys of whole 16-byte pieces are read so.
template <typename T>
DEVICE float score(const float *query, const T *key, int32_t head_size) {
    float sum = 0;
    int32_t i = 0;
    if (head_size % 8 == 0) {
        for (; i < head_size; i += 8) {
            const uint4 packed = *(const uint4 *)(key + i);
            const uint32_t words[4] = {packed.x, packed.y, packed.z, packed.w};
#pragma unroll
            for (int j = 0; j < 8; j++) {
                T value;
                value.bits = (uint16_t)(words[j / 2] >> (j % 2 * 16));
                sum += query[i + j] * to_float(value);
            }
        }
    }
    for (; i < head_size; i++) sum += query[i] * to_float(key[i]);
    return sum;
}

/// The largest of all threads' values.
DEVICE float block_maximum(float value, float *scratch) {
    const int lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size, warps = blockDim.x / warp_size;
    value = warp_maximum(value);
    if (lane == 0) scratch[warp] = value;
    __syncthreads();
    value = warp_maximum(lane < warps ? scratch[lane] : -INFINITY_VALUE);
    __syncthreads();
    return value;
}

template <typename T>
DEVICE void attend_part(const T *query, const T *keys, const T *values, const int32_t *sequences,
                        const int32_t *positions, float scale, float soft_cap, int32_t window, int32_t key_heads,
                        int32_t head_size, int32_t capacity, int32_t split_length, float *parts) {
    DYNAMIC_SHARED(dynamic);
    __shared__ float scratch[warp_size];
    float *own_query = (float *)dynamic, *weights = own_query + head_size;
    const int64_t token = blockIdx.x, head = blockIdx.y, query_heads = gridDim.y;
    const int32_t last = positions[token], earliest = max(last - window + 1, 0);
    const int32_t split = (earliest / split_length + (int32_t)blockIdx.z) * split_length;
    const int32_t first = max(split, earliest), end = min(split + split_length, last + 1);
    const int64_t key_head = head / (query_heads / key_heads);
    const int64_t offset = (sequences[token] * (int64_t)key_heads + key_head) * capacity * head_size;
    query += (token * query_heads + head) * head_size;
    parts += ((token * query_heads + head) * gridDim.z + blockIdx.z) * (head_size + 2);
    for (int32_t i = threadIdx.x; i < head_size; i += blockDim.x) own_query[i] = to_float(query[i]) * scale;
    float largest = -INFINITY_VALUE, sum = 0, totals[most_head_size / attend_part_threads] = {};
    for (int32_t base = first; base < end; base += attend_part_threads) {
        __syncthreads();
        const int32_t position = base + threadIdx.x;
        float own = position < end ? score(own_query, keys + offset + (int64_t)position * head_size, head_size)
                                   : -INFINITY_VALUE;
        if (soft_cap > 0 && position < end) own = soft_capped(own, soft_cap);
        const float before = largest;
        largest = fmaxf(before, block_maximum(own, scratch));
        const float weight = position < end ? expf(own - largest) : 0;
        weights[threadIdx.x] = weight;
        const float shrink = sum == 0 ? 0 : expf(before - largest);
        sum = sum * shrink + block_sum(weight, scratch);
        const int32_t count = min((int32_t)attend_part_threads, end - base);
        for (int32_t i = threadIdx.x, place = 0; i < head_size; i += blockDim.x, place++) {
            const T *value = values + offset + (int64_t)base * head_size + i;
            float total = shrink == 0 ? 0 : totals[place] * shrink;
            for (int32_t j = 0; j < count; j++) total += weights[j] * to_float(value[(int64_t)j * head_size]);
            totals[place] = total;
        }
    }
    for (int32_t i = threadIdx.x, place = 0; i < head_size; i += blockDim.x, place++) parts[i] = totals[place];
    if (threadIdx.x == 0) {
        parts[head_size] = largest;
        parts[head_size + 1] = sum;
    }
}

template <typename T>
DEVICE void attend_combine(const float *parts, int32_t splits, int32_t head_size, const int32_t *places, T *output) {
    const int64_t token = blockIdx.x, head = blockIdx.y, heads = gridDim.y;
    parts += (token * heads + head) * splits * (head_size + 2);
    output += token * heads * head_size;
    float largest = -INFINITY_VALUE, sum = 0;
    for (int32_t s = 0; s < splits; s++) {
        const float *part = parts + (int64_t)s * (head_size + 2) + head_size;
        if (part[1] != 0) largest = fmaxf(largest, part[0]);
    }
    for (int32_t s = 0; s < splits; s++) {
        const float *part = parts + (int64_t)s * (head_size + 2) + head_size;
        if (part[1] != 0) sum += part[1] * expf(part[0] - largest);
    }
    for (int32_t i = threadIdx.x; i < head_size; i += blockDim.x) {
        float total = 0;
        for (int32_t s = 0; s < splits; s++) {
            const float *part = parts + (int64_t)s * (head_size + 2);
            if (part[head_size + 1] != 0) total += part[i] * expf(part[head_size] - largest);
        }
        const int32_t channel = (int32_t)head * head_size + i;
        store_rounded(total / sum, output + (places ? places[channel] : channel));
    }
}

#define ATTEND_FEW(name, T)                                                                                            \
    extern "C" __global__ void esparse_attend_part_##name(                                                             \
        const T *query, const T *keys, const T *values, const int32_t *sequences, const int32_t *positions,            \
        float scale, float soft_cap, int32_t window, int32_t key_heads, int32_t head_size, int32_t capacity,           \
        int32_t split_length, float *parts) {                                                                          \
        attend_part(query, keys, values, sequences, positions, scale, soft_cap, window, key_heads, head_size,          \
                    capacity, split_length, parts);                                                                    \
    }                                                                                                                  \
    extern "C" __global__ void esparse_attend_combine_##name(const float *parts, int32_t splits, int32_t head_size,    \
                                                             const int32_t *places, T *output) {                       \
        attend_combine(parts, splits, head_size, places, output);                                                      \
    }
ATTEND_FEW(bfloat16, bfloat16)
ATTEND_FEW(float16, float16)
