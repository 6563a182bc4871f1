#!/usr/bin/env bash
# One model in esparse (dense and packed 2:4) and in llama.cpp (BF16, Q8_0, Q4_0 and Q4_K_M), taking turns; one prompt, then
# decoding. The table says which types of matrices llama.cpp repacked for AMX: prompts then run on tiles, single tokens on
# AVX-512 VNNI from the same layout.
# Builds llama.cpp's library once, outside the tree, out of the source package that PyPI has; needs pip, and clang, which the
# Swift toolchain has: GCC 12's build of the AMX code dies with SIGILL on Q8_0.
# ESPARSE_LLAMA_CPP names the folder of that build, ESPARSE_CONVERTED one where the converted models are kept for the next run,
# ESPARSE_BINARY a copy of the command to measure with, ESPARSE_ALONE a command to start each measured one with, such as
# `taskset -c 0,1`.
# Usage: scripts/measure/llama-cpp.sh MODEL-FOLDER RESULT.json [options of side_by_side.py, such as --rounds 5]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
model=$(realpath "$1") result=$(realpath -m "$2"); shift 2
if ! command -v clang >/dev/null || ! command -v clang++ >/dev/null; then
    echo "llama-cpp.sh needs clang and clang++ on PATH to build llama.cpp; the Swift toolchain's usr/bin has both." >&2
    exit 1
fi
esparse=${ESPARSE_BINARY:-$(cd "$root" && swift build -c release --show-bin-path)/esparse}
place=${ESPARSE_LLAMA_CPP:-$HOME/.cache/esparse/llama.cpp}
version=0.3.36
source=$place/llama_cpp_python-$version/vendor/llama.cpp
build=$place/build-clang-$version
python=$("$root/scripts/measure/python.sh")

if [ ! -e "$build/bin/libllama.so" ]; then
    echo "Building llama.cpp in $build, which takes minutes" >&2
    mkdir -p "$place"
    python3 -m venv "$place/tools"
    "$place/tools/bin/pip" install --quiet cmake ninja >&2
    export PATH="$place/tools/bin:$PATH"
    # Only this package as source: `--no-binary :all:` would compile CMake itself from source first.
    pip download --quiet --no-deps --no-binary llama-cpp-python --dest "$place" "llama-cpp-python==$version" >&2
    tar -xzf "$place/llama_cpp_python-$version.tar.gz" -C "$place"
    # -march=native is what turns AMX on.
    cmake -S "$source" -B "$build" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
        -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_OPENSSL=OFF \
        -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
        -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_USE_PREBUILT_UI=OFF >&2
    cmake --build "$build" --target llama >&2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for program in run quantize; do
    clang -O2 -Wall -Wextra -Werror -I "$source/include" -I "$source/ggml/include" \
        "$root/scripts/measure/llama_cpp_$program.c" -o "$work/llama_cpp_$program" \
        -L "$build/bin" -Wl,-rpath,"$build/bin" -lllama -lggml -lggml-base
done

# make FILE COMMAND...: runs a command that writes the file or folder named last, unless an earlier run did.
models=${ESPARSE_CONVERTED:-$work}
mkdir -p "$models"
make() {
    local file=$models/$1; shift
    [ -e "$file" ] && return
    echo "Making $file" >&2
    rm -rf "$file.part"
    "$@" "$file.part" >&2
    mv "$file.part" "$file"
}
make BF16.gguf "$python" "$root/scripts/measure/folder_to_gguf.py" "$model"
files=(--gguf "BF16=$models/BF16.gguf")
for type in Q8_0 Q4_0 Q4_K_M; do
    make "$type.gguf" "$work/llama_cpp_quantize" "$type" "$models/BF16.gguf"
    files+=(--gguf "$type=$models/$type.gguf")
done
make packed "$esparse" prune "$model" --method magnitude --shuffle none --output
"$python" "$root/scripts/measure/side_by_side.py" --dense "$model" --packed "$models/packed" "${files[@]}" \
    --esparse "$esparse" --llama-cpp "$work/llama_cpp_run" --name "llama-cpp-python $version, clang" \
    --alone "${ESPARSE_ALONE:-}" --result "$result" "$@"
