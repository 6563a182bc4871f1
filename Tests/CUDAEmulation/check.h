// Shared by the checks of kernels: random numbers, device buffers with guards, comparison with a reference in double precision.
#pragma once

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "common.cuh"

/// Failures of all checks so far.
extern int failures;

/// Random numbers of one check.
struct random_numbers {
    std::mt19937_64 engine;
    explicit random_numbers(uint64_t seed) : engine(seed) {}
    int below(int count) { return (int)(engine() % (uint64_t)count); }
    double normal() { return std::normal_distribution<double>()(engine); }
};

/// Memory that a kernel may use, with a band on either side that it must not.
template <typename Value>
struct buffer {
    static constexpr size_t band = 64;
    std::vector<unsigned char> bytes;
    size_t count;
    explicit buffer(size_t count) : bytes(2 * band + count * sizeof(Value) + 64, 0xa5), count(count) {
        memset((void *)data(), 0xff, count * sizeof(Value));
    }
    explicit buffer(const std::vector<Value> &values) : buffer(values.size()) {
        for (size_t i = 0; i < count; i++) data()[i] = values[i];
    }
    Value *data() {
        unsigned char *start = bytes.data() + band;
        return (Value *)(start + (64 - (uintptr_t)start % 64) % 64);
    }
    Value &operator[](size_t index) { return data()[index]; }
    bool is_intact() {
        unsigned char *first = (unsigned char *)data(), *end = (unsigned char *)(data() + count);
        for (unsigned char *p = bytes.data(); p < first; p++) if (*p != 0xa5) return false;
        for (unsigned char *p = end; p < bytes.data() + bytes.size(); p++) if (*p != 0xa5) return false;
        return true;
    }
};

/// One check: the worst error over its cases, as a share of what is allowed.
struct check {
    std::string name;
    double allowed, worst = 0;
    int cases = 0;
    bool is_intact = true, is_sound = true;
    check(std::string name, double allowed) : name(std::move(name)), allowed(allowed) {}

    /// `scale`: the size that errors are relative to. Where the reference is not finite, the value must be the same kind.
    void compare(double value, double expected, double scale) {
        if (std::isnan(expected) || std::isinf(expected)) {
            is_sound = is_sound && (std::isnan(expected) ? std::isnan(value) : value == expected);
            return;
        }
        const double error = std::fabs(value - expected) / (scale > 0 ? scale : 1);
        if (!(error <= worst)) worst = std::isnan(error) ? INFINITY : error;
    }
    void require(bool is_true) { is_sound = is_sound && is_true; }
    template <typename Value>
    void guard(buffer<Value> &memory) {
        is_intact = is_intact && memory.is_intact();
    }
    ~check() {
        const bool passes = worst <= allowed && is_intact && is_sound && cases > 0;
        printf("%-44s %5d cases  worst error %.2e of %.0e%s%s  %s\n", name.c_str(), cases, worst, allowed,
               is_intact ? "" : ", wrote outside", is_sound ? "" : ", wrong value", passes ? "ok" : "FAILED");
        failures += !passes;
    }
};

template <typename T>
struct type_traits;
template <>
struct type_traits<float> {
    static constexpr const char *name = "float32";
    static constexpr double rounding = 1e-7;
    static constexpr double smallest = 0;
};
template <>
struct type_traits<bfloat16> {
    static constexpr const char *name = "bfloat16";
    static constexpr double rounding = 4e-3;
    static constexpr double smallest = 0;
};
template <>
struct type_traits<float16> {
    static constexpr const char *name = "float16";
    static constexpr double rounding = 5e-4;
    /// Below this float16 has fewer bits.
    static constexpr double smallest = 6.2e-5;
};

template <typename T>
T rounded(double value) {
    T result;
    store_rounded((float)value, &result);
    return result;
}

/// A random order of `count` channels.
inline std::vector<int32_t> random_order(random_numbers &random, int count) {
    std::vector<int32_t> order(count);
    for (int i = 0; i < count; i++) order[i] = i;
    for (int i = count - 1; i > 0; i--) std::swap(order[i], order[random.below(i + 1)]);
    return order;
}

void check_normalizations();
void check_sparse_products();
void check_layers();
void check_attention();
void check_pruning();
void check_sampling();
void check_refinement();
