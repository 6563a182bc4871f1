// Types, numbers and functions of the CUDA driver (libcuda.so.1) that ESparse calls, as its documentation gives them:
// https://docs.nvidia.com/cuda/cuda-driver-api. Names that end in _v2 are what the library exports.
#ifndef ESPARSE_CUDA_DRIVER_H
#define ESPARSE_CUDA_DRIVER_H

#include <stddef.h>
#include <stdint.h>

/// CUresult; 0 is success.
typedef int32_t esparse_cu_result;
/// CUdevice.
typedef int32_t esparse_cu_device;
/// CUdeviceptr: an address in a device's memory.
typedef unsigned long long esparse_cu_address;
typedef struct esparse_cu_context_state *esparse_cu_context;
typedef struct esparse_cu_stream_state *esparse_cu_stream;
typedef struct esparse_cu_event_state *esparse_cu_event;
typedef struct esparse_cu_module_state *esparse_cu_module;
typedef struct esparse_cu_function_state *esparse_cu_function;
typedef struct esparse_cu_graph_state *esparse_cu_graph;
typedef struct esparse_cu_graph_run_state *esparse_cu_graph_run;
typedef struct esparse_cu_pool_state *esparse_cu_pool;

enum {
    // "Data types used by CUDA driver", enum CUresult.
    esparse_cu_out_of_memory = 2,
    // enum CUdevice_attribute.
    esparse_cu_multiprocessor_count = 16,
    esparse_cu_memory_clock_kilohertz = 36,
    esparse_cu_memory_bus_bits = 37,
    esparse_cu_capability_major = 75,
    esparse_cu_capability_minor = 76,
    // enum CUfunction_attribute.
    esparse_cu_function_dynamic_shared_bytes = 8,
    // enum CUmemPool_attribute.
    esparse_cu_pool_release_threshold = 4,
    // enum CUstream_flags.
    esparse_cu_stream_non_blocking = 1,
    // enum CUevent_flags.
    esparse_cu_event_default = 0,
    // enum CUstreamCaptureMode.
    esparse_cu_capture_thread_local = 1,
};

// "Error handling", "Initialization", "Version management".
typedef esparse_cu_result (*esparse_cuGetErrorString)(esparse_cu_result, const char **);
typedef esparse_cu_result (*esparse_cuInit)(unsigned);
typedef esparse_cu_result (*esparse_cuDriverGetVersion)(int *);

// "Device management", "Primary context management", "Context management".
typedef esparse_cu_result (*esparse_cuDeviceGetCount)(int *);
typedef esparse_cu_result (*esparse_cuDeviceGet)(esparse_cu_device *, int);
typedef esparse_cu_result (*esparse_cuDeviceGetName)(char *, int, esparse_cu_device);
typedef esparse_cu_result (*esparse_cuDeviceGetAttribute)(int *, int, esparse_cu_device);
typedef esparse_cu_result (*esparse_cuDeviceTotalMem_v2)(size_t *, esparse_cu_device);
typedef esparse_cu_result (*esparse_cuDeviceGetDefaultMemPool)(esparse_cu_pool *, esparse_cu_device);
typedef esparse_cu_result (*esparse_cuDevicePrimaryCtxRetain)(esparse_cu_context *, esparse_cu_device);
typedef esparse_cu_result (*esparse_cuDevicePrimaryCtxRelease_v2)(esparse_cu_device);
typedef esparse_cu_result (*esparse_cuCtxSetCurrent)(esparse_cu_context);

// "Memory management", "Stream ordered memory allocator".
typedef esparse_cu_result (*esparse_cuMemGetInfo_v2)(size_t *, size_t *);
typedef esparse_cu_result (*esparse_cuMemPoolSetAttribute)(esparse_cu_pool, int, void *);
typedef esparse_cu_result (*esparse_cuMemAllocAsync)(esparse_cu_address *, size_t, esparse_cu_stream);
typedef esparse_cu_result (*esparse_cuMemFreeAsync)(esparse_cu_address, esparse_cu_stream);
typedef esparse_cu_result (*esparse_cuMemAllocHost_v2)(void **, size_t);
typedef esparse_cu_result (*esparse_cuMemFreeHost)(void *);
typedef esparse_cu_result (*esparse_cuMemcpyHtoDAsync_v2)(esparse_cu_address, const void *, size_t, esparse_cu_stream);
typedef esparse_cu_result (*esparse_cuMemcpyDtoHAsync_v2)(void *, esparse_cu_address, size_t, esparse_cu_stream);
typedef esparse_cu_result (*esparse_cuMemcpyDtoDAsync_v2)(esparse_cu_address, esparse_cu_address, size_t,
                                                          esparse_cu_stream);
typedef esparse_cu_result (*esparse_cuMemsetD8Async)(esparse_cu_address, unsigned char, size_t, esparse_cu_stream);

// "Stream management", "Event management".
typedef esparse_cu_result (*esparse_cuStreamCreate)(esparse_cu_stream *, unsigned);
typedef esparse_cu_result (*esparse_cuStreamDestroy_v2)(esparse_cu_stream);
typedef esparse_cu_result (*esparse_cuStreamSynchronize)(esparse_cu_stream);
typedef esparse_cu_result (*esparse_cuStreamBeginCapture_v2)(esparse_cu_stream, int);
typedef esparse_cu_result (*esparse_cuStreamEndCapture)(esparse_cu_stream, esparse_cu_graph *);
typedef esparse_cu_result (*esparse_cuEventCreate)(esparse_cu_event *, unsigned);
typedef esparse_cu_result (*esparse_cuEventDestroy_v2)(esparse_cu_event);
typedef esparse_cu_result (*esparse_cuEventRecord)(esparse_cu_event, esparse_cu_stream);
typedef esparse_cu_result (*esparse_cuEventSynchronize)(esparse_cu_event);
typedef esparse_cu_result (*esparse_cuEventElapsedTime)(float *, esparse_cu_event, esparse_cu_event);

// "Module management", "Execution control", "Graph management".
typedef esparse_cu_result (*esparse_cuModuleLoadData)(esparse_cu_module *, const void *);
typedef esparse_cu_result (*esparse_cuModuleUnload)(esparse_cu_module);
typedef esparse_cu_result (*esparse_cuModuleGetFunction)(esparse_cu_function *, esparse_cu_module, const char *);
typedef esparse_cu_result (*esparse_cuFuncSetAttribute)(esparse_cu_function, int, int);
typedef esparse_cu_result (*esparse_cuLaunchKernel)(esparse_cu_function, unsigned, unsigned, unsigned, unsigned,
                                                    unsigned, unsigned, unsigned, esparse_cu_stream, void **, void **);
typedef esparse_cu_result (*esparse_cuGraphInstantiateWithFlags)(esparse_cu_graph_run *, esparse_cu_graph,
                                                                 unsigned long long);
typedef esparse_cu_result (*esparse_cuGraphLaunch)(esparse_cu_graph_run, esparse_cu_stream);
typedef esparse_cu_result (*esparse_cuGraphExecDestroy)(esparse_cu_graph_run);
typedef esparse_cu_result (*esparse_cuGraphDestroy)(esparse_cu_graph);

#endif
