// Writes a GGUF file in another type by llama.cpp's own recipe, without an importance matrix. llama-cpp.sh compiles it.
// Usage: llama_cpp_quantize Q8_0|Q4_0|Q4_K_M INPUT.gguf OUTPUT.gguf
#include <llama.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum llama_ftype type;
} types[] = {
    {"Q8_0", LLAMA_FTYPE_MOSTLY_Q8_0}, {"Q4_0", LLAMA_FTYPE_MOSTLY_Q4_0}, {"Q4_K_M", LLAMA_FTYPE_MOSTLY_Q4_K_M}};

static void silent(enum ggml_log_level level, const char *text, void *data) {
    (void)data;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

int main(int count, char **words) {
    if (count != 4) return 64;
    llama_log_set(silent, NULL);
    for (size_t index = 0; index < sizeof types / sizeof *types; index++) {
        if (strcmp(words[1], types[index].name) != 0) continue;
        struct llama_model_quantize_params settings = llama_model_quantize_default_params();
        settings.ftype = types[index].type;
        return llama_model_quantize(words[2], words[3], &settings) == 0 ? 0 : 1;
    }
    return 64;
}
