// Saliencies and the masks they choose, the same bits as on the CPU.
//
// esparse_saliency: saliency [rows, columns] f32 = |weight| * factors [columns]. weight f32.
//   grid: rows * columns / 256, rounded up; block: 256.
// esparse_first_nonfinite: place = the lowest index of a value that is not finite, where that is lower than what it held.
//   grid, block as above.
// esparse_column_sums: sums [columns] f64 += values [rows, columns] f32, row after row. grid: columns / 32, rounded up; block: 32.
// esparse_mask: bits [rows, (columns + 7) / 8] of the `kept` largest saliencies in every `group` columns of the permuted order; ties keep
//   the lower place; NaN is largest; -0 equals 0. order [columns] or null; columns is a multiple of group.
//   grid: (rows, columns / (8 * group), rounded up, / 64, rounded up); block: 64 threads, one for every 8 groups, which are whole bytes.
// esparse_retained: sums [rows, 2] f64 of each row's kept saliencies and of all. bits, order as above. grid: rows; block: 32.
#include "common.cuh"

extern "C" __global__ void esparse_saliency(const float *weight, const float *factors, int32_t columns, int64_t count,
                                            float *saliency) {
    const int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) saliency[i] = fabsf(weight[i]) * factors[i % columns];
}

extern "C" __global__ void esparse_first_nonfinite(const float *values, int64_t count, uint64_t *place) {
    const int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count && (__float_as_uint(values[i]) & 0x7f800000) == 0x7f800000) atomicMin(place, (uint64_t)i);
}

extern "C" __global__ void esparse_column_sums(const float *values, int32_t rows, int32_t columns, double *sums) {
    const int32_t column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= columns) return;
    double sum = sums[column];
#pragma unroll 8
    for (int32_t row = 0; row < rows; row++) sum += (double)values[(int64_t)row * columns + column];
    sums[column] = sum;
}

/// An integer that orders as the number does.
DEVICE int32_t ordered(float value) {
    if (value != value) return 0x7fffffff;
    const int32_t bits = (int32_t)__float_as_uint(value + 0.0f);
    return bits ^ ((bits >> 31) & 0x7fffffff);
}

extern "C" __global__ void esparse_mask(const float *saliency, const int32_t *order, int32_t columns, int32_t group,
                                        int32_t kept, uint8_t *bits) {
    const int32_t first = ((int32_t)blockIdx.y * blockDim.x + threadIdx.x) * 8 * group;
    if (first >= columns) return;
    saliency += (int64_t)blockIdx.x * columns;
    bits += (int64_t)blockIdx.x * ((columns + 7) / 8);
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

extern "C" __global__ void esparse_retained(const float *saliency, const uint8_t *bits, const int32_t *order,
                                            int32_t columns, double *sums) {
    saliency += (int64_t)blockIdx.x * columns;
    bits += (int64_t)blockIdx.x * ((columns + 7) / 8);
    double kept = 0, all = 0;
    for (int32_t place = threadIdx.x; place < columns; place += warp_size) {
        const double value = (double)saliency[order ? order[place] : place];
        all += value;
        if (bits[place / 8] >> place % 8 & 1) kept += value;
    }
    for (int distance = warp_size / 2; distance > 0; distance /= 2) {
        kept += __shfl_xor_sync(0xffffffff, kept, distance);
        all += __shfl_xor_sync(0xffffffff, all, distance);
    }
    if (threadIdx.x == 0) {
        sums[2 * (int64_t)blockIdx.x] = kept;
        sums[2 * (int64_t)blockIdx.x + 1] = all;
    }
}
