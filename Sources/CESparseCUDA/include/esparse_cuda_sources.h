// The CUDA C++ sources of Sources/ESparseCUDA/Kernels, kept in the program.
#ifndef ESPARSE_CUDA_SOURCES_H
#define ESPARSE_CUDA_SOURCES_H

#include <stdint.h>

/// The text of a kernel file by its name, such as "elements.cu", ended by 0; NULL where there is no such file.
const char *_Nullable esparse_cuda_source(const char *_Nonnull name);
/// The name of the file at a place in alphabetical order; NULL beyond the last one.
const char *_Nullable esparse_cuda_source_name(int32_t index);

#endif
