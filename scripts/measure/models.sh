#!/usr/bin/env bash
# The table of docs/method.md on larger models: prunes Qwen2.5-Coder by the methods of the field and by ours, and measures
# perplexity and zero-shot accuracy, with the time and memory of each prune. Hours of two cores: what is in the results folder
# already is not measured again, and a prune that was stopped goes on, so call it again until it prints the table.
# 32 x 1,024 tokens of C4; WikiText-2 in the first 40 windows of 2,048 tokens; six task sets, the first 250 items of each.
# Needs a build and ../shared/data (docs/correctness.md). ESPARSE_BINARY names a copy of the command to measure with.
# Usage: scripts/measure/models.sh [RESULTS-FOLDER, docs/results/models by default]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${ESPARSE_SHARED_DATA:-$root/../shared/data}
results=$(realpath -m "${1:-$root/docs/results/models}")
export ESPARSE_BINARY=${ESPARSE_BINARY:-$(cd "$root" && swift build -c release --show-bin-path)/esparse}
work=${ESPARSE_WORK:-$root/.build/measure/models}
mkdir -p "$results" "$work"

# row MODEL METHOD PATTERN ARGUMENTS-OF-PRUNE...
row() {
    local model=$1 name=$1-$2-${3/:/of} pattern=$3; shift 3
    local pruned=$work/$name settings=(--pattern "$pattern" "$@")
    [ -e "$results/$name.json" ] && return
    echo "$(date '+%F %H:%M') $name" >&2
    local calibration=(--calibration "$data/c4-sample.jsonl" --samples 32 --sequence-length 1024)
    [[ " $* " == *" --method magnitude "* ]] && calibration=()
    [ -e "$pruned" ] || "$root/scripts/measure/usage.py" "$work/$name.usage" "$ESPARSE_BINARY" prune \
        "$("$root/scripts/model.sh" "$model")" --output "$pruned" "${calibration[@]}" "${settings[@]}" --resume >&2
    evaluate "$name" "$pruned" "${settings[*]}"
    rm -rf "$pruned" "$work/$name".*
}

# evaluate NAME MODEL SETTINGS
evaluate() {
    [ -e "$work/$1.text" ] || "$ESPARSE_BINARY" evaluate "$2" --text "$data/wikitext-2-test.joined.txt" --windows 40 --resume \
        --json "$work/$1.text" >&2
    [ -e "$work/$1.tasks" ] || "$ESPARSE_BINARY" evaluate "$2" --tasks "$data/zeroshot" --limit 250 --resume \
        --json "$work/$1.tasks" >&2
    "$root/scripts/measure/models.py" record "$work/$1" "$results/$1.json" "$3"
}

dense() {
    [ -e "$results/$1-dense.json" ] && return
    echo "$(date '+%F %H:%M') $1-dense" >&2
    evaluate "$1-dense" "$("$root/scripts/model.sh" "$1")" ""
}

for model in qwen2.5-coder-0.5b qwen2.5-coder-1.5b; do dense $model; done
half=qwen2.5-coder-0.5b larger=qwen2.5-coder-1.5b
for pattern in 2:4 4:8; do
    row $half wanda $pattern --method wanda --shuffle none
    row $half e-sparse $pattern
    row $half e-sparse-update $pattern --update
    row $half sparsegpt $pattern --method sparsegpt --shuffle none
    row $half ria $pattern --method ria --shuffle assignment
    row $half magnitude $pattern --method magnitude --shuffle none
done
row $larger wanda 2:4 --method wanda --shuffle none
row $larger e-sparse 2:4
row $larger e-sparse-update 2:4 --update
"$root/scripts/measure/models.py" table "$results"
