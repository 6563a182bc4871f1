#!/usr/bin/env bash
# Checks and measures the GPU side on a machine with an NVIDIA GPU, the most important first, in ten minutes.
#
#   scripts/gpu.sh RESULT-FOLDER
#
# Builds (or takes the programs in the folder ESPARSE_PROGRAMS, where there is no Swift), checks every operation, checks memory where
# there is compute-sanitizer, and writes the tables of speed and memory. Each step has a time limit, and so have all together, without the
# build. The other steps run even where one fails or runs into its limit; the exit code is 1 then. Of NVIDIA's it needs the
# driver, NVRTC, cuBLASLt and, for 2:4 products of many tokens, cuSPARSELt, all of which
# `pip install nvidia-cuda-nvrtc-cu12 nvidia-cublas-cu12 nvidia-cusparselt-cu12` brings beside the driver.
#
# ESPARSE_GPU=N          the device; 0 where not set
# ESPARSE_GPU_MODEL=M    the model whose shapes are measured and pruned; llama-7b where not set
# ESPARSE_GPU_STEPS=..   some of: selftest memcheck gemm model prune sanitizer; all where not set
# ESPARSE_GPU_SECONDS=S  limit of all steps together; 600 where not set
set -uo pipefail
[ $# -eq 1 ] || { echo "usage: scripts/gpu.sh RESULT-FOLDER" >&2; exit 64; }
mkdir -p "$1" || exit 1
results=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
device=${ESPARSE_GPU:-0} model=${ESPARSE_GPU_MODEL:-llama-7b}
steps=" ${ESPARSE_GPU_STEPS:-selftest memcheck gemm model prune sanitizer} "
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Compiled kernels and kernel choices of this run, and no others.
export XDG_CACHE_HOME=$results/cache
mkdir -p "$XDG_CACHE_HOME"
failed=()

wanted() { [[ $steps == *" $1 "* ]]; }
say() { echo "$*" | tee -a "$results/summary.txt" >&2; }
# step NAME LIMIT COMMAND...: output goes to NAME.txt in the results and to the terminal; after LIMIT seconds, or where the time of all is up,
# the command is interrupted.
step() {
    local name=$1 limit=$2; shift 2
    local left=$((deadline - SECONDS)) start=$SECONDS code
    if [ "$left" -lt 5 ]; then
        failed+=("$name")
        say "$name: not run, the time is up"
        return 1
    fi
    [ "$limit" -le "$left" ] || limit=$left
    echo "== $name: $*" >&2
    timeout --signal=INT --kill-after=10 "$limit" "$@" 2>"$results/$name.log" | tee "$results/$name.txt"
    code=${PIPESTATUS[0]}
    case $code in
        0) say "$name: ok, $((SECONDS - start)) s"; return 0 ;;
        124 | 137) say "$name: stopped by its limit of $limit s" ;;
        *) say "$name: FAILED with exit code $code, $((SECONDS - start)) s: $(tail -1 "$results/$name.log")" ;;
    esac
    failed+=("$name")
    return 1
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
    for product in esparse-selftest esparse; do
        swift build -c release --static-swift-stdlib --product "$product" >&2 || exit 1
    done
    programs=$(swift build -c release --static-swift-stdlib --show-bin-path)
fi
esparse=$programs/esparse selftest=$programs/esparse-selftest
deadline=$((SECONDS + ${ESPARSE_GPU_SECONDS:-600}))

sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | tail -1)
# sanitize TOOL LIMIT: one of NVIDIA's checkers over the self-test.
sanitize() { step "sanitizer-$1" "$2" "$sanitizer" --tool "$1" --error-exitcode 3 "$selftest" --device "$device" --quick; }

if wanted selftest; then step selftest 120 "$selftest" --device "$device"; fi
if [ -z "$sanitizer" ]; then
    say "sanitizer: not run, compute-sanitizer is not installed"
elif wanted memcheck; then
    sanitize memcheck 90
fi
if wanted gemm; then
    # Kernel choices of this device, "dense" where dense wins: the later steps use them.
    step tune 100 "$esparse" tune --device "cuda:$device" --shapes "$model" --pattern 2:4,4:8 --seconds 0.05 --json "$results/tune.json"
    step gemm 100 "$esparse" benchmark gemm --device "cuda:$device" --shapes "$model" --tokens 1,8,16,64,512,2048,16384 --seconds 0.1 \
        --json "$results/gemm.json"
fi
if wanted model || wanted prune; then
    step synthesize 120 "$esparse" synthesize "$work/dense" --like "$model"
fi
if wanted model && [ -d "$work/dense" ]; then
    # Packed once; each run of the benchmark loads a model anew.
    step pack 120 "$esparse" prune "$work/dense" --output "$work/packed" --method magnitude --shuffle none --device cpu &&
        step model 150 "$esparse" benchmark model "$work/packed" --dense "$work/dense" --device "cuda:$device" --prompt-tokens 2048 \
            --generate-tokens 128 --batch 1,8 --rounds 1 --json "$results/model.json"
    rm -rf "$work/packed"
fi
if wanted prune && [ -d "$work/dense" ]; then
    # Sequences of 2048 tokens; the synthetic tokenizer has one token a byte.
    while [ "$(wc -c <"$work/text.txt" 2>/dev/null || echo 0)" -lt 600000 ]; do
        cat Resources/evaluation.txt docs/*.md >>"$work/text.txt"
    done
    # A few sequences first, so that there is a time in any case; the usual 128 in what is left.
    for samples in 16 128; do
        for method in e-sparse wanda; do
            step "prune-$method-$samples" 600 "$esparse" prune "$work/dense" --output "$work/pruned" --device "cuda:$device" \
                --method "$method" --calibration "$work/text.txt" --samples "$samples" --sequence-length 2048 \
                --json "$results/prune-$method-$samples.json"
            rm -rf "$work/pruned" "$work/pruned.partial"
        done
    done
fi
if wanted sanitizer && [ -n "$sanitizer" ]; then
    for tool in racecheck synccheck; do sanitize "$tool" 120; done
fi

if [ ${#failed[@]} -gt 0 ]; then
    echo "failed or not finished: ${failed[*]}" >&2
    exit 1
fi
echo "all steps passed; results are in $results" >&2
