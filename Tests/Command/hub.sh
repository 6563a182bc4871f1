# shellcheck shell=bash disable=SC2154
# The command's tests with models of a hub; run.sh reads this file. The hub is hub.py on this machine.

python3 "$here/hub.py" "$model" hub-port hub-log & hub=$!
for _ in $(seq 100); do [ -e hub-port ] && break; sleep 0.1; done
hub_address=http://127.0.0.1:$(cat hub-port)
hub_storage=hf/hub/models--acme--tiny
# Of the environment of whoever runs the tests nothing may count.
from_hub=(env -u HF_TOKEN -u HF_HUB_CACHE -u HUGGINGFACE_HUB_CACHE -u HF_HUB_OFFLINE -u TRANSFORMERS_OFFLINE -u HTTP_PROXY -u http_proxy
    HF_HOME="$PWD/hf" HF_ENDPOINT="$hub_address")
check "inspect a model of the hub" "${from_hub[@]}" "$esparse" inspect acme/tiny
"${from_hub[@]}" "$esparse" inspect acme/tiny >from-hub 2>/dev/null
"$esparse" inspect "$model" >from-folder 2>/dev/null
same "and it is the model" from-folder from-hub
grep -q 'GET /storage/' hub-log && pass || fail "nothing was fetched"
[ "$(cat $hub_storage/refs/main)" = 0123456789abcdef0123456789abcdef01234567 ] && pass || fail "no ref in the cache"
[ "$(readlink $hub_storage/snapshots/*/config.json | cut -c1-12)" = ../../blobs/ ] && pass || fail "no link in the snapshot"
check "prune a model of the hub" "${from_hub[@]}" "$esparse" prune acme/tiny@v1 "${small[@]}" --output pruned-from-hub
# The card may name the model.
diff -r -x README.md two-of-four pruned-from-hub >/dev/null && pass || fail "a model of the hub is pruned to other bytes"
check "a model of the cache, offline" "${from_hub[@]}" HF_HUB_OFFLINE=1 "$esparse" generate acme/tiny --prompt "The lamp" --max-tokens 2
check "a hub that does not answer" "${from_hub[@]}" HF_ENDPOINT=http://127.0.0.1:9 "$esparse" inspect acme/tiny
grep -q 'copy in the cache' err && pass || fail "no note about the copy in the cache: $(cat err)"
check "evaluate" "${from_hub[@]}" "$esparse" evaluate acme/tiny --text "$text" --sequence-length 64 --windows 1 --json from-hub.json
grep -q '"acme/tiny"' from-hub.json && pass || fail "the result does not name the model"
refuse "a model that the hub does not know" 1 "no folder or file here" "${from_hub[@]}" "$esparse" inspect acme/tinny
refuse "a revision that is not there" 1 'no branch, tag or commit "v2"' "${from_hub[@]}" "$esparse" inspect acme/tiny@v2
refuse "a gated model" 1 "ask for access" "${from_hub[@]}" "$esparse" inspect acme/gated
refuse "too many requests" 1 "call again in 4000 seconds" "${from_hub[@]}" "$esparse" inspect acme/busy
refuse "an absurd size" 1 "make room" "${from_hub[@]}" "$esparse" inspect acme/huge
refuse "no network" 1 "cannot reach http://127.0.0.1:9" "${from_hub[@]}" HF_ENDPOINT=http://127.0.0.1:9 HF_HOME="$PWD/none" "$esparse" inspect acme/tiny
refuse "a bad address" 1 "HF_ENDPOINT" "${from_hub[@]}" HF_ENDPOINT=nonsense "$esparse" inspect acme/tiny
refuse "offline and not cached" 1 "HF_HUB_OFFLINE is set" "${from_hub[@]}" HF_HUB_OFFLINE=1 "$esparse" inspect acme/slow
# What can be refused without the model is refused before it is fetched: here it cannot be had at all.
early() {
    local name=$1 code=$2 text=$3; shift 3
    refuse "before the download: $name" "$code" "$text" "${from_hub[@]}" HF_HUB_OFFLINE=1 "$esparse" "$@"
}
mkdir early-partial.partial early-budget.budget early-reproduced
printf 'run\nbatch\n' >early.json.progress
early "prune's output" 1 "two-of-four exists already" prune acme/slow --output two-of-four
early "an unfinished run" 1 "early-partial.partial holds an unfinished run" prune acme/slow --output early-partial
early "an unfinished search" 1 "early-budget.budget holds an unfinished run" prune acme/slow --output early-budget --budget 5
early "prune's output has no folder" 64 "no such folder to make it in" prune acme/slow --output nowhere/x
early "calibration text" 1 "nothing.txt" prune acme/slow --output x --calibration nothing.txt
for option in "safetensors dense" "gguf bf16.gguf"; do
    early "export's output" 1 "exists already" export acme/slow --format "${option% *}" --output "${option#* }"
done
early "export's output is somebody's" 1 "early-partial.partial exists already" export acme/slow --format safetensors --output early-partial
early "an unfinished evaluation" 1 "early.json.progress holds an unfinished run" evaluate acme/slow --text "$text" --json early.json
early "a text to predict" 1 "nothing.txt" evaluate acme/slow --text nothing.txt
early "a task" 1 "nothing.jsonl" evaluate acme/slow --tasks piqa=nothing.jsonl
early "a profile" 1 "nothing.json" generate acme/slow --prompt x --kernel-profile nothing.json
early "a profile to benchmark with" 1 "nothing.json" benchmark model acme/slow --kernel-profile nothing.json
early "a profile to inspect with" 1 "nothing.json" inspect acme/slow --kernels --kernel-profile nothing.json
early "options that contradict each other" 64 "goes with --device cpu" generate acme/slow --prompt x --device cuda --precision f32
early "a reproduction" 1 "go on with its run by --resume" reproduce acme/slow --text "$text" --output early-reproduced
early "a reproduction's text" 1 "nothing.txt" reproduce acme/slow --text nothing.txt --output x
rm -r early-partial.partial early-budget.budget early-reproduced early.json.progress
# Ctrl-C during a download: exit code 130, and the next call goes on with what was fetched.
"${from_hub[@]}" "$esparse" inspect acme/slow >out 2>err & pid=$!
for _ in $(seq 300); do [ -s "$(ls hf/hub/models--acme--slow/blobs/*.incomplete 2>/dev/null | head -1)" ] && break; sleep 0.02; done
sleep 0.3; kill -INT $pid; wait $pid; code=$?
[ $code -eq 130 ] && [ ! -e hf/hub/models--acme--slow/refs/main ] && grep -q 'goes on' err && pass ||
    fail "SIGINT during a download: exit $code, $(cat err)"
check "go on with a download" "${from_hub[@]}" "$esparse" inspect acme/slow
grep -q 'GET /storage/.*/slowly bytes=[1-9]' hub-log && pass || fail "the download started anew"
if mkdir full-cache && mount -t tmpfs -o size=64k tmpfs full-cache 2>/dev/null; then
    refuse "a cache on a full disk" 1 "make room" "${from_hub[@]}" HF_HOME="$PWD/full-cache" "$esparse" inspect acme/tiny
    umount full-cache
fi
kill $hub; wait $hub 2>/dev/null
