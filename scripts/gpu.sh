#!/usr/bin/env bash
# Everything of the GPU side that only hardware can answer, in one go, on a machine with an NVIDIA GPU.
#
#   scripts/gpu.sh RESULT-FOLDER
#
# Builds (or takes the programs in the folder ESPARSE_PROGRAMS, where there is no Swift), checks every operation, checks memory where
# compute-sanitizer is at hand, and writes the tables of speed and memory. A step that fails does not keep the others from running; the
# exit code is 1 then. Of NVIDIA's it needs the driver, NVRTC, cuBLASLt and, for 2:4 products of many tokens, cuSPARSELt, all of which
# `pip install nvidia-cuda-nvrtc-cu12 nvidia-cublas-cu12 nvidia-cusparselt-cu12` brings beside the driver.
#
# ESPARSE_GPU=N        the device; 0 where not set
# ESPARSE_GPU_MODEL=M  the model whose shapes are measured and pruned; llama-7b where not set
# ESPARSE_GPU_STEPS=.. some of: selftest sanitizer tune gemm model prune; all where not set
set -uo pipefail
[ $# -eq 1 ] || { echo "usage: scripts/gpu.sh RESULT-FOLDER" >&2; exit 64; }
mkdir -p "$1" || exit 1
results=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
device=${ESPARSE_GPU:-0} model=${ESPARSE_GPU_MODEL:-llama-7b}
steps=" ${ESPARSE_GPU_STEPS:-selftest sanitizer tune gemm model prune} "
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Compiled kernels and kernel choices of this run, and no others.
export XDG_CACHE_HOME=$results/cache
mkdir -p "$XDG_CACHE_HOME"
failed=()

wanted() { [[ $steps == *" $1 "* ]]; }
# step NAME COMMAND...: output goes to NAME.txt in the results and to the terminal.
step() {
    local name=$1; shift
    echo "== $name: $*" >&2
    local start=$SECONDS
    if "$@" 2>"$results/$name.log" | tee "$results/$name.txt"; then
        echo "$name: ok, $((SECONDS - start)) s" | tee -a "$results/summary.txt" >&2
    else
        failed+=("$name")
        echo "$name: FAILED, $((SECONDS - start)) s: $(tail -1 "$results/$name.log")" | tee -a "$results/summary.txt" >&2
    fi
}

: >"$results/summary.txt"
{
    date -u +%Y-%m-%d
    git rev-parse HEAD 2>/dev/null
    nvidia-smi --query-gpu=index,name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit --format=csv 2>&1
} | tee "$results/device.txt"

if [ -n "${ESPARSE_PROGRAMS:-}" ]; then
    programs=$(cd "$ESPARSE_PROGRAMS" && pwd)
else
    scripts/setup.sh >&2 || exit 1
    # What is carried to other machines needs no Swift there.
    for product in esparse esparse-selftest; do
        swift build -c release --static-swift-stdlib --product "$product" >&2 || exit 1
    done
    programs=$(swift build -c release --static-swift-stdlib --show-bin-path)
fi
esparse=$programs/esparse selftest=$programs/esparse-selftest

if wanted selftest; then step selftest "$selftest" --device "$device"; fi
if wanted sanitizer; then
    sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | tail -1)
    if [ -n "$sanitizer" ]; then
        for tool in memcheck racecheck synccheck; do
            step "sanitizer-$tool" "$sanitizer" --tool "$tool" --error-exitcode 3 "$selftest" --device "$device" --quick
        done
    else
        echo "sanitizer: not run, compute-sanitizer is not installed" | tee -a "$results/summary.txt" >&2
    fi
fi
if wanted tune; then
    # Kernel choices of this device, "dense" where dense wins: the later steps use them.
    step tune "$esparse" tune --device "cuda:$device" --shapes "$model" --pattern 2:4,4:8 --json "$results/tune.json"
fi
if wanted gemm; then
    shapes=$model
    if [ "$model" = llama-7b ]; then shapes=llama-7b,llama-13b; fi
    step gemm "$esparse" benchmark gemm --device "cuda:$device" --shapes "$shapes" --tokens 1,8,16,64,512,2048,16384 \
        --json "$results/gemm.json"
fi
if wanted model || wanted prune; then
    step synthesize "$esparse" synthesize "$work/dense" --like "$model"
fi
if wanted model; then
    step model "$esparse" benchmark model "$work/dense" --device "cuda:$device" --prompt-tokens 2048 --generate-tokens 128 \
        --batch 1,8 --json "$results/model.json"
fi
if wanted prune; then
    # 128 sequences of 2048 tokens; the synthetic tokenizer has one token a byte.
    while [ "$(wc -c <"$work/text.txt" 2>/dev/null || echo 0)" -lt 600000 ]; do
        cat Resources/evaluation.txt docs/*.md >>"$work/text.txt"
    done
    for method in e-sparse wanda; do
        step "prune-$method" "$esparse" prune "$work/dense" --output "$work/$method" --device "cuda:$device" \
            --method "$method" --calibration "$work/text.txt" --samples 128 --sequence-length 2048 \
            --json "$results/prune-$method.json"
        rm -rf "$work/$method"
    done
fi

if [ ${#failed[@]} -gt 0 ]; then
    echo "failed: ${failed[*]}" >&2
    exit 1
fi
echo "all steps passed; results are in $results" >&2
