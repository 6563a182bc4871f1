// Perplexity of a GGUF file by llama.cpp's library, on windows of tokens that another program made, and whether llama.cpp's own
// tokenizer gives these tokens. llama-cpp-program.sh compiles it.
// Usage: llama_cpp_perplexity FILE.gguf TEXT TOKENS.i32 LENGTH WINDOWS THREADS; prints JSON. TOKENS.i32 has all tokens of TEXT,
// little-endian; the first WINDOWS windows of LENGTH tokens are run.
#include <llama.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read_log(enum ggml_log_level level, const char *text, void *data) {
    (void)data;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

/// The bytes of a file.
static char *contents(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) exit(1);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size + 1);
    if (bytes == NULL || fread(bytes, 1, *size, file) != *size) exit(1);
    fclose(file);
    return bytes;
}

/// Minus the logarithm of the likelihood of a token, from the logits before it.
static double loss(const float *logits, int vocabulary, llama_token token) {
    double largest = logits[0], sum = 0;
    for (int word = 1; word < vocabulary; word++) largest = fmax(largest, logits[word]);
    for (int word = 0; word < vocabulary; word++) sum += exp(logits[word] - largest);
    return largest + log(sum) - logits[token];
}

/// Mean loss of a window's tokens but the first.
static double window_loss(struct llama_context *context, const llama_token *tokens, int length, int vocabulary) {
    llama_memory_clear(llama_get_memory(context), true);
    struct llama_batch batch = llama_batch_init(length, 0, 1);
    batch.n_tokens = length;
    for (int place = 0; place < length; place++) {
        batch.token[place] = tokens[place];
        batch.pos[place] = place;
        batch.n_seq_id[place] = 1;
        batch.seq_id[place][0] = 0;
        batch.logits[place] = true;
    }
    if (llama_decode(context, batch) != 0) exit(1);
    double sum = 0;
    for (int place = 0; place + 1 < length; place++) {
        sum += loss(llama_get_logits_ith(context, place), vocabulary, tokens[place + 1]);
    }
    llama_batch_free(batch);
    return sum / (length - 1);
}

/// Whether llama.cpp makes the same tokens of the text, without special ones in front.
static bool same_tokens(const struct llama_vocab *vocabulary, const char *text, size_t size, const llama_token *tokens, size_t count) {
    llama_token *found = malloc(sizeof *found * (size + 8));
    int found_count = llama_tokenize(vocabulary, text, (int32_t)size, found, (int32_t)size + 8, false, true);
    bool same = found_count >= 0 && (size_t)found_count == count && memcmp(found, tokens, count * sizeof *found) == 0;
    free(found);
    return same;
}

int main(int count, char **words) {
    if (count != 7) return 64;
    int length = atoi(words[4]), windows = atoi(words[5]), threads = atoi(words[6]);
    size_t text_size, token_bytes;
    char *text = contents(words[2], &text_size);
    llama_token *tokens = (llama_token *)contents(words[3], &token_bytes);
    if ((size_t)length * (size_t)windows * sizeof *tokens > token_bytes) return 1;
    llama_log_set(read_log, NULL);
    llama_backend_init();
    struct llama_model *model = llama_model_load_from_file(words[1], llama_model_default_params());
    if (model == NULL) return 1;
    struct llama_context_params settings = llama_context_default_params();
    settings.n_ctx = settings.n_batch = settings.n_ubatch = (uint32_t)length;
    settings.n_threads = settings.n_threads_batch = threads;
    struct llama_context *context = llama_init_from_model(model, settings);
    if (context == NULL) return 1;
    const struct llama_vocab *vocabulary = llama_model_get_vocab(model);
    double sum = 0;
    for (int window = 0; window < windows; window++) {
        sum += window_loss(context, tokens + (size_t)window * (size_t)length, length, llama_vocab_n_tokens(vocabulary));
    }
    bool same = same_tokens(vocabulary, text, text_size, tokens, token_bytes / sizeof *tokens);
    printf("{\"perplexity\": %.6f, \"same_tokens\": %s}\n", exp(sum / windows), same ? "true" : "false");
    llama_free(context);
    llama_model_free(model);
    free(text);
    free(tokens);
    return 0;
}
