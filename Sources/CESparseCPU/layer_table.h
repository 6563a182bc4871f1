// The table of one instruction set's layer kernels. Included last.

const esparse_layer_kernels LAYER(table) = {
    .normalize_rms = LAYER(normalize_rms),
    .normalize_layer = LAYER(normalize_layer),
    .apply = LAYER(apply),
    .add = LAYER(add),
    .widen_bf16 = LAYER(widen_bf16),
    .widen_f16 = LAYER(widen_f16),
    .append = LAYER(append),
    .attend_tile = LAYER(attend_tile),
    .attend_few = LAYER(attend_few),
    .merge_few = LAYER(merge_few),
    .accumulate_moments = LAYER(accumulate_moments),
    .accumulate_histogram = LAYER(accumulate_histogram),
    .accumulate_logarithmic_histogram = LAYER(accumulate_logarithmic_histogram),
};
