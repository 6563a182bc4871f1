// Causal attention for many rows at a time (tiles, near matrix-product speed) and for few (decoding).
//
// A tile holds up to 128 query rows side by side in vector lanes, cut into strips of as many lanes as the registers
// hold beside 6 rows of a product. Keys and values are read as the cache holds them, one broadcast value at a time,
// so nothing is transposed but the queries; and softmax runs down the keys, lane by lane, without horizontal
// operations. Both matrix products have the same shape:
//     scores^T [key, lane] = K [key, S] x Q^T [S, lane]        output^T [S, lane] += V^T [S, key] x P^T [key, lane]
// Scores become weights `2^(score - reference)` before they leave the registers. The reference of a lane is a score
// that it has seen; it follows the largest only when that is `largest_excess` above it, so that earlier weights,
// `total` and output are hardly ever rescaled. As a lane's largest weight is at least 1, weights below 2^-64 are
// taken as 0.

enum {
    tile_lanes = esparse_attention_lanes,
    tile_keys = esparse_attention_keys,
    strip_lanes = LAYER_STRIP * LAYER_LANES,
};

/// How far a score may exceed its lane's reference, in powers of 2: far from overflow even in sums of a million
/// weights.
static const float largest_excess = 48;

/// The reference of a lane that has seen no score: any score raises it, and it stays finite where a step hides all of its keys.
static const float no_reference = -0x1.fffffep127f;

/// `sums[i][v] += sum over j of left[i * row_stride + j * column_stride] * right[j, lane]`, i in `[0, rows)`.
KERNEL void multiply_block(
    const int rows, const int vectors, const float *left, ptrdiff_t row_stride, ptrdiff_t column_stride,
    const float *right, ptrdiff_t depth, float_vector sums[6][4]) {
    for (ptrdiff_t j = 0; j < depth; ++j) {
        float_vector columns[4];
        UNROLL for (int v = 0; v < vectors; ++v) columns[v] = load_floats(right + j * strip_lanes + v * LAYER_LANES);
        UNROLL for (int i = 0; i < rows; ++i) {
            float_vector value = all_lanes(left[i * row_stride + j * column_stride]);
            UNROLL for (int v = 0; v < vectors; ++v) sums[i][v] += value * columns[v];
        }
    }
}

/// One strip of a tile: as many query rows as a product handles side by side.
typedef struct {
    float *queries;    // [S, lane], in units of ln 2
    float *output;     // [S, lane]
    float *weights;    // [key, lane], of one step
    float *reference;  // [lane]
    float *total;      // [lane]
    const int32_t *visible;  // [lane]: the last key that each sees
    uint32_t window;         // keys that each sees
    float soft_cap;          // in units of ln 2; 0 for none
    ptrdiff_t size;
} attention_strip;

/// Raises the references to `largest`, and rescales everything that was weighed with the old ones.
static __attribute__((noinline)) void raise_references(
    const attention_strip *strip, ptrdiff_t vectors, ptrdiff_t keys, const float_vector *largest) {
    for (ptrdiff_t v = 0; v < vectors; ++v) {
        const ptrdiff_t lane = v * LAYER_LANES;
        const float_vector before = load_floats(strip->reference + lane), now = larger_lanes(largest[v], before);
        const float_vector factor = power_of_two(before - now);
        store_floats(strip->reference + lane, now);
        store_floats(strip->total + lane, load_floats(strip->total + lane) * factor);
        for (ptrdiff_t key = 0; key < keys; ++key) {
            float *place = strip->weights + key * strip_lanes + lane;
            store_floats(place, load_floats(place) * factor);
        }
        for (ptrdiff_t channel = 0; channel < strip->size; ++channel) {
            float *place = strip->output + channel * strip_lanes + lane;
            store_floats(place, load_floats(place) * factor);
        }
    }
}

/// Caps a block's scores where they are in memory, so that a block that is not capped stays in registers.
KERNEL void cap_scores(const int rows, const int vectors, float cap, float_vector scores[6][4]) {
    float values[6 * 4 * LAYER_LANES];
    UNROLL for (int i = 0; i < rows; ++i)
        UNROLL for (int v = 0; v < vectors; ++v) store_floats(values + (i * vectors + v) * LAYER_LANES, scores[i][v]);
    soft_cap_all(cap, rows * vectors * LAYER_LANES, values);
    UNROLL for (int i = 0; i < rows; ++i)
        UNROLL for (int v = 0; v < vectors; ++v) scores[i][v] = load_floats(values + (i * vectors + v) * LAYER_LANES);
}

/// Weights of `rows` keys, the first of them key `first` of a step that starts at `first_key`.
KERNEL void weigh_block(
    const int rows, const int vectors, const attention_strip *strip, const float *key_rows, ptrdiff_t row_stride,
    ptrdiff_t first, ptrdiff_t first_key, bool masked) {
    float_vector scores[6][4] = {0};
    multiply_block(
        rows, vectors, key_rows + first * row_stride, row_stride, 1, strip->queries, strip->size, scores);
    if (strip->soft_cap > 0) cap_scores(rows, vectors, strip->soft_cap, scores);
    if (masked)
        UNROLL for (int v = 0; v < vectors; ++v) {
            // How far back each lane sees a key; keys that come after its last one wrap around, far past any window.
            bit_vector distance;
            memcpy(&distance, strip->visible + v * LAYER_LANES, sizeof distance);
            distance -= (uint32_t)(first_key + first);
            UNROLL for (int i = 0; i < rows; ++i)
                scores[i][v] = distance - (uint32_t)i < strip->window ? scores[i][v] : all_lanes(-INFINITY);
        }
    float_vector largest[4], excess = all_lanes(-INFINITY);
    UNROLL for (int v = 0; v < vectors; ++v) {
        largest[v] = scores[0][v];
        UNROLL for (int i = 1; i < rows; ++i) largest[v] = larger_lanes(scores[i][v], largest[v]);
        excess = larger_lanes(largest[v] - load_floats(strip->reference + v * LAYER_LANES), excess);
    }
    if (__builtin_expect(__builtin_reduce_or(excess > largest_excess) != 0, 0))
        raise_references(strip, vectors, first, largest);
    UNROLL for (int v = 0; v < vectors; ++v) {
        const float_vector reference = load_floats(strip->reference + v * LAYER_LANES);
        float_vector sum = load_floats(strip->total + v * LAYER_LANES);
        UNROLL for (int i = 0; i < rows; ++i) {
            const float_vector weight = power_of_two(scores[i][v] - reference);
            store_floats(strip->weights + (first + i) * strip_lanes + v * LAYER_LANES, weight);
            sum += weight;
        }
        store_floats(strip->total + v * LAYER_LANES, sum);
    }
}

/// Adds the weighted values of `keys` keys to channels `[first, first + rows)` of the output.
KERNEL void add_strip_values(
    const int rows, const int vectors, const attention_strip *strip, const float *value_rows, ptrdiff_t row_stride,
    ptrdiff_t first, ptrdiff_t keys) {
    float_vector sums[6][4];
    float *output = strip->output + first * strip_lanes;
    UNROLL for (int i = 0; i < rows; ++i)
        UNROLL for (int v = 0; v < vectors; ++v) sums[i][v] = load_floats(output + i * strip_lanes + v * LAYER_LANES);
    multiply_block(rows, vectors, value_rows + first, 1, row_stride, strip->weights, keys, sums);
    UNROLL for (int i = 0; i < rows; ++i)
        UNROLL for (int v = 0; v < vectors; ++v) store_floats(output + i * strip_lanes + v * LAYER_LANES, sums[i][v]);
}

/// One step: `keys` keys from `first_key` on, rows of keys and values `row_stride` apart.
KERNEL void attend_strip(
    const int vectors, const attention_strip *strip, const float *key_rows, const float *value_rows,
    ptrdiff_t row_stride, ptrdiff_t first_key, ptrdiff_t keys, bool masked) {
    ptrdiff_t key = 0;
    for (; key + 6 <= keys; key += 6) weigh_block(6, vectors, strip, key_rows, row_stride, key, first_key, masked);
    if (key + 3 <= keys) {
        weigh_block(3, vectors, strip, key_rows, row_stride, key, first_key, masked);
        key += 3;
    }
    for (; key < keys; ++key) weigh_block(1, vectors, strip, key_rows, row_stride, key, first_key, masked);

    ptrdiff_t channel = 0;
    for (; channel + 6 <= strip->size; channel += 6)
        add_strip_values(6, vectors, strip, value_rows, row_stride, channel, keys);
    switch (strip->size - channel) {
    case 1: add_strip_values(1, vectors, strip, value_rows, row_stride, channel, keys); break;
    case 2: add_strip_values(2, vectors, strip, value_rows, row_stride, channel, keys); break;
    case 3: add_strip_values(3, vectors, strip, value_rows, row_stride, channel, keys); break;
    case 4: add_strip_values(4, vectors, strip, value_rows, row_stride, channel, keys); break;
    case 5: add_strip_values(5, vectors, strip, value_rows, row_stride, channel, keys); break;
    }
}

/// Row `row` of the queries, turned to its position and multiplied by the attention's scale and by `unit`.
KERNEL void load_query(const esparse_attention_task *task, ptrdiff_t row, float unit, float *output) {
    ptrdiff_t token = row / task->group;
    const float *angles = task->rotation ? task->rotation + (task->start + token) * 2 * task->frequency_count : NULL;
    turn(
        task->query + token * task->stride + row % task->group * task->size, task->size, angles, task->frequency_count,
        output);
    for (ptrdiff_t channel = 0; channel < task->size; ++channel) output[channel] *= task->scale * unit;
}

/// Writes one row's output, read at `values[channel * step]` and multiplied by `factor`.
KERNEL void store_output(
    const esparse_attention_task *task, ptrdiff_t row, const float *values, ptrdiff_t step, float factor) {
    ptrdiff_t channel = task->first_channel + row % task->group * task->size;
    float *output = task->output + row / task->group * task->stride;
    if (task->positions)
        for (ptrdiff_t index = 0; index < task->size; ++index)
            output[task->positions[channel + index]] = values[index * step] * factor;
    else
        for (ptrdiff_t index = 0; index < task->size; ++index) output[channel + index] = values[index * step] * factor;
}

static void attend_tile(const esparse_attention_task *task) {
    const ptrdiff_t size = task->size, padded = task->padded_size;
    const ptrdiff_t strips = (task->row_count + strip_lanes - 1) / strip_lanes;
    float *queries = task->scratch;                       // [strip, S, lane]
    float *output = queries + tile_lanes * padded;        // [strip, S, lane]
    float *weights = output + tile_lanes * padded;        // [key, lane], of one strip
    float *wide_keys = weights + tile_lanes * tile_keys;  // [key, padded], of a BF16 cache
    float *wide_values = wide_keys + tile_keys * padded;
    float *reference = wide_values + tile_keys * padded;  // [strip, lane]
    float *total = reference + tile_lanes;                // [strip, lane]
    int32_t visible[tile_lanes];
    const float unit = 1.44269504f;  // 1 / ln 2

    const ptrdiff_t last_visible = task->start + (task->first_row + task->row_count - 1) / task->group;
    for (ptrdiff_t lane = 0; lane < strips * strip_lanes; ++lane) {
        float *query = queries + lane / strip_lanes * strip_lanes * size + lane % strip_lanes;
        const ptrdiff_t row = lane < task->row_count ? lane : task->row_count - 1;
        reference[lane] = no_reference;
        total[lane] = 0;
        visible[lane] = (int32_t)(task->start + (task->first_row + row) / task->group);
        if (lane < task->row_count) load_query(task, task->first_row + lane, unit, weights);
        else memset(weights, 0, sizeof(float) * (size_t)size);
        for (ptrdiff_t channel = 0; channel < size; ++channel) query[channel * strip_lanes] = weights[channel];
    }
    memset(output, 0, sizeof(float) * (size_t)(strips * strip_lanes * size));

    const ptrdiff_t first_visible = task->start + task->first_row / task->group - task->window + 1;
    for (ptrdiff_t key = first_visible > 0 ? first_visible : 0; key <= last_visible; key += tile_keys) {
        const ptrdiff_t keys = last_visible - key + 1 < tile_keys ? last_visible - key + 1 : tile_keys;
        const float *key_rows = (const float *)task->keys + key * padded;
        const float *value_rows = (const float *)task->values + key * padded;
        if (task->cache_is_bf16) {
            widen_bf16((const uint16_t *)task->keys + key * padded, keys * padded, wide_keys);
            widen_bf16((const uint16_t *)task->values + key * padded, keys * padded, wide_values);
            key_rows = wide_keys;
            value_rows = wide_values;
        }
        for (ptrdiff_t index = 0; index < strips; ++index) {
            const ptrdiff_t lane = index * strip_lanes;
            const attention_strip strip = {
                queries + lane * size, output + lane * size, weights, reference + lane, total + lane, visible + lane,
                (uint32_t)task->window, task->soft_cap * unit, size,
            };
            // Of this step's keys the strip's rows see `[from, to)`, and each of them all of these unless `masked`.
            const ptrdiff_t last = visible[lane + strip_lanes - 1], earliest = visible[lane] - task->window + 1;
            const ptrdiff_t from = earliest > key ? earliest - key : 0;
            const ptrdiff_t to = last - key + 1 < keys ? last - key + 1 : keys;
            if (from >= to) continue;
            const bool masked = key + to - 1 > visible[lane] || key + from <= last - task->window;
            const float *strip_keys = key_rows + from * padded, *strip_values = value_rows + from * padded;
            const ptrdiff_t rows = task->row_count - lane;
            if (rows <= LAYER_LANES)
                attend_strip(1, &strip, strip_keys, strip_values, padded, key + from, to - from, masked);
            else if (LAYER_STRIP > 2 && rows <= 2 * LAYER_LANES)
                attend_strip(2, &strip, strip_keys, strip_values, padded, key + from, to - from, masked);
            else
                attend_strip(LAYER_STRIP, &strip, strip_keys, strip_values, padded, key + from, to - from, masked);
        }
    }
    for (ptrdiff_t lane = 0; lane < task->row_count; ++lane)
        store_output(
            task, task->first_row + lane, output + lane / strip_lanes * strip_lanes * size + lane % strip_lanes,
            strip_lanes, 1 / total[lane]);
}

KERNEL float_vector load_cached(const void *cache, ptrdiff_t index, const bool is_bf16) {
    return is_bf16 ? load_bf16((const uint16_t *)cache + index) : load_floats((const float *)cache + index);
}

/// Scores of `count` keys from `key` on (four or one) for `rows` rows of the queries (two or one).
KERNEL void score_block(
    const esparse_attention_task *task, const int rows, const float *queries, ptrdiff_t key, const int count,
    float *scores, const bool is_bf16) {
    const ptrdiff_t padded = task->padded_size, first = (task->first_key + key) * padded;
    float_vector sums[2][4] = {0};
    for (ptrdiff_t channel = 0; channel < padded; channel += LAYER_LANES) {
        float_vector cached[4];
        UNROLL for (int index = 0; index < count; ++index)
            cached[index] = load_cached(task->keys, first + index * padded + channel, is_bf16);
        UNROLL for (int row = 0; row < rows; ++row) {
            const float_vector query = load_floats(queries + row * padded + channel);
            UNROLL for (int index = 0; index < count; ++index) sums[row][index] += query * cached[index];
        }
    }
    UNROLL for (int row = 0; row < rows; ++row) {
        const four_vector products = lane_sums(sums[row]);
        memcpy(scores + row * esparse_attention_chunk + key, &products, sizeof(float) * (size_t)count);
    }
}

/// Scores of `count` keys from `key` on for all rows, two rows at a time so that every load serves several products.
KERNEL void score_keys(
    const esparse_attention_task *task, const float *queries, ptrdiff_t key, const int count, float *scores,
    const bool is_bf16) {
    for (ptrdiff_t row = 0; row < task->row_count; row += 2) {
        const float *from = queries + row * task->padded_size;
        float *to = scores + row * esparse_attention_chunk;
        if (row + 1 < task->row_count)
            score_block(task, 2, from, key, count, to, is_bf16);
        else
            score_block(task, 1, from, key, count, to, is_bf16);
    }
}

/// Adds the weighted values of `count` keys from `key` on to the sums of `rows` rows (two or one).
KERNEL void add_values_block(
    const esparse_attention_task *task, const int rows, const float *weights, ptrdiff_t key, const int count,
    float *sums, const bool is_bf16) {
    const ptrdiff_t padded = task->padded_size, first = (task->first_key + key) * padded;
    for (ptrdiff_t channel = 0; channel < padded; channel += LAYER_LANES) {
        float_vector cached[4];
        UNROLL for (int index = 0; index < count; ++index)
            cached[index] = load_cached(task->values, first + index * padded + channel, is_bf16);
        UNROLL for (int row = 0; row < rows; ++row) {
            float *sum = sums + row * (2 + padded) + channel;
            float_vector value = load_floats(sum);
            UNROLL for (int index = 0; index < count; ++index)
                value += all_lanes(weights[row * esparse_attention_chunk + key + index]) * cached[index];
            store_floats(sum, value);
        }
    }
}

/// Adds the weighted values of `count` keys from `key` on to every row's sum.
KERNEL void add_values(
    const esparse_attention_task *task, const float *weights, ptrdiff_t key, const int count, const bool is_bf16) {
    for (ptrdiff_t row = 0; row < task->row_count; row += 2) {
        const float *from = weights + row * esparse_attention_chunk;
        float *to = task->partial + row * (2 + task->padded_size) + 2;
        if (row + 1 < task->row_count)
            add_values_block(task, 2, from, key, count, to, is_bf16);
        else
            add_values_block(task, 1, from, key, count, to, is_bf16);
    }
}

/// A piece of the attention of a few rows, lanes being channels: the cache is read once, in order.
KERNEL void attend_rows(const esparse_attention_task *task, const bool is_bf16) {
    const ptrdiff_t padded = task->padded_size, rows = task->row_count;
    float *queries = task->scratch;                                 // [row, padded]
    float *scores = queries + esparse_attention_few_rows * padded;  // [row, key]
    ptrdiff_t visible[esparse_attention_few_rows];
    memset(queries, 0, sizeof(float) * (size_t)(rows * padded));
    for (ptrdiff_t row = 0; row < rows; ++row) {
        load_query(task, task->first_row + row, 1, queries + row * padded);
        visible[row] = task->start + (task->first_row + row) / task->group - task->first_key + 1;
    }
    ptrdiff_t key = 0;
    for (; key + 4 <= task->key_count; key += 4) score_keys(task, queries, key, 4, scores, is_bf16);
    for (; key < task->key_count; ++key) score_keys(task, queries, key, 1, scores, is_bf16);
    // A whole number of vectors, which fit a chunk; keys that are not seen weigh nothing.
    const ptrdiff_t filled = (task->key_count + LAYER_LANES - 1) / LAYER_LANES * LAYER_LANES;
    for (ptrdiff_t row = 0; row < rows; ++row) {
        float *weights = scores + row * esparse_attention_chunk;
        float *partial = task->partial + row * (2 + padded);
        if (task->soft_cap > 0) soft_cap_all(task->soft_cap, task->key_count, weights);
        // Keys `[hidden, keys)` are seen.
        ptrdiff_t keys = visible[row] < task->key_count ? visible[row] : task->key_count;
        if (keys < 0) keys = 0;
        ptrdiff_t hidden = visible[row] - task->window < keys ? visible[row] - task->window : keys;
        if (hidden < 0) hidden = 0;
        for (key = 0; key < hidden; ++key) weights[key] = -INFINITY;
        for (key = keys; key < filled; ++key) weights[key] = -INFINITY;
        float_vector lane_largest = all_lanes(-INFINITY), totals = all_lanes(0);
        for (key = 0; key < filled; key += LAYER_LANES)
            lane_largest = larger_lanes(load_floats(weights + key), lane_largest);
        float largest = -INFINITY;
        for (int lane = 0; lane < LAYER_LANES; ++lane)
            largest = lane_largest[lane] > largest ? lane_largest[lane] : largest;
        for (key = 0; key < filled; key += LAYER_LANES) {
            const float_vector weight = power_of_e(load_floats(weights + key) - (keys > hidden ? largest : 0));
            store_floats(weights + key, weight);
            totals += weight;
        }
        partial[0] = largest;
        partial[1] = lane_sum(totals);
        memset(partial + 2, 0, sizeof(float) * (size_t)padded);
    }
    key = 0;
    for (; key + 4 <= task->key_count; key += 4) add_values(task, scores, key, 4, is_bf16);
    for (; key < task->key_count; ++key) add_values(task, scores, key, 1, is_bf16);
}

static void attend_few(const esparse_attention_task *task) {
    if (task->cache_is_bf16)
        attend_rows(task, true);
    else
        attend_rows(task, false);
}

static void merge_few(const esparse_attention_task *task, ptrdiff_t count) {
    const ptrdiff_t padded = task->padded_size, rows = task->row_count;
    const ptrdiff_t row_size = 2 + padded, piece_size = rows * row_size;
    for (ptrdiff_t row = 0; row < rows; ++row) {
        float *first = task->partial + row * row_size;
        for (ptrdiff_t piece = 1; piece < count; ++piece) {
            const float *next = first + piece * piece_size;
            const float largest = next[0] > first[0] ? next[0] : first[0];
            const float keep = expf(first[0] - largest), take = expf(next[0] - largest);
            first[0] = largest;
            first[1] = first[1] * keep + next[1] * take;
            for (ptrdiff_t channel = 0; channel < padded; ++channel)
                first[2 + channel] = first[2 + channel] * keep + next[2 + channel] * take;
        }
        store_output(task, task->first_row + row, first + 2, 1, 1 / first[1]);
    }
}
