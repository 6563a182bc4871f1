// NVRTC without a compiler: its code is "code for NAME of ARCHITECTURE", and it notes its arguments.
//
// Set "major" (12) and "minor" (9). Counted while they live: programs. Text "given": options and headers.
#include "fake.h"

typedef struct {
    char name[80];
    char architecture[32];
} program;

__attribute__((constructor)) static void begin(void) {
    fake_set("major", 12);
    fake_set("minor", 9);
}

const char *nvrtcGetErrorString(int code) { return code == 6 ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR_OF_SOME_KIND"; }
int nvrtcVersion(int *major, int *minor) {
    CALL;
    *major = (int)fake_get("major");
    *minor = (int)fake_get("minor");
    return 0;
}
int nvrtcGetNumSupportedArchs(int *count) {
    CALL;
    *count = 5;
    return 0;
}
int nvrtcGetSupportedArchs(int *architectures) {
    CALL;
    const int known[5] = {75, 80, 86, 90, 100};
    memcpy(architectures, known, sizeof known);
    return 0;
}
int nvrtcCreateProgram(program **made, const char *source, const char *name, int count, const char *const *headers,
                       const char *const *names) {
    CALL;
    *made = calloc(1, sizeof **made);
    fake_add("programs", 1);
    fake_forget("given");
    snprintf((*made)->name, sizeof (*made)->name, "%s", name);
    fake_set("source bytes", (long long)strlen(source));
    for (int i = 0; i < count; i++) {
        fake_note("given", names[i]);
        fake_note("given", strlen(headers[i]) > 100 ? " (long) " : " (short) ");
    }
    return 0;
}
int nvrtcDestroyProgram(program **made) {
    CALL;
    fake_add("programs", -1);
    free(*made);
    *made = NULL;
    return 0;
}
int nvrtcCompileProgram(program *made, int count, const char *const *options) {
    for (int i = 0; i < count; i++) {
        fake_note("given", options[i]);
        fake_note("given", " ");
        const char *prefix = "--gpu-architecture=";
        if (strncmp(options[i], prefix, strlen(prefix)) == 0) {
            snprintf(made->architecture, sizeof made->architecture, "%s", options[i] + strlen(prefix));
        }
    }
    CALL;
    return 0;
}
static const char *const log_text = "elements.cu(3): error: expected a \";\"\n\n";
int nvrtcGetProgramLogSize(program *made, size_t *bytes) {
    CALL;
    *bytes = made ? strlen(log_text) + 1 : 0;
    return 0;
}
int nvrtcGetProgramLog(program *made, char *log) {
    CALL;
    if (made) strcpy(log, log_text);
    return 0;
}
static void code_of(program *made, char *text) {
    snprintf(text, 256, "code for %s of %s", made->name, made->architecture);
}
int nvrtcGetCUBINSize(program *made, size_t *bytes) {
    CALL;
    char text[256];
    code_of(made, text);
    *bytes = fake_get("no code") ? 0 : strlen(text);
    return 0;
}
int nvrtcGetCUBIN(program *made, char *code) {
    CALL;
    char text[256];
    code_of(made, text);
    memcpy(code, text, strlen(text));
    return 0;
}
