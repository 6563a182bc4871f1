#!/usr/bin/env bash
# What absorbed shuffles cost: SmolLM2 pruned without a shuffle, with absorbed and with run-time shuffles, 2:4 and 4:8, by the
# default method and with the weight update. 32 x 1,024 tokens of C4; WikiText-2 in the first 40 windows of 2,048 tokens.
# Rows that are in the results folder already are not measured again, so a stopped run goes on. ESPARSE_BINARY names a copy of the
# command to measure with. Needs a build and ../shared/data (docs/correctness.md).
# Usage: scripts/measure/absorbed.sh [RESULTS-FOLDER, docs/results/absorbed by default]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${ESPARSE_SHARED_DATA:-$root/../shared/data}
results=$(realpath -m "${1:-$root/docs/results/absorbed}")
esparse=${ESPARSE_BINARY:-$(cd "$root" && swift build -c release --show-bin-path)/esparse}
model=$("$root/scripts/model.sh")
work=${ESPARSE_WORK:-$root/.build/measure/absorbed}
mkdir -p "$results" "$work"

# row NAME PATTERN ARGUMENTS-OF-PRUNE...
row() {
    local name=$1-${2/:/of} pattern=$2; shift 2
    [ -e "$results/$name.json" ] && return
    echo "$(date '+%F %H:%M') $name" >&2
    [ -e "$work/$name" ] || "$esparse" prune "$model" --output "$work/$name" --pattern "$pattern" --samples 32 \
        --sequence-length 1024 --calibration "$data/c4-sample.jsonl" "$@" --resume --json "$work/$name.prune" >&2
    "$esparse" evaluate "$work/$name" --text "$data/wikitext-2-test.joined.txt" --windows 40 --json "$work/$name.text" >&2
    python3 - "$work/$name" "$results/$name.json" <<'PYTHON'
import json, sys
work, target = sys.argv[1:]
prune, text = json.load(open(work + ".prune")), json.load(open(work + ".text"))
kept = {key: text["config"][key] for key in ("precision", "sequence_length", "tokens", "windows")}
json.dump({"config": kept, "results": text["results"], "run": prune["run"], "seconds": prune["seconds"]},
          open(target, "w"), indent=2, sort_keys=True)
PYTHON
    rm -rf "${work:?}/$name" "$work/$name".*
}

for pattern in 2:4 4:8; do
    row none $pattern --shuffle none
    row absorbed $pattern --shuffle-mode absorbed
    row run-time $pattern
done
for pattern in 2:4 4:8; do
    row update-none $pattern --shuffle none --update
    row update-absorbed $pattern --shuffle-mode absorbed --update
    row update-run-time $pattern --update
done
python3 - "$results" <<'PYTHON'
import json, os, sys
folder = sys.argv[1]
def cell(name):
    path = f"{folder}/{name}.json"
    if not os.path.exists(path):
        return "-"
    return f"{json.load(open(path))['results']['wikitext-2-test.joined']['token_perplexity,none']:.2f}"
print("| | shuffle | 2:4 | 4:8 |\n|---|---|--:|--:|")
for prefix, title in (("", "the default"), ("update-", "`--update`")):
    for mode in ("none", "absorbed", "run-time"):
        print(f"| {title} | {mode} | {cell(f'{prefix}{mode}-2of4')} | {cell(f'{prefix}{mode}-4of8')} |")
PYTHON
