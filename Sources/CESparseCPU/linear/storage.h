// How the SIMD linear kernels name the ways weights are stored: the element, and whether there is a bitmask.
#ifndef ESPARSE_LINEAR_STORAGE_H
#define ESPARSE_LINEAR_STORAGE_H

/// A storage kind as a compile-time constant.
#define KIND(element, is_sparse) ((element) * 2 + (is_sparse))
#define KIND_IS_SPARSE(kind) ((kind) & 1)
#define KIND_ELEMENT(kind) ((kind) >> 1)
#define ELEMENT_BYTES(element) ((element) == esparse_float32 ? 4 : 2)

static inline int kind_of(const esparse_rows *rows) { return KIND(rows->element, rows->bitmask != NULL); }

/// First stored value of a row.
static inline const char *row_values(const esparse_rows *rows, int kind, int64_t row) {
    return (const char *)rows->weights + row * rows->kept_per_row * ELEMENT_BYTES(KIND_ELEMENT(kind));
}

#endif
