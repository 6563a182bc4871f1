// Types, numbers and functions of cuBLASLt, NVIDIA's dense matrix products, as its documentation gives them:
// https://docs.nvidia.com/cuda/cublas, "Using the cuBLASLt API".
#ifndef ESPARSE_CUDA_DENSE_H
#define ESPARSE_CUDA_DENSE_H

#include <stddef.h>
#include <stdint.h>

#include "esparse_cuda_driver.h"

/// cublasStatus_t; 0 is success.
typedef int32_t esparse_blas_status;
typedef struct esparse_blas_handle_state *esparse_blas_handle;
typedef struct esparse_blas_product_state *esparse_blas_product;
typedef struct esparse_blas_layout_state *esparse_blas_layout;
typedef struct esparse_blas_preference_state *esparse_blas_preference;

/// cublasLtMatmulAlgo_t: opaque.
typedef struct {
    uint64_t data[8];
} esparse_blas_algorithm;

/// cublasLtMatmulHeuristicResult_t.
typedef struct {
    esparse_blas_algorithm algorithm;
    size_t workspace_bytes;
    esparse_blas_status status;
    float waves;
    int32_t reserved[4];
} esparse_blas_candidate;

enum {
    // cublasStatus_t.
    esparse_blas_not_supported = 15,
    // cudaDataType_t (library_types.h); cuSPARSELt takes the same.
    esparse_cuda_float32 = 0,
    esparse_cuda_float16 = 2,
    esparse_cuda_bfloat16 = 14,
    // cublasComputeType_t.
    esparse_blas_compute_float32 = 68,
    // cublasOperation_t.
    esparse_blas_transpose = 1,
    // cublasLtMatmulDescAttributes_t.
    esparse_blas_product_transpose_a = 3,
    esparse_blas_product_transpose_b = 4,
    esparse_blas_product_epilogue = 7,
    esparse_blas_product_bias_pointer = 8,
    // cublasLtEpilogue_t.
    esparse_blas_epilogue_bias = 4,
    // cublasLtMatmulPreferenceAttributes_t; the four alignments follow each other: A, B, C, D.
    esparse_blas_preference_workspace_bytes = 1,
    esparse_blas_preference_alignment_a = 5,
};

typedef const char *(*esparse_cublasLtGetStatusString)(esparse_blas_status);
/// libraryPropertyType: 0 major version, 1 minor version, 2 patch level; cuSPARSELt's are the same.
typedef esparse_blas_status (*esparse_cublasLtGetProperty)(int, int *);
typedef esparse_blas_status (*esparse_cublasLtCreate)(esparse_blas_handle *);
typedef esparse_blas_status (*esparse_cublasLtDestroy)(esparse_blas_handle);
typedef esparse_blas_status (*esparse_cublasLtMatmulDescCreate)(esparse_blas_product *, int compute, int scale);
typedef esparse_blas_status (*esparse_cublasLtMatmulDescDestroy)(esparse_blas_product);
typedef esparse_blas_status (*esparse_cublasLtMatmulDescSetAttribute)(esparse_blas_product, int, const void *, size_t);
typedef esparse_blas_status (*esparse_cublasLtMatrixLayoutCreate)(esparse_blas_layout *, int type, uint64_t rows,
                                                                  uint64_t columns, int64_t leading);
typedef esparse_blas_status (*esparse_cublasLtMatrixLayoutDestroy)(esparse_blas_layout);
typedef esparse_blas_status (*esparse_cublasLtMatmulPreferenceCreate)(esparse_blas_preference *);
typedef esparse_blas_status (*esparse_cublasLtMatmulPreferenceDestroy)(esparse_blas_preference);
typedef esparse_blas_status (*esparse_cublasLtMatmulPreferenceSetAttribute)(esparse_blas_preference, int, const void *,
                                                                            size_t);
typedef esparse_blas_status (*esparse_cublasLtMatmulAlgoGetHeuristic)(
    esparse_blas_handle, esparse_blas_product, esparse_blas_layout a, esparse_blas_layout b, esparse_blas_layout c,
    esparse_blas_layout d, esparse_blas_preference, int requested, esparse_blas_candidate *, int *found);
/// alpha and beta are on the host; a to d and the workspace on the device.
typedef esparse_blas_status (*esparse_cublasLtMatmul)(
    esparse_blas_handle, esparse_blas_product, const float *alpha, esparse_cu_address a, esparse_blas_layout,
    esparse_cu_address b, esparse_blas_layout, const float *beta, esparse_cu_address c, esparse_blas_layout,
    esparse_cu_address d, esparse_blas_layout, const esparse_blas_algorithm *, esparse_cu_address workspace,
    size_t workspace_bytes, esparse_cu_stream);

#endif
