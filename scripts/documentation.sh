#!/usr/bin/env bash
# Builds the reference documentation of every library; a broken link is an error. Usage: scripts/documentation.sh [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for catalog in Sources/*/*.docc; do targets+=("$(basename "$catalog" .docc)"); done
fi
for target in "${targets[@]}"; do
    swift package generate-documentation --target "$target" --warnings-as-errors
done
