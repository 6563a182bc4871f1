// The table of kernels that each instruction set ends in, and the list of tables.
#ifndef ESPARSE_KERNELS_H
#define ESPARSE_KERNELS_H

#include "layer_kernels.h"
#include "linear_kernels.h"
#include "peak_kernels.h"
#include "processor.h"
#include "shuffle_kernels.h"

/// The kernels of one `.c` file, all compiled for the same instructions.
///
/// A file for a whole instruction set has every group. One for instructions that stand beside such a set (bf16 dot
/// products) has what gains by them; other groups are NULL, and so are functions within a group.
typedef struct {
    /// What `ESPARSE_INSTRUCTION_SET`, reports and tests call it.
    const char *_Nonnull name;
    /// What the processor must have before any function here is called.
    esparse_features features;
    const esparse_linear_kernels *_Nullable linear;
    const esparse_layer_kernels *_Nullable layer;
    const esparse_shuffle_kernels *_Nullable shuffle;
    const esparse_peak_kernels *_Nullable peak;
} esparse_kernels;

/// Table number `index` of this build, whatever the processor has; NULL behind the last.
const esparse_kernels *_Nullable esparse_kernels_at(int32_t index);
/// The table of this name; NULL where this build has none.
const esparse_kernels *_Nullable esparse_kernels_named(const char *_Nonnull name);

#endif
