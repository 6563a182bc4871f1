// Kernels of linear layers `y = x W^T + b`.
//
// T tokens, R rows (output channels), C columns (input channels). Activations are f32, row-major.
#ifndef ESPARSE_LINEAR_KERNELS_H
#define ESPARSE_LINEAR_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "weight_formats.h"

/// A sparse product of many tokens, from input transposed into tiles; all NULL where there is none.
typedef struct {
    int64_t value_bytes;  ///< bytes of a value in a tile
    /// Whether weights must be bf16 and inputs are rounded to it whatever `rounds` says; subnormals then count as zero.
    int multiplies_bf16;
    /// Tokens in a tile that suits a product of so many tokens.
    int64_t (*tile_tokens)(int64_t tokens);
    /// Channels [first, first + count) of input [T, C] to tiles [T / tile_tokens][C][tile_tokens], rounded to bf16
    /// where `rounds`; missing tokens are zero or left as they are.
    void (*transpose)(int rounds, const float *input, int64_t tokens, int64_t columns, int64_t first, int64_t count,
                      int64_t tile_tokens, void *tiles);
    /// Bytes of scratch (64-byte aligned) that `multiply` needs.
    size_t (*scratch)(const esparse_rows *rows, int64_t tokens, int64_t tile_tokens);
    /// What `few` computes. The order of additions of an output depends on C and the pattern only.
    void (*multiply)(const esparse_rows *rows, const void *tiles, int64_t tokens, int64_t tile_tokens, float *output,
                     int64_t output_stride, int accumulates, void *scratch);
} esparse_many_kernels;

/// How filling panels ended: well; not every eight columns keep the same number of weights; no compact panel holds
/// them.
typedef enum { esparse_fill_done = 0, esparse_fill_wrong = 1, esparse_fill_spills = 2 } esparse_fill;

/// What one instruction set does with weights of one format; functions that it does not have are NULL. Every function
/// runs on the calling thread and writes only its output.
typedef struct {
    /// Copies input [T, C] to `packed` [T, packed_stride] in the order that `few` wants for these weights, rounded to
    /// bf16 where `rounds`; `packed_stride` is C rounded up to 32 and the rest is zero. Panels want room for T rounded
    /// up to 8, and `few` takes all that was packed.
    void (*pack)(const esparse_rows *rows, int rounds, const float *input, int64_t tokens, float *packed,
                 int64_t packed_stride);
    /// output[t, r] (+)= sum over c of packed x[t, c] w[r, c], plus bias[r]: for few tokens. The order of additions of
    /// an output depends on C only.
    void (*few)(const esparse_rows *rows, const float *packed, int64_t packed_stride, int64_t tokens, float *output,
                int64_t output_stride, int accumulates);
    /// The weights as dense f32 [rows, C].
    void (*widen)(const esparse_rows *rows, float *dense);
    /// Sparse bf16 weights as dense bf16 [rows, C]; sparse bf16 formats have it.
    void (*expand)(const esparse_rows *rows, uint16_t *dense);
    /// The sparse product of many tokens.
    esparse_many_kernels many;
    /// Bytes of the panel of eight rows, which are described without their weights, of a pattern whose group divides 8;
    /// 0 where such rows do not suit the format. The last panel is whole.
    int64_t (*panel_bytes)(const esparse_rows *rows);
    /// Fills panels from masked rows of the same values, which the description tells beside the panels' format; only
    /// compact ones spill.
    esparse_fill (*fill)(const esparse_rows *rows, uint8_t *panels);
} esparse_format_kernels;

/// The kernels of linears of one instruction set. Every function runs on the calling thread and writes only its output.
typedef struct {
    /// What it does with a format; all NULL with one that it does not read.
    esparse_format_kernels (*functions)(esparse_format format);
    /// f32 rounded to bf16 (nearest, ties to even), kept as f32.
    void (*round)(const float *input, float *output, int64_t count);
    /// f32 rounded to bf16.
    void (*narrow)(const float *input, uint16_t *output, int64_t count);
    /// Largest of `count` > 0 values, and the sum of exp(value - largest).
    void (*exponential_sum)(const float *values, int64_t count, float *largest, double *sum);
} esparse_linear_kernels;

#endif
