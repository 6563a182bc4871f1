#!/usr/bin/env bash
# Time and memory of pruning against PyTorch: the same Wanda run, no shuffle, 2:4, on the first blocks of a model, each program
# alone on the machine, one after the other. Blocks are alike, so a few of them tell the ratio of all.
# ESPARSE_PYTHON names a Python with what scripts/reference/requirements.txt lists, ESPARSE_BINARY a copy of the command.
# Usage: scripts/measure/pytorch.sh MODEL-FOLDER [precision, f32 by default] [blocks, 4] [sequences, 128]
# MODEL-FOLDER is a Hugging Face folder with one safetensors file, stored in that precision.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${ESPARSE_SHARED_DATA:-$root/../shared/data}
model=$(realpath "$1") precision=${2:-f32} blocks=${3:-4} samples=${4:-128}
python=${ESPARSE_PYTHON:-python3}
esparse=${ESPARSE_BINARY:-$(cd "$root" && swift build -c release --show-bin-path)/esparse}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" - "$model" "$work/model" "$blocks" <<'PYTHON'
import json, pathlib, re, shutil, sys
from safetensors import safe_open
from safetensors.torch import save_file
source, target, blocks = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
target.mkdir()
for file in source.iterdir():
    if file.suffix == ".json" or file.name == "merges.txt":
        shutil.copy(file, target)
config = json.loads((source / "config.json").read_text())
(target / "config.json").write_text(json.dumps(config | {"num_hidden_layers": blocks}))
with safe_open(source / "model.safetensors", "pt") as weights:
    kept = [name for name in weights.keys() if int((re.findall(r"\.layers\.(\d+)\.", name) or [0])[0]) < blocks]
    save_file({name: weights.get_tensor(name) for name in kept}, target / "model.safetensors", {"format": "pt"})
PYTHON
"$esparse" prune "$work/model" --output "$work/pruned" --calibration "$data/c4-sample.jsonl" --samples "$samples" --method wanda \
    --shuffle none --precision "$precision" --save-calibration "$work/tokens.i32" --json "$work/esparse.json" >&2
"$python" "$root/scripts/reference/wanda.py" "$work/model" --tokens "$work/tokens.i32" --dtype "$precision" \
    --json "$work/pytorch.json" >&2
python3 - "$work" <<'PYTHON'
import json, sys
ours, theirs = (json.load(open(f"{sys.argv[1]}/{name}.json")) for name in ("esparse", "pytorch"))
seconds = sum(ours["seconds"].values()), theirs["seconds_pruning"]
memory = ours["peak_resident_bytes"], theirs["peak_resident_bytes"]
print("| | seconds | MB |\n|---|--:|--:|")
for name, index in (("esparse", 0), (f"PyTorch {theirs['torch']}", 1)):
    print(f"| {name} | {seconds[index]:.1f} | {memory[index] / 1e6:.0f} |")
print(f"| ratio | {seconds[0] / seconds[1]:.2f} | {memory[0] / memory[1]:.2f} |")
PYTHON
