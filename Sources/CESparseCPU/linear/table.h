// What one SIMD instruction set does with each format, and its table of linears. Included last; the including file
// defines `MANY`, its sparse product of many tokens, and includes the panels' headers if it has panels.

#define PACK(values) (values##_is_bf16 && splits_apart ? pack_separated : pack_in_order)
#define FUNCTIONS_dense(name, values) \
    [esparse_##name] = {.pack = PACK(values), .few = few_##name, .widen = widen_##name},
#define FUNCTIONS_masked(name, values)                                                                 \
    [esparse_##name] = {.pack = PACK(values), .few = few_##name, .widen = widen_##name,                \
                        .expand = values##_is_bf16 ? expand_masked_bf16 : NULL, .many = MANY},
#ifndef FUNCTIONS_panels
#define FUNCTIONS_panels(name, values)
#define FUNCTIONS_compact(name, values)
#endif

static const esparse_format_kernels format_kernels[esparse_format_count] = {
#define FORMAT(name, layout, values) FUNCTIONS_##layout(name, values)
#include "../formats/all.h"
#undef FORMAT
};

static esparse_format_kernels format_functions(esparse_format format) { return format_kernels[format]; }

static const esparse_linear_kernels linear_kernels = {
    .functions = format_functions, .round = round_all, .narrow = narrow, .exponential_sum = exponential_sum,
};
