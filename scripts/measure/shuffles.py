#!/usr/bin/env python3
"""Our shuffles against RIA's channel permutation on the saliencies of a real model: retained saliency and time.

    shuffles.py REFERENCE.npz ESPARSE-FOLDER [--pattern 2:4]

REFERENCE.npz is what scripts/reference/wanda.py or ria.py --masks writes (saliencies of block 0). ESPARSE-FOLDER is that
model pruned by the same method on the same tokens with --shuffle both. Linears of one input site are stacked, as pruning
does. Prints, for each site, the share of saliency retained without a shuffle, dealt as a snake, by RIA's assignment (NumPy and
SciPy, its seconds beside it) and by the folder's stored order; sites whose order the folder does not store (down_proj,
whose producers' rows are permuted) are left out. Our own times are those of the microbenchmarks of the shuffles.
"""

import argparse
import pathlib
import sys
import time

import numpy

root = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(root / "fixtures"), str(root / "reference")]
import assignment_shuffle
import compare_masks

SITES = (("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), ("self_attn.o_proj",), ("mlp.gate_proj", "mlp.up_proj"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--pattern", default="2:4")
    options = parser.parse_args()
    kept, group = map(int, options.pattern.split(":"))
    archive = numpy.load(options.reference)
    folder = compare_masks.CheckpointFolder(options.folder)
    print("| input of | rows x channels | none | dealt | assignment | seconds | ours | ours / assignment |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for site in SITES:
        names = [f"model.layers.0.{name}" for name in site]
        saliency = numpy.concatenate([archive[f"{name}.saliency"] for name in names])
        order = folder.tensor(f"{names[0]}.permutation").numpy()
        started = time.process_time()
        assigned = assignment_shuffle.assigned(saliency, kept, group)
        seconds = time.process_time() - started
        total = float(saliency.sum(dtype=numpy.float64))
        shares = [
            assignment_shuffle.retained(saliency.astype(numpy.float64), candidate, kept, group) / total
            for candidate in (
                numpy.arange(saliency.shape[1]),
                assignment_shuffle.dealt(saliency, group),
                assigned,
                order,
            )
        ]
        cells = [f"{share:.6f}" for share in shares]
        cells.insert(3, f"{seconds:.2f}")
        print(f"| {site[0]} | {saliency.shape[0]} x {saliency.shape[1]} | {' | '.join(cells)} | {shares[3] / shares[2]:.6f} |")


if __name__ == "__main__":
    main()
