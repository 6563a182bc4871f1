// Tokens drawn from logits, against the filters in plain loops over sorted tokens, in double precision.
#include <numeric>

#include "check.h"
#include "sampling.cu"

namespace {

constexpr unsigned threads = 512;

/// Every token's probability after all filters.
std::vector<double> filtered(const std::vector<float> &logits, float temperature, int top_k, double top_p) {
    const int count = (int)logits.size();
    const float largest = *std::max_element(logits.begin(), logits.end());
    // Least likely first; of equals the last.
    std::vector<int> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::vector<double> weights(count);
    for (int i = 0; i < count; i++) weights[i] = (float)std::exp((double)((logits[i] - largest) / temperature));
    std::vector<float> descending = logits;
    std::sort(descending.begin(), descending.end(), std::greater<float>());
    for (int i = 0; i < count; i++) if (logits[i] < descending[std::min(top_k, count) - 1]) weights[i] = 0;
    std::sort(order.begin(), order.end(), [&](int a, int b) { return weights[a] != weights[b] ? weights[a] < weights[b] : a > b; });
    const double spare = (1 - top_p) * std::accumulate(weights.begin(), weights.end(), 0.0);
    double dropped = 0;
    for (int i = 0; i + 1 < count && top_p < 1; i++) {
        dropped += weights[order[i]];
        if (dropped > spare) break;
        weights[order[i]] = 0;
    }
    const double whole = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (double &weight : weights) weight /= whole;
    return weights;
}

/// The tokens that the kernels draw, one for each of `uniforms`, each from a row of the same logits.
std::vector<int> drawn(check &result, const std::vector<float> &row, std::vector<double> numbers, float temperature, int top_k,
                       double top_p) {
    const unsigned rows = (unsigned)numbers.size();
    const int count = (int)row.size();
    buffer<float> logits(rows * count), weights(rows * count), largest(rows);
    buffer<double> uniforms(numbers);
    buffer<uint32_t> thresholds(rows);
    buffer<int32_t> tokens(rows);
    for (size_t i = 0; i < logits.count; i++) logits[i] = row[i % row.size()];
    const bool is_cut = top_k < count;
    emulation::launch({rows, 1, 1}, {threads, 1, 1}, 0,
                      [&] { esparse_sample_likeliest(logits.data(), count, tokens.data(), largest.data()); });
    if (temperature > 0) {
        if (is_cut) {
            emulation::launch({rows, 1, 1}, {threads, 1, 1}, 0,
                              [&] { esparse_sample_threshold(logits.data(), count, top_k, thresholds.data()); });
        }
        emulation::launch({(unsigned)(count + 255) / 256, rows, 1}, {256, 1, 1}, 0, [&] {
            esparse_sample_weights(logits.data(), largest.data(), is_cut ? thresholds.data() : nullptr, count, temperature,
                                   weights.data());
        });
        emulation::launch({rows, 1, 1}, {threads, 1, 1}, 0, [&] {
            esparse_sample_draw(weights.data(), uniforms.data(), count, top_p, tokens.data());
        });
    }
    result.guard(weights);
    result.guard(tokens);
    result.guard(thresholds);
    std::vector<int> found;
    for (unsigned i = 0; i < rows; i++) found.push_back(tokens[i]);
    return found;
}

/// Logits of `kind`: 0 random, 1 a few values that many share, 2 one token far ahead, 3 all equal, 4 wide enough to vanish, with both zeros and
/// minus infinity.
std::vector<float> make_logits(random_numbers &random, int count, int kind) {
    std::vector<float> logits(count);
    for (float &logit : logits) {
        switch (kind) {
            case 0: case 2: logit = (float)(3 * random.normal()); break;
            case 1: logit = (float)random.below(4) - 2; break;
            case 3: logit = -1.5f; break;
            default: logit = random.below(5) ? (float)(60 * random.normal()) : random.below(3) ? 0.0f : random.below(2) ? -0.0f : -INFINITY;
        }
    }
    if (kind == 2) logits[random.below(count)] = 40;
    if (kind == 4) logits[random.below(count)] = 1;
    return logits;
}

void run_draws() {
    check result("draws by temperature, top-k and top-p", 0), greedy("likeliest tokens", 0);
    random_numbers random(61);
    for (int count : {1, 2, 31, 513, 1200}) {
        for (int kind = 0; kind < 5; kind++) {
            const std::vector<float> logits = make_logits(random, count, kind);
            const float temperature = (const float[]){0.3f, 1, 2.5f}[random.below(3)];
            for (int top_k : {1, 7, count}) {
                for (double top_p : {1.0, 0.9, 0.31, 1e-30}) {
                    const std::vector<double> wanted = filtered(logits, temperature, top_k, top_p);
                    // In the middle of a token's share of the unit interval nothing rounds to its neighbour's.
                    std::vector<double> uniforms;
                    std::vector<int> expected;
                    double before = 0;
                    for (int i = 0; i < count; i++) {
                        if (wanted[i] > 1e-6 && (expected.size() < 3 || random.below(count) < 5)) {
                            uniforms.push_back(before + wanted[i] / 2);
                            expected.push_back(i);
                        }
                        before += wanted[i];
                    }
                    const std::vector<int> found = drawn(result, logits, uniforms, temperature, top_k, top_p);
                    result.require(found == expected);
                    // At the ends some token that is left.
                    for (int token : drawn(result, logits, {0, 1 - 0x1p-53}, temperature, top_k, top_p)) {
                        result.require(token >= 0 && token < count && wanted[token] > 0);
                    }
                    result.cases++;
                }
            }
            const int likeliest = (int)(std::max_element(logits.begin(), logits.end()) - logits.begin());
            greedy.require(drawn(greedy, logits, {0.7}, 0, count, 1) == std::vector<int>{likeliest});
            greedy.cases++;
        }
    }
}

/// The third largest logit is a zero: zeros of both signs are as large, and stay.
void run_zeros() {
    check result("zeros of both signs", 0);
    const std::vector<float> logits = {2, -0.0f, -1, 0.0f, 1, -0.0f};
    const std::vector<double> wanted = filtered(logits, 1, 3, 1);
    std::vector<double> uniforms;
    double before = 0;
    for (double share : wanted) {
        if (share > 0) uniforms.push_back(before + share / 2);
        before += share;
    }
    result.require(drawn(result, logits, uniforms, 1, 3, 1) == std::vector<int>{0, 1, 3, 4, 5});
    result.cases++;
}

void run_damaged() {
    check result("logits that are not finite", 0);
    random_numbers random(67);
    for (int count : {1, 40, 700}) {
        for (float hostile : {NAN, INFINITY}) {
            std::vector<float> logits = make_logits(random, count, 0);
            logits[random.below(count)] = hostile;
            for (float temperature : {0.0f, 1.0f}) {
                result.require(drawn(result, logits, {0.5}, temperature, std::max(1, count / 2), 0.9) == std::vector<int>{-1});
            }
            result.cases++;
        }
        const std::vector<float> none((size_t)count, -INFINITY);
        result.require(drawn(result, none, {0.5}, 1, count, 0.9) == std::vector<int>{-1});
        std::vector<float> single((size_t)count, -INFINITY);
        single[count / 2] = 3;
        result.require(drawn(result, single, {0.99}, 1, std::max(1, count / 2), 0.9) == std::vector<int>{count / 2});
    }
}

}  // namespace

void check_sampling() {
    run_draws();
    run_zeros();
    run_damaged();
}
