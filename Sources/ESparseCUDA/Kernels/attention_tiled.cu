// Causal attention of many tokens of one sequence, on tensor cores: 64 queries of a head against 64 keys at a time, softmax as they come.
//
// esparse_attend_tiled_S_T: S is the head size, 64, 80, 96 or 128; T is bfloat16 or float16.
//   grid: (count / 64, rounded up, query heads); block: 128 threads, a warp for 16 queries; dynamic shared memory: 2 * 64 * (S + 8) * 2 bytes.
//   query [count, query_heads * S] T, the segment's tokens, positions applied; keys, values [key_heads, capacity, S] T, those of the
//   sequence in the layer's cache; token i is at position start + i and attends to the last `window` positions up to its own.
//   soft_cap: scaled scores become soft_cap * tanh(score / soft_cap), 0 for none.
//   places [query_heads * S] or null: where the output's channels go; output [count, query_heads * S] T.
//
// Fragments of m16n8k16 (PTX ISA, "Matrix Fragments for mma.m16n8k16"): with q = lane / 4, c = 2 (lane % 4), A holds rows q and q + 8 at columns
// c, c + 1 and c + 8, c + 9; B rows c, c + 1 and c + 8, c + 9 of column q; C rows q and q + 8 at columns c, c + 1. So the weights of 16 keys, as C leaves
// them, are an A already.
#include "common.cuh"

enum { tile_queries = 64, tile_keys = 64, warp_queries = 16, row_padding = 8 };

/// c [16, 8] += a [16, 16] b [16, 8] by a warp.
DEVICE void multiply_tile(float *c, const uint32_t *a, const uint32_t *b, bfloat16) {
#ifdef ESPARSE_EMULATION
    emulated_multiply_tile(c, a, b, [](uint16_t bits) { return to_float(bfloat16{bits}); });
#else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}
DEVICE void multiply_tile(float *c, const uint32_t *a, const uint32_t *b, float16) {
#ifdef ESPARSE_EMULATION
    emulated_multiply_tile(c, a, b, [](uint16_t bits) { return to_float(float16{bits}); });
#else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

template <typename T>
DEVICE uint32_t pack(float low, float high) {
    T first, second;
    store_rounded(low, &first);
    store_rounded(high, &second);
    return (uint32_t)second.bits << 16 | first.bits;
}

/// Two neighbours in a row.
template <typename T>
DEVICE uint32_t pair_at(const T *place) {
    return *(const uint32_t *)place;
}

/// Rows [first, first + 64) of a head's keys or values to shared memory; rows that there are not become 0.
template <int size, typename T>
DEVICE void load_rows(const T *rows, int32_t first, int32_t end, T *tile) {
    const int pieces = size / 8;
    for (int i = threadIdx.x; i < tile_keys * pieces; i += blockDim.x) {
        const int row = i / pieces, piece = i % pieces;
        uint4 value = {0, 0, 0, 0};
        if (first + row < end) value = *(const uint4 *)(rows + (int64_t)(first + row) * size + piece * 8);
        *(uint4 *)(tile + row * (size + row_padding) + piece * 8) = value;
    }
}

template <int size, typename T>
DEVICE void attend_tiled(const T *query, const T *keys, const T *values, float scale, float soft_cap, int32_t window,
                         int32_t key_heads, int32_t capacity, int32_t start, int32_t count, const int32_t *places,
                         T *output) {
    DYNAMIC_SHARED(dynamic);
    const int stride = size + row_padding, score_tiles = tile_keys / 8, output_tiles = size / 8;
    T *key_tile = (T *)dynamic, *value_tile = key_tile + tile_keys * stride;
    const int lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size, quad = lane / 4, pair = lane % 4 * 2;
    const int64_t head = blockIdx.y, channels = (int64_t)gridDim.y * size;
    const int64_t key_head = head / (gridDim.y / key_heads);
    const int32_t first_query = blockIdx.x * tile_queries + warp * warp_queries;
    keys += key_head * capacity * size;
    values += key_head * capacity * size;

    uint32_t queries[size / 16][4];
    for (int k = 0; k < size / 16; k++) {
        for (int part = 0; part < 4; part++) {
            const int32_t row = first_query + quad + part % 2 * 8;
            const T *place = query + row * channels + head * size + k * 16 + part / 2 * 8 + pair;
            queries[k][part] = row < count ? pair_at(place) : 0;
        }
    }
    float totals[output_tiles][4] = {};
    // Of rows quad and quad + 8.
    float largest[2] = {-INFINITY_VALUE, -INFINITY_VALUE}, sums[2] = {0, 0};
    const int32_t last_query = min((int32_t)(blockIdx.x + 1) * tile_queries, count) - 1;
    const int32_t end = start + last_query + 1;
    const int32_t earliest = max(start + (int32_t)blockIdx.x * tile_queries - window + 1, 0);
    // Scores that are capped are scaled before.
    const float late_scale = soft_cap > 0 ? 1 : scale;
    for (int32_t first = earliest; first < end; first += tile_keys) {
        __syncthreads();
        load_rows<size>(keys, first, end, key_tile);
        load_rows<size>(values, first, end, value_tile);
        __syncthreads();
        float scores[score_tiles][4] = {};
#pragma unroll
        for (int n = 0; n < score_tiles; n++) {
#pragma unroll
            for (int k = 0; k < size / 16; k++) {
                const T *row = key_tile + (n * 8 + quad) * stride + k * 16 + pair;
                const uint32_t b[2] = {pair_at(row), pair_at(row + 8)};
                multiply_tile(scores[n], queries[k], b, T());
            }
        }
        if (soft_cap > 0) {
#pragma unroll
            for (int n = 0; n < score_tiles; n++) {
                for (int i = 0; i < 4; i++) scores[n][i] = soft_capped(scores[n][i] * scale, soft_cap);
            }
        }
        float before[2] = {largest[0], largest[1]};
#pragma unroll
        for (int n = 0; n < score_tiles; n++) {
            for (int i = 0; i < 4; i++) {
                const int32_t position = start + first_query + quad + i / 2 * 8;
                // Positions behind the query's own wrap around, far past any window.
                const bool is_seen = (uint32_t)(position - first - n * 8 - pair - i % 2) < (uint32_t)window;
                scores[n][i] = is_seen ? scores[n][i] * late_scale : -INFINITY_VALUE;
                largest[i / 2] = fmaxf(largest[i / 2], scores[n][i]);
            }
        }
        float shrink[2], added[2] = {0, 0};
        for (int r = 0; r < 2; r++) {
            // The four lanes of a quad hold a row.
            largest[r] = fmaxf(largest[r], __shfl_xor_sync(0xffffffff, largest[r], 1));
            largest[r] = fmaxf(largest[r], __shfl_xor_sync(0xffffffff, largest[r], 2));
            shrink[r] = sums[r] == 0 ? 0 : expf(before[r] - largest[r]);
        }
        uint32_t weights[tile_keys / 16][4];
#pragma unroll
        for (int n = 0; n < score_tiles; n++) {
            for (int i = 0; i < 4; i++) {
                // A row without any position so far has no largest score.
                scores[n][i] = scores[n][i] == -INFINITY_VALUE ? 0 : expf(scores[n][i] - largest[i / 2]);
                added[i / 2] += scores[n][i];
            }
            weights[n / 2][n % 2 * 2] = pack<T>(scores[n][0], scores[n][1]);
            weights[n / 2][n % 2 * 2 + 1] = pack<T>(scores[n][2], scores[n][3]);
        }
        for (int r = 0; r < 2; r++) {
            added[r] += __shfl_xor_sync(0xffffffff, added[r], 1);
            added[r] += __shfl_xor_sync(0xffffffff, added[r], 2);
            sums[r] = sums[r] * shrink[r] + added[r];
        }
#pragma unroll
        for (int n = 0; n < output_tiles; n++) {
            for (int i = 0; i < 4; i++) totals[n][i] *= shrink[i / 2];
#pragma unroll
            for (int k = 0; k < tile_keys / 16; k++) {
                const T *place = value_tile + (k * 16 + pair) * stride + n * 8 + quad;
                const uint32_t b[2] = {
                    (uint32_t)place[stride].bits << 16 | place[0].bits,
                    (uint32_t)place[9 * stride].bits << 16 | place[8 * stride].bits,
                };
                multiply_tile(totals[n], weights[k], b, T());
            }
        }
    }
    for (int n = 0; n < output_tiles; n++) {
        for (int i = 0; i < 4; i++) {
            const int32_t row = first_query + quad + i / 2 * 8;
            if (row >= count) continue;
            const int32_t channel = (int32_t)head * size + n * 8 + pair + i % 2;
            store_rounded(totals[n][i] / sums[i / 2], output + row * channels + (places ? places[channel] : channel));
        }
    }
}

#define ATTEND_TILED(size, name, T)                                                                                    \
    extern "C" __global__ void __launch_bounds__(128) esparse_attend_tiled_##size##_##name(                            \
        const T *query, const T *keys, const T *values, float scale, float soft_cap, int32_t window,                   \
        int32_t key_heads, int32_t capacity, int32_t start, int32_t count, const int32_t *places, T *output) {         \
        attend_tiled<size>(query, keys, values, scale, soft_cap, window, key_heads, capacity, start, count, places,    \
                           output);                                                                                    \
    }
#define ATTEND_TILED_OF(size)               \
    ATTEND_TILED(size, bfloat16, bfloat16)  \
    ATTEND_TILED(size, float16, float16)
ATTEND_TILED_OF(64)
ATTEND_TILED_OF(80)
ATTEND_TILED_OF(96)
ATTEND_TILED_OF(128)
