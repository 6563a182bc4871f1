// The shuffle's kernels of one instruction set. Included once an instruction set.

#include "exchange.h"
#include "gains.h"

static const esparse_shuffle_kernels shuffle_kernels = {.gains = swap_gains, .exchange = mask_exchange};
