// Makes the kernels compile as host C++ and runs them: the threads of a block are fibers that take turns at barriers.
//
// Blocks run one after another, so `__shared__` variables are plain static ones. A barrier that not all live threads reach, and
// a shuffle that not all lanes of a warp reach, end the program with a message. Not thread-safe.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define DYNAMIC_SHARED(name) unsigned char *name = emulation::dynamic_shared
#define INFINITY_VALUE INFINITY

struct emulated_index {
    unsigned x = 0, y = 0, z = 0;
};
struct emulated_size {
    unsigned x = 1, y = 1, z = 1;
};
struct uint4 {
    uint32_t x, y, z, w;
};
struct uint2 {
    uint32_t x, y;
};

extern emulated_index threadIdx, blockIdx;
extern emulated_size blockDim, gridDim;

namespace emulation {
/// Shared memory that a launch asks for, filled with NaN before every block.
extern unsigned char *dynamic_shared;
/// Runs `kernel` for every thread of every block.
void launch(emulated_size grid, emulated_size block, size_t shared_bytes, const std::function<void()> &kernel);
void block_barrier();
/// What the lane `source` of this warp gave in the same call.
uint64_t exchange(uint64_t value, unsigned source);
}  // namespace emulation

inline void __syncthreads() { emulation::block_barrier(); }
inline void __syncwarp(unsigned = 0xffffffff) { emulation::exchange(0, threadIdx.x % 32); }

template <typename Value>
Value emulated_shuffle(Value value, unsigned source) {
    static_assert(sizeof(Value) <= 8, "a shuffle moves up to 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = emulation::exchange(bits, source % 32);
    memcpy(&value, &bits, sizeof value);
    return value;
}
template <typename Value>
Value __shfl_sync(unsigned, Value value, int source) {
    return emulated_shuffle(value, (unsigned)source);
}
template <typename Value>
Value __shfl_xor_sync(unsigned, Value value, int mask) {
    return emulated_shuffle(value, (threadIdx.x % 32) ^ (unsigned)mask);
}
inline unsigned __ballot_sync(unsigned, int predicate) {
    unsigned result = 0;
    for (unsigned lane = 0; lane < 32; lane++) result |= (unsigned)(emulated_shuffle(predicate != 0, lane)) << lane;
    return result;
}

inline float __uint_as_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}
inline uint32_t __float_as_uint(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}
inline int __ffs(int value) { return __builtin_ffs(value); }
inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline float rsqrtf(float value) { return 1 / sqrtf(value); }
inline float __expf(float value) { return expf(value); }
template <typename Value>
Value __ldg(const Value *place) {
    return *place;
}

inline float emulated_half_to_float(uint16_t bits) {
    _Float16 value;
    memcpy(&value, &bits, 2);
    return (float)value;
}
inline uint16_t emulated_float_to_half(float value) {
    _Float16 half = (_Float16)value;
    uint16_t bits;
    memcpy(&bits, &half, 2);
    return bits;
}

inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
// Threads take turns at barriers only, so nothing comes between.
inline uint32_t atomicAdd(uint32_t *place, uint32_t value) {
    const uint32_t old = *place;
    *place += value;
    return old;
}
template <typename Value>
Value atomicMin(Value *place, Value value) {
    const Value old = *place;
    *place = std::min(old, value);
    return old;
}

using std::max;
using std::min;

/// What mma.sync.m16n8k16 computes, with the fragments that the PTX ISA describes; sums in single precision, in order of k.
template <typename Widen>
void emulated_multiply_tile(float *c, const uint32_t *a, const uint32_t *b, Widen widen) {
    const unsigned lane = threadIdx.x % 32, quad = lane / 4, pair = lane % 4 * 2;
    uint32_t rows[2][8], columns[2][8];
    // Row quad (and quad + 8) of A: columns 2 l, 2 l + 1 from lane l of the quad's four, then those 8 further on.
    for (unsigned l = 0; l < 4; l++) {
        for (int r = 0; r < 2; r++) {
            rows[r][l] = emulated_shuffle(a[r], quad * 4 + l);
            rows[r][4 + l] = emulated_shuffle(a[2 + r], quad * 4 + l);
        }
        // Columns pair and pair + 1 of B.
        for (int n = 0; n < 2; n++) {
            columns[n][l] = emulated_shuffle(b[0], (pair + n) * 4 + l);
            columns[n][4 + l] = emulated_shuffle(b[1], (pair + n) * 4 + l);
        }
    }
    for (int r = 0; r < 2; r++) {
        for (int n = 0; n < 2; n++) {
            float sum = c[2 * r + n];
            for (int k = 0; k < 8; k++) {
                sum += widen((uint16_t)rows[r][k]) * widen((uint16_t)columns[n][k]);
                sum += widen((uint16_t)(rows[r][k] >> 16)) * widen((uint16_t)(columns[n][k] >> 16));
            }
            c[2 * r + n] = sum;
        }
    }
}
