#!/usr/bin/env bash
# The perplexity table of docs/method.md: prunes SmolLM2 by every method and pattern and measures WikiText-2 perplexity.
# Needs a build (scripts/test.sh or scripts/demo.sh make one) and the two data files that ../shared/data/README.md describes.
# Rows that are in the results folder already are not measured again, so a stopped run goes on.
# Usage: scripts/measure/perplexity.sh [results folder, docs/results by default]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${ESPARSE_SHARED_DATA:-$root/../shared/data}
results=$(realpath -m "${1:-$root/docs/results}")
esparse=$(cd "$root" && swift build -c release --show-bin-path)/esparse
model=$("$root/scripts/model.sh")
work=$root/.build/measure
mkdir -p "$results" "$work"

# row NAME ARGUMENTS-OF-PRUNE...
row() {
    local name=$1; shift
    [ -e "$results/$name.json" ] && return
    echo "== $name" >&2
    rm -rf "$work/$name"
    local start=$SECONDS
    "$esparse" prune "$model" --output "$work/$name" --calibration "$data/c4-sample.jsonl" "$@" --resume >&2
    evaluate "$name" "$work/$name" $((SECONDS - start)) "$*"
    rm -rf "${work:?}/$name"
}
# evaluate NAME MODEL SECONDS-OF-PRUNING SETTINGS
evaluate() {
    "$esparse" evaluate "$2" --text "$data/wikitext-2-test.joined.txt" --json "$work/$1.json" >&2
    python3 - "$work/$1.json" "$results/$1.json" "$3" "$4" <<'PYTHON'
import json, sys
source, target, seconds, settings = sys.argv[1:]
report = json.load(open(source))
report["config"].pop("model")
report["config"].update(prune_settings=settings, prune_seconds=int(seconds))
json.dump(report, open(target, "w"), indent=2, sort_keys=True)
PYTHON
}

[ -e "$results/dense.json" ] || evaluate dense "$model" 0 ""
for pattern in 2:4 4:8; do
    suffix=${pattern/:/of}
    row "e-sparse-both-$suffix" --pattern $pattern
    row "wanda-none-$suffix" --pattern $pattern --method wanda --shuffle none
    row "wanda-both-$suffix" --pattern $pattern --method wanda
    row "magnitude-none-$suffix" --pattern $pattern --method magnitude --shuffle none
    row "e-sparse-none-$suffix" --pattern $pattern --shuffle none
    row "e-sparse-global-$suffix" --pattern $pattern --shuffle global
    row "paper-both-$suffix" --pattern $pattern --preset paper
done
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
for method, title in (("magnitude", "magnitude"), ("wanda", "Wanda"), ("paper", "E-Sparse, paper's plain settings"), ("e-sparse", "E-Sparse, default")):
    for shuffle in ("none", "global", "both"):
        row = [cell(f"{method}-{shuffle}-{suffix}") for suffix in ("2of4", "4of8")]
        if row != ["-", "-"]:
            print(f"| {title} | {shuffle} | {row[0]} | {row[1]} |")
PYTHON
