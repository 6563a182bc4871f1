// One timed run of a GGUF file by llama.cpp's library, as `esparse benchmark model` runs its own: a random prompt into an
// empty cache, then greedy decoding from there, after a short run that is not counted. llama-cpp.sh compiles it.
// Both are measured with and without flash attention, and the faster is printed: on a processor it speeds prompts up and, after
// 512 tokens, nearly halves the speed of decoding.
// Usage: llama_cpp_run FILE.gguf PROMPT-TOKENS GENERATED-TOKENS THREADS; prints JSON, with the types of the matrices that
// llama.cpp repacked for AMX as it loaded them.
#include <llama.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/// What the log of loading says about AMX: the types of repacked matrices as JSON strings, and all their bytes.
static char amx_types[256];
static double amx_mebibytes;

static void read_log(enum ggml_log_level level, const char *text, void *data) {
    (void)data;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
    const char *size = strstr(text, "AMX model buffer size =");
    if (size != NULL) amx_mebibytes += atof(strchr(size, '=') + 1);
    const char *type = strstr(text, " of type ");
    if (strstr(text, "amx repack tensor") == NULL || type == NULL) return;
    char name[32], quoted[40];
    if (sscanf(type, " of type %31s", name) != 1) return;
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    bool known = strstr(amx_types, quoted) != NULL, fits = strlen(amx_types) + strlen(quoted) + 3 < sizeof amx_types;
    if (known || !fits) return;
    if (amx_types[0] != 0) strcat(amx_types, ", ");
    strcat(amx_types, quoted);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/// Runs tokens after those in the cache and returns the likeliest next one.
static llama_token next_token(struct llama_context *context, llama_token *tokens, int count, int vocabulary) {
    if (llama_decode(context, llama_batch_get_one(tokens, count)) != 0) exit(1);
    const float *logits = llama_get_logits_ith(context, -1);
    llama_token best = 0;
    for (llama_token token = 1; token < vocabulary; token++) {
        if (logits[token] > logits[best]) best = token;
    }
    return best;
}

/// Fills `times` with the seconds until the first token and from there to the last.
static void measure(struct llama_context *context, int prompt, int generated, int vocabulary, double times[2]) {
    llama_token *tokens = malloc(sizeof *tokens * (size_t)prompt);
    srand(0);
    for (int index = 0; index < prompt; index++) tokens[index] = rand() % vocabulary;
    llama_memory_clear(llama_get_memory(context), true);
    double start = seconds();
    llama_token token = next_token(context, tokens, prompt, vocabulary);
    double first = seconds();
    for (int step = 1; step < generated; step++) token = next_token(context, &token, 1, vocabulary);
    times[0] = first - start;
    times[1] = seconds() - first;
    free(tokens);
}

int main(int count, char **words) {
    if (count != 5) return 64;
    int prompt = atoi(words[2]), generated = atoi(words[3]), threads = atoi(words[4]);
    llama_log_set(read_log, NULL);
    llama_backend_init();
    struct llama_model *model = llama_model_load_from_file(words[1], llama_model_default_params());
    if (model == NULL) return 1;
    struct llama_context_params settings = llama_context_default_params();
    settings.n_ctx = (uint32_t)(prompt + generated);
    settings.n_batch = settings.n_ubatch = 512;
    settings.n_threads = settings.n_threads_batch = threads;
    int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
    const enum llama_flash_attn_type kinds[] = {LLAMA_FLASH_ATTN_TYPE_ENABLED, LLAMA_FLASH_ATTN_TYPE_DISABLED};
    double best[2] = {INFINITY, INFINITY};
    for (int kind = 0; kind < 2; kind++) {
        settings.flash_attn_type = kinds[kind];
        struct llama_context *context = llama_init_from_model(model, settings);
        if (context == NULL) return 1;
        double times[2];
        measure(context, prompt < 64 ? prompt : 64, 2, vocabulary, times);
        measure(context, prompt, generated, vocabulary, times);
        for (int part = 0; part < 2; part++) best[part] = fmin(best[part], times[part]);
        llama_free(context);
    }
    printf("{\"prefill_tokens_per_second\": %f, \"decode_tokens_per_second\": %f, \"amx_types\": [%s], "
           "\"amx_mebibytes\": %.1f, \"system\": \"%s\"}\n",
           prompt / best[0], (generated - 1) / best[1], amx_types, amx_mebibytes, llama_print_system_info());
    llama_model_free(model);
    return 0;
}
