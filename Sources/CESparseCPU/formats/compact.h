// bf16 weights in panels that hold a value in 12 bits without loss; `linear/panel.h` has the layout.
#ifdef FORMAT
FORMAT(compact_panels, compact, bf16)
#else
#define IF_ROWS_compact(...)
#define IF_MASKED_compact(...)
#define IF_PANELS_compact(...) __VA_ARGS__
#define IF_COMPACT_compact(...) __VA_ARGS__
#endif
