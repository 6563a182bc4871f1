#!/usr/bin/env bash
# A quick trial of one setting: prunes SmolLM2 on 32 sequences of 512 C4 tokens and prints the perplexity of 40 WikiText-2
# windows of 1,024 tokens, without first tokens of texts. Differences of a few per cent between single trials are noise; use several
# seeds.
# Usage: scripts/measure/screening.sh [options of `esparse prune`, such as --alpha 0.4 --seed 1]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${ESPARSE_SHARED_DATA:-$root/../shared/data}
esparse=$(cd "$root" && swift build -c release --show-bin-path)/esparse
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$esparse" prune "$("$root/scripts/model.sh")" --output "$work/pruned" --calibration "$data/c4-sample.jsonl" \
    --samples 32 --sequence-length 512 --first-tokens 0 "$@" >&2
"$esparse" evaluate "$work/pruned" --text "$data/wikitext-2-test.joined.txt" --sequence-length 1024 --windows 40
