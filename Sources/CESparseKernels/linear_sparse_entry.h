// What the lists of the f32 sparse product hold.
#ifndef ESPARSE_LINEAR_SPARSE_ENTRY_H
#define ESPARSE_LINEAR_SPARSE_ENTRY_H

#include "linear_storage.h"

enum {
    /// An entry is the byte offset of a channel in a block, then the bits of its weight. A bf16 weight leaves the low half
    /// of a word free for the offset; others take a word each.
    narrow_bytes = 4,
    wide_bytes = 8,
};

static inline int entry_bytes_of(int element) { return element == esparse_bfloat16 ? narrow_bytes : wide_bytes; }

#endif
