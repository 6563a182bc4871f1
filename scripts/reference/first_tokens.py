#!/usr/bin/env python3
"""How much of a text's first token's massive activations each model keeps: the norm of its hidden state after every decoder
block, for the first tokens of windows of a text. A model that has lost them reads the whole window badly (docs/method.md,
"First tokens of texts"). Usage: first_tokens.py MODEL... --text FILE [--windows 10] [--sequence-length 1024] [--block 4]
MODEL is a Hugging Face folder, such as `esparse export --format safetensors` writes, or a GGUF file; the first one's tokenizer cuts the text."""

import argparse
import pathlib

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

parser = argparse.ArgumentParser()
parser.add_argument("models", nargs="+", type=pathlib.Path)
parser.add_argument("--text", type=pathlib.Path, required=True)
parser.add_argument("--windows", type=int, default=10)
parser.add_argument("--sequence-length", type=int, default=1024)
parser.add_argument("--block", type=int, default=4, help="after how many blocks to look")
options = parser.parse_args()


def opened(kind, path, **arguments):
    if path.suffix == ".gguf":
        return kind.from_pretrained(path.parent, gguf_file=path.name, **arguments)
    return kind.from_pretrained(path, **arguments)


ids = opened(AutoTokenizer, options.models[0])(options.text.read_text())["input_ids"]
first = torch.tensor(ids[:: options.sequence_length][: options.windows])
for path in options.models:
    model = opened(AutoModelForCausalLM, path, dtype=torch.float32).eval()
    # Position 0 sees nothing but itself, so every token can be a text of its own.
    with torch.no_grad():
        hidden = model.model(first[:, None], output_hidden_states=True).hidden_states[options.block]
    print(path.name, *(f"{norm:.0f}" for norm in hidden[:, 0].norm(dim=-1)))
