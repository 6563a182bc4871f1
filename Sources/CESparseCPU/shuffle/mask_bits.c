// N:M masks: a weight is kept when fewer than N of its group rank before it. All instruction sets share this code.
#include "../prelude.h"

/// An integer that orders like the number: -0 equals +0, NaN is largest.
KERNEL int32_t ordered(float value) {
    float canonical = value + 0.0f;
    int32_t bits;
    memcpy(&bits, &canonical, sizeof bits);
    bits ^= (bits >> 31) & 0x7FFFFFFF;
    return value != value ? INT32_MAX : bits;
}

/// Bits of one group: rank of each member by value, then by place.
KERNEL uint32_t group_bits(const int32_t *keys, const int group, const int kept) {
    uint32_t bits = 0;
    for (int slot = 0; slot < group; slot++) {
        int before = 0;
        for (int other = 0; other < slot; other++) before += keys[other] >= keys[slot];
        for (int other = slot + 1; other < group; other++) before += keys[other] > keys[slot];
        bits |= (uint32_t)(before < kept) << slot;
    }
    return bits;
}

KERNEL void row_bits(const int32_t *keys, int64_t columns, const int group, const int kept, uint8_t *bits) {
    uint64_t pending = 0;
    int pending_count = 0;
    for (int64_t column = 0; column < columns; column += group) {
        pending |= (uint64_t)group_bits(keys + column, group, kept) << pending_count;
        pending_count += group;
        for (; pending_count >= 8; pending_count -= 8, pending >>= 8) *bits++ = (uint8_t)pending;
    }
    if (pending_count > 0) *bits = (uint8_t)pending;
}

void esparse_mask_bits(const float *saliency, int64_t rows, int64_t columns, const int32_t *order, int group, int kept,
                       int32_t *row, uint8_t *bits) {
    for (int64_t index = 0; index < rows; index++, saliency += columns, bits += (columns + 7) / 8) {
        if (order) {
            for (int64_t column = 0; column < columns; column++) row[column] = ordered(saliency[order[column]]);
        } else {
            for (int64_t column = 0; column < columns; column++) row[column] = ordered(saliency[column]);
        }
        // Constant group sizes let the compiler unroll the ranking.
        if (group == 4) row_bits(row, columns, 4, kept, bits);
        else if (group == 8) row_bits(row, columns, 8, kept, bits);
        else row_bits(row, columns, group, kept, bits);
    }
}
