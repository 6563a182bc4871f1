// Norms against double precision: odd sizes, orders, missing weights, huge and tiny and infinite inputs.
#include "check.h"
#include "normalization.cu"

namespace {

template <typename T>
void run(bool is_layer, void (*rms)(const float *, const float *, const int32_t *, float, int32_t, T *),
         void (*layer)(const float *, const float *, const float *, const int32_t *, float, int32_t, T *)) {
    check result(std::string(is_layer ? "layer norm, " : "RMS norm, ") + type_traits<T>::name,
                 4e-6 + type_traits<T>::rounding);
    random_numbers random(7);
    for (int size : {1, 2, 31, 64, 255, 256, 257, 576, 1000}) {
        for (int variant = 0; variant < 6; variant++) {
            const int tokens = 1 + random.below(3);
            const double unit = variant == 3 ? 1e-18 : variant == 4 ? 1e15 : 1;
            buffer<float> input(tokens * size), weight(size), bias(size);
            for (size_t i = 0; i < input.count; i++) input[i] = (float)(unit * (random.normal() + 0.5));
            if (variant == 5) input[random.below(size)] = INFINITY;
            for (int i = 0; i < size; i++) {
                weight[i] = (float)random.normal();
                bias[i] = (float)random.normal();
            }
            buffer<int32_t> order(random_order(random, size));
            buffer<T> output(tokens * size);
            const bool has_weight = variant != 1, has_order = variant != 2;
            const float epsilon = 1e-5f;
            const unsigned threads = (unsigned)std::min(256, (size + 31) / 32 * 32);
            emulation::launch({(unsigned)tokens, 1, 1}, {threads, 1, 1}, 0, [&] {
                if (is_layer) {
                    layer(input.data(), has_weight ? weight.data() : nullptr, has_weight ? bias.data() : nullptr,
                          has_order ? order.data() : nullptr, epsilon, size, output.data());
                } else {
                    rms(input.data(), has_weight ? weight.data() : nullptr, has_order ? order.data() : nullptr, epsilon,
                        size, output.data());
                }
            });
            for (int t = 0; t < tokens; t++) {
                double mean = 0, squares = 0;
                for (int i = 0; i < size; i++) mean += input[t * size + i] / size;
                if (!is_layer) mean = 0;
                for (int i = 0; i < size; i++) squares += std::pow(input[t * size + i] - mean, 2) / size;
                const double scale = 1 / std::sqrt(squares + epsilon);
                for (int j = 0; j < size; j++) {
                    const int channel = has_order ? order[j] : j;
                    const double normal = (input[t * size + channel] - mean) * scale;
                    const double added = has_weight && is_layer ? bias[channel] : 0;
                    const double expected = normal * (has_weight ? weight[channel] : 1) + added;
                    const double size_of_terms = std::fabs(expected) + std::fabs(added) +
                                                 (is_layer ? std::fabs(mean * scale) + 1 : 0) + type_traits<T>::smallest;
                    if (variant != 5 || is_layer || std::isfinite(input[t * size + channel])) {
                        if (variant == 5 && !std::isfinite(mean + squares)) continue;
                        result.compare(to_float(output[t * size + j]), expected, size_of_terms);
                    }
                }
            }
            result.cases++;
            result.guard(output);
        }
    }
}

}  // namespace

void check_normalizations() {
    run<float>(false, esparse_rms_norm_float32, nullptr);
    run<bfloat16>(false, esparse_rms_norm_bfloat16, nullptr);
    run<float16>(false, esparse_rms_norm_float16, nullptr);
    run<float>(true, nullptr, esparse_layer_norm_float32);
    run<bfloat16>(true, nullptr, esparse_layer_norm_bfloat16);
    run<float16>(true, nullptr, esparse_layer_norm_float16);
}
