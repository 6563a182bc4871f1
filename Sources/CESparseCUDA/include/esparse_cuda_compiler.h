// Types and functions of NVRTC, the compiler of CUDA C++ at run time, as its documentation gives them:
// https://docs.nvidia.com/cuda/nvrtc.
#ifndef ESPARSE_CUDA_COMPILER_H
#define ESPARSE_CUDA_COMPILER_H

#include <stddef.h>
#include <stdint.h>

/// nvrtcResult; 0 is success.
typedef int32_t esparse_nvrtc_result;
typedef struct esparse_nvrtc_program_state *esparse_nvrtc_program;

// "Error handling", "General information query", "Compilation".
typedef const char *(*esparse_nvrtcGetErrorString)(esparse_nvrtc_result);
typedef esparse_nvrtc_result (*esparse_nvrtcVersion)(int *, int *);
typedef esparse_nvrtc_result (*esparse_nvrtcGetNumSupportedArchs)(int *);
typedef esparse_nvrtc_result (*esparse_nvrtcGetSupportedArchs)(int *);
typedef esparse_nvrtc_result (*esparse_nvrtcCreateProgram)(esparse_nvrtc_program *, const char *source,
                                                           const char *name, int header_count,
                                                           const char *const *headers, const char *const *names);
typedef esparse_nvrtc_result (*esparse_nvrtcDestroyProgram)(esparse_nvrtc_program *);
typedef esparse_nvrtc_result (*esparse_nvrtcCompileProgram)(esparse_nvrtc_program, int option_count,
                                                            const char *const *options);
typedef esparse_nvrtc_result (*esparse_nvrtcGetProgramLogSize)(esparse_nvrtc_program, size_t *);
typedef esparse_nvrtc_result (*esparse_nvrtcGetProgramLog)(esparse_nvrtc_program, char *);
typedef esparse_nvrtc_result (*esparse_nvrtcGetCUBINSize)(esparse_nvrtc_program, size_t *);
typedef esparse_nvrtc_result (*esparse_nvrtcGetCUBIN)(esparse_nvrtc_program, char *);

#endif
