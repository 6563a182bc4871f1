// Table that turns 8 bits of a bitmask into the byte shuffle that spreads kept 16-bit values over their columns.
#ifndef ESPARSE_LINEAR_EXPAND_TABLE_H
#define ESPARSE_LINEAR_EXPAND_TABLE_H

// Column j takes bytes 2 k and 2 k + 1, k being the number of kept columns before it; a byte above 127 gives zero.
#define BEFORE(bits, j) __builtin_popcount((bits) & ((1 << (j)) - 1))
#define COLUMN(bits, j)                                   \
    ((bits) >> (j)&1 ? 2 * BEFORE(bits, j) : 0x80),       \
        ((bits) >> (j)&1 ? 2 * BEFORE(bits, j) + 1 : 0x80)
#define SHUFFLE(bits)                                                                                          \
    {COLUMN(bits, 0), COLUMN(bits, 1), COLUMN(bits, 2), COLUMN(bits, 3),                                       \
     COLUMN(bits, 4), COLUMN(bits, 5), COLUMN(bits, 6), COLUMN(bits, 7)}
#define SHUFFLES_4(bits) SHUFFLE(bits), SHUFFLE((bits) + 1), SHUFFLE((bits) + 2), SHUFFLE((bits) + 3)
#define SHUFFLES_16(bits) SHUFFLES_4(bits), SHUFFLES_4((bits) + 4), SHUFFLES_4((bits) + 8), SHUFFLES_4((bits) + 12)
#define SHUFFLES_64(bits) \
    SHUFFLES_16(bits), SHUFFLES_16((bits) + 16), SHUFFLES_16((bits) + 32), SHUFFLES_16((bits) + 48)

/// Shuffle of 16 bytes for each value of 8 bits of a bitmask.
static const _Alignas(64) uint8_t expand_shuffles[256][16] = {
    SHUFFLES_64(0), SHUFFLES_64(64), SHUFFLES_64(128), SHUFFLES_64(192),
};

#undef BEFORE
#undef COLUMN
#undef SHUFFLE
#undef SHUFFLES_4
#undef SHUFFLES_16
#undef SHUFFLES_64

#endif
