// What kernels know of each weight format as constants, and the next values of a row in whichever format.
#ifndef ESPARSE_LINEAR_STORAGE_H
#define ESPARSE_LINEAR_STORAGE_H

#include "../formats/all.h"

/// What a format's layout and values mean for kernels.
typedef struct {
    int bytes;       ///< of a value; in compact panels once it is out of them
    int is_bf16;     ///< whether values are bf16, which kernels take two by two
    int is_masked;   ///< whether a bitmask says which columns they belong to
    int is_compact;  ///< whether they are in compact panels
} format_traits;

static const format_traits traits[esparse_format_count] = {
#define FORMAT(name, layout, values)                                                                     \
    [esparse_##name] = {.bytes = values##_bytes, .is_bf16 = values##_is_bf16,                            \
                        .is_masked = IF_MASKED_##layout(1 +) 0, .is_compact = IF_COMPACT_##layout(1 +) 0},
#include "../formats/all.h"
#undef FORMAT
};

/// First stored value of a row.
static inline const char *row_values(const esparse_rows *rows, const int format, int64_t row) {
    return (const char *)rows->weights + row * rows->kept_per_row * traits[format].bytes;
}

#ifdef SIMD
/// The next values of a row, `lanes` columns in their order, zero where none is kept; moves the cursor past what is
/// stored of them. Nothing from `end` on is read where one is given. The format is a constant, here and below.
KERNEL vector next(const int format, const char **cursor, const char *end, const uint8_t *mask) {
    switch (format) {
#define FORMAT(name, layout, values) \
    case esparse_##name: return values##_next(traits[esparse_##name].is_masked, cursor, end, mask);
#include "../formats/all.h"
#undef FORMAT
    }
    __builtin_unreachable();
}

/// The next `2 * lanes` columns in the order of packed input: of bf16 the even ones first where `splits_apart`.
KERNEL vector_pair next_pair(const int format, const char **cursor, const char *end, const uint8_t *mask) {
    switch (format) {
#define FORMAT(name, layout, values) \
    case esparse_##name: return values##_next_pair(traits[esparse_##name].is_masked, cursor, end, mask);
#include "../formats/all.h"
#undef FORMAT
    }
    __builtin_unreachable();
}

/// `count` stored values from `from` on as floats: where they lie, or converted in `buffer`.
KERNEL const float *listed(const int format, const char *from, const char *end, int64_t count, float *buffer) {
    switch (format) {
#define FORMAT(name, layout, values) \
    case esparse_##name: return values##_listed(from, end, count, buffer);
#include "../formats/all.h"
#undef FORMAT
    }
    __builtin_unreachable();
}
#endif

#endif
