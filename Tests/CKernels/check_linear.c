// Checks the linear kernels of every table this processor can run against a plain product in double precision, on random
// linears. Usage: check_linear [ROUNDS [TABLE,...]]
#include "random_linear.h"

static int failures;

static void fail(const char *set, const char *what, const random_linear *linear) {
    if (failures++ >= 20) return;
    printf("%s %s: R %d, C %d, T %d, element %d, pattern %d:%d\n", set, what, (int)linear->rows.rows,
           (int)linear->rows.columns, linear->tokens, linear->element, linear->kept, linear->group);
}

/// An f32 sum of n products in any order is within n u times the sum of magnitudes, u = 2^-24 (Higham, section 3.1).
static double bound(const random_linear *linear) { return (double)(linear->rows.columns + 3) * 0x1p-24; }

/// Output as it is before a product.
static float *old_output(const random_linear *linear) {
    const size_t bytes = (size_t)(linear->tokens * linear->rows.rows) * 4;
    float *output = buffer(bytes);
    memcpy(output, linear->old, bytes);
    return output;
}

/// A run of a linear's rows.
static esparse_rows row_run(const random_linear *linear, int64_t first, int64_t count) {
    const esparse_rows *rows = &linear->rows;
    esparse_rows run = *rows;
    const int64_t bytes = linear->element == float32 ? 4 : 2;
    run.weights = (const char *)rows->weights + first * rows->kept_per_row * bytes;
    run.bitmask = rows->bitmask ? rows->bitmask + first * rows->mask_stride : NULL;
    run.bias = rows->bias ? rows->bias + first : NULL;
    run.rows = count;
    return run;
}

static void check_few(const char *set, const esparse_format_kernels *kernels, const random_linear *linear) {
    const esparse_rows *rows = &linear->rows;
    const int64_t stride = (rows->columns + 31) / 32 * 32;
    float *packed = buffer((size_t)(linear->tokens * stride) * 4);
    float *output = old_output(linear), *alone = old_output(linear);
    kernels->pack(rows, 0, linear->input, linear->tokens, packed, stride);
    kernels->few(rows, packed, stride, linear->tokens, output, rows->rows, linear->accumulates);
    if (!is_near(linear, output, bound(linear))) fail(set, "few", linear);
    for (int64_t i = 0; i < linear->tokens * rows->rows; i++) {
        esparse_rows one = row_run(linear, i % rows->rows, 1);
        kernels->few(&one, packed + i / rows->rows * stride, stride, 1, alone + i, rows->rows, linear->accumulates);
    }
    if (memcmp(output, alone, (size_t)(linear->tokens * rows->rows) * 4)) {
        fail(set, "few, bits of one row and token", linear);
    }
    free(packed), free(output), free(alone);
}

static void check_widening(const char *set, const esparse_format_kernels *kernels, const random_linear *linear) {
    const int64_t count = linear->rows.rows * linear->rows.columns;
    float *widened = buffer((size_t)count * 4);
    int is_right = 1;
    kernels->widen(&linear->rows, widened);
    for (int64_t i = 0; i < count; i++) is_right &= widened[i] == linear->dense[i];
    if (linear->group && linear->element == bfloat16) {
        uint16_t *expanded = buffer((size_t)count * 2);
        kernels->expand(&linear->rows, expanded);
        for (int64_t i = 0; i < count; i++) is_right &= of_bits((uint32_t)expanded[i] << 16) == linear->dense[i];
        free(expanded);
    }
    if (!is_right) fail(set, "widen or expand", linear);
    free(widened);
}

/// Output of a product of rows [first, first + count) by tiles of `tile_tokens`.
static void multiply_many(const esparse_many_kernels *kernels, int rounds, const random_linear *linear, int64_t first,
                          int64_t count, int64_t tile_tokens, float *output) {
    const int64_t columns = linear->rows.columns, tiles = (linear->tokens + tile_tokens - 1) / tile_tokens;
    const esparse_rows run = row_run(linear, first, count);
    void *memory = NULL, *scratch = NULL;
    if (posix_memalign(&memory, 64, (size_t)(tiles * columns * tile_tokens * kernels->value_bytes)) ||
        posix_memalign(&scratch, 64, kernels->scratch(&run, linear->tokens, tile_tokens))) {
        exit(2);
    }
    // In two pieces, of any size.
    const int64_t cut = below((int)columns + 1);
    kernels->transpose(rounds, linear->input, linear->tokens, columns, 0, cut, tile_tokens, memory);
    kernels->transpose(rounds, linear->input, linear->tokens, columns, cut, columns - cut, tile_tokens, memory);
    kernels->multiply(&run, memory, linear->tokens, tile_tokens, output + first, linear->rows.rows, linear->accumulates,
                      scratch);
    free(memory), free(scratch);
}

/// `factor` times the bound of sums is allowed: `vdpbf16ps` rounds at most twice a product.
static void check_many(const char *set, const esparse_many_kernels *kernels, int rounds, double factor,
                       const random_linear *linear) {
    const int64_t rows = linear->rows.rows, tile_tokens = kernels->tile_tokens(linear->tokens);
    float *output = old_output(linear), *pieces = old_output(linear);
    multiply_many(kernels, rounds, linear, 0, rows, tile_tokens, output);
    if (!is_near(linear, output, factor * bound(linear))) fail(set, "many", linear);
    // Neither the cut of the rows nor the size of a tile changes any bit.
    const int64_t first = below((int)rows + 1), other = kernels->tile_tokens(1 + below(300));
    if (first) multiply_many(kernels, rounds, linear, 0, first, tile_tokens, pieces);
    if (first < rows) multiply_many(kernels, rounds, linear, first, rows - first, other, pieces);
    if (memcmp(output, pieces, (size_t)(linear->tokens * rows) * 4)) fail(set, "many, bits of pieces", linear);
    free(output), free(pieces);
}

// MARK: Panels

/// A linear's panels in memory of their own and of exactly their size.
typedef struct {
    esparse_rows rows;
    uint8_t *panels;
    const uint8_t **spilled;
} panel_case;

static void free_panels(panel_case *panels) {
    const int64_t count = panels->spilled ? (panels->rows.rows + 7) / 8 : 0;
    for (int64_t panel = 0; panel < count; panel++) free((void *)panels->spilled[panel]);
    free(panels->spilled), free(panels->panels);
}

static uint8_t *aligned_buffer(size_t bytes) {
    void *memory = NULL;
    if (posix_memalign(&memory, 64, bytes)) exit(2);
    memset(memory, 0xA5, bytes);
    return memory;
}

/// A linear's rows in panels of a format; none where they do not suit: groups must divide the eight columns of a span. Of
/// compact panels those spill that must, and a few that need not.
static panel_case in_panels(const esparse_linear_kernels *set, const random_linear *linear, esparse_format format) {
    const int is_compact = format == esparse_compact_panels;
    const esparse_format plain_format = panel_formats[linear->element];
    const esparse_format_kernels functions = set->functions(format), plain_functions = set->functions(plain_format);
    const esparse_format_kernels *kernels = &functions, *plain_kernels = &plain_functions;
    panel_case result = {.rows = linear->rows};
    esparse_rows plain = linear->rows;
    result.rows.format = format, plain.format = plain_format;
    const int64_t bytes = linear->group && 8 % linear->group == 0 ? kernels->panel_bytes(&result.rows) : 0;
    const int64_t count = (plain.rows + 7) / 8, plain_bytes = plain_kernels->panel_bytes(&plain);
    if (!bytes) return result;
    result.panels = aligned_buffer((size_t)(bytes * count));
    if (is_compact) result.spilled = buffer((size_t)count * sizeof *result.spilled);
    for (int64_t panel = 0; panel < count; panel++) {
        const int64_t rows = plain.rows - panel * 8 < 8 ? plain.rows - panel * 8 : 8;
        esparse_rows run = row_run(linear, panel * 8, rows);
        run.format = format;
        const esparse_fill outcome = kernels->fill(&run, result.panels + panel * bytes);
        if (outcome == esparse_fill_wrong || (outcome == esparse_fill_spills && !is_compact)) exit(3);
        if (outcome == esparse_fill_done && (!is_compact || below(4))) continue;
        memset(result.panels + panel * bytes, 0xA5, (size_t)bytes);
        uint8_t *spilled = aligned_buffer((size_t)plain_bytes);
        run.format = plain_format;
        if (plain_kernels->fill(&run, spilled) != esparse_fill_done) exit(3);
        result.spilled[panel] = spilled;
    }
    result.rows.panels = result.panels, result.rows.spilled = result.spilled;
    result.rows.weights = NULL, result.rows.bitmask = NULL;
    return result;
}

/// Rows from a multiple of eight on.
static esparse_rows panel_run(const esparse_format_kernels *kernels, const esparse_rows *rows, int64_t first,
                              int64_t count) {
    esparse_rows run = *rows;
    run.panels = rows->panels + first / 8 * kernels->panel_bytes(rows);
    run.spilled = rows->spilled ? rows->spilled + first / 8 : NULL;
    run.bias = rows->bias ? rows->bias + first : NULL;
    run.rows = count;
    return run;
}

static void multiply_few_panels(const esparse_format_kernels *kernels, const esparse_rows *rows, const float *input,
                                int64_t tokens, float *output, int64_t output_stride, int accumulates) {
    const int64_t stride = (rows->columns + 31) / 32 * 32;
    float *packed = buffer((size_t)((tokens + 7) / 8 * 8 * stride) * 4);
    kernels->pack(rows, 0, input, tokens, packed, stride);
    kernels->few(rows, packed, stride, tokens, output, output_stride, accumulates);
    free(packed);
}

static void multiply_many_panels(const esparse_many_kernels *kernels, const random_linear *linear,
                                 const esparse_rows *rows, int64_t tile_tokens, float *output) {
    const int64_t columns = rows->columns, tiles = (linear->tokens + tile_tokens - 1) / tile_tokens;
    void *memory = NULL, *scratch = NULL;
    if (posix_memalign(&memory, 64, (size_t)(tiles * columns * tile_tokens * kernels->value_bytes)) ||
        posix_memalign(&scratch, 64, kernels->scratch(rows, linear->tokens, tile_tokens))) {
        exit(2);
    }
    kernels->transpose(0, linear->input, linear->tokens, columns, 0, columns, tile_tokens, memory);
    kernels->multiply(rows, memory, linear->tokens, tile_tokens, output, linear->rows.rows, linear->accumulates,
                      scratch);
    free(memory), free(scratch);
}

/// All kernels of panels give the same bits, whatever the cut of rows and tokens; they are near what they must be.
static void check_panels(const char *set, const esparse_linear_kernels *table, const random_linear *linear,
                         esparse_format format) {
    const esparse_format_kernels functions = table->functions(format), *kernels = &functions;
    panel_case panels = in_panels(table, linear, format);
    const esparse_rows rows = panels.rows;
    if (!rows.panels) return;
    const int64_t first = below((int)rows.rows / 8 + 1) * 8, tokens = linear->tokens;
    const int64_t count = rows.rows * rows.columns;
    float *few = old_output(linear), *many = old_output(linear), *pieces = old_output(linear);
    multiply_few_panels(kernels, &rows, linear->input, tokens, few, rows.rows, linear->accumulates);
    if (!is_near(linear, few, bound(linear))) fail(set, "few of panels", linear);
    for (int64_t token = 0, step; token < tokens; token += step) {
        step = 1 + below((int)(tokens - token));
        const esparse_rows top = panel_run(kernels, &rows, 0, first);
        const esparse_rows bottom = panel_run(kernels, &rows, first, rows.rows - first);
        const float *input = linear->input + token * rows.columns;
        float *place = pieces + token * rows.rows;
        if (first) multiply_few_panels(kernels, &top, input, step, place, rows.rows, linear->accumulates);
        if (first == rows.rows) continue;
        multiply_few_panels(kernels, &bottom, input, step, place + first, rows.rows, linear->accumulates);
    }
    if (memcmp(few, pieces, (size_t)(tokens * rows.rows) * 4)) fail(set, "few of panels, bits of pieces", linear);
    const esparse_many_kernels *sparse = &kernels->many;
    const esparse_rows top = panel_run(kernels, &rows, 0, first);
    const esparse_rows bottom = panel_run(kernels, &rows, first, rows.rows - first);
    if (first) multiply_many_panels(sparse, linear, &top, sparse->tile_tokens(tokens), many);
    if (first < rows.rows) {
        multiply_many_panels(sparse, linear, &bottom, sparse->tile_tokens(1 + below(300)), many + first);
    }
    if (memcmp(few, many, (size_t)(tokens * rows.rows) * 4)) fail(set, "many of panels, bits", linear);

    float *widened = buffer((size_t)count * 4);
    int is_right = 1;
    kernels->widen(&rows, widened);
    for (int64_t i = 0; i < count; i++) is_right &= widened[i] == linear->dense[i];
    if (linear->element == bfloat16) {
        uint16_t *expanded = buffer((size_t)count * 2);
        kernels->expand(&rows, expanded);
        for (int64_t i = 0; i < count; i++) is_right &= of_bits((uint32_t)expanded[i] << 16) == linear->dense[i];
        free(expanded);
    }
    if (!is_right) fail(set, "widen or expand of panels", linear);
    free(few), free(many), free(pieces), free(widened), free_panels(&panels);
}

/// A random linear that suits any kernel of few tokens, or (sparse) of many.
static random_linear any_linear(int is_many, int element, int rounds) {
    static const int patterns[][2] = {{0, 0}, {1, 2}, {2, 4}, {1, 4},  {2, 8},  {4, 8}, {3, 7},
                                      {7, 8}, {4, 4}, {1, 3}, {5, 16}, {1, 16}, {8, 32}};
    const int count = sizeof patterns / sizeof *patterns;
    const int *pattern = patterns[is_many ? 1 + below(count - 1) : below(count)], group = pattern[1];
    const int most = below(4) == 0 ? 300 : 40, most_columns = below(6) == 0 ? 2300 : 2 * most;
    int columns = 1 + below(most_columns), tokens = 1 + below(below(2) ? 9 : 40);
    if (group) columns = columns < group ? group : columns / group * group;
    if (is_many && below(2)) tokens = 1 + below(300);
    return make_linear(1 + below(most), columns, tokens, element, pattern[0], group, rounds);
}

/// Random linears through everything that a table of kernels has for their format.
static void check_linear(const char *name, const esparse_linear_kernels *table, const random_linear *linear,
                         int rounds_input) {
    const esparse_format_kernels functions = table->functions(linear->rows.format), *kernels = &functions;
    if (kernels->few) {
        check_few(name, kernels, linear);
        check_widening(name, kernels, linear);
    }
    if (linear->group && kernels->many.multiply) {
        const int is_bf16 = kernels->many.multiplies_bf16;
        check_many(name, &kernels->many, rounds_input, is_bf16 ? 2 : 1, linear);
    }
    if (table->functions(panel_formats[linear->element]).fill) {
        check_panels(name, table, linear, panel_formats[linear->element]);
        if (linear->element == bfloat16) check_panels(name, table, linear, esparse_compact_panels);
    }
}

static void check_table(const char *name, const esparse_linear_kernels *table, int rounds) {
    const int takes_rounded = table->functions(esparse_masked_bf16).many.multiplies_bf16;
    for (int round = 0; round < rounds; round++) {
        for (int is_many = 0; is_many < 2; is_many++) {
            const int rounds_input = takes_rounded || (is_many && below(2));
            random_linear linear = any_linear(is_many, below(element_count), rounds_input);
            check_linear(name, table, &linear, rounds_input);
            free_linear(&linear);
        }
    }
    printf("%s: %d rounds\n", name, rounds);
}

int main(int count, char **arguments) {
    const esparse_features features = esparse_processor_features();
    const int rounds = count > 1 ? atoi(arguments[1]) : 300;
    const esparse_kernels *table;
    for (int index = 0; (table = esparse_kernels_at(index)); index++) {
        const int is_asked_for = count <= 2 || strstr(arguments[2], table->name);
        if (is_asked_for && table->linear && !(table->features & ~features)) {
            check_table(table->name, table->linear, rounds);
        }
    }
    if (failures) printf("%d checks failed\n", failures);
    return failures != 0;
}
