// Refinement of masks against a plain descent that visits groups one after another, bit for bit; gains of swaps against sorting.
#include "channel_swaps.cu"
#include "check.h"
#include "mask_refinement.cu"

namespace {

/// One row's descent as MaskRefinement.swift describes it, in the same roundings.
struct plain_descent {
    int channels, group, kept;
    const std::vector<float> &hessian;
    const float *weight;
    std::vector<float> response;
    std::vector<bool> keeps;

    double error() const {
        double sum = 0;
        for (int i = 0; i < channels; i++) sum += (double)(keeps[i] ? 0 : weight[i]) * (double)response[i];
        return sum;
    }
    bool exchange_best(int start, float threshold) {
        float best = 0;
        int drop = 0, keep = 0;
        for (int k = start; k < start + group; k++) {
            for (int j = start; j < start + group; j++) {
                if (!keeps[k] || keeps[j]) continue;
                const float square = weight[k] * hessian[k * channels + k];
                const float twice = 2 * response[k] + square;
                const float cost = weight[k] * twice;
                const float other = weight[j] * hessian[j * channels + j];
                const float rest = 2 * response[j] - other;
                const float gain = weight[j] * rest;
                const float both = 2 * weight[k] * weight[j] * hessian[k * channels + j];
                const float change = cost - gain - both;
                if (change < best) {
                    best = change;
                    drop = k;
                    keep = j;
                }
            }
        }
        if (!(best < threshold)) return false;
        keeps[drop] = false;
        keeps[keep] = true;
        for (int i = 0; i < channels; i++) {
            const float lost = weight[drop] * hessian[drop * channels + i], won = weight[keep] * hessian[keep * channels + i];
            const float change = lost - won;
            response[i] += change;
        }
        return true;
    }
    void run(int rounds, float smallest) {
        const float threshold = -(float)error() * smallest;
        for (int round = 0; round < rounds; round++) {
            bool changed = false;
            for (int start = 0; start < channels; start += group) {
                for (int step = 0; step < kept && exchange_best(start, threshold); step++) changed = true;
            }
            if (!changed) return;
        }
    }
};

/// Sums of products of random inputs, of which all channels share a part; whole numbers.
std::vector<float> random_products(random_numbers &random, int channels) {
    const int tokens = 2 * channels;
    std::vector<float> inputs(tokens * channels), products(channels * channels);
    for (int t = 0; t < tokens; t++) {
        const int common = random.below(5) - 2;
        for (int c = 0; c < channels; c++) inputs[t * channels + c] = (float)(common + random.below(7) - 3);
    }
    for (int i = 0; i < channels; i++) {
        for (int j = 0; j < channels; j++) {
            for (int t = 0; t < tokens; t++) products[i * channels + j] += inputs[t * channels + i] * inputs[t * channels + j];
        }
    }
    return products;
}

void run_refinement() {
    check ordering("ordered sums of products", 0), masks("refined masks", 0), errors("errors of refined masks", 0);
    random_numbers random(41);
    const int patterns[][2] = {{2, 4}, {4, 8}, {1, 4}, {3, 5}, {1, 2}, {8, 16}};
    for (const auto &[kept, group] : patterns) {
        for (int groups : {1, 3, 17, 140}) {
            const int channels = groups * group, rows = 3, bytes = (channels + 7) / 8;
            // The widest take long.
            if (channels > 600) continue;
            buffer<float> products(random_products(random, channels));
            buffer<int32_t> order(random_order(random, channels));
            const bool has_order = groups % 2 == 1;
            auto source = [&](int place) { return has_order ? order[place] : place; };
            const float scale = 0.37f;
            buffer<float> diagonal(channels), hessian(channels * channels), own(channels * group);
            // Above the diagonal there is nothing.
            std::vector<float> both(products.data(), products.data() + products.count);
            for (int i = 0; i < channels; i++) for (int j = i + 1; j < channels; j++) products[i * channels + j] = NAN;
            emulation::launch({(unsigned)(channels + 255) / 256, 1, 1}, {256, 1, 1}, 0, [&] {
                esparse_product_diagonal(products.data(), has_order ? order.data() : nullptr, channels, scale, diagonal.data());
            });
            for (int i = 0; i < channels; i++) {
                ordering.compare(diagonal[i], scale * both[source(i) * (channels + 1)], 1);
                diagonal[i] += 1.5f;
            }
            emulation::launch({(unsigned)channels, (unsigned)(channels + 255) / 256, 1}, {256, 1, 1}, 0, [&] {
                esparse_ordered_products(products.data(), has_order ? order.data() : nullptr, diagonal.data(), channels, scale,
                                         group, hessian.data(), own.data());
            });
            for (int i = 0; i < channels; i++) {
                for (int j = 0; j < channels; j++) {
                    const float expected = i == j ? diagonal[i] : scale * both[source(i) * channels + source(j)];
                    ordering.compare(hessian[i * channels + j], expected, 1);
                    if (i / group == j / group) ordering.compare(own[i * group + j % group], expected, 1);
                }
            }
            ordering.cases++;
            ordering.guard(hessian);
            ordering.guard(own);

            buffer<float> stored(rows * channels), weight(rows * channels), dropped(rows * channels);
            for (size_t i = 0; i < stored.count; i++) stored[i] = (float)random.normal();
            // A row of ties, and one with values that are no numbers.
            for (int i = 0; i < channels; i++) stored[channels + i] = (float)(random.below(5) - 2);
            if (groups == 17) stored[2 * channels + 5] = kept % 2 ? NAN : INFINITY;
            buffer<uint8_t> bits(rows * bytes);
            for (size_t i = 0; i < bits.count; i++) bits[i] = 0;
            for (int row = 0; row < rows; row++) {
                for (int i = 0; i < channels; i++) {
                    if ((i + row) % group < kept) bits[row * bytes + i / 8] |= 1 << i % 8;
                }
            }
            emulation::launch({(unsigned)rows, (unsigned)(channels + 255) / 256, 1}, {256, 1, 1}, 0, [&] {
                esparse_dropped(stored.data(), bits.data(), has_order ? order.data() : nullptr, channels, weight.data(),
                                dropped.data());
            });
            buffer<float> response(rows * channels);
            buffer<double> figures(2 * rows);
            const std::vector<float> matrix(hessian.data(), hessian.data() + hessian.count);
            std::vector<plain_descent> descents;
            for (int row = 0; row < rows; row++) {
                plain_descent descent{channels, group, kept, matrix, weight.data() + row * channels, {}, {}};
                for (int i = 0; i < channels; i++) {
                    const bool keeps = bits[row * bytes + i / 8] >> i % 8 & 1;
                    const float expected = stored[row * channels + source(i)];
                    descent.keeps.push_back(keeps);
                    masks.compare(weight[row * channels + i], expected, 1);
                    masks.compare(dropped[row * channels + i], keeps ? 0 : expected, 1);
                    float sum = 0;
                    for (int k = 0; k < channels; k++) sum += dropped[row * channels + k] * matrix[k * channels + i];
                    response[row * channels + i] = sum;
                    descent.response.push_back(sum);
                }
                descents.push_back(descent);
            }
            emulation::launch({(unsigned)rows, 1, 1}, {128, 1, 1}, 0, [&] {
                esparse_refine_mask(weight.data(), hessian.data(), own.data(), channels, group, kept, 8, 1e-6f, bits.data(),
                                    response.data(), figures.data());
            });
            for (int row = 0; row < rows; row++) {
                errors.compare(figures[2 * row], descents[row].error(), 1);
                descents[row].run(8, 1e-6f);
                errors.compare(figures[2 * row + 1], descents[row].error(), 1);
                for (int i = 0; i < channels; i++) {
                    masks.compare(bits[row * bytes + i / 8] >> i % 8 & 1, descents[row].keeps[i], 1);
                    masks.compare(response[row * channels + i], descents[row].response[i], 1);
                }
            }
            masks.cases++;
            errors.cases++;
            masks.guard(bits);
            masks.guard(response);
            errors.guard(figures);
        }
    }
}

/// What a group of rows of values retains.
double retained(const std::vector<std::vector<float>> &members, int kept) {
    double sum = 0;
    for (size_t row = 0; row < members[0].size(); row++) {
        std::vector<float> values;
        for (const auto &member : members) values.push_back(member[row]);
        std::sort(values.begin(), values.end(), std::greater<float>());
        for (int i = 0; i < kept; i++) sum += values[i];
    }
    return sum;
}

void run_swaps() {
    check gains("gains of channel swaps", 1e-6);
    random_numbers random(43);
    const int patterns[][2] = {{2, 4}, {4, 8}, {1, 2}, {3, 5}, {16, 32}};
    for (const auto &[kept, group] : patterns) {
        for (int rows : {1, 30, 1050}) {
            // Two matrices are stacked; two blocks, the second smaller.
            const int columns = 4 * group, stride = (2 * rows + 15) / 16 * 16, chunks = (stride + 1023) / 1024;
            const int block_places[2] = {2 * group + (group < 8 ? group : 0), group};
            const int places = block_places[0] + block_places[1];
            buffer<float> saliency(2 * rows * columns), values(places * stride);
            buffer<int32_t> channels(random_order(random, columns));
            for (size_t i = 0; i < saliency.count; i++) saliency[i] = (float)std::fabs(random.normal());
            for (size_t i = 0; i < values.count; i++) values[i] = 0;
            for (int part = 0; part < 2; part++) {
                emulation::launch({(unsigned)(rows + 31) / 32, (unsigned)(places + 31) / 32, 1}, {256, 1, 1}, 0, [&] {
                    esparse_swap_gather(saliency.data() + part * rows * columns, rows, columns, channels.data(), places,
                                        part * rows, stride, values.data());
                });
            }
            auto column = [&](int place) {
                std::vector<float> result;
                for (int row = 0; row < 2 * rows; row++) result.push_back(saliency[row * columns + channels[place]]);
                return result;
            };
            // One group of each block, its members backwards.
            std::vector<int32_t> words;
            for (int block = 0; block < 2; block++) {
                const int first = block ? block_places[0] : 0;
                words.insert(words.end(), {first, block_places[block]});
                for (int i = group - 1; i >= 0; i--) words.push_back(first + i);
            }
            const int most = block_places[0];
            buffer<int32_t> requests(words);
            buffer<float> upper(2 * stride), lower(2 * stride);
            buffer<uint32_t> flags(2 * stride);
            buffer<double> bases(2 * chunks * (group + 1)), found(2 * group * most);
            emulation::launch({2, (unsigned)chunks, 1}, {256, 1, 1}, 0, [&] {
                esparse_swap_limits(values.data(), stride, requests.data(), group, kept, upper.data(), lower.data(),
                                    flags.data(), bases.data());
            });
            emulation::launch({2, (unsigned)(most + 15) / 16, 1}, {256, 1, 1}, 0, [&] {
                const auto kernel = group <= 4 ? esparse_swap_gains_4 : esparse_swap_gains_8;
                kernel(values.data(), stride, requests.data(), group, most, upper.data(), lower.data(), flags.data(),
                       bases.data(), found.data());
            });
            for (int block = 0; block < 2; block++) {
                const int first = words[block * (group + 2)];
                std::vector<std::vector<float>> members;
                for (int i = 0; i < group; i++) members.push_back(column(words[block * (group + 2) + 2 + i]));
                double total = 0;
                for (int chunk = 0; chunk < chunks; chunk++) total += bases[(block * chunks + chunk) * (group + 1) + group];
                gains.compare(total, retained(members, kept), total);
                for (int slot = 0; slot < group; slot++) {
                    for (int place = group; place < block_places[block]; place++) {
                        auto swapped = members;
                        swapped[slot] = column(first + place);
                        gains.compare(found[(block * group + slot) * most + place], retained(swapped, kept), total);
                    }
                }
            }
            gains.cases++;
            gains.guard(values);
            gains.guard(bases);
            gains.guard(found);
        }
    }
}

}  // namespace

void check_refinement() {
    run_refinement();
    run_swaps();
}
