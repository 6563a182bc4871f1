#!/usr/bin/env bash
# One model in esparse (dense and packed 2:4) and in llama.cpp (BF16, Q8_0, Q4_0 and Q4_K_M), taking turns; one prompt, then
# decoding. The table says which types of matrices llama.cpp repacked for AMX: prompts then run on tiles, single tokens on
# AVX-512 VNNI from the same layout.
# ESPARSE_CONVERTED names a folder where the converted models are kept for the next run,
# ESPARSE_BINARY a copy of the command to measure with, ESPARSE_ALONE a command to start each measured one with, such as
# `taskset -c 0,1`.
# Usage: scripts/measure/llama-cpp.sh MODEL-FOLDER RESULT.json [options of side_by_side.py, such as --rounds 5]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
model=$(realpath "$1") result=$(realpath -m "$2"); shift 2
esparse=${ESPARSE_BINARY:-$(cd "$root" && swift build -c release --show-bin-path)/esparse}
python=$("$root/scripts/measure/python.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for program in run quantize; do "$root/scripts/measure/llama-cpp-program.sh" "$program" "$work/llama_cpp_$program"; done

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
make BF16.gguf "$esparse" export "$model" --format gguf --type bf16 --output
files=(--gguf "BF16=$models/BF16.gguf")
for type in Q8_0 Q4_0 Q4_K_M; do
    make "$type.gguf" "$work/llama_cpp_quantize" "$type" "$models/BF16.gguf"
    files+=(--gguf "$type=$models/$type.gguf")
done
make packed "$esparse" prune "$model" --method magnitude --shuffle none --output
"$python" "$root/scripts/measure/side_by_side.py" --dense "$model" --packed "$models/packed" "${files[@]}" \
    --esparse "$esparse" --llama-cpp "$work/llama_cpp_run" --name "llama-cpp-python $("$root/scripts/measure/llama-cpp-program.sh" --version), clang" \
    --alone "${ESPARSE_ALONE:-}" --result "$result" "$@"
