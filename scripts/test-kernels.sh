#!/usr/bin/env bash
# The linear kernels in C, of few and of many tokens, under AddressSanitizer, UndefinedBehaviorSanitizer and valgrind.
# Usage: scripts/test-kernels.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
kernels=Sources/CESparseCPU
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
files=("$kernels"/*.c Tests/CKernels/check_linear.c)
clang -gdwarf-4 -O2 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all \
    -I$kernels/include "${files[@]}" -o "$build/sanitized" -lm -lpthread 2> "$build/warnings" || {
    cat "$build/warnings" >&2
    exit 1
}
"$build/sanitized" "${1:-300}"
if command -v valgrind > /dev/null; then
    clang -gdwarf-4 -O2 -I$kernels/include "${files[@]}" -o "$build/plain" -lm -lpthread
    # valgrind knows no AVX-512.
    valgrind -q --error-exitcode=1 "$build/plain" $((${1:-300} / 5)) plain,avx2
fi
