// The sparse product for many tokens around its kernels: blocks of channels, tiles of tokens, and the output.
//
// The including file defines, beside what the lists need, `unpack`, `add_vectors`, `vectors_of`, `tile_token`,
// `channel_bytes` and `rows_at_once`.

/// Sums [count][tile_tokens] of the rows from `first` on to output [tokens, rows], with bias and what was there.
ENTRY void write_rows(const esparse_rows *rows, int64_t first, int64_t count, const float *sums, int64_t tokens,
                      float *output, int64_t output_stride, int accumulates) {
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

ENTRY void sparse_many(const esparse_rows *rows, const void *tiles, int64_t tokens, float *output,
                       int64_t output_stride, int accumulates, void *memory) {
    const sparse_scratch scratch = lay_out(rows, memory);
    for (int64_t row = 0; row < rows->rows; row++) scratch.cursors[row] = row_values(rows, kind_of(rows), row);
    const int64_t tile_count = tiles_of(tokens), tile_bytes = rows->columns * channel_bytes;
    for (int64_t first = 0; first < rows->columns; first += block_channels) {
        int64_t block = first / block_channels % blocks_at_once;
        if (block == 0) unpack(rows, first, &scratch);
        for (int64_t tile = 0; tile < tile_count; tile++) {
            int64_t left = tokens - tile * tile_tokens, count = left < tile_tokens ? left : tile_tokens;
            const char *input = (const char *)tiles + tile * tile_bytes + first * channel_bytes;
            block_product product = {
                .entries = scratch.entries[block],
                .starts = scratch.starts[block],
                .input = input,
                .next = tile + 1 < tile_count ? input + tile_bytes
                                              : (const char *)tiles + (first + block_channels) * channel_bytes,
                .sums = scratch.sums + tile * rows->rows * tile_tokens,
                .rows = rows->rows,
                .output_stride = output_stride,
                .tokens = count,
            };
            if (first + block_channels < rows->columns) {
                add_vectors(rows->element, vectors_of(count), first == 0, &product);
                continue;
            }
            // The last block: sums are written while they are in the first-level cache.
            for (int64_t row = 0; row < rows->rows; row += rows_at_once) {
                product.rows = rows->rows - row < rows_at_once ? rows->rows - row : rows_at_once;
                product.output = output + tile * tile_tokens * output_stride + row;
                add_vectors(rows->element, vectors_of(count), first == 0, &product);
                write_rows(rows, row, product.rows, product.sums, count, output + tile * tile_tokens * output_stride,
                           output_stride, accumulates);
                product.starts += product.rows;
                product.sums += product.rows * tile_tokens;
            }
        }
    }
}

#define MANY_KERNELS                                                                                                   \
    {                                                                                                                  \
        .tile_tokens = tile_tokens, .channel_bytes = channel_bytes, .transpose = transpose, .scratch = scratch_bytes,  \
        .multiply = sparse_many,                                                                                       \
    }
