// Calibration statistics of channels: moments and histograms.
//
// Every result is exactly defined: sums add token after token in double precision, where the square of a single is
// exact; bins round once an operation. So all instruction sets and a plain loop agree to the last bit.

enum {
    /// Tokens taken at a time, so that the pages of their rows stay in the address caches.
    token_stretch = 64,
    /// Channels whose bins are counted side by side: enough that a count is not raised again while its last store is
    /// still on its way, and few enough that 64 histograms of 100 bins fit the first-level cache.
    histogram_strip = 64,
};

/// Adds `tokens` rows of one vector of channels.
KERNEL void accumulate_vector(
    const float *input, ptrdiff_t tokens, ptrdiff_t channels, double *sum, double *square_sum, float *minimum,
    float *maximum) {
    double_vector sums, squares;
    memcpy(&sums, sum, sizeof sums);
    memcpy(&squares, square_sum, sizeof squares);
    float_vector low = load_floats(minimum), high = load_floats(maximum);
    for (ptrdiff_t token = 0; token < tokens; ++token) {
        float_vector x = load_floats(input + token * channels);
        double_vector wide = __builtin_convertvector(x, double_vector);
        sums += wide;
        squares += wide * wide;
        low = x < low ? x : low;
        high = x > high ? x : high;
    }
    memcpy(sum, &sums, sizeof sums);
    memcpy(square_sum, &squares, sizeof squares);
    store_floats(minimum, low);
    store_floats(maximum, high);
}

static void accumulate_moments(
    const float *input, ptrdiff_t tokens, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t last, double *sum,
    double *square_sum, float *minimum, float *maximum) {
    for (ptrdiff_t token = 0; token < tokens; token += token_stretch) {
        const ptrdiff_t count = tokens - token < token_stretch ? tokens - token : token_stretch;
        const float *rows = input + token * channels;
        ptrdiff_t channel = first;
        for (; channel + LAYER_LANES <= last; channel += LAYER_LANES)
            accumulate_vector(
                rows + channel, count, channels, sum + channel, square_sum + channel, minimum + channel,
                maximum + channel);
        for (; channel < last; ++channel)
            for (ptrdiff_t row = 0; row < count; ++row) {
                const float x = rows[row * channels + channel];
                sum[channel] += (double)x;
                square_sum[channel] += (double)x * (double)x;
                minimum[channel] = x < minimum[channel] ? x : minimum[channel];
                maximum[channel] = x > maximum[channel] ? x : maximum[channel];
            }
    }
}

static void accumulate_histogram(
    const float *input, ptrdiff_t tokens, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t last, const float *origin,
    const float *inverse_width, int32_t bins, uint32_t *counts) {
    const float last_bin = (float)(bins - 1);
    for (ptrdiff_t channel = first; channel < last; channel += histogram_strip) {
        const ptrdiff_t width = last - channel < histogram_strip ? last - channel : histogram_strip;
        float origins[histogram_strip] = {0}, inverse_widths[histogram_strip] = {0};
        memcpy(origins, origin + channel, sizeof(float) * (size_t)width);
        memcpy(inverse_widths, inverse_width + channel, sizeof(float) * (size_t)width);
        uint32_t *histograms = counts + channel * bins;
        for (ptrdiff_t token = 0; token < tokens; ++token) {
            const float *row = input + token * channels + channel;
            int32_t places[histogram_strip];
            if (width == histogram_strip) {
                for (int index = 0; index < histogram_strip; ++index) {
                    float bin = (row[index] - origins[index]) * inverse_widths[index];
                    bin = bin > 0 ? bin : 0;
                    bin = bin < last_bin ? bin : last_bin;
                    places[index] = (int32_t)bin + index * bins;
                }
#pragma clang loop unroll_count(8)
                for (int index = 0; index < histogram_strip; ++index) histograms[places[index]] += 1;
                continue;
            }
            for (ptrdiff_t index = 0; index < width; ++index) {
                float bin = (row[index] - origins[index]) * inverse_widths[index];
                bin = bin > 0 ? bin : 0;
                bin = bin < last_bin ? bin : last_bin;
                histograms[(int32_t)bin + (int32_t)index * bins] += 1;
            }
        }
    }
}

static void accumulate_logarithmic_histogram(
    const float *input, ptrdiff_t tokens, ptrdiff_t channels, ptrdiff_t first, ptrdiff_t last, int32_t fraction_bits,
    int32_t low, int32_t bins, uint32_t *counts) {
    const int32_t half = bins / 2, shift = 23 - fraction_bits;
    for (ptrdiff_t channel = first; channel < last; channel += histogram_strip) {
        const int32_t width = (int32_t)(last - channel < histogram_strip ? last - channel : histogram_strip);
        uint32_t *histograms = counts + channel * bins;
        for (ptrdiff_t token = 0; token < tokens; ++token) {
            int32_t places[histogram_strip] = {0};
            memcpy(places, input + token * channels + channel, sizeof(int32_t) * (size_t)width);
            for (int32_t index = 0; index < histogram_strip; ++index) {
                const int32_t bits = places[index];
                int32_t bin = ((bits & 0x7fffffff) >> shift) - low;
                bin = bin > 0 ? bin : 0;
                bin = bin < half - 1 ? bin : half - 1;
                places[index] = bin + (bits < 0 ? half : 0) + index * bins;
            }
            for (int32_t index = 0; index < width; ++index) histograms[places[index]] += 1;
        }
    }
}
