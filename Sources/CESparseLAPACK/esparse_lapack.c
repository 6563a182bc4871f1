// The inverse's Cholesky factor from one factorisation and one triangular inversion.
#include "esparse_lapack.h"

#include <stddef.h>

// LAPACK's Fortran interface. Matrices are column-major: a row-major matrix is seen transposed.
extern void spotrf_(const char *triangle, const int *n, float *matrix, const int *stride, int *info);
extern void strtri_(const char *triangle, const char *diagonal, const int *n, float *matrix, const int *stride,
                    int *info);
// OpenBLAS only: its builds with threads would make results depend on their number.
extern void openblas_set_num_threads(int count) __attribute__((weak));

/// Turns rows and columns end for end.
static void reverse(float *matrix, size_t count) {
    for (size_t low = 0, high = count - 1; low < high; low++, high--) {
        float kept = matrix[low];
        matrix[low] = matrix[high];
        matrix[high] = kept;
    }
}

int esparse_inverse_factor(float *matrix, int32_t n) {
    if (n <= 0) return 0;
    if (openblas_set_num_threads) openblas_set_num_threads(1);
    // With J the exchange of first and last: J H J = L L' gives H = R R' with R = J L J upper triangular, so that
    // inverse(H) = inverse(R)' inverse(R) and U = inverse(R) = J inverse(L) J. The inverse itself is never formed.
    // Reversed, the lower triangle is the upper one; row-major upper is column-major lower.
    size_t size = (size_t)n;
    reverse(matrix, size * size);
    int order = n, info = 0;
    spotrf_("L", &order, matrix, &order, &info);
    if (info) return info > 0 ? info : 1;
    strtri_("L", "N", &order, matrix, &order, &info);
    if (info) return info > 0 ? info : 1;
    // Column-major lower L^-1 is row-major upper (L^-1)'; reversed, row-major lower J (L^-1)' J = U'. Transposed in
    // place.
    reverse(matrix, size * size);
    for (size_t row = 0; row < size; row++) {
        for (size_t column = row + 1; column < size; column++) {
            matrix[row * size + column] = matrix[column * size + row];
            matrix[column * size + row] = 0;
        }
    }
    return 0;
}
