#!/usr/bin/env bash
# One model in esparse (dense and packed 2:4) and in llama.cpp (BF16 and Q8_0), taking turns; one prompt, then decoding.
# Builds llama.cpp's library once, outside the tree, out of the source package that PyPI has; needs a C++ compiler and
# pip, and Python with torch, safetensors and gguf.
# ESPARSE_LLAMA_CPP names the folder of that build, ESPARSE_BINARY a copy of the command to measure with, ESPARSE_ALONE a
# command to start each measured one with, such as `taskset -c 0,1`.
# Usage: scripts/measure/llama-cpp.sh MODEL-FOLDER RESULT.json [options of side_by_side.py, such as --rounds 5]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
model=$(realpath "$1") result=$(realpath -m "$2"); shift 2
esparse=${ESPARSE_BINARY:-$(cd "$root" && swift build -c release --show-bin-path)/esparse}
place=${ESPARSE_LLAMA_CPP:-$HOME/.cache/esparse/llama.cpp}
version=0.3.36
source=$place/llama_cpp_python-$version/vendor/llama.cpp

if [ ! -e "$place/build/bin/libllama.so" ]; then
    mkdir -p "$place"
    python3 -m venv "$place/tools"
    "$place/tools/bin/pip" install --quiet cmake ninja >&2
    export PATH="$place/tools/bin:$PATH"
    # Only this package as source: `--no-binary :all:` would compile CMake itself from source first.
    pip download --quiet --no-deps --no-binary llama-cpp-python --dest "$place" "llama-cpp-python==$version" >&2
    tar -xzf "$place/llama_cpp_python-$version.tar.gz" -C "$place"
    cmake -S "$source" -B "$place/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_OPENSSL=OFF \
        -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
        -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_USE_PREBUILT_UI=OFF >&2
    cmake --build "$place/build" --target llama >&2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O2 -Wall -Wextra -Werror -I "$source/include" -I "$source/ggml/include" "$root/scripts/measure/llama_cpp_run.c" \
    -o "$work/llama_cpp_run" -L "$place/build/bin" -Wl,-rpath,"$place/build/bin" -lllama -lggml -lggml-base
for type in bf16 q8_0; do
    python3 "$root/scripts/measure/folder_to_gguf.py" "$model" "$type" "$work/$type.gguf" >&2
done
"$esparse" prune "$model" --output "$work/packed" --method magnitude --shuffle none >&2
python3 "$root/scripts/measure/side_by_side.py" --dense "$model" --packed "$work/packed" \
    --gguf "BF16=$work/bf16.gguf" --gguf "Q8_0=$work/q8_0.gguf" --esparse "$esparse" \
    --llama-cpp "$work/llama_cpp_run" --name "llama-cpp-python $version" --alone "${ESPARSE_ALONE:-}" --result "$result" "$@"
