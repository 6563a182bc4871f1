// The factorisation that SparseGPT's weight update needs, by LAPACK.
#ifndef ESPARSE_LAPACK_H
#define ESPARSE_LAPACK_H

#include <stdint.h>

/// Replaces a symmetric positive definite matrix [n, n] by the upper triangular U with transpose(U) * U = its inverse.
///
/// Row-major. Only the lower triangle (column <= row) is read; below U's diagonal zeros are written. Runs on the
/// calling thread alone; one call at a time in a process, because LAPACK without threads of its own may have no locks
/// either. Returns 0, or a positive number where the matrix is not positive definite; its contents are lost then.
int esparse_inverse_factor(float *matrix, int32_t n);

#endif
