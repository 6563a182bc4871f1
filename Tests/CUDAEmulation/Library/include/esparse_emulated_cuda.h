// NVIDIA's libraries (libcuda, libnvrtc, libcublasLt, libcusparseLt), emulated in the host's memory.
//
// Nothing includes this: the library is loaded at run time under the names that it stands in for, as the real ones are. Beside their
// functions it has this one.
#ifndef ESPARSE_EMULATED_CUDA_H
#define ESPARSE_EMULATED_CUDA_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Allocations of the device's memory that were not freed.
size_t esparse_emulated_allocation_count(void);

#ifdef __cplusplus
}
#endif

#endif
