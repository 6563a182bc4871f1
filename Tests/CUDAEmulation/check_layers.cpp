// Element-wise kernels, lookups, positions and likelihoods against double precision.
#include "check.h"
#include "elements.cu"
#include "likelihood.cu"
#include "positions.cu"

namespace {

emulated_size blocks(size_t count) { return {(unsigned)(count + 255) / 256, 1, 1}; }

double activated_exactly(int function, double x) {
    switch (function) {
        case 0: return x / (1 + std::exp(-x));
        case 1: return x > 0 ? x : std::isnan(x) ? x : 0;
        case 2: return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
        default: return x / (1 + std::exp(-2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    }
}

template <typename T>
void run_elements(void (*gate)(const T *, const T *, int32_t, int64_t, T *),
                  void (*activate)(const T *, int32_t, int64_t, T *), void (*add)(const T *, int64_t, float *),
                  void (*round)(const float *, int64_t, T *), void (*widen)(const T *, int64_t, float *)) {
    const std::string name = type_traits<T>::name;
    const double rounding = type_traits<T>::rounding;
    check gated("gate, " + name, 1e-5 + rounding), activations("activations, " + name, 1e-5 + rounding),
        sums("sums, " + name, 1e-7), conversions("conversions, " + name, rounding);
    random_numbers random(3);
    for (int count : {1, 255, 256, 700}) {
        for (int function = 0; function < 4; function++) {
            buffer<T> first(count), second(count), output(count), other(count), back(count);
            buffer<float> single(count), wide(count);
            std::vector<double> before;
            for (int i = 0; i < count; i++) {
                first[i] = rounded<T>(4 * random.normal());
                second[i] = rounded<T>(random.normal());
                single[i] = (float)(random.normal() * std::pow(10, random.below(4)));
            }
            for (float hostile : {INFINITY, NAN, 0.0f, -0.0f, 60000.0f}) {
                first[random.below(count)] = rounded<T>(hostile);
                single[random.below(count)] = hostile;
            }
            for (int i = 0; i < count; i++) before.push_back(single[i]);
            emulation::launch(blocks(count), {256, 1, 1}, 0,
                              [&] { gate(first.data(), second.data(), function, count, output.data()); });
            emulation::launch(blocks(count), {256, 1, 1}, 0,
                              [&] { activate(first.data(), function, count, other.data()); });
            emulation::launch(blocks(count), {256, 1, 1}, 0, [&] { round(single.data(), count, back.data()); });
            emulation::launch(blocks(count), {256, 1, 1}, 0, [&] { widen(back.data(), count, wide.data()); });
            emulation::launch(blocks(count), {256, 1, 1}, 0, [&] { add(first.data(), count, single.data()); });
            for (int i = 0; i < count; i++) {
                const double x = to_float(first[i]), y = to_float(second[i]), value = activated_exactly(function, x);
                const double size = std::fabs(value) + type_traits<T>::smallest + 1e-6;
                activations.compare(to_float(other[i]), value, size);
                if (std::fabs(value * y) < 60000 || !std::isfinite(value)) {
                    gated.compare(to_float(output[i]), value * y, size * (1 + std::fabs(y)));
                }
                sums.compare(single[i], before[i] + x, std::fabs(before[i]) + std::fabs(x));
                if (std::fabs(before[i]) < 65000 || !std::isfinite(before[i])) {
                    conversions.compare(to_float(back[i]), before[i], std::fabs(before[i]) + type_traits<T>::smallest);
                    conversions.compare(wide[i], to_float(back[i]), 1);
                }
            }
            for (auto *one : {&gated, &activations, &sums, &conversions}) one->cases++;
            gated.guard(output);
            activations.guard(other);
            sums.guard(single);
            conversions.guard(back);
            conversions.guard(wide);
        }
    }
}

void run_lookups() {
    check result("lookups and positions", 0);
    random_numbers random(5);
    for (int channels : {1, 64, 300}) {
        const int entries = 17, count = 9;
        buffer<bfloat16> table(entries * channels);
        buffer<float> floats(entries * channels), output(count * channels), rows(count * channels), hidden(count * channels);
        std::vector<int32_t> indices;
        const float scale = channels == 64 ? 1 : 0.375f;
        for (size_t i = 0; i < table.count; i++) {
            table[i] = rounded<bfloat16>(random.normal());
            floats[i] = (float)random.normal();
        }
        for (int i = 0; i < count; i++) indices.push_back(random.below(entries));
        buffer<int32_t> places(indices), moved(indices);
        for (int i = 0; i < count; i++) moved[i] -= 3;
        emulation::launch({(unsigned)count, 1, 1}, {256, 1, 1}, 0, [&] {
            esparse_embed_bfloat16(table.data(), places.data(), scale, channels, output.data());
            esparse_rows(floats.data(), places.data(), channels, rows.data());
            esparse_embed_float32(floats.data(), places.data(), 2, channels, hidden.data());
            esparse_add_positions_float32(floats.data(), moved.data(), 3, 1, channels, hidden.data());
            esparse_add_positions_bfloat16(table.data(), moved.data(), 3, scale, channels, rows.data());
        });
        for (int i = 0; i < count; i++) {
            for (int c = 0; c < channels; c++) {
                const float term = scale * to_float(table[indices[i] * channels + c]);
                result.compare(output[i * channels + c], term, 1);
                result.compare(rows[i * channels + c], floats[indices[i] * channels + c] + term, 1);
                const float twice = 2 * floats[indices[i] * channels + c];
                result.compare(hidden[i * channels + c], twice + floats[indices[i] * channels + c], 1);
            }
        }
        result.cases++;
        result.guard(output);
        result.guard(rows);
        result.guard(hidden);
    }
}

void run_soft_caps() {
    check result("soft caps", 1e-6);
    random_numbers random(11);
    for (int count : {1, 256, 700}) {
        buffer<float> values(count);
        std::vector<double> before;
        for (int i = 0; i < count; i++) {
            values[i] = (float)(random.normal() * std::pow(10, random.below(5) - 2));
            if (i % 50 == 0) values[i] = i % 100 == 0 ? INFINITY : NAN;
            before.push_back(values[i]);
        }
        emulation::launch(blocks(count), {256, 1, 1}, 0, [&] { esparse_soft_cap(30, count, values.data()); });
        for (int i = 0; i < count; i++) {
            const double expected = 30 * std::tanh(before[i] / 30);
            result.compare(values[i], expected, std::fabs(expected));
        }
        result.cases++;
        result.guard(values);
    }
}

template <typename T>
void run_positions(void (*append)(const T *, const T *, const T *, const int32_t *, const int32_t *, const int32_t *,
                                  const float *, const float *, int32_t, int32_t, int32_t, int32_t, int32_t, int32_t,
                                  T *, T *, T *)) {
    check result(std::string("rotary positions and KV cache, ") + type_traits<T>::name, 2 * type_traits<T>::rounding);
    random_numbers random(17);
    const int shapes[][4] = {{4, 2, 64, 32}, {3, 3, 10, 5}, {2, 1, 80, 0}, {2, 2, 96, 24}};
    for (const auto &[query_heads, key_heads, head_size, rotary_count] : shapes) {
        const int capacity = 12, sequence_count = 3;
        // Sequence 2 is as long as a short one may be, sequence 1 is longer; where heads are of 96 channels all are short.
        const int long_row = head_size == 96 ? INT32_MAX : 7, rows = capacity + (head_size == 96 ? 0 : long_row);
        const std::vector<int32_t> sequences = {2, 2, 2, 0, 1}, positions = {4, 5, 6, 0, 11};
        const std::vector<int32_t> lengths = {7, 7, 7, 1, 12};
        const int tokens = (int)sequences.size();
        buffer<T> query(tokens * query_heads * head_size), turned_query(query.count);
        buffer<T> key(tokens * key_heads * head_size), value(key.count);
        buffer<T> keys(sequence_count * key_heads * capacity * head_size), values(keys.count);
        buffer<float> cosines(rows * rotary_count), sines(rows * rotary_count);
        for (size_t i = 0; i < query.count; i++) query[i] = rounded<T>(random.normal());
        for (size_t i = 0; i < key.count; i++) {
            key[i] = rounded<T>(random.normal());
            value[i] = rounded<T>(random.normal());
        }
        for (size_t i = 0; i < cosines.count; i++) {
            const double angle = random.normal() * 3;
            cosines[i] = (float)std::cos(angle);
            sines[i] = (float)std::sin(angle);
        }
        buffer<int32_t> slots(sequences), places(positions), texts(lengths);
        emulation::launch({(unsigned)tokens, (unsigned)(query_heads + key_heads), 1}, {32, 1, 1}, 0, [&] {
            append(query.data(), key.data(), value.data(), slots.data(), places.data(), texts.data(), cosines.data(),
                   sines.data(), rotary_count, long_row, query_heads, key_heads, head_size, capacity,
                   turned_query.data(), keys.data(), values.data());
        });
        auto turned = [&](auto at, int t, int i) -> double {
            const int position = lengths[t] > long_row ? long_row + positions[t] : positions[t];
            if (i >= 2 * rotary_count) return at(i);
            const int pair = i % rotary_count;
            const double c = cosines[position * rotary_count + pair], s = sines[position * rotary_count + pair];
            return i < rotary_count ? at(i) * c - at(i + rotary_count) * s : at(i) * c + at(i - rotary_count) * s;
        };
        for (int t = 0; t < tokens; t++) {
            for (int i = 0; i < query_heads * head_size; i++) {
                const int from = (t * query_heads + i / head_size) * head_size;
                const double expected = turned([&](int j) { return (double)to_float(query[from + j]); }, t, i % head_size);
                result.compare(to_float(turned_query[from + i % head_size]), expected, 4);
            }
            for (int i = 0; i < key_heads * head_size; i++) {
                const int from = (t * key_heads + i / head_size) * head_size, channel = i % head_size;
                const int to = ((sequences[t] * key_heads + i / head_size) * capacity + positions[t]) * head_size + channel;
                const double expected = turned([&](int j) { return (double)to_float(key[from + j]); }, t, channel);
                result.compare(to_float(keys[to]), expected, 4);
                result.compare(to_float(values[to]), to_float(value[from + channel]), 1);
            }
        }
        // Places of no token are left as they were.
        result.require(keys[0 + 1 * head_size].bits == 0xffff && values[1 * head_size].bits == 0xffff);
        result.cases++;
        result.guard(turned_query);
        result.guard(keys);
        result.guard(values);
    }
}

void run_likelihoods() {
    check result("likelihoods over tiles of the vocabulary", 2e-6);
    random_numbers random(19);
    for (int vocabulary : {1, 50, 256, 1000}) {
        for (int tile : {64, 256, 1000}) {
            const int tokens = 5;
            std::vector<std::vector<float>> logits(tokens);
            std::vector<int32_t> targets;
            for (int t = 0; t < tokens; t++) {
                for (int v = 0; v < vocabulary; v++) logits[t].push_back((float)(random.normal() * (t == 1 ? 100 : 3)));
                targets.push_back(random.below(vocabulary));
                // The target is the likeliest, or as likely as another.
                if (t == 2) logits[t][targets[t]] = 50;
                if (t == 3) logits[t][targets[t]] = logits[t][0] = 50;
                if (t == 4) logits[t][random.below(vocabulary)] = NAN;
            }
            buffer<likelihood_state> states(tokens);
            buffer<int32_t> wanted(targets);
            buffer<double> losses(tokens);
            buffer<uint8_t> is_greedy(tokens);
            emulation::launch({1, 1, 1}, {256, 1, 1}, 0, [&] { esparse_likelihood_begin(tokens, states.data()); });
            for (int first = 0; first < vocabulary; first += tile) {
                const int width = std::min(tile, vocabulary - first);
                buffer<float> part(tokens * width);
                for (int t = 0; t < tokens; t++) {
                    for (int v = 0; v < width; v++) part[t * width + v] = logits[t][first + v];
                }
                emulation::launch({(unsigned)tokens, 1, 1}, {256, 1, 1}, 0, [&] {
                    esparse_likelihood_add(part.data(), wanted.data(), first, width, states.data());
                });
            }
            emulation::launch({1, 1, 1}, {256, 1, 1}, 0, [&] {
                esparse_likelihood_end(states.data(), tokens, losses.data(), is_greedy.data());
            });
            for (int t = 0; t < tokens; t++) {
                double largest = -INFINITY, sum = 0;
                for (float logit : logits[t]) largest = std::fmax(largest, logit);
                for (float logit : logits[t]) sum += std::exp(logit - largest);
                const double expected = std::log(sum) + largest - logits[t][targets[t]];
                result.compare(losses[t], expected, std::fabs(expected) + std::fabs(largest) + 1);
                if (t == 4) continue;
                result.require(is_greedy[t] == (logits[t][targets[t]] == (float)largest));
                int likeliest = 0;
                while (logits[t][likeliest] != (float)largest) likeliest++;
                result.require(states[t].likeliest == likeliest);
            }
            result.cases++;
            result.guard(states);
            result.guard(losses);
        }
    }
}

}  // namespace

void check_layers() {
    run_elements<bfloat16>(esparse_gate_bfloat16, esparse_activate_bfloat16, esparse_add_bfloat16,
                           esparse_round_bfloat16, esparse_widen_bfloat16);
    run_elements<float16>(esparse_gate_float16, esparse_activate_float16, esparse_add_float16, esparse_round_float16,
                          esparse_widen_float16);
    run_lookups();
    run_soft_caps();
    run_positions<bfloat16>(esparse_append_bfloat16);
    run_positions<float16>(esparse_append_float16);
    run_likelihoods();
}
