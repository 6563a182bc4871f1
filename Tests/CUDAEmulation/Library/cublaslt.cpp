// libcublasLt, emulated: products in plain loops, with the layouts, transpositions and epilogues that the documentation describes.
#include <cstring>

#include "device.h"
#include "numbers.h"

namespace {

using guard = std::lock_guard<std::recursive_mutex>;

enum { success = 0, invalid_value = 7, not_supported = 15 };

struct layout {
    int type;
    uint64_t rows, columns;
    int64_t leading;
    int order = 0;  // 0 column-major, 1 row-major

    int64_t place(uint64_t row, uint64_t column) const {
        return order ? (int64_t)row * leading + (int64_t)column : (int64_t)column * leading + (int64_t)row;
    }
    size_t bytes() const {
        return rows && columns ? ((size_t)place(rows - 1, columns - 1) + 1) * emulation::byte_count(type) : 0;
    }
};

struct product {
    int compute, scale;
    int transpose_a = 0, transpose_b = 0;
    int epilogue = 1;
    const void *bias = nullptr;
    int bias_type = -1;
};

struct candidate {
    uint64_t data[8];
    size_t workspace;
    int status;
    float waves;
    int reserved[4];
};

/// Rows and columns as the product sees them.
uint64_t used_rows(const layout &one, int transpose) { return transpose ? one.columns : one.rows; }
uint64_t used_columns(const layout &one, int transpose) { return transpose ? one.rows : one.columns; }

bool is_supported(const product &one, const layout &a, const layout &b, const layout &c, const layout &d) {
    return one.compute == 68 && one.scale == emulation::float32 && (one.epilogue == 1 || one.epilogue == 4) &&
           used_columns(a, one.transpose_a) == used_rows(b, one.transpose_b) && used_rows(a, one.transpose_a) == d.rows &&
           used_columns(b, one.transpose_b) == d.columns && c.rows == d.rows && c.columns == d.columns &&
           a.type == b.type && c.type == d.type && (d.type == emulation::float32 || d.type == a.type);
}

float element(const layout &one, const void *values, int transpose, uint64_t row, uint64_t column) {
    return emulation::read_number(values, transpose ? one.place(column, row) : one.place(row, column), one.type);
}

}  // namespace

extern "C" {

const char *cublasLtGetStatusString(int code) { return code ? "CUBLAS_STATUS_EMULATED" : "CUBLAS_STATUS_SUCCESS"; }
int cublasLtGetProperty(int property, int *value) {
    *value = property == 0 ? 12 : property == 1 ? 9 : 0;
    return success;
}
size_t cublasLtGetVersion() { return 120900; }
int cublasLtCreate(int **handle) {
    *handle = new int(0);
    return success;
}
int cublasLtDestroy(int *handle) {
    delete handle;
    return success;
}
int cublasLtMatmulDescCreate(product **result, int compute, int scale) {
    *result = new product{compute, scale};
    return success;
}
int cublasLtMatmulDescDestroy(product *one) {
    delete one;
    return success;
}
int cublasLtMatmulDescSetAttribute(product *one, int attribute, const void *value, size_t) {
    switch (attribute) {
        case 3: memcpy(&one->transpose_a, value, 4); break;
        case 4: memcpy(&one->transpose_b, value, 4); break;
        case 7: memcpy(&one->epilogue, value, 4); break;
        case 8: memcpy(&one->bias, value, sizeof(void *)); break;
        case 26: memcpy(&one->bias_type, value, 4); break;
        default: return invalid_value;
    }
    return success;
}
int cublasLtMatrixLayoutCreate(layout **result, int type, uint64_t rows, uint64_t columns, int64_t leading) {
    if ((uint64_t)leading < rows) return invalid_value;
    *result = new layout{type, rows, columns, leading};
    return success;
}
int cublasLtMatrixLayoutDestroy(layout *one) {
    delete one;
    return success;
}
int cublasLtMatrixLayoutSetAttribute(layout *one, int attribute, const void *value, size_t) {
    if (attribute != 1) return invalid_value;
    memcpy(&one->order, value, 4);
    return success;
}
int cublasLtMatmulPreferenceCreate(int **result) {
    *result = new int(0);
    return success;
}
int cublasLtMatmulPreferenceDestroy(int *one) {
    delete one;
    return success;
}
int cublasLtMatmulPreferenceSetAttribute(int *, int, const void *, size_t) { return success; }
int cublasLtMatmulAlgoGetHeuristic(int *, product *one, layout *a, layout *b, layout *c, layout *d, int *, int requested,
                                   candidate *found, int *count) {
    *count = 0;
    if (!is_supported(*one, *a, *b, *c, *d)) return not_supported;
    // Two that differ in nothing but their name.
    for (uint64_t i = 0; i < 2 && (int)i < requested; i++) {
        found[i] = {};
        found[i].data[0] = 0xe0 + i;
        found[i].workspace = 1024;
        *count = (int)i + 1;
    }
    return success;
}
int cublasLtMatmul(int *, product *one, const float *alpha, const void *a, layout *a_layout, const void *b,
                   layout *b_layout, const float *beta, const void *c, layout *c_layout, void *d, layout *d_layout,
                   const uint64_t *algorithm, void *workspace, size_t workspace_bytes, void *on) {
    guard held(emulation::lock());
    const product p = *one;
    const layout la = *a_layout, lb = *b_layout, lc = *c_layout, ld = *d_layout;
    if (!is_supported(p, la, lb, lc, ld)) return not_supported;
    if (!algorithm || algorithm[0] - 0xe0 > 1 || workspace_bytes < 1024) return invalid_value;
    const float scale = *alpha, kept = *beta;
    // What was asked for with 16-byte alignment must have it.
    for (const void *start : {a, b, c, (const void *)d, (const void *)workspace}) {
        if ((uintptr_t)start % 16) return invalid_value;
    }
    if (!emulation::is_allocated(a, la.bytes()) || !emulation::is_allocated(b, lb.bytes()) ||
        !emulation::is_allocated(d, ld.bytes()) || !emulation::is_allocated(workspace, workspace_bytes)) {
        emulation::refuse("a dense product leaves its allocations");
    }
    const int bias_type = p.bias_type < 0 ? ld.type : p.bias_type;
    if (p.epilogue == 4 && !emulation::is_allocated(p.bias, ld.rows * emulation::byte_count(bias_type))) {
        emulation::refuse("a dense product's bias leaves its allocation");
    }
    emulation::enqueue(on, [=] {
        memset(workspace, 0x7f, 1024);
        const uint64_t depth = used_columns(la, p.transpose_a);
        for (uint64_t column = 0; column < ld.columns; column++) {
            for (uint64_t row = 0; row < ld.rows; row++) {
                float sum = 0;
                for (uint64_t k = 0; k < depth; k++) {
                    sum += element(la, a, p.transpose_a, row, k) * element(lb, b, p.transpose_b, k, column);
                }
                sum *= scale;
                if (kept != 0) sum += kept * emulation::read_number(c, lc.place(row, column), lc.type);
                if (p.epilogue == 4) sum += emulation::read_number(p.bias, (int64_t)row, bias_type);
                emulation::write_number(d, ld.place(row, column), ld.type, sum);
            }
        }
    });
    return success;
}

}  // extern "C"
