// Statistics and masks against plain loops, bit for bit.
#include "check.h"
#include "saliency.cu"
#include "statistics.cu"

namespace {

const float hostile_values[] = {INFINITY, -INFINITY, NAN, 0.0f, -0.0f, 1e-45f, -1e-38f, 3e38f, 1.0f, -1.0f};

void run_statistics() {
    check moments("channel moments", 0), histograms("logarithmic histograms", 0);
    random_numbers random(31);
    for (int channels : {1, 31, 32, 100}) {
        const int tokens = 1 + random.below(150), fraction_bits = random.below(4), exponents = 20, half = exponents << fraction_bits;
        const int low = (127 - 10) << fraction_bits;
        buffer<float> input(tokens * channels), minimums(channels), maximums(channels);
        buffer<double> sums(channels), squares(channels);
        buffer<uint32_t> counts(channels * 2 * half);
        for (size_t i = 0; i < counts.count; i++) counts[i] = 5;
        for (size_t i = 0; i < input.count; i++) {
            input[i] = (float)(random.normal() * std::pow(10, random.below(12) - 6));
            if (random.below(9) == 0) input[i] = hostile_values[random.below(10)];
        }
        for (int c = 0; c < channels; c++) {
            sums[c] = squares[c] = 1;
            minimums[c] = INFINITY;
            maximums[c] = -INFINITY;
        }
        const emulated_size grid = {(unsigned)(channels + 31) / 32, 1, 1};
        emulation::launch(grid, {32, 1, 1}, 0, [&] {
            esparse_moments_float32(input.data(), tokens, channels, sums.data(), squares.data(), minimums.data(), maximums.data());
        });
        emulation::launch({(unsigned)(channels + 127) / 128, (unsigned)(tokens + 63) / 64, 1}, {128, 1, 1}, 0, [&] {
            esparse_logarithmic_histogram_float32(input.data(), tokens, channels, fraction_bits, low, 2 * half, counts.data());
        });
        for (int c = 0; c < channels; c++) {
            double sum = 0, square_sum = 0;
            float minimum = INFINITY, maximum = -INFINITY;
            std::vector<uint32_t> expected(2 * half, 5);
            for (int t = 0; t < tokens; t++) {
                const float value = input[t * channels + c];
                sum += value;
                square_sum += (double)value * value;
                if (value < minimum) minimum = value;
                if (value > maximum) maximum = value;
                // By arithmetic: octaves from 2^-10 on, each cut in 2^fraction_bits equal parts.
                int bin = half - 1;
                if (std::fabs(value) < 1024) {
                    const int exponent = value == 0 ? -200 : std::ilogb(value);
                    const double part = std::ldexp(std::fabs(value), -exponent) - 1;
                    bin = exponent < -10 ? 0 : ((exponent + 10) << fraction_bits) + (int)(part * (1 << fraction_bits));
                }
                expected[bin + (std::signbit(value) ? half : 0)] += 1;
            }
            moments.compare(sums[c], 1 + sum, 1);
            moments.compare(squares[c], 1 + square_sum, 1);
            moments.compare(minimums[c], minimum, 1);
            moments.compare(maximums[c], maximum, 1);
            for (int b = 0; b < 2 * half; b++) histograms.compare(counts[c * 2 * half + b], expected[b], 1);
        }
        moments.cases++;
        histograms.cases++;
        moments.guard(sums);
        moments.guard(maximums);
        histograms.guard(counts);
    }
}

void run_masks() {
    check scores("saliency", 0), masks("N:M masks", 0);
    random_numbers random(37);
    const int patterns[][2] = {{2, 4}, {4, 8}, {1, 4}, {3, 5}, {1, 32}, {31, 32}, {2, 3}, {1, 2}};
    for (const auto &[kept, group] : patterns) {
        for (int groups : {1, 2, 8, 9, 70}) {
            const int rows = 1 + random.below(5), columns = groups * group, bytes = (columns + 7) / 8;
            buffer<float> weight(rows * columns), factors(columns), saliency(rows * columns);
            buffer<uint8_t> bits(rows * bytes);
            buffer<int32_t> order(random_order(random, columns));
            // Whole numbers tie often.
            for (size_t i = 0; i < weight.count; i++) weight[i] = (float)(random.below(7) - 3);
            for (int c = 0; c < columns; c++) factors[c] = (float)(1 + random.below(2));
            emulation::launch({(unsigned)(rows * columns + 255) / 256, 1, 1}, {256, 1, 1}, 0, [&] {
                esparse_saliency(weight.data(), factors.data(), columns, rows * columns, saliency.data());
            });
            for (int i = 0; i < rows * columns; i++) {
                scores.compare(saliency[i], std::fabs(weight[i]) * factors[i % columns], 1);
                if (random.below(6) == 0) saliency[i] = hostile_values[random.below(10)];
            }
            const bool has_order = groups % 2 == 0;
            const unsigned threads = (unsigned)(columns + 8 * group - 1) / (8 * group);
            emulation::launch({(unsigned)rows, (threads + 63) / 64, 1}, {64, 1, 1}, 0, [&] {
                esparse_mask(saliency.data(), has_order ? order.data() : nullptr, columns, group, kept, bits.data());
            });
            for (int row = 0; row < rows; row++) {
                for (int first = 0; first < columns; first += group) {
                    auto value = [&](int place) {
                        const float score = saliency[row * columns + (has_order ? order[place] : place)];
                        return std::isnan(score) ? std::pair(1, 0.0f) : std::pair(0, score);
                    };
                    std::vector<int> places;
                    for (int i = 0; i < group; i++) places.push_back(first + i);
                    std::stable_sort(places.begin(), places.end(), [&](int a, int b) { return value(a) > value(b); });
                    for (int i = 0; i < group; i++) {
                        const int bit = bits[row * bytes + places[i] / 8] >> places[i] % 8 & 1;
                        masks.compare(bit, i < kept, 1);
                    }
                }
                if (columns % 8) masks.require(bits[row * bytes + bytes - 1] >> columns % 8 == 0);
            }
            scores.cases++;
            masks.cases++;
            masks.guard(bits);
        }
    }
}

}  // namespace

void check_pruning() {
    run_statistics();
    run_masks();
}
