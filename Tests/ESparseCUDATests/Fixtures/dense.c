// cuBLASLt on the host: plain loops over column-major matrices, as its documentation defines the product.
//
// Set "major" (12), "algorithms" (3) and "refused", the number of an algorithm that does not run (-1).
// Counted while they live: handles, products, layouts, preferences.
#include "fake.h"

enum { not_supported = 15, invalid_value = 7 };

typedef struct {
    int transpose_a, epilogue;
    uint64_t bias;
} product;
typedef struct {
    int type;
    int64_t rows, columns, leading;
} layout;
typedef struct {
    uint64_t data[8];
} algorithm;
typedef struct {
    algorithm chosen;
    size_t workspace;
    int status;
    float waves;
    int reserved[4];
} candidate;

__attribute__((constructor)) static void begin(void) {
    fake_set("major", 12);
    fake_set("algorithms", 3);
    fake_set("refused", -1);
}

const char *cublasLtGetStatusString(int code) {
    return code == not_supported ? "CUBLAS_STATUS_NOT_SUPPORTED" : "CUBLAS_STATUS_BAD";
}
int cublasLtGetProperty(int property, int *value) {
    CALL;
    *value = property == 0 ? (int)fake_get("major") : property == 1 ? 9 : 1;
    return 0;
}
int cublasLtCreate(void **handle) {
    CALL;
    *handle = fake_make("handles");
    return 0;
}
int cublasLtDestroy(void *handle) {
    CALL;
    fake_drop("handles", handle);
    return 0;
}
int cublasLtMatmulDescCreate(product **made, int compute, int scale) {
    CALL;
    if (compute != 68 || scale != 0) return invalid_value;
    *made = fake_make("products");
    (*made)->epilogue = 1;
    return 0;
}
int cublasLtMatmulDescDestroy(product *made) {
    CALL;
    fake_drop("products", made);
    return 0;
}
int cublasLtMatmulDescSetAttribute(product *made, int attribute, const void *value, size_t bytes) {
    CALL;
    if (attribute == 3 && bytes == 4) made->transpose_a = *(const int *)value;
    else if (attribute == 7 && bytes == 4) made->epilogue = *(const int *)value;
    else if (attribute == 8 && bytes == 8) made->bias = *(const uint64_t *)value;
    else return invalid_value;
    return 0;
}
/// "nth layout" makes only the nth of all layouts fail.
int cublasLtMatrixLayoutCreate(layout **made, int type, uint64_t rows, uint64_t columns, int64_t leading) {
    CALL;
    if (fake_count(__func__) == fake_get("nth layout")) return 3;
    if (leading < (int64_t)rows) return invalid_value;
    *made = fake_make("layouts");
    **made = (layout){type, (int64_t)rows, (int64_t)columns, leading};
    return 0;
}
int cublasLtMatrixLayoutDestroy(layout *made) {
    CALL;
    fake_drop("layouts", made);
    return 0;
}
int cublasLtMatmulPreferenceCreate(void **made) {
    CALL;
    *made = fake_make("preferences");
    return 0;
}
int cublasLtMatmulPreferenceDestroy(void *made) {
    CALL;
    fake_drop("preferences", made);
    return 0;
}
int cublasLtMatmulPreferenceSetAttribute(void *made, int attribute, const void *value, size_t bytes) {
    CALL;
    if (attribute == 1 && bytes == 8) fake_set("workspace", *(const long long *)value);
    else if (attribute >= 5 && attribute <= 8 && bytes == 4) fake_set("alignment", *(const int *)value);
    else return invalid_value;
    return made ? 0 : invalid_value;
}
int cublasLtMatmulAlgoGetHeuristic(void *handle, product *made, layout *a, layout *b, layout *c, layout *d,
                                   void *preference, int requested, candidate *found, int *count) {
    CALL;
    if (!handle || !made || !a || !b || !c || !d || !preference) return invalid_value;
    *count = (int)fake_get("algorithms") < requested ? (int)fake_get("algorithms") : requested;
    if (*count == 0) return not_supported;
    for (int i = 0; i < *count; i++) {
        memset(found + i, 0, sizeof *found);
        found[i].chosen.data[0] = 100 + (uint64_t)i;
    }
    return 0;
}
int cublasLtMatmul(void *handle, product *made, const float *alpha, const void *a, layout *la, const void *b, layout *lb,
                   const float *beta, const void *c, layout *lc, void *d, layout *ld, const algorithm *chosen,
                   void *workspace, size_t bytes, void *stream) {
    CALL;
    const int number = (int)(chosen->data[0] - 100);
    if (!handle || !stream || !workspace || (long long)bytes != fake_get("workspace")) return invalid_value;
    if (number == fake_get("refused")) return not_supported;
    fake_set("algorithm", number);
    const int64_t m = made->transpose_a ? la->columns : la->rows, k = made->transpose_a ? la->rows : la->columns;
    if (ld->rows != m || lb->rows != k || ld->columns != lb->columns) return invalid_value;
    for (int64_t j = 0; j < ld->columns; j++) {
        for (int64_t i = 0; i < m; i++) {
            float sum = 0;
            for (int64_t p = 0; p < k; p++) {
                const int64_t place = made->transpose_a ? p + i * la->leading : i + p * la->leading;
                sum += fake_float(la->type, a, place) * fake_float(lb->type, b, p + j * lb->leading);
            }
            float value = *alpha * sum;
            if (*beta != 0) value += *beta * fake_float(lc->type, c, i + j * lc->leading);
            if (made->epilogue & 4) value += fake_float(ld->type, (const void *)made->bias, i);
            fake_store(ld->type, d, i + j * ld->leading, value);
        }
    }
    return 0;
}
