#!/usr/bin/env python3
# Counts the mask entries on which two prunings of one model agree: ours against a reference's.
"""Compare the masks of two prunings of one model.

    compare_masks.py OURS REFERENCE [--json FILE]

Each is one of
  - a packed ESparse folder: X.bitmask (U8 [R, C/8], column j is bit j%8 of byte j/8, 1 = kept), X.shape, and
    X.permutation (I32 [C], stored column j is original channel permutation[j]) where the site is shuffled;
  - a dense folder: a weight counts as kept where it is not zero, so a kept weight whose value is zero looks dropped;
  - the .npz that wanda.py --masks writes.

Only linears that both hold as pruned are compared, in the original column order. A folder whose *rows* were permuted
too (the producers of a shuffled down projection) cannot be compared: prune with --shuffle none for this.

Ties. Two implementations may choose differently among equal saliencies, and both are right. Where REFERENCE holds
saliencies (block 0), take the smallest saliency that it keeps in a group and the largest that it drops. A kept entry
is tied when its saliency equals the largest dropped one, a dropped entry when its saliency equals the smallest kept
one; equal means within 1e-6 of the larger. Tied entries are counted whether or not the masks agree there, and the last
column leaves them out of both the numerator and the denominator.
"""

import argparse
import json
import pathlib
import sys

import numpy
import safetensors

RELATIVE_TIE = 1e-6
COLUMNS = ("linear", "entries", "equal", "tied", "differ", "differ, not tied", "equal %", "equal % without ties")


class MaskArchive:
    """Masks and saliencies from wanda.py's .npz."""

    def __init__(self, path):
        self.file = numpy.load(path)
        self.group = int(self.file["pattern"][1])
        self.names = {name.removesuffix(".mask") for name in self.file.files if name.endswith(".mask")}

    def mask(self, name):
        """Boolean [R, C] in the original column order; C is rounded up to a multiple of 8 with dropped columns."""
        return numpy.unpackbits(self.file[f"{name}.mask"], axis=1, bitorder="little").astype(bool)

    def saliency(self, name):
        """Single precision [R, C], or None where it was not kept."""
        return self.file[f"{name}.saliency"] if f"{name}.saliency" in self.file.files else None


class CheckpointFolder:
    """Masks from a packed or dense folder of safetensors files."""

    group = None

    def __init__(self, folder):
        self.files = {}
        for path in sorted(folder.glob("*.safetensors")):
            file = safetensors.safe_open(path, framework="pt")
            self.files.update(dict.fromkeys(file.keys(), file))
        if not self.files:
            raise SystemExit(f"{folder} holds no .safetensors file")
        packed = {name.removesuffix(".bitmask") for name in self.files if name.endswith(".bitmask")}
        dense = {name.removesuffix(".weight") for name in self.files if name.endswith("_proj.weight")}
        self.names = packed or dense

    def tensor(self, name):
        """A tensor of whichever shard has it."""
        return self.files[name].get_tensor(name)

    def mask(self, name):
        """Boolean [R, C] in the original column order."""
        if f"{name}.bitmask" not in self.files:
            return (self.tensor(f"{name}.weight") != 0).numpy()
        rows, columns = self.tensor(f"{name}.shape").tolist()
        stored = numpy.unpackbits(self.tensor(f"{name}.bitmask").numpy(), axis=1, bitorder="little", count=columns)
        assert stored.shape == (rows, columns), f"{name}.bitmask does not fit {name}.shape"
        if f"{name}.permutation" not in self.files:
            return stored.astype(bool)
        original = numpy.empty_like(stored)
        original[:, self.tensor(f"{name}.permutation").numpy()] = stored
        return original.astype(bool)

    def saliency(self, name):
        """A checkpoint keeps none."""
        return None


def open_masks(path):
    """An .npz or a folder."""
    return CheckpointFolder(path) if path.is_dir() else MaskArchive(path)


def tied_entries(saliency, kept, group):
    """Entries of [R, C] whose choice by `kept` (the reference's mask) was arbitrary."""
    saliency = saliency.reshape(saliency.shape[0], -1, group)
    kept = kept.reshape(saliency.shape)
    smallest_kept = numpy.where(kept, saliency, numpy.inf).min(axis=-1, keepdims=True)
    largest_dropped = numpy.where(kept, -numpy.inf, saliency).max(axis=-1, keepdims=True)
    other_side = numpy.where(kept, largest_dropped, smallest_kept)
    tied = abs(saliency - other_side) <= RELATIVE_TIE * numpy.maximum(saliency, other_side)
    return tied.reshape(tied.shape[0], -1)


def compare(ours, reference, name):
    """Counts (entries, equal, tied or None, differing, differing and not tied or None) of one linear."""
    own, other = ours.mask(name), reference.mask(name)
    saliency = reference.saliency(name)
    columns = min(own.shape[1], other.shape[1]) if saliency is None else saliency.shape[1]
    if own.shape[0] != other.shape[0] or own[:, columns:].any() or other[:, columns:].any():
        raise SystemExit(f"{name}: masks of shapes {own.shape} and {other.shape} cannot be compared")
    own, other = own[:, :columns], other[:, :columns]
    differ = own != other
    counts = {"entries": own.size, "equal": int(own.size - differ.sum()), "differ": int(differ.sum())}
    if saliency is not None:
        tied = tied_entries(saliency, other, reference.group)
        counts["tied"] = int(tied.sum())
        counts["differ_not_tied"] = int((differ & ~tied).sum())
    return counts


def row(name, counts):
    """One line of the table."""
    percent = 100 * counts["equal"] / counts["entries"]
    cells = [name, counts["entries"], counts["equal"], "-", counts["differ"], "-", f"{percent:.4f}", "-"]
    if "tied" in counts:
        untied = counts["entries"] - counts["tied"]
        cells[3], cells[5] = counts["tied"], counts["differ_not_tied"]
        cells[7] = f"{100 * (1 - counts['differ_not_tied'] / max(untied, 1)):.4f}"
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def total(all_counts):
    """Sums over linears; ties only where every one of them has a count."""
    fields = [field for field in all_counts[0] if all(field in counts for counts in all_counts)]
    return {field: sum(counts[field] for counts in all_counts) for field in fields}


def natural(name):
    """Sorts block 10 behind block 9."""
    return [int(part) if part.isdigit() else part for part in name.split(".")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours", type=pathlib.Path)
    parser.add_argument("reference", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    ours, reference = open_masks(options.ours), open_masks(options.reference)
    names = sorted(ours.names & reference.names, key=natural)
    if not names:
        raise SystemExit(f"{options.ours} and {options.reference} have no pruned linear in common")
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---" * len(COLUMNS) + "|")
    results = {}
    for name in names:
        results[name] = compare(ours, reference, name)
        print(row(name, results[name]))
    with_ties = [counts for counts in results.values() if "tied" in counts]
    if with_ties and len(with_ties) < len(results):
        results["all with saliencies"] = total(with_ties)
        print(row("all with saliencies", results["all with saliencies"]))
    results["all"] = total(list(results[name] for name in names))
    print(row("all", results["all"]))
    left_out = len(ours.names ^ reference.names)
    if left_out:
        print(f"{left_out} linears are in one of the two only and were left out", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
