// libcusparseLt, emulated: its structures lie in the caller's bytes, a compressed weight keeps two of four elements and their places.
//
// The compressed form is our own; the caller may know nothing of it but its size.
#include <cstring>

#include "device.h"
#include "numbers.h"

namespace {

using guard = std::lock_guard<std::recursive_mutex>;

enum { success = 0, invalid_value = 3, not_supported = 10 };
constexpr uint64_t mark = 0x5eed5eed5eed5eed;

struct matrix {
    uint64_t mark;
    int64_t rows, columns, leading;
    uint32_t alignment;
    int type, order;
    bool is_structured;

    int64_t place(int64_t row, int64_t column) const {
        return order == 2 ? row * leading + column : column * leading + row;
    }
    size_t bytes() const { return ((size_t)place(rows - 1, columns - 1) + 1) * emulation::byte_count(type); }
};

struct product {
    uint64_t mark;
    int operation_a, operation_b;
    matrix a, b, c, d;
    const void *bias;
};

struct selection {
    uint64_t mark;
    product of;
    int identifier, split, split_mode, split_buffers;
};

struct plan {
    uint64_t mark;
    product of;
    selection *by;
};

template <typename One>
bool is_made(const One *one) {
    return one->mark == mark;
}

/// Bytes of a compressed matrix: 2 values and 2 places for every 4 elements, and as much again as padding to be told apart from ours.
size_t compressed_bytes(const matrix &one) { return (size_t)(one.rows * one.columns / 4) * 6 + 4096; }

/// The element of the structured operand as the product sees it: [rows, k].
int64_t structured_place(const matrix &one, int operation, int64_t row, int64_t k) {
    return operation ? one.place(k, row) : one.place(row, k);
}
int64_t structured_rows(const matrix &one, int operation) { return operation ? one.columns : one.rows; }
int64_t structured_depth(const matrix &one, int operation) { return operation ? one.rows : one.columns; }

int init(matrix *one, int64_t rows, int64_t columns, int64_t leading, uint32_t alignment, int type, int order,
         bool is_structured) {
    const int64_t unit = is_structured ? 16 : 8;
    if (rows % unit || columns % unit || leading % unit || alignment % 16) return not_supported;
    if (leading < (order == 2 ? columns : rows)) return invalid_value;
    *one = {mark, rows, columns, leading, alignment, type, order, is_structured};
    return success;
}

}  // namespace

extern "C" {

const char *cusparseLtGetErrorString(int code) { return code ? "CUSPARSE_STATUS_EMULATED" : "CUSPARSE_STATUS_SUCCESS"; }
int cusparseLtGetProperty(int property, int *value) {
    *value = property == 0 ? 0 : property == 1 ? 7 : 1;
    return success;
}
int cusparseLtInit(uint64_t *handle) {
    *handle = mark;
    return success;
}
int cusparseLtDestroy(const uint64_t *handle) { return *handle == mark ? success : invalid_value; }
int cusparseLtDenseDescriptorInit(const uint64_t *, matrix *one, int64_t rows, int64_t columns, int64_t leading,
                                  uint32_t alignment, int type, int order) {
    return init(one, rows, columns, leading, alignment, type, order, false);
}
int cusparseLtStructuredDescriptorInit(const uint64_t *, matrix *one, int64_t rows, int64_t columns, int64_t leading,
                                       uint32_t alignment, int type, int order, int sparsity) {
    return sparsity ? not_supported : init(one, rows, columns, leading, alignment, type, order, true);
}
int cusparseLtMatDescriptorDestroy(const matrix *one) { return is_made(one) ? success : invalid_value; }
int cusparseLtMatmulDescriptorInit(const uint64_t *, product *one, int operation_a, int operation_b, const matrix *a,
                                   const matrix *b, const matrix *c, const matrix *d, int compute) {
    if (!is_made(a) || !is_made(b) || !is_made(c) || !is_made(d) || compute != 2) return invalid_value;
    // Exactly one operand is structured, all are of one 16-bit type.
    if (a->is_structured == b->is_structured || c->is_structured || d->is_structured) return not_supported;
    if (a->type == emulation::float32 || b->type != a->type || c->type != a->type || d->type != a->type) return not_supported;
    const int64_t rows = operation_a ? a->columns : a->rows, depth = operation_a ? a->rows : a->columns;
    const int64_t columns = operation_b ? b->rows : b->columns;
    if ((operation_b ? b->columns : b->rows) != depth || d->rows != rows || d->columns != columns || c->rows != rows ||
        c->columns != columns) {
        return invalid_value;
    }
    *one = {mark, operation_a, operation_b, *a, *b, *c, *d, nullptr};
    return success;
}
int cusparseLtMatmulDescSetAttribute(const uint64_t *, product *one, int attribute, const void *value, size_t size) {
    if (attribute != 8 || size != sizeof(void *)) return not_supported;
    memcpy(&one->bias, value, size);
    return success;
}
int cusparseLtMatmulAlgSelectionInit(const uint64_t *, selection *one, const product *of, int) {
    if (!is_made(of)) return invalid_value;
    *one = {mark, *of, 0, 1, 0, 0};
    return success;
}
int cusparseLtMatmulAlgSelectionDestroy(const selection *one) { return is_made(one) ? success : invalid_value; }

static int *attribute_place(selection *one, int attribute) {
    switch (attribute) {
        case 0: return &one->identifier;
        case 3: return &one->split;
        case 4: return &one->split_mode;
        case 5: return &one->split_buffers;
        default: return nullptr;
    }
}
int cusparseLtMatmulAlgSetAttribute(const uint64_t *, selection *one, int attribute, const void *value, size_t) {
    int *place = attribute_place(one, attribute);
    if (!place) return not_supported;
    memcpy(place, value, 4);
    return success;
}
int cusparseLtMatmulAlgGetAttribute(const uint64_t *, const selection *one, int attribute, void *value, size_t) {
    if (attribute == 1) {
        const int most = 3;
        memcpy(value, &most, 4);
        return success;
    }
    const int *place = attribute_place((selection *)one, attribute);
    if (!place) return not_supported;
    memcpy(value, place, 4);
    return success;
}
/// The selection must live as long as the plan: it is where a search leaves what it found.
int cusparseLtMatmulPlanInit(const uint64_t *, plan *one, const product *of, const selection *by) {
    if (!is_made(of) || !is_made(by)) return invalid_value;
    *one = {mark, *of, (selection *)by};
    return success;
}
int cusparseLtMatmulPlanDestroy(const plan *one) { return is_made(one) ? success : invalid_value; }
int cusparseLtMatmulGetWorkspace(const uint64_t *, const plan *, size_t *size) {
    *size = 512;
    return success;
}
int cusparseLtSpMMAPruneCheck2(const uint64_t *, const matrix *one, int, int operation, const void *dense, int *valid,
                               void *on) {
    guard held(emulation::lock());
    if (!emulation::is_allocated(dense, one->bytes()) || !emulation::is_allocated(valid, 4)) return invalid_value;
    const matrix m = *one;
    emulation::enqueue(on, [=] {
        int is_wrong = 0;
        for (int64_t row = 0; row < structured_rows(m, operation); row++) {
            for (int64_t first = 0; first < structured_depth(m, operation); first += 4) {
                int count = 0;
                for (int64_t k = first; k < first + 4; k++) {
                    count += emulation::read_number(dense, structured_place(m, operation, row, k), m.type) != 0;
                }
                is_wrong |= count > 2;
            }
        }
        *valid = is_wrong;
    });
    return success;
}
int cusparseLtSpMMACompressedSize2(const uint64_t *, const matrix *one, size_t *compressed, size_t *scratch) {
    *compressed = compressed_bytes(*one);
    *scratch = 256;
    return success;
}
int cusparseLtSpMMACompress2(const uint64_t *, const matrix *one, int, int operation, const void *dense, void *compressed,
                             void *scratch, void *on) {
    guard held(emulation::lock());
    if (!emulation::is_allocated(dense, one->bytes()) || !emulation::is_allocated(compressed, compressed_bytes(*one)) ||
        !emulation::is_allocated(scratch, 256)) {
        return invalid_value;
    }
    const matrix m = *one;
    emulation::enqueue(on, [=] {
        uint16_t *values = (uint16_t *)compressed;
        uint8_t *places = (uint8_t *)(values + m.rows * m.columns / 2);
        int64_t next = 0;
        for (int64_t row = 0; row < structured_rows(m, operation); row++) {
            for (int64_t first = 0; first < structured_depth(m, operation); first += 4) {
                int count = 0;
                for (int64_t k = 0; k < 4 && count < 2; k++) {
                    const uint16_t bits = ((const uint16_t *)dense)[structured_place(m, operation, row, first + k)];
                    if ((bits & 0x7fff) == 0) continue;
                    values[next] = bits;
                    places[next++] = (uint8_t)k;
                    count++;
                }
                for (; count < 2; count++) {
                    values[next] = 0;
                    places[next++] = 0;
                }
            }
        }
    });
    return success;
}

static int multiply(const plan *one, float alpha, const void *a, const void *b, float beta, const void *c, void *d,
                    void *workspace, void *on) {
    const product p = one->of;
    const bool is_first = p.a.is_structured;
    const matrix weight = is_first ? p.a : p.b, input = is_first ? p.b : p.a;
    const int weight_operation = is_first ? p.operation_a : !p.operation_b;
    const int input_operation = is_first ? p.operation_b : !p.operation_a;
    const void *compressed = is_first ? a : b, *values = is_first ? b : a;
    if (!emulation::is_allocated(compressed, compressed_bytes(weight)) || !emulation::is_allocated(values, input.bytes()) ||
        !emulation::is_allocated(d, p.d.bytes()) || !emulation::is_allocated(workspace, 512)) {
        emulation::refuse("a sparse product leaves its allocations");
    }
    const int64_t rows = structured_rows(weight, weight_operation), depth = structured_depth(weight, weight_operation);
    const int64_t columns = is_first ? p.d.columns : p.d.rows;
    if (p.bias && !emulation::is_allocated(p.bias, p.d.rows * 2)) emulation::refuse("a sparse product's bias leaves its allocation");
    emulation::enqueue(on, [=] {
        const uint16_t *kept = (const uint16_t *)compressed;
        const uint8_t *places = (const uint8_t *)(kept + weight.rows * weight.columns / 2);
        for (int64_t row = 0; row < rows; row++) {
            for (int64_t column = 0; column < columns; column++) {
                float sum = 0;
                for (int64_t i = 0; i < depth / 2; i++) {
                    const int64_t next = row * (depth / 2) + i, k = i / 2 * 4 + places[next];
                    // The input is [k, column] in the product's eyes, or its transpose where the weight comes second.
                    const int64_t place = input_operation ? input.place(column, k) : input.place(k, column);
                    sum += emulation::read_number(kept, next, weight.type) * emulation::read_number(values, place, input.type);
                }
                const int64_t place = is_first ? p.d.place(row, column) : p.d.place(column, row);
                sum *= alpha;
                if (beta != 0) sum += beta * emulation::read_number(c, place, p.c.type);
                if (p.bias) sum += emulation::read_number(p.bias, is_first ? row : column, p.d.type);
                emulation::write_number(d, place, p.d.type, sum);
            }
        }
    });
    return success;
}

int cusparseLtMatmul(const uint64_t *, plan *one, const float *alpha, const void *a, const void *b, const float *beta,
                     const void *c, void *d, void *workspace, void **streams, int stream_count) {
    guard held(emulation::lock());
    if (!is_made(one) || stream_count > 1) return invalid_value;
    return multiply(one, *alpha, a, b, *beta, c, d, workspace, stream_count ? streams[0] : nullptr);
}
int cusparseLtMatmulSearch(const uint64_t *handle, plan *one, const float *alpha, const void *a, const void *b,
                           const float *beta, const void *c, void *d, void *workspace, void **streams, int stream_count) {
    if (!is_made(one) || !is_made(one->by)) return invalid_value;
    one->by->identifier = 2;
    return cusparseLtMatmul(handle, one, alpha, a, b, beta, c, d, workspace, streams, stream_count);
}

}  // extern "C"
