// What the emulated libraries share: the device's memory, and streams whose work waits until somebody waits for it.
//
// Work that a stream is given is done as late as the documentation allows, so that a host that reads a result, or lets go of what the work
// needs, too early is found out. One lock covers everything.
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
    /// Whether it does without the order that streams have with the default stream.
    bool is_free;
    std::vector<work> pending;
    bool is_capturing = false;
    /// Who records; what other threads do meanwhile is their own affair, as ESparse asks for it.
    std::thread::id capturing_thread;
    /// Whether something was asked for that cannot be recorded: then the record is lost.
    bool is_capture_spoilt = false;
    graph captured;
};

/// Held by every call.
std::recursive_mutex &lock();

/// Gives a stream work; null is the default stream, which does it at once, after all work of streams that are not free.
void enqueue(void *one, work step);
/// Does what a stream has been given.
void finish(stream &one);
/// Does what all streams have been given; `only_ordered` leaves out the free ones.
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

/// Ends the program: the host used the libraries as a real device would not forgive.
[[noreturn]] void refuse(const char *what);

}  // namespace emulation
