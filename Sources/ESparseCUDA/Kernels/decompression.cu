// An N:M matrix of any pattern as a dense one, for products of many tokens by cuBLASLt.
//
// esparse_decompress: 16-bit elements, whatever they mean.
//   grid: rows; block: 32 threads (a warp a row).
//   values [rows, kept_per_row]; mask [rows, (columns + 7) / 8], bit j % 8 of byte j / 8; dense [rows, columns], every element written.
//   A mask with more bits than `kept_per_row` reads no further: what is missing becomes 0.
#include "common.cuh"

extern "C" __global__ void esparse_decompress(const uint16_t *values, const uint8_t *mask, int32_t columns,
                                              int32_t kept_per_row, uint16_t *dense) {
    const int lane = threadIdx.x;
    values += (int64_t)blockIdx.x * kept_per_row;
    mask += (int64_t)blockIdx.x * ((columns + 7) / 8);
    dense += (int64_t)blockIdx.x * columns;
    int32_t before = 0;
    for (int32_t first = 0; first < columns; first += warp_size) {
        const int32_t column = first + lane;
        const int is_kept = column < columns && (mask[column / 8] >> (column % 8) & 1);
        const uint32_t kept = __ballot_sync(0xffffffff, is_kept);
        const int32_t place = before + __popc(kept & ((1u << lane) - 1));
        if (column < columns) dense[column] = is_kept && place < kept_per_row ? values[place] : 0;
        before += __popc(kept);
    }
}
