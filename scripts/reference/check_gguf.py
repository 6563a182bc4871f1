#!/usr/bin/env python3
# Tiny GGUF models of every architecture, pruned and evaluated by `esparse`: transformers must open the result and agree.
"""Prune each tiny GGUF model of the tests with `esparse prune --format dense` and compare perplexities with transformers'.

    check_gguf.py ESPARSE [NAME...]

The folder that `prune` makes of a GGUF file gets its config.json and its tokenizer from the file's metadata. transformers
opens it with AutoConfig, AutoTokenizer and AutoModelForCausalLM, without missing or unexpected weights; the text must have
as many tokens in both, and the perplexity must be the same to 1e-4.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / "Tests/ESparseFormatsTests/Fixtures/gguf"
TEXT = ROOT / "Resources/evaluation.txt"
LENGTH, WINDOWS = 32, 6


def check(esparse, name, folder):
    """One model; returns our and transformers' perplexity."""
    output = folder / name
    subprocess.run(
        [esparse, "prune", MODELS / f"{name}.gguf", "--output", output, "--format", "dense", "--precision", "f32",
         "--method", "wanda", "--calibration", TEXT, "--samples", "4", "--sequence-length", str(LENGTH)],
        check=True, capture_output=True)
    result = folder / f"{name}.json"
    subprocess.run(
        [esparse, "evaluate", output, "--text", TEXT, "--sequence-length", str(LENGTH), "--windows", str(WINDOWS),
         "--precision", "f32", "--json", result], check=True, capture_output=True)
    report = json.loads(result.read_text())
    ours = report["results"]["evaluation"]["token_perplexity,none"]

    tokenizer = transformers.AutoTokenizer.from_pretrained(output)
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        output, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    problems = {key: value for key, value in info.items() if value and key != "error_msgs"}
    assert not problems, (name, problems)
    tokens = tokenizer(TEXT.read_text(encoding="utf-8"), return_tensors="pt").input_ids[0]
    loss = 0.0
    with torch.inference_mode():
        for window in tokens[: WINDOWS * LENGTH].view(WINDOWS, 1, -1):
            logits = model.eval()(window).logits[0, :-1]
            loss += torch.nn.functional.cross_entropy(logits, window[0, 1:]).item() / WINDOWS
    theirs = math.exp(loss)
    print(f"{name}: {type(model).__name__}, {len(tokens)} tokens, perplexity {ours:.5f}, transformers {theirs:.5f}")
    return ours, theirs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("esparse", type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    names = options.names or sorted(path.stem for path in MODELS.glob("*.json"))
    with tempfile.TemporaryDirectory() as temporary:
        figures = [check(options.esparse, name, pathlib.Path(temporary)) for name in names]
    if any(abs(ours / theirs - 1) > 1e-4 for ours, theirs in figures):
        sys.exit("the perplexities differ")
