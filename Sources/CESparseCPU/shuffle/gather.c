// Saliencies of chosen channels, laid out for swap gains. All instruction sets share this code.
#include "shuffle_kernels.h"

void esparse_shuffle_gather(const float *matrix, int64_t rows, int64_t columns, const int32_t *order, int64_t channels,
                            int64_t first_row, float *block) {
    enum { rows_together = 16, chunk = ESPARSE_SHUFFLE_CHUNK };
    // Few rows at a time: a cache line of the block is written whole, and the rows' lines stay in the cache.
    for (int64_t row = 0; row < rows; row += rows_together) {
        const int count = rows - row < rows_together ? (int)(rows - row) : rows_together;
        for (int64_t channel = 0; channel < channels; channel++) {
            const float *source = matrix + row * columns + order[channel];
            for (int offset = 0; offset < count; offset++) {
                const int64_t target = first_row + row + offset;
                block[(target / chunk * channels + channel) * chunk + target % chunk] = source[offset * columns];
            }
        }
    }
}
