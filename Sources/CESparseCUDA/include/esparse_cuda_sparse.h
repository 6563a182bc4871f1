// Types, numbers and functions of cuSPARSELt, NVIDIA's products of 2:4 matrices, as its documentation gives them:
// https://docs.nvidia.com/cuda/cusparselt. Its handle, descriptors and plans are opaque bytes that the caller holds.
#ifndef ESPARSE_CUDA_SPARSE_H
#define ESPARSE_CUDA_SPARSE_H

#include <stddef.h>
#include <stdint.h>

#include "esparse_cuda_driver.h"

/// cusparseStatus_t; 0 is success.
typedef int32_t esparse_sparse_status;

enum {
    // Bytes that hold any of cuSPARSELt's opaque structures, 16-byte aligned: 11024 up to 0.7, 512 from 0.8 on.
    esparse_sparse_opaque_bytes = 16384,
    // cusparseOrder_t (cuSPARSE, "Generic API").
    esparse_sparse_column_order = 1,
    esparse_sparse_row_order = 2,
    // cusparseOperation_t.
    esparse_sparse_as_is = 0,
    esparse_sparse_transpose = 1,
    // cusparseComputeType of 0.5.2 and later.
    esparse_sparse_compute_float32 = 2,
    // cusparseLtSparsity_t.
    esparse_sparse_half = 0,
    // cusparseLtMatmulDescAttribute_t.
    esparse_sparse_bias_pointer = 8,
    // cusparseLtMatmulAlg_t.
    esparse_sparse_algorithm_default = 0,
    // cusparseLtMatmulAlgAttribute_t.
    esparse_sparse_algorithm_identifier = 0,
    esparse_sparse_algorithm_maximum_identifier = 1,
    esparse_sparse_algorithm_split_k = 3,
    esparse_sparse_algorithm_split_k_mode = 4,
    esparse_sparse_algorithm_split_k_buffers = 5,
};

// Every `void *` in front is one of the opaque structures; `int` numbers are the enums above.
typedef const char *(*esparse_cusparseLtGetErrorString)(esparse_sparse_status);
typedef esparse_sparse_status (*esparse_cusparseLtGetProperty)(int, int *);
typedef esparse_sparse_status (*esparse_cusparseLtInit)(void *handle);
typedef esparse_sparse_status (*esparse_cusparseLtDestroy)(const void *handle);
typedef esparse_sparse_status (*esparse_cusparseLtDenseDescriptorInit)(const void *handle, void *matrix, int64_t rows,
                                                                       int64_t columns, int64_t leading,
                                                                       uint32_t alignment, int type, int order);
typedef esparse_sparse_status (*esparse_cusparseLtStructuredDescriptorInit)(const void *handle, void *matrix,
                                                                            int64_t rows, int64_t columns,
                                                                            int64_t leading, uint32_t alignment,
                                                                            int type, int order, int sparsity);
typedef esparse_sparse_status (*esparse_cusparseLtMatDescriptorDestroy)(const void *matrix);
typedef esparse_sparse_status (*esparse_cusparseLtMatmulDescriptorInit)(const void *handle, void *product,
                                                                        int operation_a, int operation_b,
                                                                        const void *a, const void *b, const void *c,
                                                                        const void *d, int compute);
typedef esparse_sparse_status (*esparse_cusparseLtMatmulDescSetAttribute)(const void *handle, void *product,
                                                                          int attribute, const void *, size_t);
typedef esparse_sparse_status (*esparse_cusparseLtMatmulAlgSelectionInit)(const void *handle, void *selection,
                                                                          const void *product, int algorithm);
typedef esparse_sparse_status (*esparse_cusparseLtMatmulAlgSelectionDestroy)(const void *selection);
typedef esparse_sparse_status (*esparse_cusparseLtMatmulAlgSetAttribute)(const void *handle, void *selection,
                                                                         int attribute, const void *, size_t);
typedef esparse_sparse_status (*esparse_cusparseLtMatmulAlgGetAttribute)(const void *handle, const void *selection,
                                                                         int attribute, void *, size_t);
typedef esparse_sparse_status (*esparse_cusparseLtMatmulPlanInit)(const void *handle, void *plan, const void *product,
                                                                  const void *selection);
typedef esparse_sparse_status (*esparse_cusparseLtMatmulPlanDestroy)(const void *plan);
typedef esparse_sparse_status (*esparse_cusparseLtMatmulGetWorkspace)(const void *handle, const void *plan, size_t *);
/// The type of both cusparseLtMatmul and cusparseLtMatmulSearch, which changes the plan.
typedef esparse_sparse_status (*esparse_cusparseLtMatmul)(const void *handle, void *plan, const float *alpha,
                                                          esparse_cu_address a, esparse_cu_address b,
                                                          const float *beta, esparse_cu_address c, esparse_cu_address d,
                                                          esparse_cu_address workspace, esparse_cu_stream *streams,
                                                          int32_t stream_count);
typedef esparse_sparse_status (*esparse_cusparseLtSpMMAPruneCheck2)(const void *handle, const void *matrix,
                                                                    int is_first, int operation,
                                                                    esparse_cu_address dense, esparse_cu_address valid,
                                                                    esparse_cu_stream);
typedef esparse_sparse_status (*esparse_cusparseLtSpMMACompressedSize2)(const void *handle, const void *matrix,
                                                                        size_t *compressed, size_t *scratch);
typedef esparse_sparse_status (*esparse_cusparseLtSpMMACompress2)(const void *handle, const void *matrix, int is_first,
                                                                  int operation, esparse_cu_address dense,
                                                                  esparse_cu_address compressed,
                                                                  esparse_cu_address scratch, esparse_cu_stream);

#endif
