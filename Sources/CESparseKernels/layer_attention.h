// Causal attention for many rows at a time (tiles, near matrix-product speed) and for few (decoding). Included once an
// instruction set.
//
// A tile holds 64 query rows side by side in vector lanes. Keys and values are read as the cache holds them, one
// broadcast value at a time, so nothing is transposed but the queries; and softmax runs down the keys, lane by lane,
// without horizontal operations. Both matrix products have the same shape:
//     scores^T [key, lane] = K [key, S] x Q^T [S, lane]        output^T [S, lane] += V^T [S, key] x P^T [key, lane]
// Softmax is online: `largest` and `total` of the keys so far are kept, and the output rescaled when `largest` rises.

enum { tile_lanes = esparse_attention_lanes, tile_keys = esparse_attention_keys };

/// `product[i, lane] (+)= sum over j of left[i * row_stride + j * column_stride] * right[j, lane]`, i in `[0, rows)`.
LAYER_INLINE void multiply_block(
    const int rows, const int vectors, const float *left, ptrdiff_t row_stride, ptrdiff_t column_stride,
    const float *right, ptrdiff_t depth, float *product, const bool accumulate) {
    vector sums[6][4];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; ++i)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; ++v)
            sums[i][v] = accumulate ? load(product + i * tile_lanes + v * LAYER_LANES) : all(0);
    for (ptrdiff_t j = 0; j < depth; ++j) {
        vector columns[4];
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; ++v) columns[v] = load(right + j * tile_lanes + v * LAYER_LANES);
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; ++i) {
            vector value = all(left[i * row_stride + j * column_stride]);
#pragma clang loop unroll(full)
            for (int v = 0; v < vectors; ++v) sums[i][v] += value * columns[v];
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; ++i)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; ++v) store(product + i * tile_lanes + v * LAYER_LANES, sums[i][v]);
}

/// `multiply_block` over any number of rows, for `vectors` vectors of lanes.
LAYER_INLINE void multiply_rows(
    const int vectors, ptrdiff_t rows, const float *left, ptrdiff_t row_stride, ptrdiff_t column_stride,
    const float *right, ptrdiff_t depth, float *product, const bool accumulate) {
    ptrdiff_t row = 0;
    for (; row + 6 <= rows; row += 6)
        multiply_block(
            6, vectors, left + row * row_stride, row_stride, column_stride, right, depth, product + row * tile_lanes,
            accumulate);
    left += row * row_stride;
    product += row * tile_lanes;
    switch (rows - row) {
    case 1: multiply_block(1, vectors, left, row_stride, column_stride, right, depth, product, accumulate); break;
    case 2: multiply_block(2, vectors, left, row_stride, column_stride, right, depth, product, accumulate); break;
    case 3: multiply_block(3, vectors, left, row_stride, column_stride, right, depth, product, accumulate); break;
    case 4: multiply_block(4, vectors, left, row_stride, column_stride, right, depth, product, accumulate); break;
    case 5: multiply_block(5, vectors, left, row_stride, column_stride, right, depth, product, accumulate); break;
    default: break;
    }
}

/// `multiply_block` over any number of rows and the first `vectors` vectors of lanes.
LAYER_INLINE void multiply_tile(
    ptrdiff_t vectors, ptrdiff_t rows, const float *left, ptrdiff_t row_stride, ptrdiff_t column_stride,
    const float *right, ptrdiff_t depth, float *product, const bool accumulate) {
    ptrdiff_t first = 0;
#if LAYER_STRIP == 4
    for (; first + 4 <= vectors; first += 4)
        multiply_rows(
            4, rows, left, row_stride, column_stride, right + first * LAYER_LANES, depth,
            product + first * LAYER_LANES, accumulate);
#endif
    for (; first + 2 <= vectors; first += 2)
        multiply_rows(
            2, rows, left, row_stride, column_stride, right + first * LAYER_LANES, depth,
            product + first * LAYER_LANES, accumulate);
    if (first < vectors)
        multiply_rows(
            1, rows, left, row_stride, column_stride, right + first * LAYER_LANES, depth,
            product + first * LAYER_LANES, accumulate);
}

static void LAYER(scores)(
    ptrdiff_t vectors, ptrdiff_t keys, const float *left, ptrdiff_t row_stride, const float *right, ptrdiff_t depth,
    float *product) {
    multiply_tile(vectors, keys, left, row_stride, 1, right, depth, product, false);
}

static void LAYER(values)(
    ptrdiff_t vectors, ptrdiff_t channels, const float *left, ptrdiff_t column_stride, const float *right,
    ptrdiff_t depth, float *product) {
    multiply_tile(vectors, channels, left, 1, column_stride, right, depth, product, true);
}

/// Turns scores `[key, lane]` of keys `first_key...` into weights, and rescales `output [S, lane]` and `total`.
///
/// Lane l sees keys up to `visible[l]`; `masked` is false where every lane sees every key.
static void LAYER(weigh)(
    ptrdiff_t vectors, ptrdiff_t keys, ptrdiff_t first_key, const int32_t *visible, bool masked, ptrdiff_t size,
    float *scores, float *largest, float *total, float *output) {
    for (ptrdiff_t lane = 0; lane < vectors * LAYER_LANES; lane += LAYER_LANES) {
        integer_vector limit;
        memcpy(&limit, visible + lane, sizeof limit);
        limit -= (int32_t)first_key;
        const vector before = load(largest + lane);
        vector now = before;
        for (ptrdiff_t key = 0; key < keys; ++key) {
            float *place = scores + key * tile_lanes + lane;
            vector score = load(place);
            if (masked) {
                score = limit < (int32_t)key ? all(-INFINITY) : score;
                store(place, score);
            }
            now = larger(score, now);
        }
        vector sum = all(0);
        for (ptrdiff_t key = 0; key < keys; ++key) {
            float *place = scores + key * tile_lanes + lane;
            vector weight = exponential(load(place) - now);
            store(place, weight);
            sum += weight;
        }
        vector factor = exponential(before - now);
        store(largest + lane, now);
        store(total + lane, load(total + lane) * factor + sum);
        bool risen = false;
        for (int index = 0; index < LAYER_LANES; ++index) risen |= before[index] != now[index];
        if (!risen) continue;
        for (ptrdiff_t channel = 0; channel < size; ++channel) {
            float *place = output + channel * tile_lanes + lane;
            store(place, load(place) * factor);
        }
    }
}

/// Row `row` of the queries, turned to its position and scaled.
LAYER_INLINE void load_query(const esparse_attention_task *task, ptrdiff_t row, float *output) {
    ptrdiff_t token = row / task->group;
    const float *angles = task->rotation ? task->rotation + (task->start + token) * 2 * task->frequency_count : NULL;
    turn(
        task->query + token * task->stride + row % task->group * task->size, task->size, angles, task->frequency_count,
        output);
    for (ptrdiff_t channel = 0; channel < task->size; ++channel) output[channel] *= task->scale;
}

/// Writes one row's output, read at `values[channel * step]` and multiplied by `factor`.
LAYER_INLINE void store_output(
    const esparse_attention_task *task, ptrdiff_t row, const float *values, ptrdiff_t step, float factor) {
    ptrdiff_t channel = task->first_channel + row % task->group * task->size;
    float *output = task->output + row / task->group * task->stride;
    if (task->positions)
        for (ptrdiff_t index = 0; index < task->size; ++index)
            output[task->positions[channel + index]] = values[index * step] * factor;
    else
        for (ptrdiff_t index = 0; index < task->size; ++index) output[channel + index] = values[index * step] * factor;
}

static void LAYER(attend_tile)(const esparse_attention_task *task) {
    const ptrdiff_t size = task->size, padded = task->padded_size;
    const ptrdiff_t vectors = (task->row_count + LAYER_LANES - 1) / LAYER_LANES;
    float *queries = task->scratch;                    // [S, lane]
    float *output = queries + tile_lanes * padded;     // [S, lane]
    float *scores = output + tile_lanes * padded;      // [key, lane]
    float *wide_keys = scores + tile_lanes * tile_keys;  // [key, padded], of a BF16 cache
    float *wide_values = wide_keys + tile_keys * padded;
    float *largest = wide_values + tile_keys * padded;  // [lane]
    float *total = largest + tile_lanes;                // [lane]
    int32_t visible[tile_lanes];

    memset(queries, 0, sizeof(float) * (size_t)(tile_lanes * size));
    memset(output, 0, sizeof(float) * (size_t)(tile_lanes * size));
    const ptrdiff_t last_visible = task->start + (task->first_row + task->row_count - 1) / task->group;
    const ptrdiff_t all_visible = task->start + task->first_row / task->group;
    for (ptrdiff_t lane = 0; lane < tile_lanes; ++lane) {
        largest[lane] = -INFINITY;
        total[lane] = 0;
        visible[lane] = (int32_t)last_visible;
        if (lane >= task->row_count) continue;
        visible[lane] = (int32_t)(task->start + (task->first_row + lane) / task->group);
        load_query(task, task->first_row + lane, scores);
        for (ptrdiff_t channel = 0; channel < size; ++channel) queries[channel * tile_lanes + lane] = scores[channel];
    }

    for (ptrdiff_t key = 0; key <= last_visible; key += tile_keys) {
        const ptrdiff_t keys = last_visible - key + 1 < tile_keys ? last_visible - key + 1 : tile_keys;
        const float *key_rows = (const float *)task->keys + key * padded;
        const float *value_rows = (const float *)task->values + key * padded;
        if (task->cache_is_bf16) {
            LAYER(widen_bf16)((const uint16_t *)task->keys + key * padded, keys * padded, wide_keys);
            LAYER(widen_bf16)((const uint16_t *)task->values + key * padded, keys * padded, wide_values);
            key_rows = wide_keys;
            value_rows = wide_values;
        }
        LAYER(scores)(vectors, keys, key_rows, padded, queries, size, scores);
        LAYER(weigh)(
            vectors, keys, key, visible, key + keys - 1 > all_visible, size, scores, largest, total, output);
        LAYER(values)(vectors, size, value_rows, padded, scores, keys, output);
    }
    for (ptrdiff_t lane = 0; lane < task->row_count; ++lane)
        store_output(task, task->first_row + lane, output + lane, tile_lanes, 1 / total[lane]);
}

LAYER_INLINE vector load_cached(const void *cache, ptrdiff_t index, const bool is_bf16) {
    return is_bf16 ? load_bf16((const uint16_t *)cache + index) : load((const float *)cache + index);
}

/// A piece of the attention of a few rows, lanes being channels: the cache is read once, in order.
LAYER_INLINE void attend_few(const esparse_attention_task *task, const bool is_bf16) {
    const ptrdiff_t padded = task->padded_size, rows = task->row_count;
    float *queries = task->scratch;                                 // [row, padded]
    float *scores = queries + esparse_attention_few_rows * padded;  // [row, key]
    ptrdiff_t visible[esparse_attention_few_rows];
    memset(queries, 0, sizeof(float) * (size_t)(rows * padded));
    for (ptrdiff_t row = 0; row < rows; ++row) {
        load_query(task, task->first_row + row, queries + row * padded);
        visible[row] = task->start + (task->first_row + row) / task->group - task->first_key + 1;
    }
    for (ptrdiff_t key = 0; key < task->key_count; ++key)
        for (ptrdiff_t row = 0; row < rows; ++row) {
            vector sum = all(0);
            for (ptrdiff_t channel = 0; channel < padded; channel += LAYER_LANES)
                sum += load(queries + row * padded + channel)
                    * load_cached(task->keys, (task->first_key + key) * padded + channel, is_bf16);
            scores[row * esparse_attention_chunk + key] = lane_sum(sum);
        }
    for (ptrdiff_t row = 0; row < rows; ++row) {
        float *weights = scores + row * esparse_attention_chunk;
        float *partial = task->partial + row * (2 + padded);
        const ptrdiff_t keys = visible[row] < task->key_count ? visible[row] : task->key_count;
        float largest = -INFINITY;
        for (ptrdiff_t key = 0; key < keys; ++key) largest = weights[key] > largest ? weights[key] : largest;
        for (ptrdiff_t key = keys > 0 ? keys : 0; key < task->key_count; ++key) weights[key] = -INFINITY;
        float total = 0;
        for (ptrdiff_t key = 0; key < task->key_count; key += LAYER_LANES) {
            const ptrdiff_t count = task->key_count - key < LAYER_LANES ? task->key_count - key : LAYER_LANES;
            vector weight = exponential(load_first(weights + key, count) - (keys > 0 ? largest : 0));
            store_first(weights + key, weight, count);
            for (ptrdiff_t index = 0; index < count; ++index) total += weights[key + index];
        }
        partial[0] = largest;
        partial[1] = total;
        memset(partial + 2, 0, sizeof(float) * (size_t)padded);
    }
    for (ptrdiff_t key = 0; key < task->key_count; ++key)
        for (ptrdiff_t row = 0; row < rows; ++row) {
            float *sum = task->partial + row * (2 + padded) + 2;
            vector weight = all(scores[row * esparse_attention_chunk + key]);
            for (ptrdiff_t channel = 0; channel < padded; channel += LAYER_LANES)
                store(
                    sum + channel,
                    load(sum + channel)
                        + weight * load_cached(task->values, (task->first_key + key) * padded + channel, is_bf16));
        }
}

static void LAYER(attend_few)(const esparse_attention_task *task) {
    if (task->cache_is_bf16)
        attend_few(task, true);
    else
        attend_few(task, false);
}

static void LAYER(merge_few)(const esparse_attention_task *task, ptrdiff_t count) {
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
