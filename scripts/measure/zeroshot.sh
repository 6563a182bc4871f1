#!/usr/bin/env bash
# Compares zero-shot log-likelihoods with transformers', item by item: SmolLM2 in f32 on the first 50 items of each task of
# ../shared/data/zeroshot, against the golden file of scripts/fixtures/zeroshot.py. Prints, for each task, the largest
# difference, how many greedy flags differ, and the tokens that sharing prompts saved. Fails above 0.001.
# Needs a build and the data. Usage: scripts/measure/zeroshot.sh [options of `esparse evaluate`, such as --threads 1]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${ESPARSE_SHARED_DATA:-$root/../shared/data}
esparse=$(cd "$root" && swift build -c release --show-bin-path)/esparse
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$esparse" evaluate "$("$root/scripts/model.sh")" --precision f32 --tasks "$data/zeroshot" --limit 50 \
    --samples-output "$work/samples" --json "$work/results.json" "$@"
python3 - "$work" "$root/Tests/ESparseEvaluationTests/Fixtures/zeroshot_smollm2.json" <<'PYTHON'
import json, pathlib, sys
work, golden = pathlib.Path(sys.argv[1]), json.load(open(sys.argv[2]))
configs = json.load(open(work / "results.json"))["configs"]
print("| task | items | choices | largest difference | greedy flags that differ | tokens run | without sharing |")
print("|---|--:|--:|--:|--:|--:|--:|")
worst = 0
for task, expected in golden.items():
    samples = [json.loads(line) for line in open(work / f"samples/samples_{task}.jsonl")]
    found = [[(float(value), greedy == "True") for value, greedy in sample["filtered_resps"]] for sample in samples]
    assert [len(row) for row in found] == [len(row) for row in expected["log_likelihoods"]], task
    pairs = [(a, b) for mine, theirs in zip(found, expected["log_likelihoods"]) for (a, _), b in zip(mine, theirs)]
    flags = sum(a != bool(b) for mine, theirs in zip(found, expected["greedy"]) for (_, a), b in zip(mine, theirs))
    difference = max(abs(a - b) for a, b in pairs)
    worst = max(worst, difference)
    tokens = configs[task]
    print(f"| {task} | {len(samples)} | {len(pairs)} | {difference:.5f} | {flags} | {tokens['tokens_computed']:,} "
          f"| {tokens['tokens_without_sharing']:,} |")
sys.exit(0 if worst < 1e-3 else f"the largest difference, {worst:.5f}, is above 0.001")
PYTHON
