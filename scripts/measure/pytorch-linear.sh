#!/usr/bin/env bash
# Single linears of a 7B model: ours, sparse and dense, against torch.nn.functional.linear in bf16 (PyTorch's oneDNN 3), taking
# turns in one run. pytorch_linear.py, beside this file, says what each side does.
# ESPARSE_BINARY names a copy of the command to measure with, ESPARSE_BASELINE one of another build that takes turns too.
# Usage: scripts/measure/pytorch-linear.sh RESULT.json [options of pytorch_linear.py, such as --tokens 1,512 --rounds 3]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
result=$(realpath -m "$1"); shift
esparse=${ESPARSE_BINARY:-$(cd "$root" && swift build -c release --show-bin-path)/esparse}
python=$("$root/scripts/measure/python.sh")
baseline=()
[ -z "${ESPARSE_BASELINE:-}" ] || baseline=(--baseline "$ESPARSE_BASELINE")
exec "$python" "$root/scripts/measure/pytorch_linear.py" --esparse "$esparse" "${baseline[@]}" --result "$result" "$@"
