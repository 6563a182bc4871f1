#!/usr/bin/env bash
# Compiles scripts/measure/llama_cpp_NAME.c against llama.cpp's library.
# Builds that library once, outside the tree, out of the source package that PyPI has; needs pip, and clang, which the
# Swift toolchain has: GCC 12's build of the AMX code dies with SIGILL on Q8_0. ESPARSE_LLAMA_CPP names the folder of that build.
# Usage: scripts/measure/llama-cpp-program.sh NAME OUTPUT, or --version for that of the source package
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
version=0.3.36
checksum=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
if [ "$1" = --version ]; then
    echo "$version"
    exit
fi
if ! command -v clang >/dev/null || ! command -v clang++ >/dev/null; then
    echo "llama.cpp is built by clang and clang++, which must be on PATH; the Swift toolchain's usr/bin has both." >&2
    exit 1
fi
place=${ESPARSE_LLAMA_CPP:-$HOME/.cache/esparse/llama.cpp}
source=$place/llama_cpp_python-$version/vendor/llama.cpp
build=$place/build-clang-$version
if [ ! -e "$build/bin/libllama.so" ]; then
    echo "Building llama.cpp in $build, which takes minutes" >&2
    mkdir -p "$place"
    python3 -m venv "$place/tools"
    "$place/tools/bin/pip" install --quiet cmake ninja >&2
    export PATH="$place/tools/bin:$PATH"
    # Only this package as source: `--no-binary :all:` would compile CMake itself from source first.
    echo "llama-cpp-python==$version --hash=sha256:$checksum" >"$place/requirements.txt"
    pip download --quiet --no-deps --no-binary llama-cpp-python --dest "$place" --requirement "$place/requirements.txt" >&2
    tar -xzf "$place/llama_cpp_python-$version.tar.gz" -C "$place"
    # -march=native is what turns AMX on.
    cmake -S "$source" -B "$build" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
        -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_OPENSSL=OFF \
        -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
        -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_USE_PREBUILT_UI=OFF >&2
    cmake --build "$build" --target llama >&2
fi
clang -O2 -Wall -Wextra -Werror -I "$source/include" -I "$source/ggml/include" "$root/scripts/measure/llama_cpp_$1.c" -o "$2" \
    -L "$build/bin" -Wl,-rpath,"$build/bin" -lllama -lggml -lggml-base -lm
