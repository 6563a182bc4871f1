// What all kernels share: 16-bit numbers, sums over a warp and a block, dynamic shared memory.
//
// Compiled by NVRTC, which has no headers, or as host C++ by Tests/CUDAEmulation, which defines ESPARSE_EMULATION and the
// few names that differ. Sums have a fixed order, so results are the same bits on every run.
#pragma once

#ifdef ESPARSE_EMULATION
#include "emulation.h"
#else
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
typedef int int32_t;
typedef long long int64_t;
#define DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#define INFINITY_VALUE __int_as_float(0x7f800000)
#endif

#define DEVICE static __device__ __forceinline__

enum { warp_size = 32 };

// MARK: 16-bit numbers

struct bfloat16 {
    uint16_t bits;
};
struct float16 {
    uint16_t bits;
};

DEVICE float to_float(float value) { return value; }
DEVICE float to_float(bfloat16 value) { return __uint_as_float((uint32_t)value.bits << 16); }
DEVICE float to_float(float16 value) {
#ifdef ESPARSE_EMULATION
    return emulated_half_to_float(value.bits);
#else
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
    return result;
#endif
}

/// Rounds to the nearest, ties to even; NaN stays NaN.
DEVICE void store_rounded(float value, float *place) { *place = value; }
DEVICE void store_rounded(float value, bfloat16 *place) {
    uint32_t bits = __float_as_uint(value);
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    place->bits = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16) | 0x40 : rounded);
}
DEVICE void store_rounded(float value, float16 *place) {
#ifdef ESPARSE_EMULATION
    place->bits = emulated_float_to_half(value);
#else
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(place->bits) : "f"(value));
#endif
}

// MARK: Soft caps

/// Keeps a value within `cap`, little changed where it is small.
DEVICE float soft_capped(float value, float cap) { return cap * tanhf(value / cap); }

// MARK: Sums

/// The sum over the lanes of a warp, the same bits in every lane.
DEVICE float warp_sum(float value) {
    for (int distance = warp_size / 2; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(0xffffffff, value, distance);
    }
    return value;
}

DEVICE float warp_maximum(float value) {
    for (int distance = warp_size / 2; distance > 0; distance /= 2) {
        value = fmaxf(value, __shfl_xor_sync(0xffffffff, value, distance));
    }
    return value;
}

/// Takes another value and its place where that is larger, or as large and further to the front.
DEVICE void keep_larger(float *largest, int32_t *place, float other, int32_t other_place) {
    if (other > *largest || (other == *largest && other_place < *place)) {
        *largest = other;
        *place = other_place;
    }
}

/// The largest value over the lanes of a warp and the lowest of its places, in every lane.
DEVICE void warp_likeliest(float *largest, int32_t *place) {
    for (int distance = warp_size / 2; distance > 0; distance /= 2) {
        const float other = __shfl_xor_sync(0xffffffff, *largest, distance);
        keep_larger(largest, place, other, __shfl_xor_sync(0xffffffff, *place, distance));
    }
}

/// The sum over a block's threads, of which there are `warps` whole warps, at most 32; `scratch` holds 32 floats of shared
/// memory, which the call may not share with one just before.
DEVICE float block_sum(float value, float *scratch) {
    const int lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size, warps = blockDim.x / warp_size;
    value = warp_sum(value);
    if (lane == 0) scratch[warp] = value;
    __syncthreads();
    value = warp_sum(lane < warps ? scratch[lane] : 0);
    __syncthreads();
    return value;
}
