// A CUDA driver without a GPU: device memory is host memory, and launches are noted, not run.
//
// Set "version" (12040), "devices" (1), "major" (9), "minor" (0) and "memory" (bytes that can be taken, 1 GiB).
// Counted while they live: contexts, streams, buffers, pinned, events, modules, graphs, runs.
#include "fake.h"

typedef int result;
enum { invalid_value = 1, out_of_memory = 2, not_initialized = 3, invalid_context = 201, not_found = 500,
       captured = 900 };

static void *context;
static _Thread_local void *current;
static int is_initialized, is_capturing, is_spoilt;

__attribute__((constructor)) static void begin(void) {
    fake_set("version", 12040);
    fake_set("devices", 1);
    fake_set("major", 9);
    fake_set("memory", 1 << 30);
}

#define IN_CONTEXT                                     \
    CALL;                                              \
    if (!context || current != context) return invalid_context
#define WAITS                    \
    if (is_capturing) {          \
        is_spoilt = 1;           \
        return captured;         \
    }

result cuGetErrorString(result code, const char **text) {
    static char words[64];
    snprintf(words, sizeof words, "words for %d", code);
    *text = code == 100               ? "no CUDA-capable device is detected"
            : code == invalid_context ? "invalid device context"
                                      : words;
    return 0;
}
result cuInit(unsigned flags) {
    CALL;
    is_initialized = 1;
    return flags ? invalid_value : 0;
}
result cuDriverGetVersion(int *version) {
    CALL;
    *version = (int)fake_get("version");
    return 0;
}
result cuDeviceGetCount(int *count) {
    CALL;
    *count = (int)fake_get("devices");
    return is_initialized ? 0 : not_initialized;
}
result cuDeviceGet(int *device, int index) {
    CALL;
    *device = 70 + index;
    return index < fake_get("devices") ? 0 : invalid_value;
}
result cuDeviceGetName(char *name, int count, int device) {
    CALL;
    snprintf(name, (size_t)count, "Fake GPU %d", device - 70);
    return 0;
}
result cuDeviceGetAttribute(int *value, int attribute, int device) {
    CALL;
    switch (attribute) {
        case 16: *value = 132; break;
        case 36: *value = 2619000; break;
        case 37: *value = 5120; break;
        case 75: *value = (int)fake_get("major"); break;
        case 76: *value = (int)fake_get("minor"); break;
        default: return invalid_value;
    }
    return device >= 70 ? 0 : invalid_value;
}
result cuDeviceTotalMem_v2(size_t *bytes, int device) {
    CALL;
    *bytes = (size_t)80 << 30;
    return device >= 70 ? 0 : invalid_value;
}
result cuDeviceGetDefaultMemPool(void **pool, int device) {
    CALL;
    *pool = &context;
    return device >= 70 ? 0 : invalid_value;
}
result cuDevicePrimaryCtxRetain(void **made, int device) {
    CALL;
    fake_add("contexts", 1);
    if (!context) context = calloc(1, 64);
    *made = context;
    return device >= 70 ? 0 : invalid_value;
}
result cuDevicePrimaryCtxRelease_v2(int device) {
    CALL;
    fake_add("contexts", -1);
    return device >= 70 ? 0 : invalid_value;
}
result cuCtxSetCurrent(void *wanted) {
    CALL;
    current = wanted;
    return 0;
}
result cuMemGetInfo_v2(size_t *available, size_t *total) {
    IN_CONTEXT;
    *available = (size_t)fake_get("memory");
    *total = (size_t)80 << 30;
    return 0;
}
result cuMemPoolSetAttribute(void *pool, int attribute, void *value) {
    CALL;
    if (pool != &context || attribute != 4) return invalid_value;
    fake_set("threshold", *(long long *)value);
    return 0;
}

// MARK: Memory

static struct {
    uint64_t address;
    size_t bytes;
} freed[fake_most];
static int freed_count;

result cuMemAllocAsync(uint64_t *address, size_t bytes, void *stream) {
    IN_CONTEXT;
    if (!stream || bytes == 0) return invalid_value;
    if ((long long)bytes > fake_get("memory")) return out_of_memory;
    fake_add("buffers", 1);
    fake_set("last bytes", (long long)bytes);
    *address = (uint64_t)aligned_alloc(256, (bytes + 255) / 256 * 256);
    memset((void *)*address, 0xee, bytes);
    return 0;
}
/// Keeps the memory, so that a later use can be told.
result cuMemFreeAsync(uint64_t address, void *stream) {
    IN_CONTEXT;
    fake_add("buffers", -1);
    if (freed_count < fake_most) freed[freed_count++].address = address;
    return stream ? 0 : invalid_value;
}
result cuMemAllocHost_v2(void **start, size_t bytes) {
    IN_CONTEXT;
    fake_add("pinned", 1);
    *start = malloc(bytes);
    memset(*start, 0xee, bytes);
    return 0;
}
result cuMemFreeHost(void *start) {
    IN_CONTEXT;
    fake_add("pinned", -1);
    free(start);
    return 0;
}
static result copy(void *to, const void *from, size_t bytes, void *stream) {
    if (!stream || !to || !from) return invalid_value;
    if (!is_capturing) memcpy(to, from, bytes);
    return 0;
}
result cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
    IN_CONTEXT;
    return copy((void *)to, from, bytes, stream);
}
result cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
    IN_CONTEXT;
    return copy(to, (void *)from, bytes, stream);
}
result cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *stream) {
    IN_CONTEXT;
    return copy((void *)to, (void *)from, bytes, stream);
}
result cuMemsetD8Async(uint64_t to, unsigned char byte, size_t bytes, void *stream) {
    IN_CONTEXT;
    if (!is_capturing) memset((void *)to, byte, bytes);
    return stream ? 0 : invalid_value;
}

// MARK: Streams, events and graphs

result cuStreamCreate(void **stream, unsigned flags) {
    IN_CONTEXT;
    *stream = fake_make("streams");
    return flags == 1 ? 0 : invalid_value;
}
result cuStreamDestroy_v2(void *stream) {
    IN_CONTEXT;
    fake_drop("streams", stream);
    return 0;
}
result cuStreamSynchronize(void *stream) {
    IN_CONTEXT;
    WAITS
    return stream ? 0 : invalid_value;
}
result cuStreamBeginCapture_v2(void *stream, int mode) {
    IN_CONTEXT;
    if (is_capturing) return captured;
    is_capturing = 1;
    is_spoilt = 0;
    fake_set("recorded", 0);
    return stream && mode == 1 ? 0 : invalid_value;
}
result cuStreamEndCapture(void *stream, void **graph) {
    int fault = fake_call(__func__);
    is_capturing = 0;
    *graph = NULL;
    if (fault) return fault;
    if (is_spoilt) return captured + 1;
    *graph = fake_make("graphs");
    return stream ? 0 : invalid_value;
}
result cuGraphInstantiateWithFlags(void **run, void *graph, unsigned long long flags) {
    IN_CONTEXT;
    *run = fake_make("runs");
    return graph && flags == 0 ? 0 : invalid_value;
}
result cuGraphLaunch(void *run, void *stream) {
    IN_CONTEXT;
    fake_add("launches", fake_get("recorded"));
    return run && stream ? 0 : invalid_value;
}
result cuGraphExecDestroy(void *run) {
    IN_CONTEXT;
    fake_drop("runs", run);
    return 0;
}
result cuGraphDestroy(void *graph) {
    CALL;
    fake_drop("graphs", graph);
    return 0;
}
result cuEventCreate(void **event, unsigned flags) {
    IN_CONTEXT;
    *event = fake_make("events");
    return flags == 0 ? 0 : invalid_value;
}
result cuEventDestroy_v2(void *event) {
    IN_CONTEXT;
    fake_drop("events", event);
    return 0;
}
/// Time passes by "tick" microseconds from record to record.
result cuEventRecord(void *event, void *stream) {
    IN_CONTEXT;
    fake_add("time", fake_get("tick"));
    *(long long *)event = fake_get("time");
    return stream ? 0 : invalid_value;
}
result cuEventSynchronize(void *event) {
    IN_CONTEXT;
    WAITS
    return event ? 0 : invalid_value;
}
result cuEventElapsedTime(float *milliseconds, void *start, void *end) {
    IN_CONTEXT;
    *milliseconds = (float)(*(long long *)end - *(long long *)start) / 1000;
    return 0;
}

// MARK: Kernels

/// Takes code that begins with "code".
result cuModuleLoadData(void **module, const void *image) {
    IN_CONTEXT;
    if (memcmp(image, "code", 4) != 0) return 200;
    *module = fake_make("modules");
    return 0;
}
result cuModuleUnload(void *module) {
    IN_CONTEXT;
    fake_drop("modules", module);
    return 0;
}
/// Has every kernel but those whose names begin with "absent".
result cuModuleGetFunction(void **function, void *module, const char *name) {
    IN_CONTEXT;
    if (strncmp(name, "absent", 6) == 0) return not_found;
    *function = module;
    return 0;
}
result cuFuncSetAttribute(void *function, int attribute, int value) {
    IN_CONTEXT;
    if (attribute != 8 || !function) return invalid_value;
    fake_set("shared limit", value);
    return 0;
}
/// Writes "x,y,z x,y,z shared" and "arguments" words in hexadecimal; "argument count" of them are read.
result cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                      unsigned shared, void *stream, void **arguments, void **extra) {
    IN_CONTEXT;
    char text[256];
    fake_forget("launch");
    snprintf(text, sizeof text, "%u,%u,%u %u,%u,%u %u", gx, gy, gz, bx, by, bz, shared);
    fake_note("launch", text);
    for (long long i = 0; i < fake_get("argument count"); i++) {
        const uint64_t word = *(uint64_t *)arguments[i];
        snprintf(text, sizeof text, " %llx", (unsigned long long)word);
        fake_note("launch", text);
        for (int j = 0; j < freed_count; j++) fake_add("used after free", freed[j].address == word);
    }
    fake_add(is_capturing ? "recorded" : "launches", 1);
    return function && stream && !extra ? 0 : invalid_value;
}
