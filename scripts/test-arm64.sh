#!/usr/bin/env bash
# The NEON linear kernels, cross-compiled and run under qemu-user, against plain products. Usage: scripts/test-arm64.sh [ROUNDS]
#
# Debian: apt-get install gcc-aarch64-linux-gnu qemu-user
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in aarch64-linux-gnu-gcc qemu-aarch64 clang; do
    command -v "$tool" > /dev/null || {
        echo "$tool is missing: install clang, gcc-aarch64-linux-gnu and qemu-user" >&2
        exit 1
    }
done
kernels=Sources/CESparseCPU
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
for file in $kernels/*.c Tests/CKernels/check_linear.c; do
    clang --target=aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include -O3 -Wall -Wextra -Werror \
        -I$kernels/include -c "$file" -o "$build/$(basename "$file" .c).o"
done
aarch64-linux-gnu-gcc -static "$build"/*.o -o "$build/check" -lm -lpthread
qemu-aarch64 "$build/check" "${1:-300}"
