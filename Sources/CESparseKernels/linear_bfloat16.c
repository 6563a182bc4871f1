// The sparse product for many tokens by AVX-512 BF16: `vdpbf16ps` multiplies two channels of a token at once.
//
// The input is rounded to bf16 and transposed into tiles [channel][tile_tokens], two bytes a value. The kept weights of a row
// in a block of channels are taken two by two, whatever the pattern: a pair of weights is one broadcast word, and the pair
// of their channels is made on the fly by interleaving two vectors of 32 tokens. That costs one load and one interleaving a
// dot product, so 2:4, 4:8 and any other N:M run at the same speed a kept weight. A table of ready-made pairs would save the
// interleaving, but takes 3 (2:4) or 7 (4:8) times the first-level cache, so sums are loaded and stored as much more often.
#include "linear_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET "avx2,fma,f16c,bmi2,popcnt,prfchw,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,avx512bf16"
#define KERNEL static inline __attribute__((always_inline, target(TARGET)))
#define ENTRY static __attribute__((noinline, target(TARGET)))

#include "linear_avx512_vector.h"

enum {
    tile_vectors = 8,
    tile_tokens = tile_vectors * lanes,
    channel_bytes = tile_tokens * 2,
    /// Channels whose input stays in the first-level cache: 20 KiB.
    block_channels = 80,
    /// Entries of a row between two branches.
    entries_at_once = 4,
    /// Rows whose finished sums are written together.
    rows_at_once = 16,
    /// An entry is a pair of weights and the byte offsets of their channels in a block, 16 bits each.
    entry_bytes = 8,
    /// The offset of the second channel where a row keeps an odd number of weights in a block.
    no_channel = 0xFFFF,
};

/// Bytes of an entry per weight.
static inline int entry_bytes_of(int element) {
    (void)element;
    return entry_bytes / 2;
}

#include "linear_sparse_lists.h"

_Static_assert(block_channels * channel_bytes < no_channel, "an offset has 16 bits");
_Static_assert(block_channels % 8 == 0, "masks are read by bytes");

// MARK: Transposition

/// The token in a lane of a tile's vector: interleaving takes the low and the high half of every 128 bits.
static inline int64_t tile_token(int64_t tile_vector, int64_t lane) {
    return tile_vector / 2 * 32 + lane / 4 * 8 + tile_vector % 2 * 4 + lane % 4;
}

/// Vectors of sums of a tile that are computed for so many tokens: 2, 4 or 8.
static inline int64_t vectors_of(int64_t tokens) {
    int64_t vectors = 2;
    while (vectors * lanes < tokens) vectors *= 2;
    return vectors;
}

/// 16 channels of 16 tokens, zero where there are no tokens or channels.
KERNEL void load_square(const float *input, int64_t tokens, int64_t width, int64_t columns, vector *square) {
    __mmask16 mask = width < lanes ? (__mmask16)((1u << width) - 1) : 0xFFFF;
    for (int i = 0; i < lanes; i++) square[i] = i < tokens ? _mm512_maskz_loadu_ps(mask, input + i * columns) : zero();
    transpose_square(square);
}

ENTRY void transpose(int rounds, const float *input, int64_t tokens, int64_t columns, void *tiles) {
    (void)rounds;
    for (int64_t tile = 0; tile * tile_tokens < tokens; tile++) {
        char *place = (char *)tiles + tile * columns * channel_bytes;
        int64_t left = tokens - tile * tile_tokens, count = left < tile_tokens ? left : tile_tokens;
        for (int64_t token = 0; token < vectors_of(count) * lanes; token += 2 * lanes) {
            const float *from = input + (tile * tile_tokens + token) * columns;
            for (int64_t column = 0; column < columns; column += lanes) {
                int64_t width = columns - column < lanes ? columns - column : lanes;
                vector low[lanes], high[lanes];
                load_square(from + column, count - token, width, columns, low);
                load_square(from + lanes * columns + column, count - token - lanes, width, columns, high);
                for (int64_t i = 0; i < width; i++) {
                    __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(high[i], low[i]);
                    _mm512_storeu_si512(place + (column + i) * channel_bytes + token * 2, halves);
                }
            }
        }
    }
}

// MARK: Unpacking

/// Lists the pairs of kept weights of every row in channels [first, first + blocks_at_once * block_channels).
ENTRY void unpack(const esparse_rows *rows, int64_t first, const sparse_scratch *scratch) {
    uint16_t steps[32];
    for (int i = 0; i < 32; i++) steps[i] = (uint16_t)(i * channel_bytes);
    const __m512i all_offsets = _mm512_loadu_si512(steps);
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    for (int block = 0; block < blocks_at_once; block++) scratch->starts[block][0] = 0;
    for (int64_t row = 0; row < rows->rows; row++) {
        const uint8_t *mask = rows->bitmask + row * rows->mask_stride;
        const char *cursor = scratch->cursors[row];
        for (int block = 0; block < blocks_at_once; block++) {
            int64_t from = first + block * block_channels, to = from + block_channels;
            if (to > rows->columns) to = rows->columns;
            uint16_t offsets[block_channels + 32];
            int32_t start = scratch->starts[block][row], kept = 0;
            for (int64_t channel = from; channel < to; channel += 32) {
                uint32_t bits = mask_bits(mask, channel, to, 32);
                __m512i places = _mm512_add_epi16(all_offsets, _mm512_set1_epi16((short)((channel - from) * channel_bytes)));
                _mm512_storeu_si512(offsets + kept, _mm512_maskz_compress_epi16(bits, places));
                kept += (int)_mm_popcnt_u32(bits);
            }
            if (kept % 2) offsets[kept] = no_channel;
            char *entries = scratch->entries[block] + start * entry_bytes;
            for (int32_t i = 0; i < kept; i += 32) {
                __mmask32 stored = kept - i < 32 ? (1u << (kept - i)) - 1 : 0xFFFFFFFFu;
                __m512i pairs = _mm512_maskz_loadu_epi16(stored, cursor + i * 2);
                __m512i channels = _mm512_loadu_si512(offsets + i);
                // Entries are made in order, so what is written past the last one is overwritten later.
                _mm512_storeu_si512(entries + i * 4, _mm512_permutex2var_epi32(pairs, low, channels));
                _mm512_storeu_si512(entries + i * 4 + 64, _mm512_permutex2var_epi32(pairs, high, channels));
            }
            scratch->starts[block][row + 1] = start + (kept + 1) / 2;
            cursor += kept * 2;
        }
        scratch->cursors[row] = cursor;
        // What this row needs when the next blocks are unpacked: rows lie far apart, the processor does not foresee them.
        for (int line = 0; line < blocks_at_once * block_channels; line += 64) __builtin_prefetch(cursor + line, 0, 2);
        for (int line = 0; line < blocks_at_once * block_channels / 8; line += 64) {
            __builtin_prefetch(mask + (first + blocks_at_once * block_channels) / 8 + line, 0, 2);
        }
    }
}

// MARK: Products

/// Adds an entry to a row's sums; `is_odd` where it holds one weight only.
KERNEL void add_entry(const int vectors, const int is_odd, const char *entry, const char *input, vector *totals) {
    uint32_t pair, places;
    memcpy(&pair, entry, sizeof pair);
    memcpy(&places, entry + sizeof pair, sizeof places);
    const char *first = input + (places & 0xFFFF), *second = input + (places >> 16);
    __m512bh weights = (__m512bh)_mm512_set1_epi32((int)pair);
    UNROLL for (int v = 0; v < vectors; v += 2) {
        __m512i a = _mm512_loadu_si512(first + v * 32);
        __m512i b = is_odd ? _mm512_setzero_si512() : _mm512_loadu_si512(second + v * 32);
        totals[v] = _mm512_dpbf16_ps(totals[v], (__m512bh)_mm512_unpacklo_epi16(a, b), weights);
        totals[v + 1] = _mm512_dpbf16_ps(totals[v + 1], (__m512bh)_mm512_unpackhi_epi16(a, b), weights);
    }
}

/// Adds a block of channels to the sums of all rows; `vectors` is a constant. `first` starts the sums at zero.
KERNEL void add_rows(const int vectors, int first, const block_product *product) {
    for (int64_t row = 0; row < product->rows; row++) {
        float *sums = product->sums + row * tile_tokens;
        // Sums come from the second-level cache; the input of the next tile or block comes in while this one is used.
        UNROLL for (int v = 0; v < vectors; v++) __builtin_prefetch(sums + 2 * tile_tokens + v * lanes, 0, 3);
        __builtin_prefetch(product->next + 2 * row * 64, 0, 2);
        __builtin_prefetch(product->next + 2 * row * 64 + 64, 0, 2);
        foresee_output(product, row, 1);
        vector totals[tile_vectors];
        UNROLL for (int v = 0; v < vectors; v++) totals[v] = first ? zero() : load(sums + v * lanes);
        const char *entries = product->entries + product->starts[row] * entry_bytes;
        int32_t count = product->starts[row + 1] - product->starts[row];
        int is_odd = 0;
        if (count > 0) {
            uint16_t last;
            memcpy(&last, entries + count * entry_bytes - sizeof last, sizeof last);
            is_odd = last == no_channel;
        }
        count -= is_odd;
        int32_t i = 0;
        for (; i + entries_at_once <= count; i += entries_at_once) {
            UNROLL for (int j = 0; j < entries_at_once; j++) {
                add_entry(vectors, 0, entries + (i + j) * entry_bytes, product->input, totals);
            }
        }
        _Pragma("clang loop unroll(disable)") for (; i < count; i++) {
            add_entry(vectors, 0, entries + i * entry_bytes, product->input, totals);
        }
        if (is_odd) add_entry(vectors, 1, entries + count * entry_bytes, product->input, totals);
        UNROLL for (int v = 0; v < vectors; v++) store(sums + v * lanes, totals[v]);
    }
}

ENTRY void add_8_vectors(int first, const block_product *product) { add_rows(8, first, product); }
ENTRY void add_4_vectors(int first, const block_product *product) { add_rows(4, first, product); }
ENTRY void add_2_vectors(int first, const block_product *product) { add_rows(2, first, product); }

static void add_vectors(int element, int64_t vectors, int first, const block_product *product) {
    (void)element;
    (vectors == 2 ? add_2_vectors : vectors == 4 ? add_4_vectors : add_8_vectors)(first, product);
}

#include "linear_sparse_driver.h"

const esparse_many_kernels *esparse_many_kernels_bfloat16(void) {
    static const esparse_many_kernels table = MANY_KERNELS;
    return &table;
}
#else
const esparse_many_kernels *esparse_many_kernels_bfloat16(void) { return NULL; }
#endif
