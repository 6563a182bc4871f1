// Kernels of linear layers `y = x W^T + b`.
//
// T tokens, R rows (output channels), C columns (input channels). Activations are f32, row-major.
#ifndef ESPARSE_LINEAR_KERNELS_H
#define ESPARSE_LINEAR_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/// How weights are stored.
typedef enum { esparse_float32 = 0, esparse_float16 = 1, esparse_bfloat16 = 2 } esparse_element;

/// A run of consecutive rows of a weight, dense `[rows, columns]` or sparse (kept values `[rows, kept_per_row]` and one
/// bit a column). Nothing outside these rows is read.
typedef struct {
    const void *weights;      ///< first row's elements, or kept values
    const uint8_t *bitmask;   ///< first row's bits, column j is bit j % 8 of byte j / 8; NULL when dense
    const float *bias;        ///< [rows], or NULL
    int64_t rows;
    int64_t columns;
    int64_t kept_per_row;     ///< elements of a row in `weights`; `columns` when dense
    int64_t mask_stride;      ///< bytes of bitmask in a row
    int32_t element;          ///< an `esparse_element`
    int32_t is_grouped;       ///< whether every four columns keep the same number of weights; read for panels only
    int32_t is_compact;       ///< whether panels hold bf16 in 12 bits
    const uint8_t *panels;    ///< the weights in panels, 32-byte aligned, first row's one, a multiple of eight; then the
                              ///< others are NULL
    const uint8_t *const *spilled;  ///< for each panel NULL, or where it lies as a plain one; NULL where all are NULL
} esparse_rows;

/// A sparse product of many tokens, from input transposed into tiles. Every function runs on the calling thread.
typedef struct {
    int64_t value_bytes;  ///< bytes of a value in a tile
    /// Whether weights must be bf16 and inputs are rounded to it whatever `rounds` says; subnormals then count as zero.
    int multiplies_bf16;
    /// Tokens in a tile that suits a product of so many tokens.
    int64_t (*tile_tokens)(int64_t tokens);
    /// Channels [first, first + count) of input [T, C] to tiles [T / tile_tokens][C][tile_tokens], rounded to bf16 where
    /// `rounds`; missing tokens are zero or left as they are.
    void (*transpose)(int rounds, const float *input, int64_t tokens, int64_t columns, int64_t first, int64_t count,
                      int64_t tile_tokens, void *tiles);
    /// Bytes of scratch (64-byte aligned) that `multiply` needs.
    size_t (*scratch)(const esparse_rows *rows, int64_t tokens, int64_t tile_tokens);
    /// What `few` computes. The order of additions of an output depends on C and the pattern only.
    void (*multiply)(const esparse_rows *rows, const void *tiles, int64_t tokens, int64_t tile_tokens, float *output,
                     int64_t output_stride, int accumulates, void *scratch);
} esparse_many_kernels;

/// How filling panels ended: well; not every eight columns keep the same number of weights; no compact panel holds them.
typedef enum { esparse_fill_done = 0, esparse_fill_wrong = 1, esparse_fill_spills = 2 } esparse_fill;

/// Sparse weights in panels of eight rows, repacked at load from the portable form. Functions of `esparse_linear_kernels`
/// take them too.
typedef struct {
    /// Bytes of eight rows' panel; 0 where such rows (described without their weights, of a pattern whose group divides 8)
    /// do not suit panels. The last panel is whole.
    int64_t (*bytes)(const esparse_rows *rows);
    /// Portable rows to panels, compact or not as the description says; only compact ones spill.
    esparse_fill (*fill)(const esparse_rows *rows, uint8_t *panels);
    /// As `esparse_linear_kernels.sparse_many`.
    esparse_many_kernels many;
} esparse_panel_kernels;

/// The kernels of one instruction set. Every function runs on the calling thread and writes only its output.
typedef struct {
    /// Copies input [T, C] to `packed` [T, packed_stride] in the order that `few` wants for these weights, rounded to
    /// bf16 where `rounds`; `packed_stride` is C rounded up to 32 and the rest is zero. Panels want room for T rounded up
    /// to 8, and `few` takes all that was packed.
    void (*pack)(const esparse_rows *rows, int rounds, const float *input, int64_t tokens, float *packed,
                 int64_t packed_stride);
    /// output[t, r] (+)= sum over c of packed x[t, c] w[r, c], plus bias[r]: for few tokens. The order of additions of
    /// an output depends on C only.
    void (*few)(const esparse_rows *rows, const float *packed, int64_t packed_stride, int64_t tokens, float *output,
                int64_t output_stride, int accumulates);
    /// The weights as dense f32 [rows, C].
    void (*widen)(const esparse_rows *rows, float *dense);
    /// Sparse bf16 weights as dense bf16 [rows, C].
    void (*expand)(const esparse_rows *rows, uint16_t *dense);
    /// f32 rounded to bf16 (nearest, ties to even), kept as f32.
    void (*round)(const float *input, float *output, int64_t count);
    /// f32 rounded to bf16.
    void (*narrow)(const float *input, uint16_t *output, int64_t count);
    /// Largest of `count` > 0 values, and the sum of exp(value - largest).
    void (*exponential_sum)(const float *values, int64_t count, float *largest, double *sum);
    /// Sparse weights times many tokens in f32 arithmetic; all zero where missing.
    esparse_many_kernels sparse_many;
    /// Sparse weights in panels; all NULL where the instruction set has none.
    esparse_panel_kernels panels;
} esparse_linear_kernels;

#endif
