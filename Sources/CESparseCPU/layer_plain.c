// Layer kernels for the compiler's baseline: plain C with 4-lane vectors, right on every machine.

#define LAYER_SUFFIX plain
#define LAYER_LANES 4
/// Vectors of lanes that the matrix products of attention handle at once: what fits the registers beside 6 rows.
#define LAYER_STRIP 2

#include "layer_vector.h"
// (the order matters)
#include "layer_rows.h"
#include "layer_attention.h"
#include "layer_statistics.h"
#include "layer_table.h"
