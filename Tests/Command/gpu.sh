# Tests of the command on a GPU, a part of run.sh, which sources it: NVIDIA's libraries are emulated on the host
# (Tests/CUDAEmulation) and found as the real ones are.
for device in gpu cuda: cuda:-1 cuda:x; do
    refuse "--device $device" 64 "is invalid for '--device" "$esparse" generate "$model" --prompt x --device $device
done
for option in "--precision f32" "--kernel-profile x.json"; do
    # shellcheck disable=SC2086
    refuse "$option on a GPU" 64 "goes with --device cpu" "$esparse" generate "$model" --prompt x --device cuda $option
done
refuse "--low-vram on the processor" 64 "--low-vram goes with --device cuda" "$esparse" generate "$model" --prompt x --device cpu --low-vram
refuse "--low-vram without a device" 64 "--low-vram goes with --device cuda" "$esparse" generate "$model" --prompt x --low-vram
refuse "--device without --kernels" 64 "goes with --kernels" "$esparse" inspect "$model" --device cpu
emulated=$(dirname "$esparse")/libESparseEmulatedCUDA.so selftest=$(dirname "$esparse")/esparse-selftest
if [ -e "$emulated" ] && [ -e "$selftest" ]; then
    mkdir cuda
    for name in libcuda.so.1 libnvrtc.so.12 libcublasLt.so.12 libcusparseLt.so.0; do ln -s "$emulated" "cuda/$name"; done
    # What stands for compiled kernels must not get into the user's cache.
    gpu() { LD_LIBRARY_PATH=$work/cuda XDG_CACHE_HOME=$work/cuda-cache "$@"; }
    check "self-test" gpu "$selftest" --quick
    grep -q "all operations agree" out && pass || fail "the self-test does not say that all agree"
    refuse "self-test of a device that is not there" 2 "nothing could be checked" gpu "$selftest" --device 7
    refuse "self-test with an unknown option" 64 "no option" gpu "$selftest" --all
    refuse "a device that is not there" 1 "no CUDA device 3" gpu "$esparse" generate "$model" --prompt x --device cuda:3
    for folder in two-of-four opt; do
        check "evaluate $folder on a GPU" gpu "$esparse" evaluate $folder --text "$text" --sequence-length 64 --windows 2 \
            --device cuda --json gpu.json
        grep -q "running on emulated GPU (cuda:0" err && pass || fail "evaluate does not say that it runs on the GPU"
        check "evaluate $folder on the processor" gpu "$esparse" evaluate $folder --text "$text" --sequence-length 64 \
            --windows 2 --device cpu --json cpu.json
        python3 - <<'PYTHON' && pass || fail "GPU and processor differ in perplexity of $folder"
import json
values = [json.load(open(name + ".json"))["results"]["evaluation"]["token_perplexity,none"] for name in ("gpu", "cpu")]
assert abs(values[0] / values[1] - 1) < 0.01, values
PYTHON
    done
    # No GPU is used unasked.
    check "the processor is the default" gpu "$esparse" generate two-of-four --prompt "The lamp" --max-tokens 4
    grep -q "Note: running on the processor; emulated GPU is there: try it with --device cuda" err && pass || fail "the GPU is not named: $(cat err)"
    check "--device cpu" gpu "$esparse" generate two-of-four --prompt "The lamp" --max-tokens 4 --device cpu
    grep -q "GPU" err && fail "a GPU is named although the processor was asked for" || pass
    check "kernels on a GPU" gpu "$esparse" inspect two-of-four --kernels --device cuda
    grep -q "1-16 few-tokens-cuda (rule), 17+ cusparselt (rule)" out && pass || fail "inspect names no kernel of the GPU"
    check "kernels with --low-vram" gpu "$esparse" inspect two-of-four --kernels --device cuda --low-vram
    grep -q "1-16 few-tokens-cuda (rule), 17+ decompress+cublaslt (rule)" out && pass || fail "--low-vram changes no kernel"
    # Greedy text of many steps, recorded and in both forms of the weights; drawn text of the same seed.
    write() { gpu "$esparse" generate two-of-four --prompt "The lamp" --max-tokens 20 --device cuda "$@"; }
    check "greedy text on a GPU" write --temperature 0; cp out greedy
    check "greedy text with --low-vram" write --temperature 0 --low-vram; same "greedy text with --low-vram" greedy out
    check "drawn text on a GPU" write --temperature 1 --top-k 40 --top-p 0.9 --seed 3; cp out drawn
    check "drawn text again" write --temperature 1 --top-k 40 --top-p 0.9 --seed 3; same "the same seed on a GPU" drawn out
    cmp -s greedy drawn && fail "greedy and drawn text on a GPU are the same" || pass
    check "prune on a GPU" gpu "$esparse" prune "$model" --calibration "$text" --samples 2 --sequence-length 32 --device cuda \
        --output on-gpu
    check "a model pruned on a GPU" "$esparse" evaluate on-gpu --text "$text" --sequence-length 64 --windows 1
    check "benchmark gemm on a GPU" gpu "$esparse" benchmark gemm --shapes 64x64 --tokens 1,20 --seconds 0.001 --device cuda \
        --json gemm.json
    python3 - <<'PYTHON' && pass || fail "results of benchmark gemm on a GPU"
import json
report = json.load(open("gemm.json"))
assert report["device"] == "emulated GPU"
assert [(r["pattern"], r["tokens"], r["sparse_kernel"], len(r["kernels"])) for r in report["results"]] == [
    ("2:4", 1, "few-tokens-cuda", 3), ("2:4", 20, "cusparselt", 3), ("4:8", 1, "few-tokens-cuda", 2),
    ("4:8", 20, "decompress+cublaslt", 2)]
for r in report["results"]:
    assert r["sparse_weight_bytes"] * 16 == r["dense_weight_bytes"] * 9 and r["dense_seconds"] > 0
PYTHON
    check "benchmark model on a GPU" gpu "$esparse" benchmark model two-of-four --device cuda --prompt-tokens 20 \
        --generate-tokens 2 --batch 1 --rounds 1 --json model.json
    grep -q '"cusparselt"' model.json && pass || fail "benchmark model names no kernel of the GPU"
    rm cuda/libcublasLt.so.12
    check "a library is missing and no GPU asked for" gpu "$esparse" generate two-of-four --prompt x --max-tokens 1
    refuse "a library is missing" 1 "cuBLASLt" gpu "$esparse" generate two-of-four --prompt x --device cuda
    ln -s "$emulated" cuda/libcublasLt.so.12
    rm cuda/libcusparseLt.so.0
    check "cuSPARSELt is missing" gpu "$esparse" inspect two-of-four --kernels --device cuda
    grep -q "17+ decompress+cublaslt (rule)" out && grep -q "run as dense ones: cuSPARSELt" err && pass ||
        fail "what runs without cuSPARSELt is not told"
else
    echo "the emulated GPU is not built beside $esparse: its tests were not run" >&2
fi
