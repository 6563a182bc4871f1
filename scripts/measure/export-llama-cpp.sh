#!/usr/bin/env bash
# Perplexity of a pruned model in esparse, of its dense export in transformers, and of its GGUF exports in llama.cpp, on the same
# windows of the same tokens. Fails where transformers (in f32) differs by more than 0.01%, or llama.cpp by more than 0.5%: of BF16 and
# F16 from esparse's figure for the pruned model, of Q8_0 from esparse's own for that file.
# Usage: scripts/measure/export-llama-cpp.sh RESULT.json MODEL [WINDOWS] [LENGTH]
# MODEL is a dense model, which is pruned 2:4 with shuffles first, or a pruned folder. ESPARSE_BINARY names a copy of the command.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
result=$(realpath -m "$1") model=$(realpath "$2") windows=${3:-4} length=${4:-512}
esparse=${ESPARSE_BINARY:-$(cd "$root" && swift build -c release --show-bin-path)/esparse}
python=$("$root/scripts/measure/python.sh")
data=${ESPARSE_SHARED_DATA:-$root/../shared/data}
text=$data/wikitext-2-test.joined.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$root/scripts/measure/llama-cpp-program.sh" perplexity "$work/llama_cpp_perplexity"

pruned=$model
if [ ! -e "$model/esparse.json" ]; then
    pruned=$work/pruned
    "$esparse" prune "$model" --method wanda --calibration "$data/c4-sample.jsonl" --samples 8 --sequence-length 512 --output "$pruned" >&2
fi
# evaluate MODEL NAME
evaluate() {
    "$esparse" evaluate "$1" --text "$text" --windows "$windows" --sequence-length "$length" --precision f32 --json "$work/$2.json" >&2
}
evaluate "$pruned" packed
"$esparse" export "$pruned" --format safetensors --output "$work/dense" >&2
"$python" "$root/scripts/measure/export_transformers.py" "$work/dense" "$text" "$windows" "$length" "$work/tokens.i32" >"$work/transformers.json"
rm -rf "$work/dense"
for type in bf16 f16 q8_0; do
    "$esparse" export "$pruned" --format gguf --type $type --output "$work/$type.gguf" >&2
    evaluate "$work/$type.gguf" "$type"
    "$work/llama_cpp_perplexity" "$work/$type.gguf" "$text" "$work/tokens.i32" "$length" "$windows" "$(nproc)" >"$work/llama-$type.json"
    rm "$work/$type.gguf"
done
"$python" - "$work" "$result" "$(basename "$model")" "$windows" "$length" <<'PYTHON'
import json, pathlib, sys
work, result, name, windows, length = pathlib.Path(sys.argv[1]), *sys.argv[2:]
def read(file): return json.loads((work / f"{file}.json").read_text())
def ours(file):
    (figures,) = read(file)["results"].values()
    return figures["token_perplexity,none"]
packed, transformers = ours("packed"), read("transformers")["perplexity"]
rows = {"esparse, packed": packed, "transformers, dense, f32": transformers}
failures = [] if abs(transformers / packed - 1) < 1e-4 else ["transformers"]
for kind in ["bf16", "f16", "q8_0"]:
    own, other = ours(kind), read(f"llama-{kind}")
    rows[f"esparse, GGUF {kind}"], rows[f"llama.cpp, GGUF {kind}"] = own, other["perplexity"]
    if abs(other["perplexity"] / (own if kind == "q8_0" else packed) - 1) > 5e-3: failures.append(f"llama.cpp {kind}")
    if not other["same_tokens"]: failures.append(f"llama.cpp's tokens, {kind}")
for label, value in rows.items(): print(f"{label:30} {value:12.4f} {100 * (value / packed - 1):+8.3f} %")
report = {"model": name, "windows": int(windows), "sequence_length": int(length), "perplexity": rows, "failures": failures}
pathlib.Path(result).write_text(json.dumps(report, indent=2) + "\n")
sys.exit("differ: " + ", ".join(failures) if failures else 0)
PYTHON
