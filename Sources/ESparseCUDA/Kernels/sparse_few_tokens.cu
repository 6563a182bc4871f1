// y = x W^T for 1 to 16 tokens and half-dense N:M weights (2:4, 4:8): one pass over the weights, bound by memory.
//
// The weights are those of the portable checkpoint as they lie: kept values [rows, columns / 2] in the order of their columns
// and a bitmask [rows, columns / 8], bit j % 8 of byte j / 8 telling whether column j is kept. So nothing is repacked. What is used of
// the pattern is only that every 16 columns keep 8 weights, and columns must be a multiple of 16, so that a lane's 8 values are one aligned
// load of 16 bytes.
//
// esparse_sparse_few_tokens_N_T: N in 1, 2, 4, 8, 16 is the tokens' number rounded up; T is bfloat16 or float16.
//   grid: rows / (8 warps * 2 rows), rounded up; block: 256 threads; dynamic shared memory: `few_tokens_shared_bytes`, 32 KiB.
//   values, mask: as above; input [tokens, columns] T; bias [rows] f32 or null; output [tokens, rows] T or null;
//   residual [tokens, rows] f32 or null, to which the result is added.
//
// A warp takes two rows at a time; in each step its lanes read 512 columns, 16 each. The input lies in shared memory as floats,
// [chunk of 512 columns][column in a lane's 16][lane], so that lanes which pick different columns never meet in a bank. A row's
// sum is that of its lanes, each over its columns in ascending order, then a tree over the lanes: the same bits whatever the grid.
#include "common.cuh"

enum {
    few_tokens_rows = 2,
    few_tokens_lane_columns = 16,
    few_tokens_chunk = warp_size * few_tokens_lane_columns,
    few_tokens_shared_bytes = 32 << 10,
};

/// Columns of the input in shared memory at a time.
template <int tokens>
DEVICE constexpr int few_tokens_tile() {
    return few_tokens_shared_bytes / 4 / tokens / few_tokens_chunk * few_tokens_chunk;
}

/// Columns [first, first + tile) of the tokens, zeros where there are none.
template <int tokens, typename T>
DEVICE void load_tile(const T *input, int32_t token_count, int32_t columns, int32_t first, float *tile) {
    const int tile_columns = few_tokens_tile<tokens>();
    for (int t = 0; t < tokens; t++) {
        for (int i = threadIdx.x; i < tile_columns; i += blockDim.x) {
            const int32_t column = first + i;
            const float value = t < token_count && column < columns ? to_float(input[(int64_t)t * columns + column]) : 0;
            const int in_chunk = i % few_tokens_chunk;
            tile[t * tile_columns + i / few_tokens_chunk * few_tokens_chunk +
                 in_chunk % few_tokens_lane_columns * warp_size + in_chunk / few_tokens_lane_columns] = value;
        }
    }
}

/// Adds one lane's 8 kept weights of 16 columns; `x` is the lane's place in the chunk.
template <int tokens, typename T>
DEVICE void add_lane(uint4 packed, uint32_t mask, const float *x, float *sums) {
    const uint32_t words[4] = {packed.x, packed.y, packed.z, packed.w};
#pragma unroll
    for (int i = 0; i < 8; i++) {
        const int column = __ffs((int)mask) - 1;
        mask &= mask - 1;
        T weight;
        weight.bits = (uint16_t)(words[i / 2] >> (i % 2 * 16));
        const float value = to_float(weight);
#pragma unroll
        for (int t = 0; t < tokens; t++) sums[t] += value * x[t * few_tokens_tile<tokens>() + column * warp_size];
    }
}

template <int tokens, typename T>
DEVICE void sparse_few_tokens(const T *values, const uint8_t *mask, const T *input, const float *bias, int32_t rows,
                              int32_t columns, int32_t token_count, T *output, float *residual) {
    DYNAMIC_SHARED(dynamic);
    float *tile = (float *)dynamic;
    const int lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size;
    const int32_t first_row = ((int32_t)blockIdx.x * (blockDim.x / warp_size) + warp) * few_tokens_rows;
    float sums[few_tokens_rows][tokens];
#pragma unroll
    for (int r = 0; r < few_tokens_rows; r++) {
#pragma unroll
        for (int t = 0; t < tokens; t++) sums[r][t] = 0;
    }
    for (int32_t first = 0; first < columns; first += few_tokens_tile<tokens>()) {
        __syncthreads();
        load_tile<tokens>(input, token_count, columns, first, tile);
        __syncthreads();
        for (int chunk = 0; chunk < few_tokens_tile<tokens>(); chunk += few_tokens_chunk) {
            const int32_t column = first + chunk + lane * few_tokens_lane_columns;
            if (column >= columns) break;
#pragma unroll
            for (int r = 0; r < few_tokens_rows; r++) {
                const int64_t row = first_row + r;
                if (row >= rows) break;
                const uint4 packed = __ldg((const uint4 *)(values + (row * columns + column) / 2));
                const uint32_t bits = __ldg((const uint16_t *)(mask + (row * columns + column) / 8));
                add_lane<tokens, T>(packed, bits, tile + chunk + lane, sums[r]);
            }
        }
    }
    // Unrolled, as all loops over the sums, so that they stay in registers.
#pragma unroll
    for (int r = 0; r < few_tokens_rows; r++) {
        const int32_t row = first_row + r;
#pragma unroll
        for (int t = 0; t < tokens; t++) {
            const float sum = warp_sum(sums[r][t]);
            if (lane != 0 || row >= rows || t >= token_count) continue;
            const float result = sum + (bias ? bias[row] : 0);
            if (output) store_rounded(result, output + (int64_t)t * rows + row);
            if (residual) residual[(int64_t)t * rows + row] += result;
        }
    }
}

#define FEW_TOKENS(tokens, name, T)                                                                                \
    extern "C" __global__ void __launch_bounds__(256) esparse_sparse_few_tokens_##tokens##_##name(                 \
        const T *values, const uint8_t *mask, const T *input, const float *bias, int32_t rows, int32_t columns,    \
        int32_t token_count, T *output, float *residual) {                                                         \
        sparse_few_tokens<tokens>(values, mask, input, bias, rows, columns, token_count, output, residual);        \
    }
#define FEW_TOKENS_OF(name, T) \
    FEW_TOKENS(1, name, T)     \
    FEW_TOKENS(2, name, T)     \
    FEW_TOKENS(4, name, T)     \
    FEW_TOKENS(8, name, T)     \
    FEW_TOKENS(16, name, T)
FEW_TOKENS_OF(bfloat16, bfloat16)
FEW_TOKENS_OF(float16, float16)
