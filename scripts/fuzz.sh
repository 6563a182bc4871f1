#!/usr/bin/env bash
# Feeds mutated inputs to every reader of files from outside, and to the template interpreter, until as many were read as asked
# for in all: 10 million where no number is given. Each must end in a value or an error. A round gives each of the fuzz tests
# 20,000 new inputs; finished rounds are kept, so that a stopped run goes on. A crash, a failed test or a round that takes longer than
# ten minutes ends the run and names the round, which the same environment variables repeat.
# Needs a build with tests (scripts/test.sh makes one). Usage: scripts/fuzz.sh [INPUTS] [WORK-FOLDER]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
wanted=${1:-10000000}
work=$(realpath -m "${2:-$root/.build/fuzz}")
mkdir -p "$work"
cd "$root"
filter='FuzzTests|RefusalTests|KernelProfileTests|ESparseHubTests.HostileTests'
export ESPARSE_FUZZ_ITERATIONS=20000 ESPARSE_FUZZ_ROUND
total() { cat "$work"/round-*.log 2>/dev/null | awk '/^fuzz stream/ {n += $6} END {print n + 0}'; }
for ((round = 1; $(total) < wanted; round++)); do
    [ -e "$work/round-$round.log" ] && continue
    ESPARSE_FUZZ_ROUND=$round
    if ! timeout 600 swift test -c release --skip-build --filter "$filter" >"$work/part.log" 2>&1; then
        tail -20 "$work/part.log" >&2
        echo "error: round $round failed; ESPARSE_FUZZ_ROUND=$round ESPARSE_FUZZ_ITERATIONS=$ESPARSE_FUZZ_ITERATIONS swift test" \
            "-c release --skip-build --filter '$filter' repeats it" >&2
        exit 1
    fi
    mv "$work/part.log" "$work/round-$round.log"
    echo "round $round: $(total) of $wanted inputs" >&2
done
echo "$(total) inputs in $(ls "$work"/round-*.log | wc -l) rounds: no crash, no hang"
cat "$work"/round-*.log | awk '/^fuzz stream/ {n[$3 + 0] += $6; a[$3 + 0] += $8}
    END {for (s in n) print "stream " s ": " n[s] " inputs, " a[s] " accepted"}' | sort -k2n
