// The few calls of oneDNN that the CPU backend needs, the same for versions 2 and 3.
#ifndef ESPARSE_DNNL_H
#define ESPARSE_DNNL_H

#include <stddef.h>
#include <stdint.h>

/// A compiled matrix product `output = input * transpose(weights) (+ bias) (+ output)` of one shape. Immutable: any
/// number of threads may run it at once, each with a scratch of its own.
typedef struct esparse_dnnl_matmul esparse_dnnl_matmul;

/// What a product computes. Sizes and strides count elements.
typedef struct {
    int64_t tokens;         ///< rows of input and output
    int64_t rows;           ///< rows of weights, columns of output
    int64_t columns;        ///< columns of input and weights
    int64_t input_stride;   ///< from one row of input to the next
    int64_t weight_stride;  ///< from one row of weights to the next
    int64_t output_stride;  ///< from one row of output to the next
    int32_t is_bfloat16;    ///< input and weights are bf16 (else f32); output and bias are f32 always
    int32_t has_bias;       ///< adds bias[rows]
    int32_t accumulates;    ///< adds to the output instead of writing it
    int32_t packs_weights;  ///< a run takes weights that `esparse_dnnl_matmul_pack` has put in oneDNN's own order
} esparse_dnnl_shape;

/// Compiles a product; NULL when oneDNN cannot.
esparse_dnnl_matmul *esparse_dnnl_matmul_create(const esparse_dnnl_shape *shape);
/// Frees a product that no thread is running.
void esparse_dnnl_matmul_destroy(esparse_dnnl_matmul *matmul);
/// Bytes of scratch, 64-byte aligned, that a run needs.
size_t esparse_dnnl_matmul_scratch_bytes(const esparse_dnnl_matmul *matmul);
/// Bytes of weights as a run takes them.
size_t esparse_dnnl_matmul_weight_bytes(const esparse_dnnl_matmul *matmul);
/// Puts plain weights into the order that a product made with `packs_weights` takes; 0, or oneDNN's error code.
int esparse_dnnl_matmul_pack(const esparse_dnnl_matmul *matmul, const void *weights, void *packed);
/// Runs on the calling thread alone; 0, or oneDNN's error code.
int esparse_dnnl_matmul_run(const esparse_dnnl_matmul *matmul, const void *input, const void *weights,
                            const float *bias, float *output, void *scratch);
/// `output = scale * op(left) * right + keep * output`, row-major, on the calling thread alone; op(left) is [rows,
/// inner], stored [inner, rows] where `is_transposed`; right is [inner, columns]. 0, or oneDNN's error code.
int esparse_dnnl_sgemm(int is_transposed, int64_t rows, int64_t columns, int64_t inner, float scale, const float *left,
                       int64_t left_stride, const float *right, int64_t right_stride, float keep, float *output,
                       int64_t output_stride);
/// What runs the threads of a oneDNN whose products cannot be kept on the calling thread, NULL where they can:
/// `runtime` is its `DNNL_RUNTIME_...` number, `has_openmp` says whether the number of OpenMP's threads can be set.
const char *esparse_dnnl_refusal(unsigned runtime, int has_openmp);
/// The same of the oneDNN that is loaded.
const char *esparse_dnnl_loaded_refusal(void);

#endif
