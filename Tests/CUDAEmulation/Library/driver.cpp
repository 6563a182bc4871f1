// libcuda, emulated: the driver's calls that ESparse makes, with the meaning that the CUDA driver API documents.
//
// Misuse that a real driver reports gives the same error code here; misuse that a real device would answer with wrong results, or not
// at all, ends the program with a sentence.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>

#include "device.h"
#include "emulation.h"
#include "registry.h"

namespace emulation {
std::set<stream *> &streams();
}

namespace {

using emulation::stream;
using guard = std::lock_guard<std::recursive_mutex>;

enum status {
    success = 0,
    invalid_value = 1,
    out_of_memory = 2,
    not_initialized = 3,
    invalid_device = 101,
    invalid_image = 200,
    invalid_context = 201,
    not_ready = 600,
    not_found = 500,
    capture_unsupported = 900,
    capture_invalidated = 901,
};

struct module {
    std::string text;
};

struct function {
    const emulation::kernel_entry *entry;
    size_t dynamic_shared_limit = 48 << 10;
};

bool is_initialized;
int context_object, pool_object;
/// Page-locked memory of the host: byte counts by start.
std::map<uintptr_t, size_t> pinned;

bool is_pinned(const void *start) {
    auto after = pinned.upper_bound((uintptr_t)start);
    return after != pinned.begin() && (--after, (uintptr_t)start < after->first + after->second);
}
thread_local void *current_context;

constexpr size_t most_dynamic_shared = 160 << 10;

/// What every call but the first needs; 0 where it is there.
int ready() {
    if (!is_initialized) return not_initialized;
    return current_context ? success : invalid_context;
}

/// A copy; `from_device` and `to_device` tell which ends must lie in allocations.
int copy(void *to, const void *from, size_t count, bool to_device, bool from_device, void *on, bool is_async) {
    if (const int code = ready()) return code;
    if (to_device && !emulation::is_allocated(to, count)) return invalid_value;
    if (from_device && !emulation::is_allocated(from, count)) return invalid_value;
    if (!is_async || !on) {
        if (emulation::spoils_any_capture()) return capture_unsupported;
        emulation::finish_all(true);
        memcpy(to, from, count);
        return success;
    }
    stream &one = *(stream *)on;
    const bool is_pageable = !is_pinned(to_device ? from : to) && to_device != from_device;
    // A record must not use memory that the host may have freed by the time it is repeated.
    if (is_pageable && emulation::spoils_capture(on)) return capture_unsupported;
    if (is_pageable && to_device) {
        // The host's bytes are staged before the call returns.
        std::string taken((const char *)from, count);
        emulation::enqueue(on, [=] { memcpy(to, taken.data(), count); });
        return success;
    }
    emulation::enqueue(on, [=] { memcpy(to, from, count); });
    // Into pageable memory of the host a copy returns when it is done.
    if (is_pageable) emulation::finish(one);
    return success;
}

template <typename Element>
int fill(void *memory, Element value, size_t count, void *on, bool is_async) {
    if (const int code = ready()) return code;
    if (!emulation::is_allocated(memory, count * sizeof(Element))) return invalid_value;
    auto step = [=] { for (size_t i = 0; i < count; i++) ((Element *)memory)[i] = value; };
    if (is_async) {
        emulation::enqueue(on, step);
    } else {
        emulation::finish_all(true);
        step();
    }
    return success;
}

int load(module **result, const void *image) {
    if (const int code = ready()) return code;
    if (emulation::spoils_any_capture()) return capture_unsupported;
    // What the emulated NVRTC calls machine code is a name after this word.
    if (strncmp((const char *)image, "emulated ", 9) != 0) return invalid_image;
    *result = new module{(const char *)image};
    return success;
}

}  // namespace

extern "C" {

int cuInit(unsigned) {
    guard held(emulation::lock());
    is_initialized = true;
    return success;
}
int cuDriverGetVersion(int *version) {
    *version = 12090;
    return success;
}
int cuDeviceGetCount(int *count) {
    const char *text = getenv("ESPARSE_EMULATED_DEVICES");
    *count = text ? atoi(text) : 1;
    return is_initialized ? success : not_initialized;
}
int cuDeviceGet(int *device, int ordinal) {
    int count = 0;
    if (const int code = cuDeviceGetCount(&count)) return code;
    *device = ordinal;
    return ordinal >= 0 && ordinal < count ? success : invalid_device;
}
int cuDeviceGetName(char *name, int length, int) {
    snprintf(name, (size_t)length, "emulated GPU");
    return success;
}
int cuDeviceGetUuid_v2(char *bytes, int device) {
    memset(bytes, device, 16);
    return success;
}
int cuDeviceTotalMem_v2(size_t *count, int) {
    *count = (size_t)4 << 30;
    return success;
}
int cuDeviceGetAttribute(int *value, int attribute, int) {
    switch (attribute) {
        case 1: *value = 1024; break;                       // threads of a block
        case 8: *value = 48 << 10; break;                   // shared memory of a block
        case 10: *value = 32; break;                        // threads of a warp
        case 13: case 36: *value = 1000000; break;          // clock rates
        case 16: *value = 4; break;                         // multiprocessors
        case 37: *value = 256; break;                       // width of the memory bus
        case 38: *value = 1 << 20; break;                   // second-level cache
        case 75: *value = 9; break;                         // compute capability
        case 76: *value = 0; break;
        case 115: *value = 1; break;                        // memory pools
        case 81: *value = 164 << 10; break;                 // shared memory of a multiprocessor
        case 97: *value = (int)most_dynamic_shared; break;  // shared memory that a block can ask for
        default: *value = 0;
    }
    return success;
}

int cuDevicePrimaryCtxRetain(void **context, int) {
    *context = &context_object;
    return is_initialized ? success : not_initialized;
}
int cuDevicePrimaryCtxRelease_v2(int) { return success; }
int cuCtxSetCurrent(void *context) {
    current_context = context;
    return success;
}
int cuCtxGetCurrent(void **context) {
    *context = current_context;
    return success;
}
int cuCtxSynchronize() {
    guard held(emulation::lock());
    if (emulation::spoils_any_capture()) return capture_unsupported;
    emulation::finish_all(false);
    return ready();
}

int cuDeviceGetDefaultMemPool(void **pool, int) {
    *pool = &pool_object;
    return success;
}
int cuMemPoolSetAttribute(void *pool, int, void *) { return pool == &pool_object ? success : invalid_value; }

int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    *free_bytes = (size_t)2 << 30;
    *total = (size_t)4 << 30;
    return ready();
}
int cuMemAlloc_v2(void **memory, size_t count) {
    guard held(emulation::lock());
    if (const int code = ready()) return code;
    if (emulation::spoils_any_capture()) return capture_unsupported;
    if (count == 0) return invalid_value;
    *memory = emulation::allocate(count);
    return *memory ? success : out_of_memory;
}
int cuMemFree_v2(void *memory) {
    guard held(emulation::lock());
    if (const int code = ready()) return code;
    if (emulation::spoils_any_capture()) return capture_unsupported;
    emulation::finish_all(false);
    return emulation::release(memory) ? success : invalid_value;
}
/// While recording, a real driver makes this memory the graph's own, to be freed in the same record only. ESparse does not want that.
int cuMemAllocAsync(void **memory, size_t count, void *) { return cuMemAlloc_v2(memory, count); }
int cuMemFreeAsync(void *memory, void *on) {
    guard held(emulation::lock());
    if (const int code = ready()) return code;
    if (emulation::spoils_capture(on)) return invalid_value;
    emulation::enqueue(on, [=] { if (!emulation::release(memory)) emulation::refuse("freed what was not allocated"); });
    return success;
}
int cuMemHostAlloc(void **memory, size_t count, unsigned) {
    guard held(emulation::lock());
    if (const int code = ready()) return code;
    if (emulation::spoils_any_capture()) return capture_unsupported;
    *memory = malloc(count);
    pinned[(uintptr_t)*memory] = count;
    return *memory ? success : out_of_memory;
}
int cuMemAllocHost_v2(void **memory, size_t count) { return cuMemHostAlloc(memory, count, 0); }
int cuMemFreeHost(void *memory) {
    guard held(emulation::lock());
    if (emulation::spoils_any_capture()) return capture_unsupported;
    emulation::finish_all(false);
    if (!pinned.erase((uintptr_t)memory)) return invalid_value;
    free(memory);
    return success;
}

int cuMemcpyHtoD_v2(void *to, const void *from, size_t count) {
    guard held(emulation::lock());
    return copy(to, from, count, true, false, nullptr, false);
}
int cuMemcpyDtoH_v2(void *to, const void *from, size_t count) {
    guard held(emulation::lock());
    return copy(to, from, count, false, true, nullptr, false);
}
int cuMemcpyDtoD_v2(void *to, const void *from, size_t count) {
    guard held(emulation::lock());
    return copy(to, from, count, true, true, nullptr, false);
}
int cuMemcpyHtoDAsync_v2(void *to, const void *from, size_t count, void *on) {
    guard held(emulation::lock());
    return copy(to, from, count, true, false, on, true);
}
int cuMemcpyDtoHAsync_v2(void *to, const void *from, size_t count, void *on) {
    guard held(emulation::lock());
    return copy(to, from, count, false, true, on, true);
}
int cuMemcpyDtoDAsync_v2(void *to, const void *from, size_t count, void *on) {
    guard held(emulation::lock());
    return copy(to, from, count, true, true, on, true);
}
int cuMemsetD8_v2(void *memory, unsigned char value, size_t count) {
    guard held(emulation::lock());
    return fill(memory, value, count, nullptr, false);
}
int cuMemsetD8Async(void *memory, unsigned char value, size_t count, void *on) {
    guard held(emulation::lock());
    return fill(memory, value, count, on, true);
}
int cuMemsetD32_v2(void *memory, unsigned value, size_t count) {
    guard held(emulation::lock());
    return fill(memory, value, count, nullptr, false);
}
int cuMemsetD32Async(void *memory, unsigned value, size_t count, void *on) {
    guard held(emulation::lock());
    return fill(memory, value, count, on, true);
}

int cuStreamCreate(stream **result, unsigned flags) {
    guard held(emulation::lock());
    if (const int code = ready()) return code;
    *result = new stream{.is_free = (flags & 1) != 0, .pending = {}, .captured = {}};
    emulation::streams().insert(*result);
    return success;
}
int cuStreamDestroy_v2(stream *one) {
    guard held(emulation::lock());
    if (!emulation::streams().count(one)) return invalid_value;
    emulation::finish(*one);
    emulation::streams().erase(one);
    delete one;
    return success;
}
int cuStreamSynchronize(stream *one) {
    guard held(emulation::lock());
    if (const int code = ready()) return code;
    if (one ? emulation::spoils_capture(one) : emulation::spoils_any_capture()) return capture_unsupported;
    if (one) emulation::finish(*one);
    else emulation::finish_all(true);
    return success;
}
int cuStreamBeginCapture_v2(stream *one, int) {
    guard held(emulation::lock());
    if (const int code = ready()) return code;
    if (!one || !emulation::streams().count(one)) return capture_unsupported;
    if (one->is_capturing) return invalid_value;
    one->is_capturing = true;
    one->capturing_thread = std::this_thread::get_id();
    one->is_capture_spoilt = false;
    one->captured.steps.clear();
    return success;
}
int cuStreamIsCapturing(stream *one, int *value) {
    *value = one->is_capturing ? one->is_capture_spoilt ? 2 : 1 : 0;
    return success;
}
int cuStreamEndCapture(stream *one, emulation::graph **result) {
    guard held(emulation::lock());
    *result = nullptr;
    if (!one->is_capturing) return invalid_value;
    one->is_capturing = false;
    if (one->is_capture_spoilt) return capture_invalidated;
    *result = new emulation::graph(std::move(one->captured));
    one->captured = {};
    return success;
}
int cuGraphInstantiateWithFlags(emulation::graph **result, emulation::graph *from, unsigned long long) {
    guard held(emulation::lock());
    if (!from) return invalid_value;
    *result = new emulation::graph(*from);
    return success;
}
int cuGraphLaunch(emulation::graph *one, void *on) {
    guard held(emulation::lock());
    if (const int code = ready()) return code;
    // A record within a record would be legal, but ESparse makes none.
    if (!one || emulation::spoils_capture(on)) return invalid_value;
    for (const emulation::work &step : one->steps) emulation::enqueue(on, step);
    return success;
}
int cuGraphExecDestroy(emulation::graph *one) {
    guard held(emulation::lock());
    emulation::finish_all(false);
    delete one;
    return success;
}
int cuGraphDestroy(emulation::graph *one) {
    delete one;
    return success;
}

int cuEventCreate(double **event, unsigned) {
    *event = new double(0);
    return success;
}
int cuEventDestroy_v2(double *event) {
    delete event;
    return success;
}
int cuEventRecord(double *event, stream *on) {
    guard held(emulation::lock());
    if (emulation::spoils_capture(on)) return capture_unsupported;
    if (on) emulation::finish(*on);
    static double count;
    *event = ++count;
    return success;
}
int cuEventSynchronize(double *) { return success; }
int cuEventElapsedTime(float *milliseconds, double *first, double *last) {
    *milliseconds = (float)(*last - *first);
    return success;
}

int cuModuleLoadData(module **result, const void *image) {
    guard held(emulation::lock());
    return load(result, image);
}
int cuModuleLoadDataEx(module **result, const void *image, unsigned, int *, void **) {
    guard held(emulation::lock());
    return load(result, image);
}
int cuModuleUnload(module *one) {
    guard held(emulation::lock());
    emulation::finish_all(false);
    delete one;
    return success;
}
int cuModuleGetFunction(function **result, module *from, const char *name) {
    guard held(emulation::lock());
    const emulation::kernel_entry *entry = emulation::find_kernel(name);
    // A module holds the kernels of its own source only.
    if (!entry || from->text.find(entry->file) == std::string::npos) return not_found;
    *result = new function{entry};
    return success;
}
int cuFuncSetAttribute(function *one, int attribute, int value) {
    if (attribute != 8) return success;
    if (value < 0 || (size_t)value > most_dynamic_shared) return invalid_value;
    one->dynamic_shared_limit = (size_t)value;
    return success;
}
int cuFuncGetAttribute(int *value, int attribute, function *one) {
    *value = attribute == 8 ? (int)one->dynamic_shared_limit : 0;
    return success;
}
int cuLaunchKernel(function *one, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                   unsigned block_z, unsigned shared_bytes, void *on, void **parameters, void **extra) {
    guard held(emulation::lock());
    if (const int code = ready()) return code;
    const size_t threads = (size_t)block_x * block_y * block_z;
    if (grid_x == 0 || grid_y == 0 || grid_z == 0 || threads == 0 || threads > 1024) return invalid_value;
    if (grid_x > 0x7fffffff || grid_y > 65535 || grid_z > 65535) return invalid_value;
    if (shared_bytes > one->dynamic_shared_limit || extra) return invalid_value;
    emulation::bound_kernel kernel = one->entry->bind(parameters);
    emulation::enqueue(on, [=] {
        emulation::launch({grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, kernel);
    });
    return success;
}

int cuGetErrorName(int code, const char **text) {
    *text = code == out_of_memory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_EMULATED";
    return success;
}
int cuGetErrorString(int code, const char **text) {
    switch (code) {
        case success: *text = "no error"; break;
        case out_of_memory: *text = "out of memory"; break;
        case invalid_context: *text = "invalid device context"; break;
        case not_found: *text = "named symbol not found"; break;
        case capture_unsupported: *text = "operation not permitted when stream is capturing"; break;
        case capture_invalidated: *text = "operation failed due to a previous error during capture"; break;
        default: *text = "invalid argument";
    }
    return success;
}

/// Allocations of the device's memory that were not freed.
size_t esparse_emulated_allocation_count() {
    guard held(emulation::lock());
    return emulation::allocation_count();
}

}  // extern "C"
