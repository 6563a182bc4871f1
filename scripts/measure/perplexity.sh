#!/usr/bin/env bash
# The perplexity table of docs/method.md: prunes SmolLM2 by every method and pattern and measures WikiText-2 perplexity.
# Needs a build (scripts/test.sh or scripts/demo.sh make one) and the two texts that docs/correctness.md describes.
# Rows that are in the results folder already are not measured again, so a stopped run goes on. No row adds first tokens of texts.
# ESPARSE_BINARY names a copy of the command to measure with, so that a build does not disturb a long run.
# Usage: scripts/measure/perplexity.sh [results folder, docs/results by default]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${ESPARSE_SHARED_DATA:-$root/../shared/data}
results=$(realpath -m "${1:-$root/docs/results}")
esparse=${ESPARSE_BINARY:-$(cd "$root" && swift build -c release --show-bin-path)/esparse}
model=$("$root/scripts/model.sh")
work=$root/.build/measure
mkdir -p "$results" "$work"

# row NAME PATTERN ARGUMENTS-OF-PRUNE...
row() {
    local name=$1-${2/:/of} pattern=$2; shift 2
    set -- --pattern "$pattern" "$@"
    [ -e "$results/$name.json" ] && return
    echo "== $name" >&2
    rm -rf "$work/$name"
    # Magnitude pruning reads no text, and the command refuses one.
    local calibration=(--calibration "$data/c4-sample.jsonl" --first-tokens 0)
    [[ " $* " == *" --method magnitude "* ]] && calibration=()
    "$esparse" prune "$model" --output "$work/$name" "${calibration[@]}" "$@" --resume >&2
    evaluate "$name" "$work/$name" "$*"
    rm -rf "${work:?}/$name"
}
# evaluate NAME MODEL SETTINGS
evaluate() {
    "$esparse" evaluate "$2" --text "$data/wikitext-2-test.joined.txt" --json "$work/$1.json" >&2
    python3 - "$work/$1.json" "$results/$1.json" "$3" <<'PYTHON'
import json, sys
source, target, settings = sys.argv[1:]
report = json.load(open(source))
kept = {key: report["config"][key] for key in ("precision", "sequence_length", "tokens", "windows")}
kept["prune_settings"] = settings
json.dump({"config": kept, "results": report["results"]}, open(target, "w"), indent=2, sort_keys=True)
PYTHON
}

[ -e "$results/dense.json" ] || evaluate dense "$model" ""
# The comparison with Wanda first: the rows that say most come first, because each takes long.
for pattern in 2:4 4:8; do row e-sparse-both $pattern --refine; done
for pattern in 2:4 4:8; do row wanda-none $pattern --method wanda --shuffle none; done
for pattern in 2:4 4:8; do row wanda-both $pattern --method wanda; done
for pattern in 2:4 4:8; do
    row e-sparse-update-both $pattern --update
    row sparsegpt-none $pattern --method sparsegpt --shuffle none
    row ria-assignment $pattern --method ria --shuffle assignment
done
for pattern in 2:4 4:8; do row wanda-refined-both $pattern --method wanda --refine; done
for pattern in 2:4 4:8; do row e-sparse-none $pattern --refine --shuffle none; done
for pattern in 2:4 4:8; do row e-sparse-global $pattern --refine --shuffle global; done
for pattern in 2:4 4:8; do row magnitude-none $pattern --method magnitude --shuffle none; done
for pattern in 2:4 4:8; do row e-sparse-unrefined-both $pattern --no-refine; done
for pattern in 2:4 4:8; do row e-sparse-alpha-0.2-both $pattern --alpha 0.2 --no-refine; done
for pattern in 2:4 4:8; do row paper-both $pattern --preset paper; done
python3 - "$results" <<'PYTHON'
import json, os, sys
folder = sys.argv[1]
def cell(name):
    path = f"{folder}/{name}.json"
    if not os.path.exists(path):
        return "-"
    return f"{json.load(open(path))['results']['wikitext-2-test.joined']['token_perplexity,none']:.2f}"
print("| method | shuffle | 2:4 | 4:8 |\n|---|---|--:|--:|")
print(f"| dense | | {cell('dense')} | {cell('dense')} |")
for method, title in (("magnitude", "magnitude"), ("wanda", "Wanda"), ("wanda-refined", "Wanda, `--refine`"), ("ria", "RIA with its own permutation"), ("sparsegpt", "SparseGPT"), ("paper", "E-Sparse, paper's plain settings"), ("e-sparse-alpha-0.2", "E-Sparse, alpha 0.2, `--no-refine`"), ("e-sparse-unrefined", "E-Sparse, `--no-refine`"), ("e-sparse", "E-Sparse, the default"), ("e-sparse-update", "E-Sparse, `--update`")):
    for shuffle in ("none", "assignment", "global", "both"):
        row = [cell(f"{method}-{shuffle}-{suffix}") for suffix in ("2of4", "4of8")]
        if row != ["-", "-"]:
            print(f"| {title} | {shuffle} | {row[0]} | {row[1]} |")
PYTHON
