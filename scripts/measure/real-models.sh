#!/usr/bin/env bash
# Compares the real models at hand with transformers, in f32: the ids of a whole text, perplexity in its first windows, and
# greedy answers to the questions of scripts/reference/questions.txt by the model's own chat template. Prints a table and
# fails where ids or answers differ, or a perplexity by more than 0.3%. What transformers gave is kept in the work folder.
# SmolLM2 is left out: transformers' GGUF reader does not cut its digits as its own tokenizer does (304,986 ids instead of 304,978).
# Needs a build and ../shared/data. ESPARSE_BINARY names a copy of the command. Half an hour of two cores, and 16 GB.
# Usage: scripts/measure/real-models.sh [WORK-FOLDER]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${ESPARSE_SHARED_DATA:-$root/../shared/data}
work=$(realpath -m "${1:-$root/.build/measure/real-models}")
esparse=${ESPARSE_BINARY:-$(cd "$root" && swift build -c release --show-bin-path)/esparse}
python=$("$root/scripts/measure/python.sh")
text=$data/wikitext-2-test.joined.txt
windows=4
mkdir -p "$work"

# keep FILE COMMAND...: writes the command's output to FILE unless it is there.
keep() {
    local file=$1; shift
    [ -e "$file" ] && return
    echo "$(date '+%F %H:%M') $(basename "$file")" >&2
    "$@" >"$file.part"
    mv "$file.part" "$file"
}
# answers MODEL: the command's answer to each question, as greedy.py prints transformers'.
answers() {
    while read -r question; do
        printf '%s\0' "$question"
        "$esparse" generate "$1" --chat --prompt "$question" --temperature 0 --max-tokens 48 --precision f32
        printf '\0'
    done <"$root/scripts/reference/questions.txt" | python3 -c '
import json, sys
parts = sys.stdin.read().split("\0")[:-1]
print(json.dumps({q: a.removesuffix("\n") for q, a in zip(parts[::2], parts[1::2])}, indent=2, ensure_ascii=False))'
}

for name in qwen2.5-coder-0.5b qwen2.5-coder-1.5b; do
    model=$("$root/scripts/model.sh" $name)
    keep "$work/$name.perplexity" "$python" "$root/scripts/reference/perplexity.py" "$model" --text "$text" --windows $windows
    keep "$work/$name.answers" "$python" "$root/scripts/reference/greedy.py" "$model" \
        --questions "$root/scripts/reference/questions.txt"
    rm -f "$work/$name.ours" "$work/$name.json"
    keep "$work/$name.ours" answers "$model"
    "$esparse" evaluate "$model" --text "$text" --windows $windows --precision f32 --json "$work/$name.json" >/dev/null
done
python3 - "$work" <<'PYTHON'
import json, pathlib, re, sys
work = pathlib.Path(sys.argv[1])
print("| model | tokens of WikiText-2 | transformers | perplexity | transformers | difference | answers equal |")
print("|---|--:|--:|--:|--:|--:|--:|")
sound = True
for name in ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"):
    ours = json.load(open(work / f"{name}.json"))
    reference, tokens = re.match(r"perplexity (\S+) .*, (\d+) tokens", (work / f"{name}.perplexity").read_text()).groups()
    (result,) = ours["results"].values()
    perplexity = result["token_perplexity,none"]
    difference = perplexity / float(reference) - 1
    expected, found = (json.load(open(work / f"{name}.{kind}")) for kind in ("answers", "ours"))
    equal = sum(expected[question] == found.get(question) for question in expected)
    sound &= int(tokens) == ours["config"]["tokens"] and abs(difference) < 0.003 and equal == len(expected)
    print(f"| {name} | {ours['config']['tokens']:,} | {int(tokens):,} | {perplexity:.4f} | {float(reference):.4f} "
          f"| {100 * difference:+.3f}% | {equal} of {len(expected)} |")
sys.exit(0 if sound else "something differs from transformers")
PYTHON
