#!/usr/bin/env python3
# Wanda in PyTorch, written from its formula: the reference for our masks and the baseline for our time and memory.
"""Prune a LLaMA-family Hugging Face folder with Wanda (arXiv 2306.11695) on a CPU.

    wanda.py MODEL_FOLDER --tokens TOKENS.i32 [--sequence-length 2048] [--pattern 2:4] [--dtype f32|bf16]
             [--blocks N] [--hidden-buffers 2|1] [--save FOLDER] [--masks FILE.npz] [--json FILE]

TOKENS.i32 holds raw little-endian int32 token ids, row-major [samples, sequence length].

Saliency S_ij = |W_ij| * sqrt(s_j), where s_j is the mean over *sequences* of the squared norm of input channel j, kept
as a running mean in single precision. Each row keeps the N most salient of every M consecutive input channels; among
equal ones torch.topk chooses. Blocks are pruned in order: run a block dense and collect its inputs' norms, prune it,
run it again and hand its outputs to the next block.

What makes it a strong baseline: linears that read one input share one statistic; sequences run one at a time, so only
one sequence's activations are alive; attention is PyTorch's fused causal kernel without a mask; hidden states live in
two preallocated buffers (in one with --hidden-buffers 1, overwritten in place); nothing else grows with the
calibration set.
"""

import argparse
import json
import pathlib
import shutil
import time

started = time.perf_counter()

import numpy
import torch
import transformers

# The linears of a decoder block, grouped by the input that they share.
SITES = (
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    ("self_attn.o_proj",),
    ("mlp.gate_proj", "mlp.up_proj"),
    ("mlp.down_proj",),
)
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def peak_resident_bytes():
    """The largest resident set of this process so far (VmHWM), in bytes; mapped files count where they were touched."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("/proc/self/status has no VmHWM line: this script measures memory on Linux only")


class ChannelNorms:
    """Mean over sequences of each input channel's squared norm, [C]."""

    def __init__(self, channels):
        self.mean_square = torch.zeros(channels, dtype=torch.float32)
        self.sequence_count = 0

    def hook(self, module, inputs):
        """Forward pre-hook of a linear; inputs[0] is [1, T, C]."""
        self.sequence_count += 1
        norm = torch.linalg.vector_norm(inputs[0][0], dim=0, dtype=torch.float32)
        self.mean_square += (norm.square() - self.mean_square) / self.sequence_count

    def amplitude(self):
        """||X_j|| on Wanda's scale, [C]."""
        return self.mean_square.sqrt()


def n_of_m_mask(saliency, kept, group):
    """True for the `kept` largest of every `group` consecutive columns of each row of [R, C]."""
    groups = saliency.reshape(saliency.shape[0], -1, group)
    largest = groups.topk(kept, dim=-1, sorted=False).indices
    return torch.zeros(groups.shape, dtype=torch.bool).scatter_(-1, largest, True).reshape(saliency.shape)


def run_block(block, source, target, rotary):
    """One decoder block over every sequence, from `source` to `target`, both [samples, T, D] and perhaps the same."""
    for sample in range(source.shape[0]):
        output = block(source[sample : sample + 1], position_embeddings=rotary, use_cache=False)
        if target is not None:
            target[sample] = output[0]


class Wanda:
    """A method: what it gathers of each input site, and how it prunes a linear that reads the site."""

    statistics = ChannelNorms

    @staticmethod
    def prune_linear(weight, norms, kept, group):
        """Zeroes the dropped entries of `weight` [R, C] and returns the mask and what else is worth recording."""
        saliency = weight.float().abs().mul_(norms.amplitude())
        mask = n_of_m_mask(saliency, kept, group)
        weight.masked_fill_(~mask, 0)
        return mask, {"saliency": saliency}


def collect(method, block, source, rotary):
    """Runs the block dense and returns the statistics of its four input sites."""
    sites, handles = [], []
    for site in SITES:
        linear = block.get_submodule(site[0])
        sites.append(method.statistics(linear.in_features))
        handles.append(linear.register_forward_pre_hook(sites[-1].hook))
    run_block(block, source, None, rotary)
    for handle in handles:
        handle.remove()
    return sites


def prune_block(method, index, block, sites, kept, group, record):
    """Prunes a block's linears; `record` (or None) receives masks, and of block 0 what else the method returns."""
    for names, statistics in zip(SITES, sites):
        for name in names:
            weight = block.get_submodule(name).weight
            if weight.shape[1] % group:
                raise SystemExit(f"block {index}, {name}: {weight.shape[1]} input channels do not divide by {group}")
            mask, figures = method.prune_linear(weight, statistics, kept, group)
            if record is not None:
                full_name = f"model.layers.{index}.{name}"
                record[f"{full_name}.mask"] = numpy.packbits(mask.numpy(), axis=1, bitorder="little")
                for key, value in figures.items() if index == 0 else ():
                    record[f"{full_name}.{key}"] = value.numpy()


def read_tokens(path, sequence_length, vocabulary):
    """Token ids [samples, sequence_length]."""
    tokens = numpy.fromfile(path, dtype="<i4")
    if tokens.size == 0 or tokens.size % sequence_length:
        raise SystemExit(f"{path} holds {tokens.size} tokens, not a whole number of sequences of {sequence_length}")
    if tokens.min() < 0 or tokens.max() >= vocabulary:
        raise SystemExit(f"{path} holds token ids outside [0, {vocabulary})")
    return torch.from_numpy(tokens.astype(numpy.int64)).reshape(-1, sequence_length)


@torch.inference_mode()
def prune(method, model, tokens, kept, group, block_count, buffer_count, record):
    """Prunes the first `block_count` decoder blocks in place."""
    decoder = model.model
    source = torch.empty(*tokens.shape, model.config.hidden_size, dtype=model.dtype)
    for sample, ids in enumerate(tokens):
        source[sample] = decoder.embed_tokens(ids)
    target = torch.empty_like(source) if buffer_count == 2 else source
    rotary = decoder.rotary_emb(source[:1], torch.arange(tokens.shape[1])[None])
    for index, block in enumerate(decoder.layers[:block_count]):
        block_started = time.perf_counter()
        sites = collect(method, block, source, rotary)
        prune_block(method, index, block, sites, kept, group, record)
        run_block(block, source, target, rotary)
        source, target = target, source
        print(f"block {index + 1} of {block_count}: {time.perf_counter() - block_started:.1f} s", flush=True)


def main(method, description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--tokens", type=pathlib.Path, required=True)
    parser.add_argument("--sequence-length", type=int, default=2048)
    parser.add_argument("--pattern", default="2:4", help="N:M, N weights kept of every M")
    parser.add_argument("--dtype", choices=DTYPES, default="f32")
    parser.add_argument("--blocks", type=int, help="prune only the first N decoder blocks")
    parser.add_argument("--hidden-buffers", type=int, choices=(1, 2), default=2)
    parser.add_argument("--save", type=pathlib.Path, help="write the pruned model, dense with zeros")
    parser.add_argument("--masks", type=pathlib.Path, help="write masks, and more of block 0")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    kept, group = map(int, options.pattern.split(":"))
    if not 0 < kept < group <= 32:
        parser.error("--pattern needs 0 < N < M <= 32")

    imported_peak = peak_resident_bytes()
    load_started = time.perf_counter()
    model = transformers.AutoModelForCausalLM.from_pretrained(
        options.model, dtype=DTYPES[options.dtype], attn_implementation="sdpa"
    ).eval()
    if model.config.model_type != "llama":
        raise SystemExit(f"{options.model}: model_type {model.config.model_type} is not llama")
    loaded_peak = peak_resident_bytes()
    tokens = read_tokens(options.tokens, options.sequence_length, model.config.vocab_size)
    block_count = min(options.blocks or len(model.model.layers), len(model.model.layers))
    record = {} if options.masks else None

    prune_started = time.perf_counter()
    prune(method, model, tokens, kept, group, block_count, options.hidden_buffers, record)
    ended = time.perf_counter()
    result = {
        "samples": tokens.shape[0],
        "sequence_length": tokens.shape[1],
        "pattern": options.pattern,
        "dtype": options.dtype,
        "blocks": block_count,
        "hidden_buffers": options.hidden_buffers,
        "seconds_pruning": round(ended - prune_started, 3),
        "seconds_loading_and_pruning": round(ended - load_started, 3),
        "seconds_with_imports": round(ended - started, 3),
        "peak_resident_bytes": peak_resident_bytes(),
        "peak_resident_bytes_after_loading": loaded_peak,
        "peak_resident_bytes_after_imports": imported_peak,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    if options.masks:
        numpy.savez_compressed(options.masks, pattern=numpy.array([kept, group]), **record)
    if options.save:
        model.save_pretrained(options.save)
        for file in options.model.iterdir():
            if file.name.startswith(("tokenizer", "special_tokens", "vocab", "merges")):
                shutil.copy(file, options.save)


if __name__ == "__main__":
    main(Wanda, __doc__)
