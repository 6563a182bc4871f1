// The layouts that several kinds of values share, for what kernels make of formats by layout: `IF_ROWS_##layout(...)`
// keeps its argument for those that lie row by row, and so on. A layout of one format alone is in that format's file.

/// Values lie row by row.
#define IF_ROWS_dense(...) __VA_ARGS__
#define IF_ROWS_masked(...) __VA_ARGS__
#define IF_ROWS_panels(...)

/// A bitmask beside the values says which columns they belong to.
#define IF_MASKED_dense(...)
#define IF_MASKED_masked(...) __VA_ARGS__
#define IF_MASKED_panels(...)

/// Panels of eight rows, as `linear/panel.h` describes them.
#define IF_PANELS_dense(...)
#define IF_PANELS_masked(...)
#define IF_PANELS_panels(...) __VA_ARGS__

/// Panels that hold a bf16 value in 12 bits.
#define IF_COMPACT_dense(...)
#define IF_COMPACT_masked(...)
#define IF_COMPACT_panels(...)
