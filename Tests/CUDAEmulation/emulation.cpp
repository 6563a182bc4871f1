// The scheduler of emulated blocks: one fiber a thread, switched at barriers and shuffles only.
//
// A fiber starts by `setcontext`; from then on `_longjmp` switches, because the former asks the kernel for a signal mask each time.
// Fibers live on from block to block.
#include "emulation.h"

#include <setjmp.h>
#include <ucontext.h>

#include <memory>

#include <vector>

emulated_index threadIdx, blockIdx;
emulated_size blockDim, gridDim;

namespace emulation {

unsigned char *dynamic_shared;

namespace {

constexpr size_t stack_bytes = 256 << 10;

enum class wait { none, block, warp, done };

struct fiber {
    ucontext_t start;
    jmp_buf place;
    bool has_started = false;
    std::vector<unsigned char> stack;
    emulated_index index;
    wait waiting = wait::none;
};

struct warp_slots {
    uint64_t values[32];
};

jmp_buf scheduler;
/// All fibers made so far; a block uses the first `fiber_count`.
std::vector<std::unique_ptr<fiber>> fibers;
size_t fiber_count;
std::vector<warp_slots> slots;
size_t current;
const std::function<void()> *body;

[[noreturn]] void fail(const char *what) {
    fprintf(stderr, "emulation: %s (block %u,%u,%u)\n", what, blockIdx.x, blockIdx.y, blockIdx.z);
    exit(1);
}

void yield(wait reason) {
    const size_t self = current;
    fibers[self]->waiting = reason;
    if (_setjmp(fibers[self]->place) == 0) _longjmp(scheduler, 1);
    threadIdx = fibers[self]->index;
}

void enter() {
    for (;;) {
        (*body)();
        yield(wait::done);
    }
}

void resume(size_t index) {
    fiber &next = *fibers[index];
    current = index;
    threadIdx = next.index;
    next.waiting = wait::none;
    if (_setjmp(scheduler) != 0) return;
    if (next.has_started) _longjmp(next.place, 1);
    next.has_started = true;
    setcontext(&next.start);
}

/// Makes a fiber that runs `enter` when it is resumed for the first time.
std::unique_ptr<fiber> make_fiber() {
    auto made = std::make_unique<fiber>();
    made->stack.resize(stack_bytes);
    getcontext(&made->start);
    made->start.uc_stack.ss_sp = made->stack.data();
    made->start.uc_stack.ss_size = made->stack.size();
    made->start.uc_link = nullptr;
    makecontext(&made->start, enter, 0);
    return made;
}

/// Lets go of the fibers in [first, end) if all of them wait for `reason`; finished ones count where `allows_done`.
bool release(size_t first, size_t end, wait reason, bool allows_done) {
    bool some = false;
    for (size_t index = first; index < end; index++) {
        if (fibers[index]->waiting == reason) some = true;
        else if (!(allows_done && fibers[index]->waiting == wait::done)) return false;
    }
    if (!some) return false;
    for (size_t index = first; index < end; index++) {
        if (fibers[index]->waiting == reason) fibers[index]->waiting = wait::none;
    }
    return true;
}

void run_block() {
    for (;;) {
        bool progressed = false, finished = true;
        for (size_t index = 0; index < fiber_count; index++) {
            if (fibers[index]->waiting == wait::none) {
                resume(index);
                progressed = true;
            }
            finished = finished && fibers[index]->waiting == wait::done;
        }
        if (finished) return;
        for (size_t first = 0; first < fiber_count; first += 32) {
            const size_t end = first + 32 < fiber_count ? first + 32 : fiber_count;
            progressed = release(first, end, wait::warp, false) || progressed;
        }
        progressed = release(0, fiber_count, wait::block, true) || progressed;
        if (!progressed) fail("threads wait at different barriers, or some lanes of a warp have left");
    }
}

}  // namespace

void block_barrier() { yield(wait::block); }

uint64_t exchange(uint64_t value, unsigned source) {
    const size_t self = current;
    slots[self / 32].values[self % 32] = value;
    yield(wait::warp);
    const uint64_t result = slots[self / 32].values[source];
    yield(wait::warp);
    return result;
}

void launch(emulated_size grid, emulated_size block, size_t shared_bytes, const std::function<void()> &kernel) {
    const size_t count = (size_t)block.x * block.y * block.z;
    if (count == 0 || count > 1024 || grid.x == 0 || grid.y == 0 || grid.z == 0) fail("a launch of an impossible size");
    constexpr unsigned char band = 0xa5;
    std::vector<unsigned char> shared(shared_bytes + 128, band);
    dynamic_shared = shared.data() + (64 - (uintptr_t)shared.data() % 64) % 64;
    body = &kernel;
    gridDim = grid;
    blockDim = block;
    slots.assign((count + 31) / 32, {});
    fiber_count = count;
    while (fibers.size() < count) fibers.push_back(make_fiber());
    for (unsigned z = 0; z < grid.z; z++) {
        for (unsigned y = 0; y < grid.y; y++) {
            for (unsigned x = 0; x < grid.x; x++) {
                blockIdx = {x, y, z};
                memset(dynamic_shared, 0xff, shared_bytes);
                for (size_t index = 0; index < count; index++) {
                    fibers[index]->index = {(unsigned)(index % block.x), (unsigned)(index / block.x % block.y),
                                            (unsigned)(index / block.x / block.y)};
                    fibers[index]->waiting = wait::none;
                }
                run_block();
                for (unsigned char *place = dynamic_shared + shared_bytes; place < shared.data() + shared.size(); place++) {
                    if (*place != band) fail("a block wrote beyond the shared memory that its launch asked for");
                }
            }
        }
    }
}

}  // namespace emulation
