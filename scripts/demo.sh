#!/usr/bin/env bash
# The main job on a real model, with all set-up: prunes SmolLM2-135M-Instruct 2:4 with E-Sparse and compares it with the
# dense model. The comparison goes to stdout, progress to stderr. Usage: scripts/demo.sh [--text FILE]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
text=$root/Resources/evaluation.txt
case "${1:-}" in
    "") ;;
    --text) text=$(realpath -e "${2:?--text needs a file}") ;;
    *) echo "usage: scripts/demo.sh [--text FILE]" >&2; exit 64 ;;
esac
cd "$root"
scripts/setup.sh
dense=$(scripts/model.sh)
swift build -c release --product esparse >&2
esparse=$(swift build -c release --show-bin-path)/esparse

folder=$root/.build/demo
mkdir -p "$folder"
pruned=$folder/SmolLM2-135M-Instruct-2of4
rm -rf "$pruned" "$pruned.partial"
say() { printf '\n== %s\n' "$*" >&2; }
say "Pruning SmolLM2-135M-Instruct to 2:4 on calibration text of its own"
"$esparse" prune "$dense" --output "$pruned" --pattern 2:4 --samples 24 --sequence-length 1024 --precision bf16 >&2
for variant in dense pruned; do
    say "Measuring the $variant model"
    # What these print is long, or in the comparison anyway.
    "$esparse" evaluate "${!variant}" --text "$text" --sequence-length 1024 --json "$folder/$variant-perplexity.json" >/dev/null
    # In bf16 both hold 16-bit weights; the GGUF file's would otherwise be expanded to f32.
    "$esparse" generate "${!variant}" --prompt "Photosynthesis is the process by which" --max-tokens 48 --temperature 0 \
        --precision bf16 --json "$folder/$variant-generation.json" >/dev/null
    "$esparse" inspect "${!variant}" --json "$folder/$variant-inspection.json" >/dev/null
done
echo >&2
python3 - "$folder" <<'PYTHON'
import json, sys
folder = sys.argv[1]
def read(variant, part):
    with open(f"{folder}/{variant}-{part}.json") as file:
        return json.load(file)
rows = [("", "on disk", "as bf16", "perplexity", "tokens/s, bf16")]
sentences = []
for variant, name in (("dense", "dense (GGUF Q4_1)"), ("pruned", "E-Sparse 2:4 (bf16)")):
    scores = next(iter(read(variant, "perplexity")["results"].values()))
    generation, inspection = read(variant, "generation"), read(variant, "inspection")
    rows.append((name, f"{inspection['file_bytes'] / 1e6:.1f} MB", f"{inspection['weight_bytes_bf16'] / 1e6:.1f} MB",
                 f"{scores['token_perplexity,none']:.2f}", f"{generation['decode_tokens_per_second']:.1f}"))
    sentences.append((name, generation["prompt"] + generation["text"]))
widths = [max(len(row[i]) for row in rows) for i in range(5)]
for row in rows:
    print("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))))
for name, sentence in sentences:
    end = min([i + 1 for i in (sentence.find(". "), sentence.find(".\n")) if i > 0] or [len(sentence)])
    print(f"\n{name}: {sentence[:end].strip()}")
PYTHON
