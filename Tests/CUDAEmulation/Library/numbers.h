// Numbers of the types that products take, read and written one by one.
#pragma once

#include <cstdint>
#include <cstring>

#include "common.cuh"

namespace emulation {

/// cudaDataType_t.
enum data_type { float32 = 0, half_float = 2, brain_float = 14 };

inline size_t byte_count(int type) { return type == float32 ? 4 : 2; }

inline float read_number(const void *start, int64_t index, int type) {
    switch (type) {
        case float32: return ((const float *)start)[index];
        case half_float: return to_float(((const float16 *)start)[index]);
        default: return to_float(((const bfloat16 *)start)[index]);
    }
}

inline void write_number(void *start, int64_t index, int type, float value) {
    switch (type) {
        case float32: ((float *)start)[index] = value; break;
        case half_float: store_rounded(value, (float16 *)start + index); break;
        default: store_rounded(value, (bfloat16 *)start + index);
    }
}

}  // namespace emulation
