#!/usr/bin/env bash
# Prints the path of a Python with the packages, in fixed versions, that scripts/reference/requirements.txt lists. The first
# call puts them into a virtual environment outside the tree; ESPARSE_PYTHON names a Python that has them already.
set -euo pipefail
requirements=$(cd "$(dirname "$0")/.." && pwd)/reference/requirements.txt
place=$HOME/.cache/esparse/python
if [ -n "${ESPARSE_PYTHON:-}" ]; then
    echo "$ESPARSE_PYTHON"
    exit
fi
if ! cmp -s "$requirements" "$place/requirements.txt"; then
    echo "Installing PyTorch and what else the measurements need in $place" >&2
    python3 -c 'import ensurepip' 2>/dev/null || { echo "Python has no venv: apt-get install python3-venv" >&2; exit 1; }
    python3 -m venv "$place"
    "$place/bin/pip" install --quiet --requirement "$requirements" >&2 ||
        "$place/bin/pip" install --quiet --requirement "$requirements" \
            --extra-index-url https://download.pytorch.org/whl/cpu >&2
    cp "$requirements" "$place/requirements.txt"
fi
echo "$place/bin/python"
