// Attention, few tokens and many, against double precision: grouped queries, several sequences, long contexts, splits, windows, caps, orders,
// hostile values.
#include "attention_few.cu"
#include "attention_tiled.cu"
#include "check.h"

namespace {

/// The window and the cap of a case, both absent at first.
const std::pair<int, float> limits[] = {{INT32_MAX, 0}, {1, 0}, {20, 3}, {129, 0}, {130, 0.5}, {1000, 50}};

/// A cache of one layer filled with random keys and values.
template <typename T>
struct cache {
    int sequences, key_heads, capacity, size;
    buffer<T> keys, values;
    cache(random_numbers &random, int sequences, int key_heads, int capacity, int size)
        : sequences(sequences), key_heads(key_heads), capacity(capacity), size(size),
          keys((size_t)sequences * key_heads * capacity * size), values(keys.count) {
        for (size_t i = 0; i < keys.count; i++) {
            keys[i] = rounded<T>(random.normal());
            values[i] = rounded<T>(random.normal());
        }
    }
    size_t row(int sequence, int head, int position) const {
        return (((size_t)sequence * key_heads + head) * capacity + position) * size;
    }
    /// Attention of one head's query at a position, in double precision; a cap of 0 is none.
    std::vector<double> attend(const T *query, double scale, double soft_cap, int window, int sequence, int head,
                               int position) {
        const int first = window > position ? 0 : position - window + 1;
        std::vector<double> scores, result(size);
        double largest = -INFINITY, sum = 0;
        for (int p = first; p <= position; p++) {
            double score = 0;
            for (int i = 0; i < size; i++) score += to_float(query[i]) * to_float(keys[row(sequence, head, p) + i]);
            scores.push_back(soft_cap > 0 ? soft_cap * std::tanh(score * scale / soft_cap) : score * scale);
            largest = std::fmax(largest, scores.back());
        }
        for (int p = first; p <= position; p++) {
            const double weight = std::exp(scores[p - first] - largest);
            sum += weight;
            for (int i = 0; i < size; i++) result[i] += weight * to_float(values[row(sequence, head, p) + i]);
        }
        for (double &value : result) value /= sum;
        return result;
    }
};

template <typename T>
void run_few(void (*part)(const T *, const T *, const T *, const int32_t *, const int32_t *, float, float, int32_t,
                          int32_t, int32_t, int32_t, int32_t, float *),
             void (*combine)(const float *, int32_t, int32_t, const int32_t *, T *)) {
    check result(std::string("attention of few tokens, ") + type_traits<T>::name, 1e-5 + type_traits<T>::rounding);
    random_numbers random(23);
    const int shapes[][3] = {{4, 2, 64}, {3, 1, 20}, {2, 2, 128}, {1, 1, 256}, {2, 1, 7}};
    for (const auto &[heads, key_heads, size] : shapes) {
        for (int index = 0; index < 8; index++) {
            const int split_length = std::vector<int>{16, 128, 1000}[index % 3], capacity = 300;
            const auto [window, soft_cap] = limits[index < 3 ? 0 : index - 2];
            cache<T> past(random, 3, key_heads, capacity, size);
            const std::vector<int32_t> sequences = {1, 0, 2, 2}, positions = {0, 129, 299, 127};
            const int tokens = (int)sequences.size();
            const int splits = std::min((capacity + split_length - 1) / split_length,
                                        (int)(((int64_t)window + split_length - 2) / split_length) + 1);
            buffer<T> query(tokens * heads * size), output(query.count);
            for (size_t i = 0; i < query.count; i++) query[i] = rounded<T>(random.normal() * 2);
            buffer<float> parts((size_t)tokens * heads * splits * (size + 2));
            buffer<int32_t> slots(sequences), places(positions), order(random_order(random, heads * size));
            const bool has_order = split_length != 128;
            const float scale = 1 / std::sqrt((float)size);
            emulation::launch({(unsigned)tokens, (unsigned)heads, (unsigned)splits}, {128, 1, 1}, (size + 128) * 4, [&] {
                part(query.data(), past.keys.data(), past.values.data(), slots.data(), places.data(), scale, soft_cap,
                     window, key_heads, size, capacity, split_length, parts.data());
            });
            emulation::launch({(unsigned)tokens, (unsigned)heads, 1}, {128, 1, 1}, 0, [&] {
                combine(parts.data(), splits, size, has_order ? order.data() : nullptr, output.data());
            });
            for (int t = 0; t < tokens; t++) {
                for (int h = 0; h < heads; h++) {
                    const auto expected = past.attend(query.data() + (t * heads + h) * size, scale, soft_cap, window,
                                                      sequences[t], h / (heads / key_heads), positions[t]);
                    for (int i = 0; i < size; i++) {
                        const int channel = h * size + i;
                        const int place = t * heads * size + (has_order ? order[channel] : channel);
                        result.compare(to_float(output[place]), expected[i], 1 + std::fabs(expected[i]));
                    }
                }
            }
            result.cases++;
            result.guard(parts);
            result.guard(output);
        }
    }
}

template <typename T>
using tiled_kernel = void (*)(const T *, const T *, const T *, float, float, int32_t, int32_t, int32_t, int32_t,
                              int32_t, const int32_t *, T *);

template <typename T>
void run_tiled(int size, tiled_kernel<T> kernel) {
    // The weights of the values are rounded to 16 bits, too.
    check result("attention on tiles, head size " + std::to_string(size) + ", " + type_traits<T>::name,
                 1e-5 + 2 * type_traits<T>::rounding);
    random_numbers random(29);
    const int cases[][4] = {{1, 1, 0, 1}, {2, 1, 0, 65}, {4, 2, 5, 20}, {2, 2, 63, 66}, {1, 1, 100, 130}};
    for (int index = 0; index < 10; index++) {
        const auto [heads, key_heads, start, count] = cases[index % 5];
        const auto [window, soft_cap] = limits[index < 5 ? 0 : index - 4];
        const int capacity = start + count + 3;
        cache<T> past(random, 1, key_heads, capacity, size);
        buffer<T> query(count * heads * size), output(query.count);
        for (size_t i = 0; i < query.count; i++) query[i] = rounded<T>(random.normal() * 2);
        // Behind the segment lies what no query may see.
        for (int h = 0; h < key_heads; h++) {
            for (int i = 0; i < size; i++) {
                past.keys[past.row(0, h, start + count) + i] = rounded<T>(NAN);
                past.values[past.row(0, h, start + count) + i] = rounded<T>(NAN);
            }
        }
        buffer<int32_t> order(random_order(random, heads * size));
        const bool has_order = count % 2 == 0;
        const float scale = 1 / std::sqrt((float)size);
        emulation::launch({(unsigned)(count + 63) / 64, (unsigned)heads, 1}, {128, 1, 1}, 2 * 64 * (size + 8) * 2, [&] {
            kernel(query.data(), past.keys.data(), past.values.data(), scale, soft_cap, window, key_heads, capacity,
                   start, count, has_order ? order.data() : nullptr, output.data());
        });
        for (int t = 0; t < count; t++) {
            for (int h = 0; h < heads; h++) {
                const auto expected = past.attend(query.data() + (t * heads + h) * size, scale, soft_cap, window, 0,
                                                  h / (heads / key_heads), start + t);
                for (int i = 0; i < size; i++) {
                    const int channel = h * size + i;
                    const int place = t * heads * size + (has_order ? order[channel] : channel);
                    result.compare(to_float(output[place]), expected[i], 1 + std::fabs(expected[i]));
                }
            }
        }
        result.cases++;
        result.guard(output);
    }
}

}  // namespace

void check_attention() {
    run_few<bfloat16>(esparse_attend_part_bfloat16, esparse_attend_combine_bfloat16);
    run_few<float16>(esparse_attend_part_float16, esparse_attend_combine_float16);
    run_tiled<bfloat16>(64, esparse_attend_tiled_64_bfloat16);
    run_tiled<float16>(64, esparse_attend_tiled_64_float16);
    run_tiled<bfloat16>(80, esparse_attend_tiled_80_bfloat16);
    run_tiled<float16>(96, esparse_attend_tiled_96_float16);
    run_tiled<bfloat16>(128, esparse_attend_tiled_128_bfloat16);
    run_tiled<float16>(128, esparse_attend_tiled_128_float16);
}
