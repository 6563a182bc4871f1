// Chooses the layer kernels of an instruction set.

#include "layer_kernels.h"

extern const esparse_layer_kernels esparse_layer_table_plain;
#if defined(__x86_64__)
extern const esparse_layer_kernels esparse_layer_table_avx2;
extern const esparse_layer_kernels esparse_layer_table_avx512;
#endif

const esparse_layer_kernels *esparse_layer_kernels_for(int32_t instruction_set) {
    switch (instruction_set) {
#if defined(__x86_64__)
    case esparse_instruction_set_avx512: return &esparse_layer_table_avx512;
    case esparse_instruction_set_avx2: return &esparse_layer_table_avx2;
#endif
    default: return &esparse_layer_table_plain;
    }
}
