// Draws a token from each row of logits, as `Sampler` on the host does: temperature, then top-k, then top-p.
//
// Weights, probabilities relative to the likeliest token's, are rounded to single precision as the host's are, then added as integers, so that
// no sum depends on its order: weight 1 is 2^(62 - b), where b is the number of binary digits of `vocabulary`. A weight is off by half a unit, so
// of a vocabulary of 2^17 a running sum by less than 2^-28 of the whole.
//
// All but esparse_sample_weights: grid: rows; block: 512 threads. logits, weights [rows, vocabulary] f32.
// esparse_sample_likeliest: tokens [rows]: the largest logit's place, of equals the lowest; -1 where a logit is NaN or the largest is infinite.
//   largest [rows] f32: the logit there.
// esparse_sample_threshold: thresholds [rows]: what the keys of the `rank` largest logits, and of any that equals the last of them, reach, and no
//   other's; 1 <= rank <= vocabulary. A key is a logit's bits in an order of integers.
// esparse_sample_weights: grid: (vocabulary / 256, rounded up, rows); block: 256. thresholds: as above, or null: all logits count.
//   weights: exp((logit - largest) / temperature), 0 for logits that do not count.
// esparse_sample_draw: uniforms [rows] f64 in [0, 1); top_p in (0, 1]: 1 drops none. Drops the least likely tokens, of equals the last one first,
//   while all dropped have at most 1 - top_p of the sum, but never the likeliest. tokens: in, -1 is kept; out, the first token at which
//   the running sum of what is left, by ascending token, exceeds `uniform` times the whole.
#include "common.cuh"

enum { sample_threads = 512, sample_warps = sample_threads / warp_size };

/// The sum over a block's threads, the same in every thread; `scratch` holds `sample_warps` numbers of shared memory.
DEVICE uint64_t block_total(uint64_t value, uint64_t *scratch) {
    const int lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size;
    for (int distance = warp_size / 2; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(0xffffffff, value, distance);
    }
    if (lane == 0) scratch[warp] = value;
    __syncthreads();
    uint64_t sum = 0;
    for (int w = 0; w < sample_warps; w++) sum += scratch[w];
    __syncthreads();
    return sum;
}

/// Sums `value(i)` over all i in [0, count).
template <typename Value>
DEVICE uint64_t total(int32_t count, uint64_t *scratch, Value value) {
    uint64_t sum = 0;
    for (int32_t i = threadIdx.x; i < count; i += blockDim.x) sum += value(i);
    return block_total(sum, scratch);
}

/// The first i at which the running sum of `value` exceeds `target`, which must be below the sum over all i in [0, count).
template <typename Value>
DEVICE int32_t first_beyond(uint64_t target, int32_t count, uint64_t *scratch, Value value) {
    __shared__ int32_t found;
    const int lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size;
    // Each warp has a piece of its own.
    const int32_t piece = (count + sample_threads - 1) / sample_threads * warp_size;
    const int32_t first = warp * piece, end = min(first + piece, count);
    uint64_t sum = 0;
    for (int32_t i = first + lane; i < end; i += warp_size) sum += value(i);
    for (int distance = warp_size / 2; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffff, sum, distance);
    if (lane == 0) scratch[warp] = sum;
    __syncthreads();
    uint64_t before = 0;
    for (int w = 0; w < warp; w++) before += scratch[w];
    if (before <= target && target < before + scratch[warp]) {
        for (int32_t base = first; base < end; base += warp_size) {
            const int32_t i = base + lane;
            uint64_t running = i < end ? value(i) : 0;
            for (int distance = 1; distance < warp_size; distance *= 2) {
                const uint64_t other = __shfl_sync(0xffffffff, running, (lane - distance) & (warp_size - 1));
                if (lane >= distance) running += other;
            }
            const unsigned beyond = __ballot_sync(0xffffffff, before + running > target);
            if (beyond) {
                if (lane == 0) found = base + __ffs((int)beyond) - 1;
                break;
            }
            before += __shfl_sync(0xffffffff, running, warp_size - 1);
        }
    }
    __syncthreads();
    const int32_t result = found;
    __syncthreads();
    return result;
}

extern "C" __global__ void __launch_bounds__(512)
    esparse_sample_likeliest(const float *logits, int32_t vocabulary, int32_t *tokens, float *largest_logits) {
    __shared__ float largest_of_warps[sample_warps];
    __shared__ int32_t place_of_warps[sample_warps];
    __shared__ int32_t damaged_warps[sample_warps];
    const int lane = threadIdx.x % warp_size, warp = threadIdx.x / warp_size;
    logits += (int64_t)blockIdx.x * vocabulary;
    float largest = -INFINITY_VALUE;
    int32_t place = vocabulary, is_damaged = 0;
    for (int32_t i = threadIdx.x; i < vocabulary; i += blockDim.x) {
        const float logit = logits[i];
        is_damaged |= logit != logit;
        if (logit > largest) {
            largest = logit;
            place = i;
        }
    }
    warp_likeliest(&largest, &place);
    is_damaged = __ballot_sync(0xffffffff, is_damaged != 0) != 0;
    if (lane == 0) {
        largest_of_warps[warp] = largest;
        place_of_warps[warp] = place;
        damaged_warps[warp] = is_damaged;
    }
    __syncthreads();
    if (threadIdx.x != 0) return;
    for (int w = 1; w < sample_warps; w++) {
        is_damaged |= damaged_warps[w];
        keep_larger(&largest, &place, largest_of_warps[w], place_of_warps[w]);
    }
    is_damaged |= largest == INFINITY_VALUE || largest == -INFINITY_VALUE;
    tokens[blockIdx.x] = is_damaged ? -1 : place;
    largest_logits[blockIdx.x] = largest;
}

/// Greater for greater numbers; the two zeros are equal.
DEVICE uint32_t ordered_key(float value) {
    const uint32_t bits = value == 0 ? 0 : __float_as_uint(value);
    return bits & 0x80000000 ? ~bits : bits | 0x80000000;
}

extern "C" __global__ void __launch_bounds__(512)
    esparse_sample_threshold(const float *logits, int32_t vocabulary, int32_t rank, uint32_t *thresholds) {
    __shared__ uint64_t scratch[sample_warps];
    logits += (int64_t)blockIdx.x * vocabulary;
    // The largest key that `rank` logits reach, digit by digit.
    const uint64_t wanted = (uint64_t)rank;
    uint32_t threshold = 0;
    for (uint32_t bit = 0x80000000; bit; bit /= 2) {
        const uint32_t candidate = threshold | bit;
        const uint64_t count =
            total(vocabulary, scratch, [=](int32_t i) { return (uint64_t)(ordered_key(logits[i]) >= candidate); });
        if (count >= wanted) threshold = candidate;
        if (count == wanted) break;
    }
    if (threadIdx.x == 0) thresholds[blockIdx.x] = threshold;
}

extern "C" __global__ void esparse_sample_weights(const float *logits, const float *largest_logits,
                                                  const uint32_t *thresholds, int32_t vocabulary, float temperature,
                                                  float *weights) {
    const int32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= vocabulary) return;
    const int64_t row = blockIdx.y, place = row * vocabulary + i;
    const float logit = logits[place];
    const bool counts = !thresholds || ordered_key(logit) >= thresholds[row];
    // In double precision, and rounded once: the host's single-precision function is as good as that.
    weights[place] = counts ? (float)exp((double)((logit - largest_logits[row]) / temperature)) : 0;
}

/// Digits behind the point of weights as integers.
DEVICE int weight_digits(int32_t vocabulary) {
    int digits = 0;
    while (vocabulary >> digits) digits++;
    return 62 - digits;
}

extern "C" __global__ void __launch_bounds__(512)
    esparse_sample_draw(const float *weights, const double *uniforms, int32_t vocabulary, double top_p,
                        int32_t *tokens) {
    __shared__ uint64_t scratch[sample_warps];
    weights += (int64_t)blockIdx.x * vocabulary;
    if (tokens[blockIdx.x] < 0) return;
    const uint64_t one = (uint64_t)1 << weight_digits(vocabulary);
    const auto integer = [=](float weight) { return (uint64_t)((double)weight * (double)one + 0.5); };
    // What is kept: weights above the edge, and of those at the edge the ones up to the place `last`.
    uint32_t edge = 0;
    int32_t last = vocabulary - 1;
    if (top_p < 1) {
        const uint64_t all = total(vocabulary, scratch, [=](int32_t i) { return integer(weights[i]); });
        uint64_t spare = (uint64_t)((1 - top_p) * (double)all), dropped = 0;
        if (spare > all - one) spare = all - one;
        // The largest edge below which no more than is spare lies, digit by digit; 1 has 30.
        for (uint32_t bit = (uint32_t)1 << 29; bit; bit /= 2) {
            const uint32_t candidate = edge | bit;
            const uint64_t below = total(vocabulary, scratch, [=](int32_t i) {
                return __float_as_uint(weights[i]) < candidate ? integer(weights[i]) : 0;
            });
            if (below > spare) continue;
            edge = candidate;
            dropped = below;
        }
        const uint64_t dropped_at_edge = (spare - dropped) / integer(__uint_as_float(edge));
        if (dropped_at_edge > 0) {
            const auto is_at_edge = [=](int32_t i) { return (uint64_t)(__float_as_uint(weights[i]) == edge); };
            const uint64_t kept_at_edge = total(vocabulary, scratch, is_at_edge) - dropped_at_edge;
            last = first_beyond(kept_at_edge - 1, vocabulary, scratch, is_at_edge);
        }
    }
    const auto kept = [=](int32_t i) {
        const uint32_t bits = __float_as_uint(weights[i]);
        return bits > edge || (bits == edge && i <= last) ? integer(weights[i]) : 0;
    };
    const uint64_t whole = total(vocabulary, scratch, kept);
    uint64_t target = (uint64_t)(uniforms[blockIdx.x] * (double)whole);
    if (target >= whole) target = whole - 1;
    const int32_t token = first_beyond(target, vocabulary, scratch, kept);
    if (threadIdx.x == 0) tokens[blockIdx.x] = token;
}
