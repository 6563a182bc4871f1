#!/usr/bin/env bash
# Shows that two builds of the command do the same: the same bytes from `prune`, the same figures from `evaluate`, the same text from
# `generate`, the same JSON but for times, and, with --speed, how fast each of them prunes, reads a prompt and decodes, taking turns.
# Prints a line a check; exits 1 where anything differs. What the old build made is kept in the work folder and used again.
# Reads SmolLM2 (scripts/model.sh) and the texts that docs/correctness.md describes; ESPARSE_SHARED_DATA names their folder.
# Usage: scripts/measure/compare-builds.sh OLD-ESPARSE NEW-ESPARSE WORK-FOLDER [--speed ROUNDS]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${ESPARSE_SHARED_DATA:-$root/../shared/data}
if [ $# -ne 3 ] && { [ $# -ne 5 ] || [ "$4" != --speed ]; }; then
    echo "usage: compare-builds.sh OLD-ESPARSE NEW-ESPARSE WORK-FOLDER [--speed ROUNDS]" >&2
    exit 64
fi
old=$(realpath "$1") new=$(realpath "$2") work=$(realpath -m "$3")
model=$("$root/scripts/model.sh")
text=$data/wikitext-2-test.joined.txt
calibration=(--calibration "$data/c4-sample.jsonl" --samples 4 --sequence-length 256)
mkdir -p "$work/old" "$work/new"

# same NAME: whether old/NAME and new/NAME, files or folders, have the same bytes.
failed=0
same() {
    if diff -rq "$work/old/$1" "$work/new/$1" >&2; then echo "same: $1"; else echo "DIFFERENT: $1"; failed=1; fi
}

# without_times FILE: JSON without what no two runs share.
without_times() {
    python3 - "$1" <<'PYTHON'
import json, sys
def kept(value):
    if isinstance(value, dict):
        return {k: kept(v) for k, v in value.items()
                if "second" not in k and "peak_resident" not in k and k not in ("date", "start_time", "end_time")}
    return [kept(item) for item in value] if isinstance(value, list) else value
report = kept(json.load(open(sys.argv[1])))
json.dump(report, open(sys.argv[1], "w"), indent=1, sort_keys=True)
PYTHON
}

# pruned NAME ARGUMENTS...: a pruned model and its JSON; SIDE in an argument stands for old or new.
pruned() {
    local name=$1 side binary; shift
    for side in old new; do
        binary=${!side}
        [ "$side" = old ] && [ -e "$work/old/$name.done" ] && continue
        rm -rf "${work:?}/$side/$name"*
        "$binary" prune "$model" --output "$work/$side/$name" --json "$work/$side/$name.json" "${@/SIDE/$side}" >"$work/$side/$name.log" 2>&1 \
            || { cat "$work/$side/$name.log" >&2; exit 1; }
        rm -f "$work/$side/$name.log"
        without_times "$work/$side/$name.json"
        [ "$name" != diagnosed ] || without_times "$work/$side/diagnostics.json"
        touch "$work/$side/$name.done"
    done
    same "$name"
    same "$name.json"
}

# used NAME MODEL: perplexity, an inspection and a generated text; SIDE as above.
used() {
    local name=$1 side binary
    for side in old new; do
        binary=${!side}
        [ "$side" = old ] && [ -e "$work/old/$name-used.done" ] && continue
        local path=${2/SIDE/$side}
        "$binary" evaluate "$path" --text "$text" --sequence-length 512 --windows 4 --json "$work/$side/$name-evaluation.json" \
            >"$work/$side/$name-evaluation.txt" 2>/dev/null
        without_times "$work/$side/$name-evaluation.json"
        sed -i -e "s|$work/$side|WORK|g" "$work/$side/$name-evaluation".*
        "$binary" generate "$path" --prompt "Photosynthesis is" --max-tokens 24 --seed 7 >"$work/$side/$name-text.txt" 2>/dev/null
        "$binary" inspect "$path" --json "$work/$side/$name-inspection.json" >/dev/null 2>&1
        sed -i -e "s|$work/$side|WORK|g" "$work/$side/$name-inspection.json"
        touch "$work/$side/$name-used.done"
    done
    same "$name-evaluation.json"
    same "$name-text.txt"
    same "$name-inspection.json"
}

if [ $# -eq 3 ]; then
    pruned default "${calibration[@]}"
    pruned update "${calibration[@]}" --update
    pruned wanda "${calibration[@]}" --method wanda
    pruned four-of-eight "${calibration[@]}" --pattern 4:8
    pruned float32 "${calibration[@]}" --precision f32 --include '*.layers.0.*' --include '*.layers.1.*' --include '*.layers.2.*'
    pruned paper "${calibration[@]}" --preset paper --include '*.layers.0.*' --include '*.layers.1.*' --include '*.layers.2.*'
    pruned sparsegpt "${calibration[@]}" --method sparsegpt --shuffle none
    pruned ria "${calibration[@]}" --method ria --shuffle assignment --include '*.layers.0.*' --include '*.layers.1.*' --include '*.layers.2.*'
    pruned magnitude --method magnitude --format dense
    pruned diagnosed "${calibration[@]}" --include '*.layers.0.*' --include '*.layers.1.*' --diagnostics "$work/SIDE/diagnostics.json"
    same diagnostics.json
    pruned self --samples 2 --sequence-length 128 --include '*.layers.0.*' --include '*.layers.1.*' --save-calibration "$work/SIDE/tokens.i32"
    same tokens.i32
    pruned budget "${calibration[@]}" --budget 40
    used dense "$model"
    used default "$work/SIDE/default"
    exit $failed
fi

# Speed: TinyLlama's shapes, packed and dense, and pruning; both builds in each round, every second round the other way round.
rounds=$5 speed=$work/speed
mkdir -p "$speed"
[ -e "$speed/tiny" ] || "$new" synthesize "$speed/tiny" --like tinyllama-1.1b >&2
[ -e "$speed/packed" ] || "$new" prune "$speed/tiny" --output "$speed/packed" --method magnitude --shuffle none >&2
python3 - "$old" "$new" "$speed" "$model" "$data/c4-sample.jsonl" "$rounds" <<'PYTHON'
import json, shutil, statistics, subprocess, sys, time
old, new, folder, model, text, rounds = sys.argv[1:]
figures = {}
def run(side, binary):
    for kind, path in ("packed", f"{folder}/packed"), ("dense", f"{folder}/tiny"):
        output = subprocess.run([binary, "benchmark", "model-run", path, "--prompt-tokens", "512", "--generate-tokens", "48",
                                 "--batch", "1", "--kernel-profile", "rules"], check=True, stdout=subprocess.PIPE).stdout
        report = json.loads(output)
        for key in "prefill", "decode":
            figures.setdefault(f"{kind} {key} tokens/s", {"old": [], "new": []})[side].append(report[f"{key}TokensPerSecond"])
    start = time.monotonic()
    output = f"{folder}/output-{side}"
    shutil.rmtree(output, ignore_errors=True)
    subprocess.run([binary, "prune", model, "--output", output, "--calibration", text, "--samples", "4",
                    "--sequence-length", "512", "--include", "*.layers.?.*"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    figures.setdefault("prune blocks/s", {"old": [], "new": []})[side].append(10 / (time.monotonic() - start))
for turn in range(int(rounds)):
    sides = [("old", old), ("new", new)]
    for side, binary in sides if turn % 2 == 0 else sides[::-1]:
        run(side, binary)
    print(f"round {turn + 1} of {rounds}", file=sys.stderr)
print("| | old | new | new is | range of the rounds |\n|---|--:|--:|--:|--:|")
for name, sides in figures.items():
    before, after = (statistics.median(sides[side]) for side in ("old", "new"))
    ratios = [b / a for a, b in zip(sides["old"], sides["new"])]
    print(f"| {name} | {before:.2f} | {after:.2f} | {after / before:.3f}x"
          f" | {min(ratios):.2f}x to {max(ratios):.2f}x |")
PYTHON
