#!/usr/bin/env bash
# Installs what the build needs beyond the Swift toolchain: oneDNN, OpenBLAS (for LAPACK) and zlib. Does nothing where they are present.
set -euo pipefail
missing=()
[ -e /usr/include/dnnl.h ] || [ -e /usr/include/oneapi/dnnl/dnnl.h ] || missing+=(libdnnl-dev)
[ -e /usr/include/zlib.h ] || missing+=(zlib1g-dev)
compgen -G "/usr/lib/*/libopenblas.so" >/dev/null || [ -e /usr/lib/libopenblas.so ] || missing+=(libopenblas-serial-dev)
[ ${#missing[@]} -eq 0 ] && exit 0
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "Installing ${missing[*]} from Debian's packages" >&2
"${as_root[@]}" apt-get update -qq >&2
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
