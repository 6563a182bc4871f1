// The scheduler of emulated blocks: one fiber a thread, switched at barriers and shuffles only.
#include "emulation.h"

#include <ucontext.h>

#include <vector>

emulated_index threadIdx, blockIdx;
emulated_size blockDim, gridDim;

namespace emulation {

unsigned char *dynamic_shared;

namespace {

constexpr size_t stack_bytes = 256 << 10;

enum class wait { none, block, warp, done };

struct fiber {
    ucontext_t context;
    std::vector<unsigned char> stack;
    emulated_index index;
    wait waiting = wait::none;
};

struct warp_slots {
    uint64_t values[32];
};

ucontext_t scheduler;
std::vector<fiber> fibers;
std::vector<warp_slots> slots;
size_t current;
const std::function<void()> *body;

[[noreturn]] void fail(const char *what) {
    fprintf(stderr, "emulation: %s (block %u,%u,%u)\n", what, blockIdx.x, blockIdx.y, blockIdx.z);
    exit(1);
}

void enter() {
    (*body)();
    fibers[current].waiting = wait::done;
    swapcontext(&fibers[current].context, &scheduler);
}

void yield(wait reason) {
    const size_t self = current;
    fibers[self].waiting = reason;
    swapcontext(&fibers[self].context, &scheduler);
    threadIdx = fibers[self].index;
}

void resume(size_t index) {
    current = index;
    threadIdx = fibers[index].index;
    fibers[index].waiting = wait::none;
    swapcontext(&scheduler, &fibers[index].context);
}

/// Lets go of the fibers in [first, end) if all of them wait for `reason`; finished ones count where `allows_done`.
bool release(size_t first, size_t end, wait reason, bool allows_done) {
    bool some = false;
    for (size_t index = first; index < end; index++) {
        if (fibers[index].waiting == reason) some = true;
        else if (!(allows_done && fibers[index].waiting == wait::done)) return false;
    }
    if (!some) return false;
    for (size_t index = first; index < end; index++) {
        if (fibers[index].waiting == reason) fibers[index].waiting = wait::none;
    }
    return true;
}

void run_block() {
    for (;;) {
        bool progressed = false, finished = true;
        for (size_t index = 0; index < fibers.size(); index++) {
            if (fibers[index].waiting == wait::none) {
                resume(index);
                progressed = true;
            }
            finished = finished && fibers[index].waiting == wait::done;
        }
        if (finished) return;
        for (size_t first = 0; first < fibers.size(); first += 32) {
            const size_t end = first + 32 < fibers.size() ? first + 32 : fibers.size();
            progressed = release(first, end, wait::warp, false) || progressed;
        }
        progressed = release(0, fibers.size(), wait::block, true) || progressed;
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
    std::vector<unsigned char> shared(shared_bytes + 64);
    dynamic_shared = shared.data() + (64 - (uintptr_t)shared.data() % 64) % 64;
    body = &kernel;
    gridDim = grid;
    blockDim = block;
    slots.assign((count + 31) / 32, {});
    fibers.resize(count);
    for (unsigned z = 0; z < grid.z; z++) {
        for (unsigned y = 0; y < grid.y; y++) {
            for (unsigned x = 0; x < grid.x; x++) {
                blockIdx = {x, y, z};
                memset(shared.data(), 0xff, shared.size());
                for (size_t index = 0; index < count; index++) {
                    fiber &one = fibers[index];
                    one.stack.resize(stack_bytes);
                    one.index = {(unsigned)(index % block.x), (unsigned)(index / block.x % block.y),
                                 (unsigned)(index / block.x / block.y)};
                    one.waiting = wait::none;
                    getcontext(&one.context);
                    one.context.uc_stack.ss_sp = one.stack.data();
                    one.context.uc_stack.ss_size = one.stack.size();
                    one.context.uc_link = nullptr;
                    makecontext(&one.context, enter, 0);
                }
                run_block();
            }
        }
    }
}

}  // namespace emulation
