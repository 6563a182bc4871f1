// The list of tables: a new `.c` file of kernels adds its table's name here.
#include "kernels.h"

#include <string.h>

#if defined(__x86_64__)
#define TABLES(each) each(plain) each(avx2) each(avx512) each(avx512_bf16)
#elif defined(__aarch64__)
#define TABLES(each) each(plain) each(neon)
#else
#define TABLES(each) each(plain)
#endif

#define DECLARATION(name) extern const esparse_kernels esparse_kernels_##name;
TABLES(DECLARATION)
#define ADDRESS(name) &esparse_kernels_##name,
static const esparse_kernels *const tables[] = {TABLES(ADDRESS) NULL};

const esparse_kernels *esparse_kernels_at(int32_t index) {
    const int32_t count = sizeof tables / sizeof *tables;
    return index >= 0 && index < count ? tables[index] : NULL;
}

const esparse_kernels *esparse_kernels_named(const char *name) {
    for (const esparse_kernels *const *table = tables; *table; table++) {
        if (strcmp((*table)->name, name) == 0) return *table;
    }
    return NULL;
}
