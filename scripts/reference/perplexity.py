#!/usr/bin/env python3
# A model's perplexity in transformers: the reference for `esparse evaluate --text`.
"""Print the perplexity of a Hugging Face folder or a GGUF file over a text, in f32 on a CPU.

    perplexity.py MODEL --text FILE [--sequence-length 2048] [--windows N]

The text is encoded whole, without special tokens, and cut into windows that do not overlap; an incomplete last one is left out. Each window's loss is
the mean over its tokens but the first, and the perplexity is the exponential of the windows' mean loss, as Wanda's and
SparseGPT's scripts have it.
"""

import argparse
import math
import pathlib

import torch
import transformers

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model")
parser.add_argument("--text", type=pathlib.Path, required=True)
parser.add_argument("--sequence-length", type=int, default=2048)
parser.add_argument("--windows", type=int)
options = parser.parse_args()

path, files = pathlib.Path(options.model), {}
if path.suffix == ".gguf":
    path, files = path.parent, dict(gguf_file=path.name)
tokenizer = transformers.AutoTokenizer.from_pretrained(path, **files)
model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, **files).eval()
tokens = tokenizer(options.text.read_text(encoding="utf-8"), add_special_tokens=False, return_tensors="pt").input_ids[0]
count = min(len(tokens) // options.sequence_length, options.windows or len(tokens))
loss = 0.0
with torch.inference_mode():
    for window in tokens[: count * options.sequence_length].view(count, 1, -1):
        logits = model(window).logits[0, :-1]
        loss += torch.nn.functional.cross_entropy(logits, window[0, 1:]).item() / count
print(f"perplexity {math.exp(loss):.4f} ({count} windows of {options.sequence_length} tokens, {len(tokens)} tokens)")
