// What a swap of two channels gains in the local shuffle: the sums of CESparseCPU's shuffle/gains.h in the same order, so the same bits.
//
// values [places, stride] f32 holds each place's saliencies one after another, of all rows that share the site; rows past the last are
// 0, stride is a multiple of 16. Sums run over 16 lanes of rows inside chunks of 1024, are folded in halves, and chunks add in
// double precision. A request [2 + group] int32 is one group of one block: its block's first place, the block's places, and the
// places of its members.
//
// esparse_swap_gather: values [places, stride] from saliency [rows, columns] f32, from row `first_row` on; channels [places].
//   grid: (rows / 32, places / 32), each rounded up; block: 256.
// esparse_swap_limits: for each request and row the `kept`-th largest saliency of the group (upper), the next (lower), and a bit for each
//   member that is not smaller than upper (flags), all [requests, stride]; and for each request and chunk bases [group + 1] f64: what each
//   member's companions alone retain, then what the group retains. grid: (requests, chunks); block: 256.
// esparse_swap_gains_4, _8: gains [requests, group, most_places] f64: what the group would retain with the block's channel in the member's
//   place. Members are taken 4 or 8 at a time. grid: (requests, most_places / 16, rounded up); block: 256.
#include "common.cuh"

enum { chunk_rows = 1024, sum_lanes = 16, most_members = 32 };

/// The sum over 16 neighbouring lanes, folded in halves.
DEVICE float folded(float value) {
    for (int distance = sum_lanes / 2; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(0xffffffff, value, distance);
    }
    return value;
}

extern "C" __global__ void esparse_swap_gather(const float *saliency, int32_t rows, int32_t columns,
                                               const int32_t *channels, int32_t places, int32_t first_row,
                                               int32_t stride, float *values) {
    __shared__ float tile[32][33];
    const int32_t x = threadIdx.x % 32, y = threadIdx.x / 32;
    const int32_t row_base = blockIdx.x * 32, place_base = blockIdx.y * 32;
    for (int32_t i = y; i < 32; i += 8) {
        const int32_t row = row_base + i, place = place_base + x;
        tile[i][x] = row < rows && place < places ? saliency[(int64_t)row * columns + channels[place]] : 0;
    }
    __syncthreads();
    for (int32_t i = y; i < 32; i += 8) {
        const int32_t row = row_base + x, place = place_base + i;
        if (row < rows && place < places) values[(int64_t)place * stride + first_row + row] = tile[x][i];
    }
}

extern "C" __global__ void esparse_swap_limits(const float *values, int32_t stride, const int32_t *requests,
                                               int32_t group, int32_t kept, float *upper, float *lower,
                                               uint32_t *flags, double *bases) {
    __shared__ float tops[chunk_rows];
    __shared__ float lowers[chunk_rows];
    const int32_t *members = requests + (int64_t)blockIdx.x * (group + 2) + 2;
    const int32_t first = blockIdx.y * chunk_rows, count = min((int32_t)chunk_rows, stride - first);
    const int64_t place = (int64_t)blockIdx.x * stride + first;
    values += first;
    for (int32_t row = threadIdx.x; row < count; row += blockDim.x) {
        float sorted[most_members];
        for (int32_t slot = 0; slot < group; slot++) sorted[slot] = values[(int64_t)members[slot] * stride + row];
        // Bubbles the kept + 1 largest to the front.
        for (int32_t front = 0; front <= kept && front < group - 1; front++) {
            for (int32_t slot = group - 1; slot > front; slot--) {
                const float left = sorted[slot - 1], right = sorted[slot];
                sorted[slot - 1] = fmaxf(left, right);
                sorted[slot] = fminf(left, right);
            }
        }
        float top = 0;
        for (int32_t rank = 0; rank < kept; rank++) top += sorted[rank];
        uint32_t above = 0;
        for (int32_t slot = 0; slot < group; slot++) {
            above |= (uint32_t)(values[(int64_t)members[slot] * stride + row] >= sorted[kept - 1]) << slot;
        }
        upper[place + row] = sorted[kept - 1];
        lower[place + row] = sorted[kept];
        flags[place + row] = above;
        tops[row] = top;
        lowers[row] = sorted[kept];
    }
    __syncthreads();
    bases += ((int64_t)blockIdx.x * gridDim.y + blockIdx.y) * (group + 1);
    const int32_t lane = threadIdx.x % sum_lanes;
    for (int32_t begin = 0; begin <= group; begin += blockDim.x / sum_lanes) {
        const int32_t slot = begin + threadIdx.x / sum_lanes;
        float sum = 0;
        if (slot < group) {
            // A kept member leaves its place to the first dropped one; a dropped member leaves the others as they are.
            const float *own = values + (int64_t)members[slot] * stride;
            for (int32_t row = lane; row < count; row += sum_lanes) {
                sum += (tops[row] + lowers[row]) - fmaxf(own[row], lowers[row]);
            }
        } else if (slot == group) {
            for (int32_t row = lane; row < count; row += sum_lanes) sum += tops[row];
        }
        sum = folded(sum);
        if (lane == 0 && slot <= group) bases[slot] = (double)sum;
    }
}

template <int SLOTS>
DEVICE void swap_gains(const float *values, int32_t stride, const int32_t *requests, int32_t group,
                       int32_t most_places, const float *upper, const float *lower, const uint32_t *flags,
                       const double *bases, double *gains) {
    const int32_t *request = requests + (int64_t)blockIdx.x * (group + 2);
    const int32_t lane = threadIdx.x % sum_lanes, place = blockIdx.y * (blockDim.x / sum_lanes) + threadIdx.x / sum_lanes;
    const bool is_place = place < request[1];
    // Threads without a place go along with the others, because sums run over whole warps.
    values += (int64_t)(request[0] + (is_place ? place : 0)) * stride;
    upper += (int64_t)blockIdx.x * stride;
    lower += (int64_t)blockIdx.x * stride;
    flags += (int64_t)blockIdx.x * stride;
    const int32_t chunks = (stride + chunk_rows - 1) / chunk_rows;
    bases += (int64_t)blockIdx.x * chunks * (group + 1);
    for (int32_t begin = 0; begin < group; begin += SLOTS) {
        double sums[SLOTS];
#pragma unroll
        for (int a = 0; a < SLOTS; a++) sums[a] = 0;
        for (int32_t chunk = 0; chunk < chunks; chunk++) {
            const int32_t end = min((chunk + 1) * (int32_t)chunk_rows, stride);
            float common = 0, extra[SLOTS];
#pragma unroll
            for (int a = 0; a < SLOTS; a++) extra[a] = 0;
#pragma unroll 4
            for (int32_t row = chunk * chunk_rows + lane; row < end; row += sum_lanes) {
                const float value = values[row];
                const float over = fmaxf(value - upper[row], 0);
                const float difference = fmaxf(value - lower[row], 0) - over;
                const uint32_t above = flags[row] >> begin;
                common += over;
#pragma unroll
                for (int a = 0; a < SLOTS; a++) extra[a] += above >> a & 1 ? difference : 0;
            }
            const double shared = (double)folded(common);
#pragma unroll
            for (int a = 0; a < SLOTS; a++) {
                if (begin + a < group) sums[a] += bases[chunk * (group + 1) + begin + a];
                sums[a] += shared + (double)folded(extra[a]);
            }
        }
        if (lane == 0 && is_place) {
#pragma unroll
            for (int a = 0; a < SLOTS; a++) {
                if (begin + a < group) gains[((int64_t)blockIdx.x * group + begin + a) * most_places + place] = sums[a];
            }
        }
    }
}

#define SWAP_GAINS(SLOTS)                                                                                             \
    extern "C" __global__ void __launch_bounds__(256) esparse_swap_gains_##SLOTS(                                     \
        const float *values, int32_t stride, const int32_t *requests, int32_t group, int32_t most_places,             \
        const float *upper, const float *lower, const uint32_t *flags, const double *bases, double *gains) {          \
        swap_gains<SLOTS>(values, stride, requests, group, most_places, upper, lower, flags, bases, gains);           \
    }
SWAP_GAINS(4)
SWAP_GAINS(8)
