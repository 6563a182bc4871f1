#!/usr/bin/env bash
# The first thing to run on a machine with AMX: measures esparse beside llama.cpp and PyTorch, then single linears and a whole
# model, most telling first. 30 minutes on two cores, without the builds; runs on any x86-64 machine.
# Each step writes a table (.md) and its figures (.json) to RESULT-FOLDER when it ends; a repeated call does the missing steps.
# ESPARSE_BINARY names a copy of the command to measure with, ESPARSE_BASELINE one of another build to put beside it in
# pytorch-linear.md, ESPARSE_THREADS the threads (default: the physical cores).
# Usage: scripts/measure/server.sh RESULT-FOLDER
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
result=$(realpath "$1")
measure=$root/scripts/measure
command -v clang++ >/dev/null || { echo "server.sh needs clang++ on PATH; the Swift toolchain's usr/bin has it" >&2; exit 1; }
if [ -z "${ESPARSE_BINARY:-}" ]; then
    echo "Building esparse" >&2
    (cd "$root" && scripts/setup.sh && swift build -c release --product esparse) >&2
    ESPARSE_BINARY=$(cd "$root" && swift build -c release --show-bin-path)/esparse
fi
export ESPARSE_BINARY
threads=${ESPARSE_THREADS:-$(lscpu -p=Core,Socket | grep -v '^#' | sort -u | wc -l)}
model=$HOME/.cache/esparse/tinyllama-shapes

# Runs a command whose stdout is the table NAME.md, unless that table exists.
step() {
    local name=$1; shift
    if [ -e "$result/$name.md" ]; then
        echo "$name: there already" >&2
        return
    fi
    echo "$(date '+%F %H:%M') $name begins, load $(cut -d ' ' -f 1-2 /proc/loadavg)" | tee -a "$result/machine.txt" >&2
    "$@" >"$result/$name.md.part"
    mv "$result/$name.md.part" "$result/$name.md"
    echo "$(date '+%F %H:%M') $name ended" >>"$result/machine.txt"
    cat "$result/$name.md"
}

machine() {
    echo "$(date --iso-8601) esparse $("$ESPARSE_BINARY" --version), commit $(git -C "$root" rev-parse --short HEAD) of the scripts, $threads threads"
    sha256sum "$ESPARSE_BINARY" ${ESPARSE_BASELINE:+"$ESPARSE_BASELINE"}
    "$("$measure/python.sh")" -c 'import torch; print("torch", torch.__version__); print(torch.__config__.show())'
    clang --version | head -1
    uname -sr
    lscpu | grep -v '^Vulnerability'
    free -m
}

# A model's own benchmark prints aligned columns: a block of code in Markdown.
benchmark() {
    local file=$1; shift
    echo '```'
    "$ESPARSE_BINARY" benchmark "$@" --threads "$threads" --device cpu --kernel-profile rules --json "$result/$file.json"
    echo '```'
}

if [ ! -e "$result/machine.txt" ]; then
    machine >"$result/machine.txt.part"
    mv "$result/machine.txt.part" "$result/machine.txt"
fi
if [ ! -e "$model/config.json" ]; then
    "$ESPARSE_BINARY" synthesize "$model" --like tinyllama-1.1b >&2
fi
export ESPARSE_CONVERTED=$model-converted
step llama-cpp "$measure/llama-cpp.sh" "$model" "$result/llama-cpp.json" --threads "$threads" --rounds 5 --minutes 8
step pytorch-linear "$measure/pytorch-linear.sh" "$result/pytorch-linear.json" --threads "$threads" --rounds 5 --minutes 9
step model benchmark model model "$model" --batch 1,8 --rounds 3 --generate-tokens 64
step gemm benchmark gemm gemm --shapes llama-7b --tokens 1,8,64,512,2048 --pattern 2:4 --seconds 0.5
