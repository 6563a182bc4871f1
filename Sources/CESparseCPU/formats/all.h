// The weight formats: a new one adds its file here.
//
// With `FORMAT(name, layout, values)` defined this names every format: the layout says where values lie and how
// kernels walk through them, the values how one is stored. Without, it is the code of layouts and values, for the
// vectors that the including file defines (`SIMD`), or for none.
#ifndef FORMAT
#include "layouts.h"
#endif
#include "float32.h"
#include "float16.h"
#include "bfloat16.h"
#include "compact.h"
