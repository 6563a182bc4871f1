// How likely each token's target is, from logits that come a tile of the vocabulary at a time.
//
// A state [tokens] goes from tile to tile, so that all logits never exist at once: the largest logit so far, the sum of exponentials
// relative to it, the target's logit, and the likeliest token.
//
// esparse_likelihood_begin: grid: tokens / 256, rounded up; block: 256. state [tokens].
// esparse_likelihood_add: grid: tokens; block: 256. logits [tokens, tile] f32, of vocabulary entries [first, first + tile);
//   targets [tokens]. Of equally likely tokens the first one counts as the likeliest.
// esparse_likelihood_end: grid as begin. losses [tokens] f64: -ln p(target); is_greedy [tokens]: 1 where no token has a larger logit.
//   A logit that is NaN makes the loss NaN.
#include "common.cuh"

struct likelihood_state {
    float largest;
    float sum;
    float target;
    int32_t likeliest;
};

extern "C" __global__ void esparse_likelihood_begin(int32_t tokens, likelihood_state *states) {
    const int32_t token = blockIdx.x * blockDim.x + threadIdx.x;
    if (token >= tokens) return;
    states[token].largest = -INFINITY_VALUE;
    states[token].sum = 0;
    states[token].target = -INFINITY_VALUE;
    states[token].likeliest = -1;
}

extern "C" __global__ void esparse_likelihood_add(const float *logits, const int32_t *targets, int32_t first,
                                                  int32_t tile, likelihood_state *states) {
    __shared__ float scratch[warp_size];
    __shared__ float largest_of_warps[warp_size];
    __shared__ int32_t place_of_warps[warp_size];
    const int lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size, warps = blockDim.x / warp_size;
    logits += (int64_t)blockIdx.x * tile;
    likelihood_state state = states[blockIdx.x];
    float largest = -INFINITY_VALUE;
    int32_t place = tile;
    for (int32_t i = threadIdx.x; i < tile; i += blockDim.x) {
        if (logits[i] > largest) {
            largest = logits[i];
            place = i;
        }
    }
    warp_likeliest(&largest, &place);
    if (lane == 0) {
        largest_of_warps[warp] = largest;
        place_of_warps[warp] = place;
    }
    __syncthreads();
    for (int w = 0; w < warps; w++) {
        keep_larger(&largest, &place, largest_of_warps[w], place_of_warps[w]);
    }
    const float reference = fmaxf(largest, state.largest);
    float sum = 0;
    for (int32_t i = threadIdx.x; i < tile; i += blockDim.x) sum += expf(logits[i] - reference);
    sum = block_sum(sum, scratch);
    if (threadIdx.x != 0) return;
    // Nothing was counted before the first tile: 0 times the exponential of minus infinity.
    state.sum = (state.sum > 0 || state.sum != state.sum ? state.sum * expf(state.largest - reference) : 0) + sum;
    if (largest > state.largest) state.likeliest = first + place;
    state.largest = reference;
    const int32_t target = targets[blockIdx.x] - first;
    if (target >= 0 && target < tile) state.target = logits[target];
    states[blockIdx.x] = state;
}

extern "C" __global__ void esparse_likelihood_end(const likelihood_state *states,
                                                  int32_t tokens, double *losses, uint8_t *is_greedy) {
    const int32_t token = blockIdx.x * blockDim.x + threadIdx.x;
    if (token >= tokens) return;
    const likelihood_state state = states[token];
    losses[token] = log((double)state.sum) + (double)state.largest - (double)state.target;
    is_greedy[token] = state.target >= state.largest;
}
