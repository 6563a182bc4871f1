// cuSPARSELt on the host: a compressed weight is 32 bytes of head and the dense matrix; products are plain loops.
//
// Set "minor" (8), "patch" (1) and "limit" (5), the number of algorithms. A search finds algorithm 3 in 2 parts, which
// needs 4096 bytes of workspace, where algorithm 0 needs 1024. Counted while they live: handles, matrices, selections,
// plans.
#include "fake.h"

enum { invalid_value = 3, not_supported = 10 };
enum { column_order = 1, row_order = 2 };

typedef struct {
    int64_t rows, columns, leading;
    int type, order, is_structured;
} matrix;
typedef struct {
    const matrix *a, *b, *c, *d;
    int operation_b;
    uint64_t bias;
} product;
typedef struct {
    int identifier, parts, mode, buffers;
} selection;
typedef struct {
    const product *described;
    selection *chosen;
} plan;

__attribute__((constructor)) static void begin(void) {
    fake_set("minor", 8);
    fake_set("patch", 1);
    fake_set("limit", 5);
}

const char *cusparseLtGetErrorString(int code) {
    return code == not_supported ? "operation not supported" : "invalid value";
}
int cusparseLtGetProperty(int property, int *value) {
    CALL;
    *value = property == 0 ? 0 : (int)fake_get(property == 1 ? "minor" : "patch");
    return 0;
}
int cusparseLtInit(void *handle) {
    CALL;
    fake_add("handles", 1);
    memcpy(handle, "handle", 7);
    return 0;
}
int cusparseLtDestroy(const void *handle) {
    CALL;
    fake_add("handles", -1);
    return strcmp(handle, "handle");
}
static int describe(matrix *made, matrix value, unsigned alignment, int multiple) {
    if (alignment % 16 || value.rows % multiple || value.columns % multiple || value.leading % multiple) return invalid_value;
    if (value.leading < (value.order == row_order ? value.columns : value.rows)) return invalid_value;
    *made = value;
    fake_add("matrices", 1);
    return 0;
}
/// "nth matrix" makes only the nth of all dense ones fail.
int cusparseLtDenseDescriptorInit(const void *handle, matrix *made, int64_t rows, int64_t columns, int64_t leading,
                                  unsigned alignment, int type, int order) {
    CALL;
    if (strcmp(handle, "handle") || fake_count(__func__) == fake_get("nth matrix")) return invalid_value;
    return describe(made, (matrix){rows, columns, leading, type, order, 0}, alignment, 8);
}
int cusparseLtStructuredDescriptorInit(const void *handle, matrix *made, int64_t rows, int64_t columns, int64_t leading,
                                       unsigned alignment, int type, int order, int sparsity) {
    CALL;
    if (strcmp(handle, "handle") || sparsity != 0) return invalid_value;
    return describe(made, (matrix){rows, columns, leading, type, order, 1}, alignment, 16);
}
int cusparseLtMatDescriptorDestroy(const matrix *made) {
    CALL;
    fake_add("matrices", -1);
    return made->rows ? 0 : invalid_value;
}
int cusparseLtMatmulDescriptorInit(const void *handle, product *made, int operation_a, int operation_b, const matrix *a,
                                   const matrix *b, const matrix *c, const matrix *d, int compute) {
    CALL;
    if (strcmp(handle, "handle") || operation_a != 0 || !a->is_structured || compute != 2 || c != d) return invalid_value;
    *made = (product){a, b, c, d, operation_b, 0};
    return 0;
}
int cusparseLtMatmulDescSetAttribute(const void *handle, product *made, int attribute, const void *value, size_t bytes) {
    CALL;
    if (strcmp(handle, "handle") || attribute != 8 || bytes != 8) return invalid_value;
    made->bias = *(const uint64_t *)value;
    return 0;
}
int cusparseLtMatmulAlgSelectionInit(const void *handle, selection *made, const product *described, int algorithm) {
    CALL;
    if (strcmp(handle, "handle") || !described->a || algorithm != 0) return invalid_value;
    fake_add("selections", 1);
    *made = (selection){0, 1, 0, 0};
    return 0;
}
int cusparseLtMatmulAlgSelectionDestroy(const selection *made) {
    CALL;
    fake_add("selections", -1);
    return made ? 0 : invalid_value;
}
int cusparseLtMatmulAlgSetAttribute(const void *handle, selection *made, int attribute, const void *value, size_t bytes) {
    CALL;
    const int number = *(const int *)value;
    if (strcmp(handle, "handle") || bytes != 4) return invalid_value;
    if (attribute == 0 && number < fake_get("limit")) made->identifier = number;
    else if (attribute == 3 && number > 1) made->parts = number;
    else if (attribute == 4 && number > 0) made->mode = number;
    else if (attribute == 5 && number > 0) made->buffers = number;
    else return invalid_value;
    return 0;
}
int cusparseLtMatmulAlgGetAttribute(const void *handle, const selection *made, int attribute, void *value, size_t bytes) {
    CALL;
    if (strcmp(handle, "handle") || bytes != 4) return invalid_value;
    const int numbers[6] = {made->identifier, (int)fake_get("limit"), 0, made->parts, made->mode, made->buffers};
    *(int *)value = numbers[attribute];
    return 0;
}
int cusparseLtMatmulPlanInit(const void *handle, plan *made, const product *described, selection *chosen) {
    CALL;
    if (strcmp(handle, "handle")) return invalid_value;
    fake_add("plans", 1);
    *made = (plan){described, chosen};
    return 0;
}
int cusparseLtMatmulPlanDestroy(const plan *made) {
    CALL;
    fake_add("plans", -1);
    return made ? 0 : invalid_value;
}
static size_t workspace_of(const plan *made) { return made->chosen->identifier == 3 ? 4096 : 1024; }
int cusparseLtMatmulGetWorkspace(const void *handle, const plan *made, size_t *bytes) {
    CALL;
    *bytes = workspace_of(made);
    return strcmp(handle, "handle");
}

static int multiply(const void *handle, plan *made, const float *alpha, const char *a, const void *b, const float *beta,
                    const void *c, void *d, char *workspace, void **streams, int count) {
    const product *p = made->described;
    if (strcmp(handle, "handle") || !workspace || !streams || !streams[0] || count != 1) return invalid_value;
    if (memcmp(a, "compressed", 10)) return invalid_value;
    memset(workspace, 0, workspace_of(made));
    a += 32;
    for (int64_t i = 0; i < p->d->rows; i++) {
        for (int64_t j = 0; j < p->d->columns; j++) {
            float sum = 0;
            for (int64_t k = 0; k < p->a->columns; k++) {
                const int64_t row = p->operation_b ? j : k, column = p->operation_b ? k : j;
                const int64_t place = p->b->order == row_order ? row * p->b->leading + column : row + column * p->b->leading;
                sum += fake_float(p->a->type, a, i * p->a->leading + k) * fake_float(p->b->type, b, place);
            }
            const int64_t place = p->d->order == row_order ? i * p->d->leading + j : i + j * p->d->leading;
            float value = *alpha * sum;
            if (*beta != 0) value += *beta * fake_float(p->c->type, c, place);
            if (p->bias) value += fake_float(p->d->type, (const void *)p->bias, i);
            fake_store(p->d->type, d, place, value);
        }
    }
    return 0;
}
int cusparseLtMatmul(const void *handle, plan *made, const float *alpha, const void *a, const void *b, const float *beta,
                     const void *c, void *d, void *workspace, void **streams, int count) {
    CALL;
    return multiply(handle, made, alpha, a, b, beta, c, d, workspace, streams, count);
}
int cusparseLtMatmulSearch(const void *handle, plan *made, const float *alpha, const void *a, const void *b,
                           const float *beta, const void *c, void *d, void *workspace, void **streams, int count) {
    CALL;
    const int code = multiply(handle, made, alpha, a, b, beta, c, d, workspace, streams, count);
    if (!code) *made->chosen = (selection){3, 2, 1, 1};
    return code;
}

/// Row-major only.
int cusparseLtSpMMAPruneCheck2(const void *handle, const matrix *described, int is_first, int operation,
                               const void *dense, int *verdict, void *stream) {
    CALL;
    if (strcmp(handle, "handle") || !is_first || operation || described->order != row_order || !stream) return invalid_value;
    *verdict = 0;
    for (int64_t i = 0; i < described->rows * described->columns; i += 4) {
        int kept = 0;
        for (int j = 0; j < 4; j++) kept += fake_float(described->type, dense, i + j) != 0;
        if (kept > 2) *verdict = 1;
    }
    return 0;
}
static size_t dense_bytes(const matrix *described) { return (size_t)(described->rows * described->columns * 2); }
int cusparseLtSpMMACompressedSize2(const void *handle, const matrix *described, size_t *bytes, size_t *scratch) {
    CALL;
    *bytes = 32 + dense_bytes(described);
    *scratch = 64;
    return strcmp(handle, "handle");
}
int cusparseLtSpMMACompress2(const void *handle, const matrix *described, int is_first, int operation, const void *dense,
                             char *compressed, char *scratch, void *stream) {
    CALL;
    if (strcmp(handle, "handle") || !is_first || operation || !stream) return invalid_value;
    memset(scratch, 0, 64);
    memcpy(compressed, "compressed", 11);
    memcpy(compressed + 32, dense, dense_bytes(described));
    return 0;
}
