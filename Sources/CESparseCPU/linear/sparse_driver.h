// The sparse product for many tokens around its kernels: blocks of channels, tiles of tokens, and the output.
//
// The including file defines, beside what `sparse_block.h` needs, `multiplies_bf16`, `add_vectors` and `tile_token`.

/// Sums [count][tile_tokens] of the rows from `first` on to output [tokens, rows], with bias and what was there.
ENTRY void write_rows(const esparse_rows *rows, int64_t first, int64_t count, const float *sums, int64_t tokens,
                      int64_t tile_tokens, float *output, int64_t output_stride, int accumulates) {
    for (int64_t row = 0; row < count; row += lanes) {
        int64_t width = count - row < lanes ? count - row : lanes;
        float biases[lanes] = {0};
        if (rows->bias) memcpy(biases, rows->bias + first + row, (size_t)width * 4);
        for (int64_t v = 0; v < vectors_of(tokens) && tile_token(v, 0) < tokens; v++) {
            vector square[lanes];
            for (int i = 0; i < lanes; i++) {
                square[i] = i < width ? load(sums + (row + i) * tile_tokens + v * lanes) : zero();
            }
            transpose_square(square);
            for (int i = 0; i < lanes && tile_token(v, i) < tokens; i++) {
                float *place = output + tile_token(v, i) * output_stride + first + row;
                vector value = add(square[i], load(biases));
                if (width == lanes) {
                    store(place, accumulates ? add(value, load(place)) : value);
                } else {
                    float values[lanes];
                    store(values, value);
                    for (int64_t j = 0; j < width; j++) place[j] = accumulates ? place[j] + values[j] : values[j];
                }
            }
        }
    }
}

ENTRY void sparse_many(const esparse_rows *rows, const void *tiles, int64_t tokens, int64_t tile_tokens, float *output,
                       int64_t output_stride, int accumulates, void *memory) {
    const sparse_scratch scratch = lay_out(rows, memory);
    for (int64_t row = 0; row < rows->rows; row++) scratch.cursors[row] = row_values(rows, rows->format, row);
    const int64_t tile_count = tiles_of(tokens, tile_tokens), channel_bytes = tile_tokens * value_bytes;
    const int64_t tile_bytes = rows->columns * channel_bytes, block_channels = block_channels_of(tile_tokens);
    for (int64_t first = 0; first < rows->columns; first += block_channels) {
        const int is_last = first + block_channels >= rows->columns;
        for (int64_t tile = 0; tile < tile_count; tile++) {
            int64_t left = tokens - tile * tile_tokens, count = left < tile_tokens ? left : tile_tokens;
            const char *input = (const char *)tiles + tile * tile_bytes + first * channel_bytes;
            block_product product = {
                .weights = rows,
                .cursors = scratch.cursors,
                .mask = rows->bitmask + first / 8,
                .channels = is_last ? rows->columns - first : block_channels,
                .channel_bytes = channel_bytes,
                .input = input,
                .next = tile + 1 < tile_count ? input + tile_bytes
                                              : (const char *)tiles + (first + block_channels) * channel_bytes,
                .sums = scratch.sums + tile * rows->rows * tile_tokens,
                .tile_tokens = tile_tokens,
                .rows = rows->rows,
                .starts = first == 0,
                .ends = tile + 1 == tile_count,
                .foresees_weights = tile == 0 && !is_last,
                .foresees_masks = tile == 0 && !is_last && first / 8 % 64 < block_channels / 8,
                .output_stride = output_stride,
                .tokens = count,
            };
            if (!is_last) {
                add_vectors(vectors_of(count), &product);
                continue;
            }
            // The last block: sums are written while they are in the first-level cache.
            for (int64_t row = 0; row < rows->rows; row += rows_at_once) {
                product.rows = rows->rows - row < rows_at_once ? rows->rows - row : rows_at_once;
                product.output = output + tile * tile_tokens * output_stride + row;
                add_vectors(vectors_of(count), &product);
                write_rows(rows, row, product.rows, product.sums, count, tile_tokens,
                           output + tile * tile_tokens * output_stride, output_stride, accumulates);
                product.cursors += product.rows;
                product.mask += product.rows * rows->mask_stride;
                product.sums += product.rows * tile_tokens;
            }
        }
    }
}

#define MANY_KERNELS                                                                                          \
    {                                                                                                         \
        .value_bytes = value_bytes, .multiplies_bf16 = multiplies_bf16, .tile_tokens = tile_tokens_of,        \
        .transpose = transpose, .scratch = scratch_bytes, .multiply = sparse_many,                            \
    }
