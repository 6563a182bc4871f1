#!/usr/bin/env python3
# SparseGPT in PyTorch, written from the paper's formulas: the reference for our masks and updated weights.
"""Prune a LLaMA-family Hugging Face folder with SparseGPT (arXiv 2301.00774) on a CPU.

Takes the arguments of wanda.py. Differences: of each site the Hessian H = 2 / T * X^T X is gathered, and

- a channel that carried only zeros gets H_jj = 1 and its weights become 0; 1% of the mean diagonal is added to H's diagonal;
- U is the upper Cholesky factor of inverse(H): U^T U = inverse(H);
- columns are handled from left to right; at the start of a group of M, the N weights with the largest (w / U_jj)^2 are
  kept; a dropped weight w of column i changes the columns j > i of its row by -w / U_ii * U_ij, those inside a block of
  128 columns at once, the others when the block is done.

--masks also writes, of block 0, each linear's original and updated weight, and its Hessian: compare_errors.py reads them.
"""

import torch
import wanda

DAMPING = 0.01
BLOCK = 128


class SiteHessian:
    """Sum of X^T X, [C, C], and the factor that all linears of the site share."""

    def __init__(self, channels):
        self.sum = torch.zeros(channels, channels)
        self.tokens = 0

    def hook(self, module, inputs):
        """Forward pre-hook of a linear; inputs[0] is [1, T, C]."""
        values = inputs[0][0].float()
        self.sum += values.t() @ values
        self.tokens += values.shape[0]

    def hessian(self):
        """H, [C, C]."""
        return 2 / self.tokens * self.sum


def factor(hessian, damping=DAMPING):
    """U with U^T U = inverse of the damped Hessian, and which channels are dead."""
    hessian = hessian.clone()
    diagonal = hessian.diagonal()
    dead = diagonal == 0
    mean = diagonal[~dead].mean()
    diagonal[dead] = mean
    diagonal += damping * mean
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    return torch.linalg.cholesky(inverse, upper=True), dead


def sweep(weight, upper, dead, kept, group, importance=None):
    """The updated weight and the mask, both [R, C]; `importance` [R, C] takes the place of 1 / U_jj in the scores."""
    weight = weight.clone()
    weight[:, dead] = 0
    chosen = torch.zeros_like(weight, dtype=torch.bool)
    if importance is None:
        importance = (1 / upper.diagonal()).expand_as(weight)
    block = BLOCK // group * group
    for start in range(0, weight.shape[1], block):
        end = min(start + block, weight.shape[1])
        errors = torch.zeros(weight.shape[0], end - start, dtype=weight.dtype)
        for column in range(start, end):
            if column % group == 0:
                columns = slice(column, column + group)
                scores = (weight[:, columns] * importance[:, columns]) ** 2
                keep = scores.topk(kept, dim=1).indices
                chosen[:, columns].scatter_(1, keep, True)
            dropped = torch.where(chosen[:, column], 0, weight[:, column])
            error = dropped / upper[column, column]
            weight[:, column] -= dropped
            weight[:, column + 1 : end] -= error[:, None] * upper[column, column + 1 : end]
            errors[:, column - start] = error
        weight[:, end:] -= errors @ upper[start:end, end:]
    return weight, chosen


class SparseGPT:
    """The method, as wanda.main takes it."""

    statistics = SiteHessian

    @staticmethod
    def prune_linear(weight, site, kept, group):
        original, hessian = weight.float().clone(), site.hessian()
        updated, mask = sweep(original, *factor(hessian), kept, group)
        weight.copy_(updated)
        return mask, {"original": original, "updated": updated, "hessian": hessian}


if __name__ == "__main__":
    wanda.main(SparseGPT, __doc__)
