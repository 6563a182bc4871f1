// Shared by the emulated libraries: the device's memory, and streams that work only when somebody waits for them.
//
// A stream does its work as late as the documentation allows. That exposes a host that reads a result, or frees what the work needs,
// too early. One lock covers everything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace emulation {

using work = std::function<void()>;

/// A CUgraph, and a CUgraphExec.
struct graph {
    std::vector<work> steps;
};

/// A CUstream.
struct stream {
    /// Whether it ignores the default stream's order.
    bool is_free;
    std::vector<work> pending;
    bool is_capturing = false;
    /// The thread that records; other threads may do as they like meanwhile, which is the mode ESparse asks for.
    std::thread::id capturing_thread;
    /// Whether a call that cannot be recorded has spoilt the record.
    bool is_capture_spoilt = false;
    graph captured;
};

/// Held by every call.
std::recursive_mutex &lock();

/// Gives a stream work; null is the default stream, which does it at once, after all work of streams that are not free.
void enqueue(void *one, work step);
/// Does the pending work of a stream.
void finish(stream &one);
/// Does the pending work of all streams; `only_ordered` leaves out the free ones.
void finish_all(bool only_ordered);

/// Whether `handle` is a stream that is recorded; what cannot be recorded spoils the record.
bool spoils_capture(void *handle);
/// The same of any stream that this thread records, for calls that have no stream and are not safe meanwhile.
bool spoils_any_capture();

/// Memory of the device between two bands that nobody may write, filled with NaN; null where there is no more.
void *allocate(size_t byte_count);
/// False for what is no allocation's start. Ends the program where a band was written.
bool release(void *memory);
/// Whether [start, start + byte_count) lies in one allocation.
bool is_allocated(const void *start, size_t byte_count);
/// Allocations that were not released.
size_t allocation_count();

/// Ends the program: the host made a mistake that a real device would not report.
[[noreturn]] void refuse(const char *what);

}  // namespace emulation
