// How weights are stored, and a run of rows in whichever format.
#ifndef ESPARSE_WEIGHT_FORMATS_H
#define ESPARSE_WEIGHT_FORMATS_H

#include <stdint.h>

/// A weight format, such as `esparse_masked_bf16`; its file in `formats` describes it.
typedef enum {
#define FORMAT(name, layout, values) esparse_##name,
#include "../formats/all.h"
#undef FORMAT
    esparse_format_count,
} esparse_format;

/// A run of consecutive rows of a weight. Nothing outside these rows is read.
typedef struct {
    esparse_format format;
    const void *weights;     ///< dense and masked: the first row's stored values, `kept_per_row` of each row
    const uint8_t *bitmask;  ///< masked: first row's bits, column j is bit j % 8 of byte j / 8
    const float *bias;       ///< [rows], or NULL
    int64_t rows;
    int64_t columns;
    int64_t kept_per_row;    ///< weights of a row that are stored; `columns` when dense
    int64_t mask_stride;     ///< bytes of bitmask in a row
    int32_t is_grouped;      ///< whether every four columns keep the same number of weights; read for panels only
    const uint8_t *panels;   ///< panels: the first row's one, 32-byte aligned; the row is a multiple of eight
    const uint8_t *const *spilled;  ///< compact panels: for each one NULL, or where it lies as a plain one; NULL where
                                    ///< all are NULL
} esparse_rows;

#endif
