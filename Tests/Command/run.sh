#!/usr/bin/env bash
# The command's own tests: what a person at a terminal relies on. Usage: Tests/Command/run.sh PATH-TO-ESPARSE
# Runs on the tiny checkpoint beside this file (made by scripts/fixtures/tiny_checkpoint.py); needs python3 for hostile files.
set -uo pipefail
[ $# -eq 1 ] || { echo "usage: Tests/Command/run.sh PATH-TO-ESPARSE" >&2; exit 64; }
esparse=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
model=$here/tiny-llama
text=$here/../../Resources/evaluation.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# A GPU that the machine may have is left aside: what is compared here must not depend on it.
export CUDA_VISIBLE_DEVICES=
passed=0 failed=0

pass() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); echo "FAILED: $*" >&2; }
# check NAME COMMAND...: the command must succeed.
check() { local name=$1; shift; if "$@" >out 2>err; then pass; else fail "$name: $(tail -1 err)"; fi; }
# refuse NAME CODE TEXT COMMAND...: the command must exit with CODE and say TEXT in one line of stderr.
refuse() {
    local name=$1 code=$2 text=$3; shift 3
    "$@" >out 2>err; local got=$?
    if [ $got -ne "$code" ]; then fail "$name: exit $got instead of $code: $(tail -1 err)"
    elif ! grep -q -- "$text" err; then fail "$name: \"$text\" is not in: $(tail -1 err)"
    elif [ "$code" -eq 1 ] && [ "$(grep -c '^Error:' err)" -ne 1 ]; then fail "$name: not one error line: $(cat err)"
    else pass; fi
}
absent() { if [ -e "$2" ]; then fail "$1: $2 exists"; rm -rf "$2"; else pass; fi; }
same() { if diff -r "$2" "$3" >/dev/null; then pass; else fail "$1: $2 and $3 differ"; fi; }

small=(--calibration "$text" --samples 6 --sequence-length 64)
prune() { "$esparse" prune "$model" "${small[@]}" "$@"; }

# --- the main job
check "prune" prune --output two-of-four
check "prune with one thread" prune --output one-thread --threads 1
same "one and two threads give the same bytes" two-of-four one-thread
check "first tokens" prune --output first --first-tokens 2
check "first tokens with one thread" prune --output first-one --first-tokens 2 --threads 1
same "one and two threads give the same bytes with first tokens" first first-one
cmp -s two-of-four/model.safetensors first/model.safetensors && fail "first tokens change nothing" || pass
check "first tokens, as many as by default" prune --output first-default --first-tokens 1
same "one sequence of first tokens is the default" first-default two-of-four
check "no first tokens" prune --output first-none --first-tokens 0
cmp -s two-of-four/model.safetensors first-none/model.safetensors && fail "the default adds no first tokens" || pass
for settings in "--preset paper" "--method wanda" "--skip-positions 1"; do
    # shellcheck disable=SC2086
    check "first tokens by $settings" prune --output without $settings
    grep -q first-tokens without/esparse.json && fail "$settings adds first tokens" || pass
    rm -r without
done
rm -r first first-one first-default first-none
check "dense output" prune --output dense --format dense
check "inspect" "$esparse" inspect two-of-four --json inspection.json
grep -q '"2:4"' inspection.json && pass || fail "inspect does not find 2:4"
for folder in two-of-four dense; do
    check "evaluate $folder" "$esparse" evaluate "$folder" --text "$text" --sequence-length 128 --windows 4 --json "$folder.json"
done
python3 - <<'PYTHON' && pass || fail "packed and dense differ in perplexity"
import json
values = [json.load(open(name + ".json"))["results"]["evaluation"]["token_perplexity,none"] for name in ("two-of-four", "dense")]
assert abs(values[0] / values[1] - 1) < 1e-3, values
PYTHON
check "prune OPT" "$esparse" prune "$here/tiny-opt" "${small[@]}" --output opt
check "prune OPT, dense output" "$esparse" prune "$here/tiny-opt" "${small[@]}" --output opt-dense --format dense
for folder in opt opt-dense; do
    check "evaluate $folder" "$esparse" evaluate "$folder" --text "$text" --sequence-length 128 --windows 4 --precision f32 --json "$folder.json"
done
python3 - <<'PYTHON' && pass || fail "packed and dense OPT differ in perplexity"
import json
values = [json.load(open(name + ".json"))["results"]["evaluation"]["token_perplexity,none"] for name in ("opt", "opt-dense")]
assert abs(values[0] / values[1] - 1) < 1e-4, values
PYTHON
check "generate" "$esparse" generate two-of-four --prompt "The lamp" --max-tokens 8 --temperature 0
# --- the pruned folder is what other tools expect
[ "$(cd two-of-four && echo *.safetensors*)" = model.safetensors ] && pass || fail "files of weights: $(ls two-of-four)"
cp -r "$model" licensed; chmod -R u+w licensed
printf -- '---\nlicense: mit\n---\n# Tiny\n' >licensed/README.md
echo "Do as you like." >licensed/LICENSE.txt
check "prune a model with a licence" "$esparse" prune licensed "${small[@]}" --output licensed-pruned
same "the licence is copied" licensed/LICENSE.txt licensed-pruned/LICENSE.txt
for line in '^license: mit$' '^- "2:4"$' '6 sequences of 64 tokens' '^esparse evaluate'; do
    grep -q -- "$line" licensed-pruned/README.md && pass || fail "the model card has no line like $line"
done
# --- export
exact() { "$esparse" evaluate "$1" --text "$text" --sequence-length 128 --windows 4 --precision f32 --json "$2"; }
for model_name in two-of-four opt; do
    check "export $model_name" "$esparse" export $model_name --format safetensors --output exported
    check "evaluate $model_name" exact $model_name packed.json
    check "evaluate the exported $model_name" exact exported exported.json
    python3 - <<'PYTHON' && pass || fail "$model_name: the exported folder is another model"
import json
values = [json.load(open(name))["results"]["evaluation"]["token_perplexity,none"] for name in ("packed.json", "exported.json")]
assert abs(values[0] / values[1] - 1) < 1e-5, values
PYTHON
    [ -z "$(grep -l 'permutation\|bitmask' exported/*.safetensors)" ] && pass || fail "$model_name: the export is not dense"
    rm -rf exported
done
check "export once more" "$esparse" export two-of-four --format safetensors --output exported
same "dense output and export have the same weights" dense/model.safetensors exported/model.safetensors
check "the packed model in f32" exact two-of-four two-of-four-f32.json
refuse "an export is no source" 1 "pruned already" "$esparse" prune exported "${small[@]}" --output x
for type in bf16 f16 q8_0; do
    check "export GGUF $type" "$esparse" export two-of-four --format gguf --type $type --output $type.gguf
    check "evaluate GGUF $type" exact $type.gguf $type.json
done
check "export GGUF again" "$esparse" export bf16.gguf --format gguf --output again.gguf
same "a GGUF file of a GGUF file is the same" bf16.gguf again.gguf
python3 - <<'PYTHON' && pass || fail "a GGUF file is another model"
import json
packed, bf16, f16, q8 = (json.load(open(f"{name}.json"))["results"]["evaluation"]["token_perplexity,none"]
                         for name in ("two-of-four-f32", "bf16", "f16", "q8_0"))
assert abs(bf16 / packed - 1) < 1e-5 and abs(f16 / packed - 1) < 1e-3 and abs(q8 / packed - 1) < 0.02, (packed, bf16, f16, q8)
PYTHON
refuse "OPT has no GGUF" 1 'model type "opt"' "$esparse" export opt --format gguf --output x.gguf
absent "OPT has no GGUF" x.gguf
refuse "an output that is there" 1 "exists already" "$esparse" export two-of-four --format gguf --output bf16.gguf
refuse "a folder that is there" 1 "exists already" "$esparse" export two-of-four --format safetensors --output dense
refuse "Q8_0 safetensors" 64 "goes with --format gguf" "$esparse" export two-of-four --format safetensors --type q8_0 --output x
# --- documentation
check "docs/commands.md has the command's own option tables" "$here/../../scripts/option-tables.py" "$esparse" --check
check "the README's picture is drawn from docs/results" "$here/../../scripts/measure/picture.py" --check
# --- results and texts that are no plain files
check "JSON to standard output" "$esparse" inspect two-of-four --json /dev/stdout
grep -q '"linears"' out && pass || fail "--json /dev/stdout gives no JSON"
check "JSON through a pipe" bash -c '"$1" inspect two-of-four --json >(cat >piped.json) >/dev/null; wait $!' - "$esparse"
same "a pipe gets the same JSON" inspection.json piped.json
ln -s inspection-target.json inspection-link.json
check "JSON through a link" "$esparse" inspect two-of-four --json inspection-link.json
[ -L inspection-link.json ] && pass || fail "--json replaced a link"
same "a link leads to the same JSON" inspection.json inspection-target.json
evaluate() { "$esparse" evaluate "$model" --sequence-length 128 --windows 4 "$@"; }
evaluate --text "$text" >from-file 2>err
check "text from a pipe" evaluate --text <(gzip -c "$text"); same "a piped text gives the same" from-file out
check "text from standard input" evaluate --text /dev/stdin <"$text"; same "standard input gives the same" from-file out
check "calibration from a pipe" "$esparse" prune "$model" --output from-pipe --calibration <(cat "$text") --samples 6 --sequence-length 64
same "a piped calibration gives the same bytes" two-of-four from-pipe
check "self-made calibration" "$esparse" prune "$model" --output self --samples 8 --sequence-length 64 --pattern 4:8
check "and with one thread" "$esparse" prune "$model" --output self-one --samples 8 --sequence-length 64 --pattern 4:8 --threads 1
same "self-made text does not depend on threads" self self-one
check "magnitude needs no calibration" "$esparse" prune "$model" --output magnitude --method magnitude
for shuffle in none global local assignment; do check "shuffle $shuffle" prune --output "shuffle-$shuffle" --shuffle $shuffle; done
# Absorbed shuffles: an ordinary checkpoint, N:M as it is stored.
check "absorbed shuffles" prune --output absorbed --shuffle-mode absorbed
check "absorbed shuffles with one thread" prune --output absorbed-one --shuffle-mode absorbed --threads 1
same "absorbed shuffles: one and two threads give the same bytes" absorbed absorbed-one
grep -aq permutation absorbed/model.safetensors && fail "an absorbed shuffle left a permutation" || pass
check "absorbed shuffles, dense output" prune --output absorbed-dense --shuffle-mode absorbed --format dense
check "inspect them" "$esparse" inspect absorbed-dense --json absorbed.json
grep -q "^Shuffle mode: absorbed$" out && pass || fail "inspect does not say that shuffles are absorbed"
python3 - <<'PYTHON' && pass || fail "not every linear is 2:4 in the order in which it is stored"
import json
found = json.load(open("absorbed.json"))
assert found["shuffle_mode"] == "absorbed" and {linear["pattern"] for linear in found["linears"]} == {"2:4"}
assert json.load(open("inspection.json"))["shuffle_mode"] == "run-time"
PYTHON
for folder in absorbed absorbed-dense; do
    check "evaluate $folder" "$esparse" evaluate "$folder" --text "$text" --sequence-length 128 --windows 4 --precision f32 --json "$folder.json"
done
python3 - <<'PYTHON' && pass || fail "packed and dense absorbed models differ in perplexity"
import json
values = [json.load(open(name + ".json"))["results"]["evaluation"]["token_perplexity,none"] for name in ("absorbed", "absorbed-dense")]
assert abs(values[0] / values[1] - 1) < 1e-4, values
PYTHON
for method in "magnitude" "sparsegpt" "ria --shuffle assignment"; do
    options=(); case $method in magnitude) ;; *) options=("${small[@]}") ;; esac
    # shellcheck disable=SC2086
    check "absorbed shuffles, $method" "$esparse" prune "$here/tiny-opt" "${options[@]}" --output absorbed-opt --shuffle-mode absorbed --method $method
    rm -rf absorbed-opt
done
refuse "absorbed shuffles without a shuffle" 64 "shuffle other than none" prune --output x --shuffle none --shuffle-mode absorbed
check "the paper's settings" prune --output paper --preset paper
check "RIA" prune --output ria --method ria
for method in "sparsegpt" "e-sparse --update" "magnitude --update --shuffle none"; do
    # shellcheck disable=SC2086
    check "$method" prune --output updated --method $method
    # shellcheck disable=SC2086
    check "$method with one thread" prune --output updated-one --method $method --threads 1
    same "$method: one and two threads give the same bytes" updated updated-one
    check "evaluate $method" "$esparse" evaluate updated --text "$text" --sequence-length 128 --windows 2
    rm -rf updated updated-one
done
refuse "an update of an update" 64 "without --update" prune --output x --method sparsegpt --update
check "leave linears dense" prune --output partly --exclude '*.v_proj.weight' --exclude '*.layers.1.*'
check "evaluate a partly dense model" "$esparse" evaluate partly --text "$text" --sequence-length 128 --windows 2
# A tied table under the head's name, as writers leave it that keep one name of shared tensors.
cp -r "$model" head-name
python3 - head-name/model.safetensors <<'PYTHON'
import struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header = data[8:8 + size].replace(b'"model.embed_tokens.weight"', b'"lm_head.weight"').ljust(size)
open(sys.argv[1], "wb").write(data[:8] + header + data[8 + size:])
PYTHON
check "prune a tied model with the head's name only" "$esparse" prune head-name "${small[@]}" --output head-name-pruned
check "evaluate it" "$esparse" evaluate head-name-pruned --text "$text" --sequence-length 128 --windows 4 --json head-name.json
check "the plain model for comparison" "$esparse" evaluate two-of-four --text "$text" --sequence-length 128 --windows 4 --json plain.json
python3 -c 'import json; a, b = (json.load(open(n))["results"] for n in ("head-name.json", "plain.json")); exit(a != b)' \
    && pass || fail "a tied model with the head's name only is another model"

# --- a budget of perplexity
# weights FOLDER: checksums of its weights.
weights() { (cd "$1" && sha256sum ./*.safetensors); }
check "a budget that everything fits" prune --output roomy --budget 1000000% --json roomy.json
[ "$(weights roomy)" = "$(weights two-of-four)" ] && pass || fail "a roomy budget gives other weights than none"
python3 - <<'PYTHON' && pass || fail "--json is not the manifest with what the run took"
import json
report, manifest = json.load(open("roomy.json")), json.load(open("roomy/esparse.json"))
assert report.pop("seconds") and report.pop("peak_resident_bytes") > 0 and report == manifest
PYTHON
absent "the search's folder is gone" roomy.budget
# fits NAME MODEL OPTIONS...: a budget that not everything fits. The weights are those of a plain run with what the record
# says; of a single block, a model put together has the loss of one pruned anew, because both are calibrated alike.
fits() {
    local name=$1 model=$2; shift 2
    rm -rf fitted anew
    check "$name" "$esparse" prune "$model" "${own[@]}" --output fitted "$@" || return
    python3 - "$name" <<'PYTHON' >excluded && pass || fail "$name: $(cat err)"
import json, math, sys
manifest = json.load(open("fitted/esparse.json"))
record, run = manifest["budget"], manifest["run"]
trials = record["trials"]
assert "pattern" not in trials[0] and not trials[-1]["isAssembled"]
assert math.isclose(record["rise"], (math.exp(trials[-1]["loss"] - trials[0]["loss"]) - 1) * 100)
assert record["rise"] <= record["percent"] and record["keptDense"]
assert not set(record["keptDense"]) & {linear["name"] for linear in manifest["linears"]}
assert record["bytes"] > record["bytesWithoutBudget"]
if "one block" in sys.argv[1]:
    pairs = [(a["loss"], b["loss"]) for a in trials for b in trials
             if a["isAssembled"] and not b["isAssembled"] and a["denseSites"] == b["denseSites"]]
    assert pairs and all(abs(a - b) < 1e-5 for a, b in pairs), pairs
print("--pattern", run["pattern"], *(f"--exclude {name}" for name in record["keptDense"]))
PYTHON
    plain=() skip=; for word in "$@"; do
        case $word in --budget | --pattern) skip=1 ;; --keep-pattern) ;; *) [ $skip ] || plain+=("$word"); skip= ;; esac
    done
    # shellcheck disable=SC2046
    check "$name, plain" "$esparse" prune "$model" "${own[@]}" "${plain[@]}" --output anew $(cat excluded)
    [ "$(weights fitted)" = "$(weights anew)" ] && pass || fail "$name: a plain run gives other weights"
}
# On text that a model wrote itself pruning must cost something, whatever its weights are: no other text tells that of a random
# model. In f32, so that processors with and without bf16 find the same.
own=(--calibration self --samples 6 --sequence-length 64 --precision f32 --first-tokens 0)
fits "LLaMA" "$model" --pattern 1:4 --no-refine --budget 3
fits "LLaMA, weights updated" "$model" --pattern 1:4 --budget 3 --update
fits "OPT" "$here/tiny-opt" --pattern 1:4 --keep-pattern --budget 2
fits "OPT, first tokens" "$here/tiny-opt" --pattern 1:4 --keep-pattern --budget 1 --first-tokens 1
fits "LLaMA, absorbed shuffles" "$model" --pattern 1:4 --no-refine --budget 3 --shuffle-mode absorbed
fits "LLaMA, one block" "$model" --pattern 1:8 --no-refine --keep-pattern --include '*.layers.0.*' --budget 3
fits "OPT, one block" "$here/tiny-opt" --pattern 1:8 --keep-pattern --include '*.layers.0.*' --budget 4
for threads in 1 2; do
    check "a budget, threads: $threads" "$esparse" prune "$model" "${own[@]}" --output budget-$threads --pattern 1:4 --no-refine --budget 3 \
        --threads $threads
done
same "a budget gives the same bytes with one and two threads" budget-1 budget-2
check "a budget on the model's own text" "$esparse" prune "$model" --output own-budget --samples 4 --sequence-length 64 --budget 50
refuse "a budget of nothing" 64 "budget" prune --output x --budget 0
refuse "a budget too small for anything" 1 "leaves nothing to prune" "$esparse" prune "$model" "${own[@]}" --output x --budget 0.000001 \
    --pattern 1:32 --no-refine
absent "nothing is left" x; absent "nor of the search" x.budget
refuse "a budget without calibration" 64 "goes with a method that calibrates" "$esparse" prune "$model" --output x --method magnitude --budget 5
refuse "--keep-pattern alone" 64 "goes with --budget" prune --output x --keep-pattern
refuse "no held-out text" 1 "held-out sequences" "$esparse" prune "$model" --output x --calibration "$text" --samples 50 --sequence-length 200 --budget 5

# --- zero-shot tasks and several texts in one run
tasks=$here/../ESparseEvaluationTests/Fixtures/tasks
cp "$text" other.txt
check "tasks and texts" "$esparse" evaluate "$model" --tasks "$tasks" --tasks "mine=$tasks/mine.jsonl" --limit 2 --precision f32 \
    --text "$text" --text other.txt --sequence-length 64 --windows 2 --samples-output samples --json evaluated.json
for line in '^evaluation: perplexity .* bits per byte' '^other: perplexity' '^arc_easy  *2 ' '^mean  '; do
    grep -q -- "$line" out && pass || fail "evaluate: no line like $line in $(cat out)"
done
python3 - <<'PYTHON' && pass || fail "results or samples have another shape"
import json, math
report = json.load(open("evaluated.json"))
results, counts = report["results"], report["n-samples"]
texts = {"evaluation", "other"}
tasks = set(results) - texts
assert len(tasks) == 12 and texts < set(results)
assert results["evaluation"]["bits_per_byte,none"] == results["other"]["bits_per_byte,none"] > 0
assert math.isclose(math.log2(results["other"]["byte_perplexity,none"]), results["other"]["bits_per_byte,none"])
assert all(counts[task]["effective"] == 2 <= counts[task]["original"] for task in tasks)
assert abs(report["groups"]["mean"]["acc,none"] - sum(results[t]["acc,none"] for t in tasks) / 12) < 1e-12
for task in tasks:
    samples = [json.loads(line) for line in open(f"samples/samples_{task}.jsonl")]
    assert [sample["doc_id"] for sample in samples] == [0, 1]
    assert sum(sample["acc"] for sample in samples) / 2 == results[task]["acc,none"], task
PYTHON
refuse "nothing to evaluate" 64 "give --text" "$esparse" evaluate "$model"
# idle NEEDED COMMAND...: the last option has no effect; it is refused with what it goes with.
idle() { local needed=$1; shift; refuse "without effect: ${*: -2}" 64 "goes with $needed" "$esparse" "$@"; }
for option in "--samples-output x" "--limit 3"; do
    # shellcheck disable=SC2086
    idle --tasks evaluate "$model" --text "$text" $option
done
for option in "--windows 3" "--sequence-length 64"; do
    # shellcheck disable=SC2086
    idle --text evaluate "$model" --tasks "$tasks" $option
done
for option in "--calibration self" "--samples 2" "--sequence-length 64" "--seed 1" "--save-calibration x" "--first-tokens 1"; do
    # shellcheck disable=SC2086
    idle "a method that calibrates" prune "$model" --output x --method magnitude $option
done
for option in "--preset paper" "--alpha 1" "--bins 8" "--entropy power" "--amplitude rms" "--rule sum" "--skip-positions 1"; do
    # shellcheck disable=SC2086
    idle "--method e-sparse" prune "$model" --output x --method wanda $option
done
refuse "refined and updated" 64 "does not go with updated weights" prune --output x --refine --update
refuse "refined SparseGPT" 64 "does not go with updated weights" prune --output x --refine --method sparsegpt
refuse "more first tokens than text" 64 "from 0 to the number of --samples" prune --output x --first-tokens 7
refuse "first tokens added and left out" 64 "give one of them" prune --output x --first-tokens 1 --skip-positions 1
idle "an --entropy of linear bins" prune "$model" --output x --bins 50
for shuffle in none global assignment; do
    idle "--shuffle both or local" prune "$model" --output x --shuffle $shuffle --block-size 64
done
for option in "--top-k 3" "--top-p 0.5" "--seed 1"; do
    # shellcheck disable=SC2086
    idle "a --temperature above 0" generate "$model" --prompt x --temperature 0 $option
done
idle --chat generate "$model" --prompt x --system y
for option in "--precision f32" "--kernel-profile rules"; do
    # shellcheck disable=SC2086
    idle --kernels inspect "$model" $option
done
idle "a dense MODEL" benchmark model two-of-four --pattern 2:4
idle "a packed MODEL" benchmark model "$model" --dense two-of-four
idle "--shapes or a dense MODEL" tune two-of-four --pattern 2:4
refuse "a file called like no task" 1 "nor called like a task" "$esparse" evaluate "$model" --tasks nothing.jsonl
refuse "a folder without tasks" 1 "has no file called like a task" "$esparse" evaluate "$model" --tasks "$here"
refuse "a task's missing file" 1 "nothing.jsonl" "$esparse" evaluate "$model" --tasks piqa=nothing.jsonl --samples-output x
refuse "one name twice" 1 "two inputs are called" "$esparse" evaluate "$model" --text "$text" --text "$text"
printf '{"goal": "g", "sol1": "a", "sol2": "b", "label": 5}\n' >piqa.jsonl
refuse "an absurd label" 1 "piqa.jsonl, line 1: the label" "$esparse" evaluate "$model" --tasks piqa.jsonl --samples-output x
cp piqa.jsonl piqa.parquet
refuse "Parquet" 1 "is not supported" "$esparse" evaluate "$model" --tasks piqa=piqa.parquet --samples-output x
# A mistake in the last task is found before the first is asked, and before the weights are read.
printf '{"ctx": "A", "choices": [" b", " %s"], "gold": 0}\n' "$(head -c 3000 "$text" | tr -cd 'a-z ')" >toolong.jsonl
refuse "a choice that is too long" 1 "toolong.jsonl, line 1: a choice has" "$esparse" evaluate "$model" \
    --tasks "mine=$tasks/mine.jsonl,long=toolong.jsonl"
grep -q Loading err && fail "the model was loaded before the tasks were checked" || pass

# --- measuring: what is printed and written, never how fast
export XDG_CACHE_HOME=$work/cache
gemm=("$esparse" benchmark gemm --shapes 64x64,32x128 --tokens 1,40 --seconds 0.001)
check "benchmark gemm" "${gemm[@]}" --json gemm.json
python3 - <<'PYTHON' && pass || fail "results of benchmark gemm"
import json
results = json.load(open("gemm.json"))["results"]
assert [(r["rows"], r["columns"], r["pattern"], r["tokens"]) for r in results] == [
    (rows, columns, pattern, tokens)
    for rows, columns in ((64, 64), (32, 128)) for pattern in ("2:4", "4:8") for tokens in (1, 40)]
for r in results:
    assert r["sparse_seconds"] > 0 and r["dense_seconds"] > 0 and r["sparse_kernel"] and r["threads"] > 0
    assert 0 < r["sparse_weight_bytes"] < r["dense_weight_bytes"]
    assert r["dense_kernel"].startswith("onednn") and abs(r["speedup"] * r["sparse_seconds"] / r["dense_seconds"] - 1) < 1e-6
PYTHON
refuse "unknown shape" 64 "ROWSxCOLUMNS" "$esparse" benchmark gemm --shapes llama-8b
refuse "pattern that does not divide a shape" 64 "groups of 8" "$esparse" benchmark gemm --shapes 8x12
refuse "no tokens" 64 "tokens" "$esparse" benchmark gemm --tokens 0
refuse "no time" 64 "--seconds" "$esparse" benchmark gemm --seconds 0
refuse "gemm results that cannot be written" 64 "no such folder" "${gemm[@]}" --json nowhere/x.json
check "inspect --kernels" "$esparse" inspect two-of-four --kernels --json kernels.json
grep -q '"reason" : "rule"' kernels.json && pass || fail "inspect --kernels does not name the rule"
check "tune" "$esparse" tune two-of-four --seconds 0.001
profile=$(ls cache/esparse/kernels-*.json)
check "inspect with a profile" "$esparse" inspect two-of-four --kernels --json kernels.json
grep -q '"reason" : "profile"' kernels.json && pass || fail "the profile is not used"
check "evaluate with a profile" "$esparse" evaluate two-of-four --text "$text" --sequence-length 128 --windows 2
check "the same bits with a profile and one thread" "$esparse" evaluate two-of-four --text "$text" --sequence-length 128 --windows 2 --threads 1 --json one.json
check "and with three" "$esparse" evaluate two-of-four --text "$text" --sequence-length 128 --windows 2 --threads 3 --json three.json
same "results with a profile do not depend on the threads" one.json three.json
check "prune with a profile" prune --output profiled
same "prune does not look at the profile" two-of-four profiled
sed -i 's/"tool_version": "[^"]*"/"tool_version": "0.0.0"/' "$profile"
check "a stale profile is left aside" "$esparse" inspect two-of-four --kernels
grep -q 'another version of esparse' err && pass || fail "a stale profile is ignored silently"
refuse "a stale profile that was asked for" 1 "another version" "$esparse" inspect two-of-four --kernels --kernel-profile "$profile"
echo '{' >"$profile"
check "a damaged profile is left aside" "$esparse" inspect two-of-four --kernels
grep -q 'is damaged' err && pass || fail "a damaged profile is ignored silently"
check "tune replaces it" "$esparse" tune --shapes 64x64 --pattern 2:4 --seconds 0.001
refuse "tune what" 64 "either MODEL or --shapes" "$esparse" tune
ESPARSE_INSTRUCTION_SET=plain check "plain kernels" "$esparse" evaluate two-of-four --text "$text" --sequence-length 64 --windows 1
grep -q 'held to plain by ESPARSE_INSTRUCTION_SET' err && pass || fail "plain kernels are used silently"
rm -rf cache
mkdir temporary
tiny=(--prompt-tokens 16 --generate-tokens 4 --batch 1,2 --rounds 1)
for folder in two-of-four opt "$model"; do
    check "benchmark model $folder" env TMPDIR="$work/temporary" "$esparse" benchmark model "$folder" "${tiny[@]}" --json model.json
    python3 - <<'PYTHON' && pass || fail "results of benchmark model $folder"
import json
results = json.load(open("model.json"))["results"]
assert [(r["variant"], r["batch"]) for r in results] == [("dense", 1), ("packed", 1), ("dense", 2), ("packed", 2)]
for r in results:
    for key in ("prefill_tokens_per_second", "decode_tokens_per_second", "time_to_first_token_seconds", "peak_resident_bytes"):
        assert r[key] > 0, (key, r)
PYTHON
done
rmdir temporary && pass || fail "benchmark model leaves files"
# A child process would run on for several seconds; it stops with its parent.
"$esparse" benchmark model "$model" --prompt-tokens 100 --generate-tokens 150 --batch 1024 --rounds 9 >/dev/null 2>&1 & pid=$!
for _ in $(seq 1000); do child=$(cat /proc/$pid/task/*/children 2>/dev/null); child=${child%% *}; [ -n "$child" ] && break; sleep 0.01; done
kill -TERM $pid
for _ in $(seq 20); do kill -0 "$child" 2>/dev/null || break; sleep 0.1; done
kill -0 "$child" 2>/dev/null && fail "SIGTERM to benchmark model: its child runs on" || pass
wait $pid; code=$?
[ $code -eq 130 ] && [ -n "$child" ] && pass || fail "SIGTERM to benchmark model: exit $code, child '$child'"
refuse "one token is no decoding" 64 "generate-tokens" "$esparse" benchmark model "$model" --generate-tokens 1

# --- reproduce: the whole plan on the tiny model, killed and resumed, with the page in a browser where there is one
reproduce=("$esparse" reproduce "$model" --text "$text" --calibration "$text" --tasks "$tasks/ARC-Easy-Test.jsonl" --limit 2
    --sequence-length 64 --windows 2 --ablation-samples 4 --ablation-sequence-length 32 --ablation-windows 2 --shapes 64x64
    --tokens 1,40 --seconds 0.001 --prompt-tokens 16 --generate-tokens 4 --batch 1 --rounds 1)
check "reproduce" "${reproduce[@]}" --output reproduced
grep -q 'experiment 2 of 58: Magnitude, 2:4, about' err && pass || fail "reproduce does not say how far it is: $(head -3 err)"
# A session of its own, so that one signal kills the command and the child at work, as a power cut would.
setsid "${reproduce[@]}" --output cut >/dev/null 2>&1 & pid=$!
while kill -0 $pid 2>/dev/null && [ "$(ls cut/experiments 2>/dev/null | wc -l)" -lt 4 ]; do sleep 0.02; done
kill -KILL -- -$pid 2>/dev/null; wait $pid 2>/dev/null
refuse "a reproduction that is there" 1 "go on with its run by --resume" "${reproduce[@]}" --output cut
refuse "another reproduction" 1 "samples was 8 and is 5" "${reproduce[@]}" --output cut --samples 5 --resume
refuse "a folder of something else" 1 "holds no run" "${reproduce[@]}" --output samples --resume
check "reproduce goes on after SIGKILL" "${reproduce[@]}" --output cut --resume
grep -q 'experiments are there already' err && pass || fail "a killed reproduction starts again: $(head -3 err)"
python3 - <<'PYTHON' && pass || fail "a killed reproduction ends with other figures, or figures are missing"
import json
whole, cut = (json.load(open(f"{name}/results.json")) for name in ("reproduced", "cut"))
for key in ("main", "ablation", "sensitivity", "channels", "memory_measured", "memory_computed"):
    assert whole[key] == cut[key], key
assert cut["complete"] and len(cut["main"]) == 19 and len(cut["ablation"]) == 20 and len(cut["sensitivity"]) == 22
assert len(cut["gemm"]["points"]) == 4 and len(cut["model"]) == 2 and len(cut["pruning"]) == 18
assert all(row["stages"]["shuffle"] > 0 and row["peak_resident_bytes"] > 0 for row in cut["pruning"])
assert all(0 < linear["output_error"] < 1 for linear in cut["channels"]["linears"])
assert cut["channels"]["amplitude_spread"]["after"] < cut["channels"]["amplitude_spread"]["before"]
PYTHON
[ -z "$(ls cut/work)" ] && pass || fail "reproduce leaves its work behind: $(ls cut/work)"
"${reproduce[@]}" --output interrupted --sections main >/dev/null 2>err & pid=$!
sleep 0.5; kill -INT $pid; wait $pid; code=$?
[ $code -eq 130 ] && pass || fail "SIGINT to reproduce: exit $code"
check "and goes on with other sections" "${reproduce[@]}" --output interrupted --resume --sections gemm
"$here/../../scripts/test-report.sh" reproduced/report.html >out 2>err && pass || fail "the page in a browser: $(cat out err | tail -3)"
refuse "perplexity without a text" 1 "give --text" "$esparse" reproduce "$model" --output x
refuse "sections that do not exist" 64 "sections" "$esparse" reproduce "$model" --output x --sections nothing
refuse "--diagnostics of half a run" 64 "from its start" prune --output x --diagnostics d.json --resume
refuse "--diagnostics without calibration" 64 "calibrates" "$esparse" prune "$model" --output x --method magnitude --diagnostics d.json

# --- bad input: one sentence, exit code 1 (usage: 64), nothing under the final name
refuse "usage" 64 "Usage" "$esparse" prune
refuse "bad pattern" 64 "pattern" prune --output x --pattern 4:2
refuse "pattern that does not divide" 1 "cut into groups of 7" prune --output x --pattern 3:7
refuse "output exists" 1 "exists already" prune --output two-of-four
refuse "no such model" 1 "no such folder or file" "$esparse" prune nowhere --output x
refuse "no such text" 1 "nothing.txt" "$esparse" prune "$model" --output x --calibration nothing.txt
: >empty.txt
refuse "empty calibration" 1 "missing" "$esparse" prune "$model" --output x --calibration empty.txt
refuse "too little text" 1 "are missing" "$esparse" prune "$model" --output x --calibration "$text" --samples 15000
refuse "a glob that fits nothing" 1 "fits no linear" prune --output x --include q_proj
refuse "nothing selected" 1 "no linear is left" prune --output x --exclude '*'
refuse "empty output" 64 "must name a folder" prune --output ""
refuse "results that cannot be written" 64 "no such folder" prune --output x --json nowhere/x.json
refuse "absurd top-k" 64 "top-k" "$esparse" generate "$model" --prompt x --top-k 0
check "huge top-k" "$esparse" generate "$model" --prompt x --max-tokens 3 --top-k 100000000000
"$esparse" evaluate "$model" --text "$text" --sequence-length 64 --windows 1 >/dev/full 2>err && fail "full stdout: exit 0" || pass
check "--resume starts a run where there is none" prune --output resumed --resume
same "and gives the same bytes" two-of-four resumed
refuse "text shorter than a window" 1 "fewer than one window" "$esparse" evaluate "$model" --text "$here/run.sh" --sequence-length 100000
absent "nothing under the final name" x
# hostile MODEL...: copies of the tiny checkpoint with one thing broken by a line of Python.
hostile() {
    local name=$1 text=$2 code=$3
    rm -rf broken; cp -r "$model" broken; chmod -R u+w broken
    (cd broken && python3 -c "
import json, struct
def header():
    data = open('model.safetensors', 'rb').read(); n = struct.unpack('<Q', data[:8])[0]
    return json.loads(data[8:8 + n]), data[8 + n:]
def store(head, body):
    text = json.dumps(head).encode() if isinstance(head, dict) else head
    open('model.safetensors', 'wb').write(struct.pack('<Q', len(text)) + text + body)
def config(**changes):
    c = json.load(open('config.json')); c.update(changes); json.dump(c, open('config.json', 'w'))
head, body = header(); first = 'model.layers.0.self_attn.q_proj.weight'
$code") || { fail "$name: the test's own Python failed"; return; }
    refuse "$name" 1 "$text" "$esparse" prune broken "${small[@]}" --output x
    absent "$name" x; rm -rf x.partial
}
hostile "truncated file" "" "store(head, body[:-100])"
hostile "empty file" "truncated" "open('model.safetensors', 'wb')"
hostile "header of 100 GB" "" "open('model.safetensors', 'wb').write(struct.pack('<Q', 100 << 30) + b'{}')"
hostile "negative offset" "" "head[first]['data_offsets'][0] = -2; store(head, body)"
hostile "reversed offsets" "" "head[first]['data_offsets'].reverse(); store(head, body)"
hostile "overflowing shape" "" "head[first]['shape'] = [1 << 62, 8]; store(head, body)"
hostile "size and shape disagree" "" "head[first]['shape'] = [64, 63]; store(head, body)"
hostile "missing tensor" "q_proj" "head['other'] = head.pop(first); store(head, body)"
hostile "infinite weight" "q_proj.weight" "o = head[first]['data_offsets'][0]; store(head, body[:o] + b'\x80\x7f' + body[o + 2:])"
hostile "unsupported element type" "layers.1.mlp.up_proj.weight" \
    "head['model.layers.1.mlp.up_proj.weight']['dtype'] = 'I16'; store(head, body)"
hostile "quantised folder" "gptq" "config(quantization_config={'quant_method': 'gptq', 'bits': 4})"
hostile "a pipe in place of weights" "model.safetensors" "import os; os.remove('model.safetensors'); os.mkfifo('model.safetensors')"
hostile "unknown family" "supported" "config(model_type='mamba')"
hostile "absurd configuration" "" "config(num_attention_heads=0)"
hostile "huge configuration" "" "config(hidden_size=1 << 62)"
hostile "malformed tokenizer" "tokenizer" "open('tokenizer.json', 'w').write('{')"
hostile "missing tokenizer" "tokenizer" "import os; os.remove('tokenizer.json')"

# --- stopping and going on
for _ in $(seq 30); do cat "$text"; done >long.txt
long=(--calibration long.txt --samples 1000 --sequence-length 256)
prune_long() { "$esparse" prune "$model" "${long[@]}" "$@"; }
# started NAME: waits until the run into the folder NAME has finished its first block; gives up when the run ends.
started() {
    while kill -0 $pid 2>/dev/null && [ ! -e "$1".partial/weights-00002.safetensors ]; do sleep 0.01; done
}
# resumes NAME OPTIONS...: a run that is killed after its first block and resumed gives the bytes of one that was not.
resumes() {
    local name=$1; shift
    rm -rf killed killed.partial whole
    "$esparse" prune "$model" "${long[@]}" "$@" --output killed >/dev/null 2>&1 & pid=$!
    started killed
    kill -KILL $pid 2>/dev/null; wait $pid 2>/dev/null
    check "$name: whole run to compare with" prune_long "$@" --output whole
    if [ -e killed ] || [ ! -e killed.partial ]; then fail "$name: the run was not killed half-way"; return; fi
    check "$name: resume after SIGKILL" prune_long "$@" --output killed --resume
    same "$name: a resumed run gives the same bytes" whole killed
}
resumes "two passes a block" --preset paper
# Killed again and again, at whatever point: between blocks, while files are merged, at the end.
rm -rf killed killed.partial
(for attempt in $(seq 200); do
    timeout -s KILL "$(printf '0.%03d' $((attempt * 3)))" "$esparse" prune "$model" --method magnitude --output killed --resume
    [ -e killed ] && break
done) >/dev/null 2>&1
same "a run that was killed again and again gives the same bytes" magnitude killed
rm -rf killed killed.partial
resumes "updated weights" --update
resumes "masks as scored" --no-refine
resumes "no shuffle" --shuffle none
resumes "absorbed shuffles" --shuffle-mode absorbed
# As if it had been killed while the residual stream's order was searched: the search starts anew.
rm -rf killed killed.partial
"$esparse" prune "$model" "${long[@]}" --shuffle-mode absorbed --output killed >/dev/null 2>&1 & pid=$!
started killed
kill -KILL $pid 2>/dev/null; wait $pid 2>/dev/null
rm -f killed.partial/residual-order.i32 killed.partial/weights-*
refuse "another mode is refused" 1 "shuffle-mode was absorbed" prune_long --output killed --resume
check "resume a search for an order" prune_long --shuffle-mode absorbed --output killed --resume
same "a resumed search for an order gives the same bytes" whole killed
resumes "SparseGPT" --method sparsegpt
resumes "default"
# searched FILE...: kills a search when the file is there, and goes on.
found=(--calibration long.txt --samples 800 --sequence-length 256 --precision f32)
prune_found() { "$esparse" prune "$model" "${found[@]}" --no-refine "$@"; }
searched() {
    rm -rf killed killed.budget
    "$esparse" prune "$model" "${found[@]}" --no-refine --pattern 1:4 --budget 1 --output killed >/dev/null 2>&1 & pid=$!
    while kill -0 $pid 2>/dev/null && ! ls killed.budget/$1 >/dev/null 2>&1; do sleep 0.01; done
    kill -KILL $pid 2>/dev/null; wait $pid 2>/dev/null
    if [ -e killed ] || [ ! -e killed.budget ]; then fail "a search was not killed half-way at $1"; return; fi
    refuse "an unfinished search is not overwritten" 1 "resume" prune_found --pattern 1:4 --budget 1 --output killed
    refuse "another budget is refused" 1 "budget was" prune_found --pattern 1:4 --budget 2 --output killed --resume
    check "go on with a search at $1" prune_found --pattern 1:4 --budget 1 --output killed --resume
    same "a resumed search gives the same bytes" searched killed
}
check "whole search to compare with" prune_found --pattern 1:4 --budget 1 --output searched
searched 1of4-0.partial/weights-00002.safetensors
searched figures.json
searched "2of8-0.partial"
rm -rf killed
"$esparse" prune "$model" "${long[@]}" --output killed >/dev/null 2>&1 & pid=$!
started killed
kill -KILL $pid 2>/dev/null; wait $pid 2>/dev/null
refuse "an unfinished run is not overwritten" 1 "resume" prune_long --output killed
refuse "changed settings are refused" 1 "seed" prune_long --output killed --seed 1 --resume
# As if it had been killed between the last rename and the tidying: the output is complete, the run's folder still there.
cp -r whole killed
refuse "a complete output without --resume" 1 "exists already" prune_long --output killed
refuse "a complete output of other settings" 1 "exists already" prune_long --output killed --seed 1 --resume
check "--resume of a complete run" prune_long --output killed --resume
grep -q "complete already" err && pass || fail "--resume of a complete run does not say so: $(cat err)"
absent "what a complete run had left" killed.partial
same "a complete output stays" whole killed
refuse "a complete output with nothing beside it" 1 "exists already" prune_long --output killed --resume
"$esparse" prune "$model" "${long[@]}" --output stopped >/dev/null 2>&1 & pid=$!
started stopped
kill -INT $pid; wait $pid; code=$?
[ $code -eq 130 ] && [ -e stopped.partial ] && [ ! -e stopped ] && pass || fail "SIGINT while pruning: exit $code"
check "go on after SIGINT" prune_long --output stopped --resume
same "a stopped run gives the same bytes" whole stopped
# Windows of eight tokens of a long text: the signal comes once the first are in the journal and long before the last.
"$esparse" evaluate "$model" --tasks "$tasks" --text long.txt --sequence-length 8 --json stopped.json \
    --samples-output stopped-samples >/dev/null 2>err & pid=$!
for _ in $(seq 1000); do [ "$(wc -l 2>/dev/null <stopped.json.progress)" -gt 1 ] 2>/dev/null && break; sleep 0.01; done
kill -INT $pid; wait $pid; code=$?
grep -q ' 0/[0-9]* windows' err && pass || fail "the evaluation did not start: $(cat err)"
[ $code -eq 130 ] && [ ! -e stopped.json ] && [ -z "$(ls stopped-samples)" ] && pass || fail "SIGINT while evaluating: exit $code"
refuse "an unfinished evaluation is not overwritten" 1 "continue it with --resume" "$esparse" evaluate "$model" --text "$text" \
    --sequence-length 8 --json stopped.json
refuse "another evaluation is refused" 1 "sequence length was 8 and is 16" "$esparse" evaluate "$model" --text long.txt \
    --sequence-length 16 --json stopped.json --resume
refuse "--resume without a file" 64 "goes with --json FILE" "$esparse" evaluate "$model" --text "$text" --resume
rm stopped.json.progress
evaluate_long() { "$esparse" evaluate "$model" --text long.txt --sequence-length 8 --windows 20000 "$@"; }
check "a whole evaluation to compare with" evaluate_long --json evaluated-whole.json
"$esparse" evaluate "$model" --text long.txt --sequence-length 8 --windows 20000 --json evaluated-cut.json >/dev/null 2>&1 & pid=$!
for _ in $(seq 1000); do [ "$(wc -l 2>/dev/null <evaluated-cut.json.progress)" -gt 3 ] 2>/dev/null && break; sleep 0.01; done
kill -KILL $pid 2>/dev/null; wait $pid 2>/dev/null
[ -e evaluated-cut.json ] && fail "the evaluation was not killed half-way" || pass
check "an evaluation goes on after SIGKILL" evaluate_long --json evaluated-cut.json --resume
same "a resumed evaluation gives the same bytes" evaluated-whole.json evaluated-cut.json
[ -e evaluated-cut.json.progress ] && fail "the journal stayed" || pass
seq 20000 | sed 's/.*/{"ctx": "The keeper has & lamps and", "choices": [" one cup", " many cups of tea"], "gold": 0}/' >slow.jsonl
# After the first task: its samples are complete, no other's are there.
"$esparse" evaluate "$model" --tasks "first=$tasks/mine.jsonl,second=slow.jsonl" --json stopped.json \
    --samples-output stopped-samples >/dev/null 2>&1 & pid=$!
for _ in $(seq 1000); do [ -e stopped-samples/samples_first.jsonl ] && break; sleep 0.01; done
kill -INT $pid; wait $pid; code=$?
[ $code -eq 130 ] && [ ! -e stopped.json ] && [ "$(ls stopped-samples)" = samples_first.jsonl ] && pass ||
    fail "SIGINT between tasks: exit $code, $(ls stopped-samples)"

# ends NAME PID: the process must end within ten seconds, with exit code 130.
ends() {
    for _ in $(seq 100); do kill -0 "$2" 2>/dev/null || break; sleep 0.1; done
    if kill -KILL "$2" 2>/dev/null; then fail "$1: still waiting after one signal"; wait "$2" 2>/dev/null; return; fi
    wait "$2" 2>/dev/null; local code=$?
    [ $code -eq 130 ] && pass || fail "$1: exit $code"
}
cp -r "$model" talking; chmod -R u+w talking
python3 -c "
import json
c = json.load(open('talking/tokenizer_config.json')); c['chat_template'] = '{% for m in messages %}{{ m.role }}: {{ m.content }}\\n{% endfor %}'
json.dump(c, open('talking/tokenizer_config.json', 'w'))"
mkfifo messages
"$esparse" generate talking --chat --max-tokens 4 <messages >answers 2>err & pid=$!
exec 7>messages
echo "Hello" >&7
for _ in $(seq 100); do grep -q 'tokens/s' err && break; sleep 0.1; done
grep -q 'tokens/s' err && pass || fail "no answer in a chat: $(cat err)"
sleep 0.2; kill -INT $pid 2>/dev/null
ends "SIGINT while a chat waits" $pid
exec 7>&-
if [ -n "${ESPARSE_SMOLLM2:-}" ]; then
    # The tiny model has used up its positions before a signal can come; this one has thousands.
    "$esparse" generate "$ESPARSE_SMOLLM2" --prompt "The lamp" --max-tokens 1000000 --temperature 1 >drawn-on 2>/dev/null & pid=$!
    for _ in $(seq 1000); do [ -s drawn-on ] && break; sleep 0.02; done
    [ -s drawn-on ] && pass || fail "nothing was drawn"
    kill -INT $pid 2>/dev/null
    ends "SIGINT while a text is drawn" $pid
fi
refuse "an unknown stop token" 1 'no token of the model' "$esparse" generate "$model" --prompt x --stop "no such token"
refuse "no chat template" 1 "has no chat template" "$esparse" generate "$model" --prompt x --chat
"$esparse" evaluate "$model" --text messages >/dev/null 2>&1 & pid=$!
exec 7>messages
sleep 0.5; kill -TERM $pid 2>/dev/null
ends "SIGTERM while a text is waited for" $pid
exec 7>&-

# --- disks that refuse (mounting needs root)
if mkdir full readonly && mount -t tmpfs -o size=64k tmpfs full 2>/dev/null; then
    refuse "disk full" 1 "No space left" prune --output full/x
    absent "disk full" full/x
    mount -t tmpfs -o ro tmpfs readonly
    refuse "read-only folder" 1 "Read-only" prune --output readonly/x
    umount full readonly
else
    echo "not root: the tests of full and read-only disks were skipped" >&2
fi

# shellcheck source=Tests/Command/hub.sh
. "$here/hub.sh"

# shellcheck source=Tests/Command/gpu.sh
. "$here/gpu.sh"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
