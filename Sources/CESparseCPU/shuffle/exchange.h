// What an exchange of a kept and a dropped weight does to a row's response.

static void mask_exchange(float *restrict response, float lost, const float *drop_row, float won, const float *keep_row,
                          int64_t count) {
    // No fused multiply-add, so that every instruction set gives the same bits.
#pragma STDC FP_CONTRACT OFF
    for (int64_t i = 0; i < count; i++) response[i] += lost * drop_row[i] - won * keep_row[i];
}
