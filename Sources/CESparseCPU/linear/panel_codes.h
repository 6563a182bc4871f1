// From a panel's bytes to the channels and values of its kept weights, eight rows at once.
//
// Grouped panels store channels as they are needed. Those of other panels come by table look-ups, four spans at once:
// the low nibble of a bitmask gives the channels of a row's first slots, the high one those of its last; a slot takes
// three bits, the number of its channel in the span.
#ifndef ESPARSE_LINEAR_PANEL_CODES_H
#define ESPARSE_LINEAR_PANEL_CODES_H

#include "panel.h"

#define RANK(bits, j) __builtin_popcount((bits) & ((1 << (j)) - 1))
#define SLOT(bits, j, first, channel) ((bits) >> (j)&1 ? (channel) << 3 * ((first) + RANK(bits, j)) : 0)
#define CODE(bits, first, channel)                                                            \
    (SLOT(bits, 0, first, channel) | SLOT(bits, 1, first, (channel) + 1) |                    \
     SLOT(bits, 2, first, (channel) + 2) | SLOT(bits, 3, first, (channel) + 3))
#define BEHIND(bits, kept) (__builtin_popcount(bits) > (kept) ? 0 : (kept) - __builtin_popcount(bits))
#define LOW(bits, shift) (uint8_t)(CODE(bits, 0, 0) >> (shift))
#define HIGH(bits, kept, shift) (uint8_t)(CODE(bits, BEHIND(bits, kept), 4) >> (shift))
#define NIBBLES(of, ...)                                                                                           \
    {of(0, __VA_ARGS__), of(1, __VA_ARGS__), of(2, __VA_ARGS__), of(3, __VA_ARGS__), of(4, __VA_ARGS__),           \
     of(5, __VA_ARGS__), of(6, __VA_ARGS__), of(7, __VA_ARGS__), of(8, __VA_ARGS__), of(9, __VA_ARGS__),           \
     of(10, __VA_ARGS__), of(11, __VA_ARGS__), of(12, __VA_ARGS__), of(13, __VA_ARGS__), of(14, __VA_ARGS__),      \
     of(15, __VA_ARGS__)}

/// Of a low nibble, and of a high one by K / 2 - 1: the lower and the upper byte of its slots.
static const _Alignas(16) uint8_t low_codes[2][16] = {NIBBLES(LOW, 0), NIBBLES(LOW, 8)};
static const _Alignas(16) uint8_t high_codes[2][2][16] = {
    {NIBBLES(HIGH, 2, 0), NIBBLES(HIGH, 2, 8)},
    {NIBBLES(HIGH, 4, 0), NIBBLES(HIGH, 4, 8)},
};

#undef RANK
#undef SLOT
#undef CODE
#undef BEHIND
#undef LOW
#undef HIGH
#undef NIBBLES

KERNEL __m256i in_both_halves(const uint8_t *table) {
    return _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)table));
}

/// What kernels of panels know as constants.
typedef struct {
    int format, is_grouped, kept;
} panel_kind;

/// Functions of panels by grouped or not and K / 2 - 1, of each format: `define(name, format, is_grouped, kept)` for
/// every kind, and what those are called in a table by format.
#define EACH_KEPT(define, name, format)                          \
    define(name, format, 0, 2) define(name, format, 0, 4)        \
    define(name, format, 1, 2) define(name, format, 1, 4)
#define KEPT_TABLE(name) {{name##02, name##04}, {name##12, name##14}}

/// The entry of such a table for panels of these rows.
#define OF_PANEL_KIND(table, rows, format) table[format][!!(rows)->is_grouped][kept_in_span(rows) / 2 - 1]

/// The slots of eight rows, one a lane, in each of four spans, two bits a slot where grouped, else three; 32 bytes from
/// `channels` on are read.
KERNEL void channel_codes(const panel_kind kind, const uint8_t *channels, __m256i *codes) {
    const int kept = kind.kept;
    if (kind.is_grouped) {
        UNROLL for (int span = 0; span < chunk_spans; span++) {
            codes[span] = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(channels + span * panel_rows)));
        }
        return;
    }
    const __m256i bits = _mm256_loadu_si256((const __m256i *)channels), nibble = _mm256_set1_epi8(15);
    const __m256i low = _mm256_and_si256(bits, nibble), high = _mm256_and_si256(_mm256_srli_epi16(bits, 4), nibble);
    const __m256i lower = _mm256_or_si256(_mm256_shuffle_epi8(in_both_halves(low_codes[0]), low),
                                          _mm256_shuffle_epi8(in_both_halves(high_codes[kept / 2 - 1][0]), high));
    if (kept == 2) {
        const __m128i halves[2] = {_mm256_castsi256_si128(lower), _mm256_extracti128_si256(lower, 1)};
        UNROLL for (int span = 0; span < chunk_spans; span++) {
            const __m128i half = halves[span / 2];
            codes[span] = _mm256_cvtepu8_epi32(span % 2 ? _mm_unpackhi_epi64(half, half) : half);
        }
        return;
    }
    const __m256i upper = _mm256_or_si256(_mm256_shuffle_epi8(in_both_halves(low_codes[1]), low),
                                          _mm256_shuffle_epi8(in_both_halves(high_codes[kept / 2 - 1][1]), high));
    const __m256i even = _mm256_unpacklo_epi8(lower, upper), odd = _mm256_unpackhi_epi8(lower, upper);
    codes[0] = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(even));
    codes[1] = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(odd));
    codes[2] = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(even, 1));
    codes[3] = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(odd, 1));
}

/// A pair of slots of a compact chunk in bf16, [row][2]; its units and its segment's upper bytes are given.
KERNEL __m256i compact_pair(const char *units, const int pair, const uint8_t *uppers) {
    const char *unit = units + pair / unit_pairs * unit_bytes;
    const int half = pair % unit_pairs / 2;
    const __m256i both = _mm256_load_si256((const __m256i *)unit);
    const __m256i numbers = _mm256_and_si256(half ? _mm256_srli_epi16(both, 4) : both, _mm256_set1_epi8(15));
    const __m256i upper = _mm256_shuffle_epi8(in_both_halves(uppers), numbers);
    const __m256i lower = _mm256_load_si256((const __m256i *)(unit + (1 + half) * unit_part_bytes));
    return pair % 2 ? _mm256_unpackhi_epi8(lower, upper) : _mm256_unpacklo_epi8(lower, upper);
}

/// Two kept weights of each of eight rows, of a plain panel.
KERNEL vector_pair load_slots(const int format, const char *from) { return next_pair(format, &from, NULL, NULL); }

#endif
