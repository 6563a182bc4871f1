"""Perplexity of a dense export in transformers, in single precision, on the first windows of a text.

Usage: export_transformers.py FOLDER TEXT WINDOWS LENGTH TOKENS.i32; prints JSON, and writes all tokens of the text, little-endian.
"""
import json
import math
import pathlib
import sys

import numpy as np
import torch
import transformers


def main():
    folder, text, windows, length, output = sys.argv[1], pathlib.Path(sys.argv[2]).read_text(), *map(int, sys.argv[3:5]), sys.argv[5]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    np.array(ids, "<i4").tofile(output)
    losses = []
    for window in range(windows):
        tokens = torch.tensor(ids[window * length:(window + 1) * length])
        logits = model(tokens[None]).logits[0, :-1]
        losses.append(torch.nn.functional.cross_entropy(logits.double(), tokens[1:]).item())
    print(json.dumps({"perplexity": math.exp(sum(losses) / windows)}))


transformers.utils.logging.set_verbosity_error()
with torch.inference_mode():
    main()
