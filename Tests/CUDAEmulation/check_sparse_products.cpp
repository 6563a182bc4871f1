// Products with N:M weights and decompression against double precision, both patterns, 1 to 16 tokens, odd rows.
#include "check.h"
#include "decompression.cu"
#include "sparse_few_tokens.cu"

namespace {

template <typename T>
struct matrix {
    int rows, columns, kept_per_row;
    std::vector<T> values;
    std::vector<uint8_t> mask;
    std::vector<double> dense;

    matrix(random_numbers &random, int rows, int columns, int kept, int group)
        : rows(rows), columns(columns), kept_per_row(columns / group * kept), mask(rows * ((columns + 7) / 8)),
          dense((size_t)rows * columns) {
        for (int row = 0; row < rows; row++) {
            for (int first = 0; first < columns; first += group) {
                std::vector<int32_t> order = random_order(random, group);
                order.resize(kept);
                std::sort(order.begin(), order.end());
                for (int column : order) {
                    values.push_back(rounded<T>(random.normal()));
                    mask[row * ((columns + 7) / 8) + (first + column) / 8] |= 1 << (first + column) % 8;
                    dense[(size_t)row * columns + first + column] = to_float(values.back());
                }
            }
        }
    }
};

template <typename T>
using few_tokens_kernel = void (*)(const T *, const uint8_t *, const T *, const float *, int32_t, int32_t, int32_t, T *,
                                   float *);

template <typename T>
void run_products(const few_tokens_kernel<T> (&kernels)[5]) {
    check stored(std::string("N:M product, few tokens, ") + type_traits<T>::name, 4e-6 + type_traits<T>::rounding);
    check added(std::string("N:M product added to f32, ") + type_traits<T>::name, 4e-6);
    random_numbers random(11);
    const int shapes[][2] = {{1, 16}, {3, 32}, {16, 496}, {17, 512}, {33, 528}, {40, 1040}, {5, 8208}};
    for (const auto &[rows, columns] : shapes) {
        for (int pattern = 0; pattern < 2; pattern++) {
            for (int tokens : {1, 2, 3, 5, 8, 9, 16}) {
                if (columns > 2000 && tokens > 2) continue;
                matrix<T> weights(random, rows, columns, pattern ? 4 : 2, pattern ? 8 : 4);
                buffer<T> values(weights.values), input(tokens * columns), output(tokens * rows);
                buffer<uint8_t> mask(weights.mask);
                buffer<float> bias(rows), residual(tokens * rows);
                for (size_t i = 0; i < input.count; i++) input[i] = rounded<T>(random.normal());
                std::vector<float> before;
                for (int i = 0; i < rows; i++) bias[i] = (float)random.normal();
                for (size_t i = 0; i < residual.count; i++) {
                    residual[i] = (float)random.normal();
                    before.push_back(residual[i]);
                }
                const bool has_bias = random.below(2);
                int kernel = 0;
                while (1 << kernel < tokens) kernel++;
                emulation::launch({(unsigned)(rows + 15) / 16, 1, 1}, {256, 1, 1}, few_tokens_shared_bytes, [&] {
                    kernels[kernel](values.data(), mask.data(), input.data(), has_bias ? bias.data() : nullptr, rows,
                                    columns, tokens, output.data(), residual.data());
                });
                for (int t = 0; t < tokens; t++) {
                    for (int row = 0; row < rows; row++) {
                        double sum = has_bias ? bias[row] : 0, size = std::fabs(sum);
                        for (int c = 0; c < columns; c++) {
                            const double term = weights.dense[(size_t)row * columns + c] * to_float(input[t * columns + c]);
                            sum += term;
                            size += std::fabs(term);
                        }
                        const int place = t * rows + row;
                        stored.compare(to_float(output[place]), sum, size);
                        added.compare(residual[place], sum + before[place], size + std::fabs(before[place]));
                    }
                }
                stored.cases++;
                added.cases++;
                stored.guard(output);
                added.guard(residual);
            }
        }
    }
}

void run_decompression() {
    check result("decompression of any N:M", 0);
    random_numbers random(13);
    const int patterns[][2] = {{2, 4}, {4, 8}, {1, 4}, {2, 8}, {1, 2}, {3, 5}, {1, 32}, {31, 32}, {1, 3}};
    for (const auto &[kept, group] : patterns) {
        for (int groups : {1, 2, 7, 16, 40}) {
            matrix<bfloat16> weights(random, 1 + random.below(4), groups * group, kept, group);
            buffer<uint16_t> values(weights.values.size()), dense((size_t)weights.rows * weights.columns);
            for (size_t i = 0; i < values.count; i++) values[i] = weights.values[i].bits;
            buffer<uint8_t> mask(weights.mask);
            emulation::launch({(unsigned)weights.rows, 1, 1}, {32, 1, 1}, 0, [&] {
                esparse_decompress(values.data(), mask.data(), weights.columns, weights.kept_per_row, dense.data());
            });
            for (size_t i = 0; i < dense.count; i++) {
                result.compare(to_float(bfloat16{dense[i]}), weights.dense[i], 1);
            }
            result.cases++;
            result.guard(dense);
        }
    }
}

}  // namespace

void check_sparse_products() {
    run_products<bfloat16>({esparse_sparse_few_tokens_1_bfloat16, esparse_sparse_few_tokens_2_bfloat16,
                            esparse_sparse_few_tokens_4_bfloat16, esparse_sparse_few_tokens_8_bfloat16,
                            esparse_sparse_few_tokens_16_bfloat16});
    run_products<float16>({esparse_sparse_few_tokens_1_float16, esparse_sparse_few_tokens_2_float16,
                           esparse_sparse_few_tokens_4_float16, esparse_sparse_few_tokens_8_float16,
                           esparse_sparse_few_tokens_16_float16});
    run_decompression();
}
