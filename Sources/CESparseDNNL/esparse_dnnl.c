// Matrix products by oneDNN, run on the calling thread: our own threads split the output, oneDNN's never start.
#define _GNU_SOURCE
#include "esparse_dnnl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include <oneapi/dnnl/dnnl.h>

enum { max_arguments = 5 };

struct esparse_dnnl_matmul {
    dnnl_primitive_t primitive;
    dnnl_primitive_desc_t description;
    size_t scratch_bytes;
    esparse_dnnl_shape shape;
};

static dnnl_engine_t engine;
static const char *refusal;
static void (*set_openmp_threads)(int);
static pthread_key_t stream_key;
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;

static void destroy_stream(void *stream) { dnnl_stream_destroy(stream); }

const char *esparse_dnnl_refusal(unsigned runtime, int has_openmp) {
    switch (runtime) {
        case DNNL_RUNTIME_SEQ: return NULL;
        case DNNL_RUNTIME_OMP: return has_openmp ? NULL : "an OpenMP that is linked where it cannot be reached";
        case DNNL_RUNTIME_TBB: return "oneTBB";
        case DNNL_RUNTIME_THREADPOOL: return "a thread pool";
        case DNNL_RUNTIME_NONE: return "no CPU runtime";
        default: return "an unknown runtime";
    }
}

static void create_engine(void) {
    set_openmp_threads = (void (*)(int))dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    refusal = esparse_dnnl_refusal(dnnl_version()->cpu_runtime, set_openmp_threads != NULL);
    if (refusal) return;
    if (pthread_key_create(&stream_key, destroy_stream)) return;
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success) engine = NULL;
}

/// Keeps oneDNN's OpenMP loops on the thread that calls; the setting belongs to each thread.
static void stay_on_this_thread(void) {
    static __thread int is_done;
    if (is_done) return;
    if (set_openmp_threads) set_openmp_threads(1);
    is_done = 1;
}

/// The calling thread's stream, made at first use and destroyed with the thread.
static dnnl_stream_t thread_stream(void) {
    dnnl_stream_t stream = pthread_getspecific(stream_key);
    if (stream) return stream;
    if (dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) != dnnl_success) return NULL;
    if (pthread_setspecific(stream_key, stream)) {
        dnnl_stream_destroy(stream);
        return NULL;
    }
    return stream;
}

static int append_sum(dnnl_post_ops_t operations) {
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_post_ops_append_sum(operations, 1.0f, 0, dnnl_data_type_undef);
#else
    return dnnl_post_ops_append_sum(operations, 1.0f);
#endif
}

static int add_to_output(dnnl_primitive_attr_t attributes) {
    dnnl_post_ops_t operations = NULL;
    int failed = dnnl_post_ops_create(&operations) || append_sum(operations) ||
                 dnnl_primitive_attr_set_post_ops(attributes, operations);
    if (operations) dnnl_post_ops_destroy(operations);
    return failed;
}

/// NULL when any setting is refused: a product that forgot to accumulate would be wrong in silence.
static dnnl_primitive_attr_t create_attributes(int accumulates) {
    dnnl_primitive_attr_t attributes = NULL;
    if (dnnl_primitive_attr_create(&attributes)) return NULL;
    if (dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user) ||
        (accumulates && add_to_output(attributes))) {
        dnnl_primitive_attr_destroy(attributes);
        return NULL;
    }
    return attributes;
}

static dnnl_data_type_t operand_type(const esparse_dnnl_shape *shape) {
    return shape->is_bfloat16 ? dnnl_bf16 : dnnl_f32;
}

static int create_description(const esparse_dnnl_shape *shape, dnnl_primitive_attr_t attributes,
                              dnnl_primitive_desc_t *description) {
    dnnl_data_type_t type = operand_type(shape);
    dnnl_dims_t input_sizes = {shape->tokens, shape->columns}, input_strides = {shape->input_stride, 1};
    dnnl_dims_t weight_sizes = {shape->columns, shape->rows}, weight_strides = {1, shape->weight_stride};
    dnnl_dims_t output_sizes = {shape->tokens, shape->rows}, output_strides = {shape->output_stride, 1};
    dnnl_dims_t bias_sizes = {1, shape->rows}, bias_strides = {shape->rows, 1};
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_t input = NULL, weights = NULL, bias = NULL, output = NULL;
    int failed = dnnl_memory_desc_create_with_strides(&input, 2, input_sizes, type, input_strides) ||
                 (shape->packs_weights
                      ? dnnl_memory_desc_create_with_tag(&weights, 2, weight_sizes, type, dnnl_format_tag_any)
                      : dnnl_memory_desc_create_with_strides(&weights, 2, weight_sizes, type, weight_strides)) ||
                 dnnl_memory_desc_create_with_strides(&output, 2, output_sizes, dnnl_f32, output_strides) ||
                 dnnl_memory_desc_create_with_strides(&bias, 2, bias_sizes, dnnl_f32, bias_strides);
    if (!failed) {
        failed = dnnl_matmul_primitive_desc_create(description, engine, input, weights, shape->has_bias ? bias : NULL,
                                                   output, attributes);
    }
    if (input) dnnl_memory_desc_destroy(input);
    if (weights) dnnl_memory_desc_destroy(weights);
    if (bias) dnnl_memory_desc_destroy(bias);
    if (output) dnnl_memory_desc_destroy(output);
    return failed;
#else
    dnnl_memory_desc_t input, weights, bias, output;
    dnnl_matmul_desc_t operation;
    return dnnl_memory_desc_init_by_strides(&input, 2, input_sizes, type, input_strides) ||
           (shape->packs_weights
                ? dnnl_memory_desc_init_by_tag(&weights, 2, weight_sizes, type, dnnl_format_tag_any)
                : dnnl_memory_desc_init_by_strides(&weights, 2, weight_sizes, type, weight_strides)) ||
           dnnl_memory_desc_init_by_strides(&output, 2, output_sizes, dnnl_f32, output_strides) ||
           dnnl_memory_desc_init_by_strides(&bias, 2, bias_sizes, dnnl_f32, bias_strides) ||
           dnnl_matmul_desc_init(&operation, &input, &weights, shape->has_bias ? &bias : NULL, &output) ||
           dnnl_primitive_desc_create(description, &operation, attributes, engine, NULL);
#endif
}

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t memory_description;
#else
typedef const dnnl_memory_desc_t *memory_description;
#endif

esparse_dnnl_matmul *esparse_dnnl_matmul_create(const esparse_dnnl_shape *shape) {
    pthread_once(&engine_once, create_engine);
    if (!engine) return NULL;
    stay_on_this_thread();
    esparse_dnnl_matmul *matmul = calloc(1, sizeof *matmul);
    dnnl_primitive_attr_t attributes = create_attributes(shape->accumulates);
    int failed = !matmul || !attributes || create_description(shape, attributes, &matmul->description) ||
                 dnnl_primitive_create(&matmul->primitive, matmul->description);
    if (attributes) dnnl_primitive_attr_destroy(attributes);
    if (failed) {
        esparse_dnnl_matmul_destroy(matmul);
        return NULL;
    }
    memory_description scratch =
        dnnl_primitive_desc_query_md(matmul->description, dnnl_query_scratchpad_md, 0);
    matmul->scratch_bytes = scratch ? dnnl_memory_desc_get_size(scratch) : 0;
    matmul->shape = *shape;
    return matmul;
}

void esparse_dnnl_matmul_destroy(esparse_dnnl_matmul *matmul) {
    if (!matmul) return;
    if (matmul->primitive) dnnl_primitive_destroy(matmul->primitive);
    if (matmul->description) dnnl_primitive_desc_destroy(matmul->description);
    free(matmul);
}

size_t esparse_dnnl_matmul_scratch_bytes(const esparse_dnnl_matmul *matmul) { return matmul->scratch_bytes; }

size_t esparse_dnnl_matmul_weight_bytes(const esparse_dnnl_matmul *matmul) {
    return dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(matmul->description, dnnl_query_weights_md, 0));
}

/// Runs a reorder between two descriptions of the same weights.
static int reorder(memory_description plain, memory_description packed, const void *weights, void *output) {
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_exec_arg_t arguments[2] = {{DNNL_ARG_FROM, NULL}, {DNNL_ARG_TO, NULL}};
    dnnl_stream_t stream = thread_stream();
    int code = stream ? 0 : dnnl_out_of_memory;
    if (!code) code = dnnl_reorder_primitive_desc_create(&description, plain, engine, packed, engine, NULL);
    if (!code) code = dnnl_primitive_create(&primitive, description);
    if (!code) code = dnnl_memory_create(&arguments[0].memory, plain, engine, (void *)weights);
    if (!code) code = dnnl_memory_create(&arguments[1].memory, packed, engine, output);
    if (!code) code = dnnl_primitive_execute(primitive, stream, 2, arguments);
    if (!code) code = dnnl_stream_wait(stream);
    for (int i = 0; i < 2; i++) {
        if (arguments[i].memory) dnnl_memory_destroy(arguments[i].memory);
    }
    if (primitive) dnnl_primitive_destroy(primitive);
    if (description) dnnl_primitive_desc_destroy(description);
    return code;
}

int esparse_dnnl_matmul_pack(const esparse_dnnl_matmul *matmul, const void *weights, void *packed) {
    stay_on_this_thread();
    const esparse_dnnl_shape *shape = &matmul->shape;
    memory_description target = dnnl_primitive_desc_query_md(matmul->description, dnnl_query_weights_md, 0);
    dnnl_dims_t sizes = {shape->columns, shape->rows}, strides = {1, shape->weight_stride};
    dnnl_memory_desc_t plain;
#if DNNL_VERSION_MAJOR >= 3
    int code = dnnl_memory_desc_create_with_strides(&plain, 2, sizes, operand_type(shape), strides);
    if (code) return code;
    code = reorder(plain, target, weights, packed);
    dnnl_memory_desc_destroy(plain);
    return code;
#else
    int code = dnnl_memory_desc_init_by_strides(&plain, 2, sizes, operand_type(shape), strides);
    return code ? code : reorder(&plain, target, weights, packed);
#endif
}

const char *esparse_dnnl_loaded_refusal(void) {
    pthread_once(&engine_once, create_engine);
    return refusal;
}

int esparse_dnnl_matmul_run(const esparse_dnnl_matmul *matmul, const void *input, const void *weights,
                            const float *bias, float *output, void *scratch) {
    stay_on_this_thread();
    dnnl_stream_t stream = thread_stream();
    if (!stream) return dnnl_out_of_memory;
    const struct {
        int argument;
        dnnl_query_t query;
        int index;
        const void *data;
    } operands[max_arguments] = {
        {DNNL_ARG_SRC, dnnl_query_src_md, 0, input},
        {DNNL_ARG_WEIGHTS, dnnl_query_weights_md, 0, weights},
        {DNNL_ARG_DST, dnnl_query_dst_md, 0, output},
        {DNNL_ARG_SCRATCHPAD, dnnl_query_scratchpad_md, 0, scratch},
        {DNNL_ARG_BIAS, dnnl_query_weights_md, 1, bias},
    };
    int count = matmul->shape.has_bias ? max_arguments : max_arguments - 1;
    dnnl_exec_arg_t arguments[max_arguments];
    int made = 0;
    int code = 0;
    for (; made < count && !code; made += !code) {
        memory_description description =
            dnnl_primitive_desc_query_md(matmul->description, operands[made].query, operands[made].index);
        arguments[made].arg = operands[made].argument;
        code = dnnl_memory_create(&arguments[made].memory, description, engine, (void *)operands[made].data);
    }
    if (!code) code = dnnl_primitive_execute(matmul->primitive, stream, count, arguments);
    if (!code) code = dnnl_stream_wait(stream);
    for (int i = 0; i < made; i++) dnnl_memory_destroy(arguments[i].memory);
    return code;
}

int esparse_dnnl_sgemm(int is_transposed, int64_t rows, int64_t columns, int64_t inner, float scale, const float *left,
                       int64_t left_stride, const float *right, int64_t right_stride, float keep, float *output,
                       int64_t output_stride) {
    pthread_once(&engine_once, create_engine);
    if (refusal) return dnnl_runtime_error;
    stay_on_this_thread();
    return dnnl_sgemm(is_transposed ? 'T' : 'N', 'N', rows, columns, inner, scale, left, left_stride, right,
                      right_stride, keep, output, output_stride);
}
