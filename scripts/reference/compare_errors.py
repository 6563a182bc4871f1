#!/usr/bin/env python3
# Compares the output error that two prunings of one linear make, by the reference's Hessian.
"""Compare the output errors of two prunings of block 0.

    compare_errors.py OURS REFERENCE.npz [--json FILE]

OURS is a packed ESparse folder that was pruned with --shuffle none; REFERENCE.npz is what sparsegpt.py --masks writes. For
each linear and both pruned weights V of the original W: the relative error tr((W - V) H (W - V)^T) / tr(W H W^T), without
damping, in double precision.
"""

import argparse
import json
import pathlib

import compare_masks
import numpy


def pruned_weight(folder, name):
    """[R, C] with zeros, in the stored order of columns."""
    mask = folder.mask(name)
    weight = numpy.zeros(mask.shape)
    weight[mask] = folder.tensor(f"{name}.compressed").float().numpy().reshape(-1)
    return weight


def error(weight, pruned, hessian):
    """Relative squared output error."""
    change = weight - pruned
    return float(((change @ hessian) * change).sum() / ((weight @ hessian) * weight).sum())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours", type=pathlib.Path)
    parser.add_argument("reference", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    ours, reference = compare_masks.CheckpointFolder(options.ours), numpy.load(options.reference)
    names = [name.removesuffix(".hessian") for name in reference.files if name.endswith(".hessian")]
    print("| linear | ours | reference | ours / reference |\n|---|--:|--:|--:|")
    results = {}
    for name in sorted(names, key=compare_masks.natural):
        weight, updated, hessian = (
            reference[f"{name}.{key}"].astype(numpy.float64) for key in ("original", "updated", "hessian")
        )
        own, other = error(weight, pruned_weight(ours, name), hessian), error(weight, updated, hessian)
        results[name] = {"ours": own, "reference": other, "quotient": own / other}
        print(f"| {name} | {own:.6f} | {other:.6f} | {own / other:.6f} |")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
