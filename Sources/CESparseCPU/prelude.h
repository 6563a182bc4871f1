// What every file of kernels includes first, then its intrinsics, then `#pragma clang attribute` with its instructions, which
// would change system headers that come later.
#ifndef ESPARSE_PRELUDE_H
#define ESPARSE_PRELUDE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"

/// A function that becomes part of its callers, which give it constants.
#define KERNEL static inline __attribute__((always_inline))
/// A function that is called, most often through a table.
#define ENTRY static __attribute__((noinline))
/// Every loop over constants inside a kernel is unrolled, so that its arrays become registers.
#define UNROLL _Pragma("clang loop unroll(full)")

#endif
