#!/usr/bin/env bash
# Checks the CUDA kernels on a machine without a GPU: NVRTC (from PyPI, 85 MB, kept in the cache folder) compiles every one for compute
# capability 8.0 and 9.0, where a warning is a failure; then the same sources run on the CPU, emulated, against double precision.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
kernels=$root/Sources/ESparseCUDA/Kernels
version=12.9.86
checksum=210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4
cache=${XDG_CACHE_HOME:-$HOME/.cache}/esparse/nvrtc-$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ ! -e "$cache" ]; then
    echo "Downloading NVRTC $version from PyPI (85 MB)" >&2
    python3 -m pip download --quiet --no-deps --dest "$work" "nvidia-cuda-nvrtc-cu12==$version" >&2
    wheel=$(echo "$work"/nvidia_cuda_nvrtc_cu12-*.whl)
    if ! echo "$checksum  $wheel" | sha256sum --check --status; then
        echo "error: $(basename "$wheel") has the wrong SHA-256 checksum; try again, or on another network" >&2
        exit 1
    fi
    python3 -m zipfile -e "$wheel" "$work/nvrtc"
    mkdir -p "$(dirname "$cache")"
    mv "$work/nvrtc/nvidia/cuda_nvrtc/lib" "$cache"
fi
LD_LIBRARY_PATH=$cache python3 "$root/Tests/CUDAEmulation/compile.py" "$cache/libnvrtc.so.12" "$kernels"

flags=(-std=c++20 -O1 -g -DESPARSE_EMULATION "-I$kernels" "-I$root/Tests/CUDAEmulation" -Wall -Wextra -Werror
    -Wno-unknown-pragmas -Wno-missing-braces -Wno-clobbered)
for source in "$root"/Tests/CUDAEmulation/*.cpp; do
    g++ "${flags[@]}" -c "$source" -o "$work/$(basename "$source").o"
done
g++ "$work"/*.o -o "$work/kernels"
"$work/kernels"
