// The emulated device's memory and streams.
#include "device.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

namespace emulation {
namespace {

constexpr size_t band_bytes = 512, alignment = 256;
constexpr unsigned char band_value = 0xa5;

/// Byte counts of allocations by their start. Never destroyed: a thread may still work when another ends the process.
std::map<uintptr_t, size_t> &allocations = *new std::map<uintptr_t, size_t>;
size_t allocated_bytes;

size_t memory_limit() {
    const char *text = getenv("ESPARSE_EMULATED_MEMORY");
    return text ? strtoull(text, nullptr, 10) : (size_t)4 << 30;
}

}  // namespace

/// Never destroyed, as other libraries' clean-up may come later.
std::set<stream *> &streams() {
    static auto *all = new std::set<stream *>;
    return *all;
}

std::recursive_mutex &lock() {
    static auto *one = new std::recursive_mutex;
    return *one;
}

void refuse(const char *what) {
    fprintf(stderr, "emulated CUDA: %s\n", what);
    abort();
}

void finish(stream &one) {
    std::vector<work> steps;
    steps.swap(one.pending);
    for (const work &step : steps) step();
}

void finish_all(bool only_ordered) {
    for (stream *one : streams()) {
        if (!only_ordered || !one->is_free) finish(*one);
    }
}

void enqueue(void *handle, work step) {
    if (!handle) {
        finish_all(true);
        step();
        return;
    }
    stream &one = *(stream *)handle;
    if (!streams().count(&one)) refuse("work for a stream that does not exist");
    (one.is_capturing ? one.captured.steps : one.pending).push_back(std::move(step));
}

bool spoils_capture(void *handle) {
    stream *one = (stream *)handle;
    if (!one || !streams().count(one) || !one->is_capturing) return false;
    one->is_capture_spoilt = true;
    return true;
}

bool spoils_any_capture() {
    bool some = false;
    for (stream *one : streams()) {
        if (one->capturing_thread == std::this_thread::get_id()) some = spoils_capture(one) || some;
    }
    return some;
}

void *allocate(size_t byte_count) {
    if (byte_count == 0 || allocated_bytes + byte_count > memory_limit()) return nullptr;
    void *start = nullptr;
    if (posix_memalign(&start, alignment, byte_count + 2 * band_bytes)) return nullptr;
    unsigned char *memory = (unsigned char *)start + band_bytes;
    memset(start, band_value, byte_count + 2 * band_bytes);
    memset(memory, 0xff, byte_count);
    allocations[(uintptr_t)memory] = byte_count;
    allocated_bytes += byte_count;
    return memory;
}

bool release(void *memory) {
    const auto found = allocations.find((uintptr_t)memory);
    if (found == allocations.end()) return false;
    const unsigned char *start = (unsigned char *)memory - band_bytes, *end = (unsigned char *)memory + found->second;
    for (size_t i = 0; i < band_bytes; i++) {
        if (start[i] != band_value || end[i] != band_value) refuse("something wrote outside an allocation");
    }
    allocated_bytes -= found->second;
    allocations.erase(found);
    free((void *)start);
    return true;
}

bool is_allocated(const void *start, size_t byte_count) {
    auto after = allocations.upper_bound((uintptr_t)start);
    if (after == allocations.begin()) return byte_count == 0;
    const auto &[first, count] = *--after;
    return (uintptr_t)start + byte_count <= first + count;
}

size_t allocation_count() { return allocations.size(); }

}  // namespace emulation
