// Attention, few tokens and many, against double precision: grouped queries, several sequences, long contexts, splits, orders, hostile values.
#include "attention_few.cu"
#include "attention_tiled.cu"
#include "check.h"

namespace {

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
    /// Attention of one head's query at a position, in double precision.
    std::vector<double> attend(const T *query, double scale, int sequence, int head, int position) {
        std::vector<double> scores, result(size);
        double largest = -INFINITY, sum = 0;
        for (int p = 0; p <= position; p++) {
            double score = 0;
            for (int i = 0; i < size; i++) score += to_float(query[i]) * to_float(keys[row(sequence, head, p) + i]);
            scores.push_back(score * scale);
            largest = std::fmax(largest, scores.back());
        }
        for (int p = 0; p <= position; p++) {
            const double weight = std::exp(scores[p] - largest);
            sum += weight;
            for (int i = 0; i < size; i++) result[i] += weight * to_float(values[row(sequence, head, p) + i]);
        }
        for (double &value : result) value /= sum;
        return result;
    }
};

template <typename T>
void run_few(void (*part)(const T *, const T *, const T *, const int32_t *, const int32_t *, float, int32_t, int32_t,
                          int32_t, int32_t, float *),
             void (*combine)(const float *, int32_t, int32_t, const int32_t *, T *)) {
    check result(std::string("attention of few tokens, ") + type_traits<T>::name, 1e-5 + type_traits<T>::rounding);
    random_numbers random(23);
    const int shapes[][3] = {{4, 2, 64}, {3, 1, 20}, {2, 2, 128}, {1, 1, 256}, {2, 1, 7}};
    for (const auto &[heads, key_heads, size] : shapes) {
        for (int split_length : {16, 128, 1000}) {
            const int capacity = 300;
            cache<T> past(random, 3, key_heads, capacity, size);
            const std::vector<int32_t> sequences = {1, 0, 2, 2}, positions = {0, 129, 299, 127};
            const int tokens = (int)sequences.size(), splits = (capacity + split_length - 1) / split_length;
            buffer<T> query(tokens * heads * size), output(query.count);
            for (size_t i = 0; i < query.count; i++) query[i] = rounded<T>(random.normal() * 2);
            buffer<float> parts((size_t)tokens * heads * splits * (size + 2));
            buffer<int32_t> slots(sequences), places(positions), order(random_order(random, heads * size));
            const bool has_order = split_length != 128;
            const float scale = 1 / std::sqrt((float)size);
            emulation::launch({(unsigned)tokens, (unsigned)heads, (unsigned)splits}, {128, 1, 1}, (size + 128) * 4, [&] {
                part(query.data(), past.keys.data(), past.values.data(), slots.data(), places.data(), scale, key_heads,
                     size, capacity, split_length, parts.data());
            });
            emulation::launch({(unsigned)tokens, (unsigned)heads, 1}, {128, 1, 1}, 0, [&] {
                combine(parts.data(), splits, size, has_order ? order.data() : nullptr, output.data());
            });
            for (int t = 0; t < tokens; t++) {
                for (int h = 0; h < heads; h++) {
                    const auto expected = past.attend(query.data() + (t * heads + h) * size, scale, sequences[t],
                                                      h / (heads / key_heads), positions[t]);
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
using tiled_kernel = void (*)(const T *, const T *, const T *, float, int32_t, int32_t, int32_t, int32_t,
                              const int32_t *, T *);

template <typename T>
void run_tiled(int size, tiled_kernel<T> kernel) {
    // The weights of the values are rounded to 16 bits, too.
    check result("attention on tiles, head size " + std::to_string(size) + ", " + type_traits<T>::name,
                 1e-5 + 2 * type_traits<T>::rounding);
    random_numbers random(29);
    const int cases[][4] = {{1, 1, 0, 1}, {2, 1, 0, 65}, {4, 2, 5, 20}, {2, 2, 63, 66}, {1, 1, 100, 130}};
    for (const auto &[heads, key_heads, start, count] : cases) {
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
            kernel(query.data(), past.keys.data(), past.values.data(), scale, key_heads, capacity, start, count,
                   has_order ? order.data() : nullptr, output.data());
        });
        for (int t = 0; t < count; t++) {
            for (int h = 0; h < heads; h++) {
                const auto expected = past.attend(query.data() + (t * heads + h) * size, scale, 0,
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
