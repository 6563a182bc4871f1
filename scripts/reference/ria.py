#!/usr/bin/env python3
# RIA in PyTorch, written from its formula: the reference for our masks.
"""Prune a LLaMA-family Hugging Face folder with RIA (Zhang et al., "Plug-and-Play", ICLR 2024) on a CPU.

Takes the arguments of wanda.py, does what it does, and differs in the saliency:

    S_ij = (|W_ij| / sum_k |W_kj| + |W_ij| / sum_k |W_ik|) * ||X_j||^0.5

The channel permutation of the same paper is in scripts/fixtures/assignment_shuffle.py.
"""

import wanda

EXPONENT = 0.5


def saliency(weight, amplitude):
    """[R, C] from a weight [R, C] and the norms of its input channels [C]."""
    size = weight.abs()
    return (size / size.sum(dim=0, keepdim=True) + size / size.sum(dim=1, keepdim=True)) * amplitude**EXPONENT


class RIA:
    """The method, as wanda.main takes it."""

    statistics = wanda.ChannelNorms

    @staticmethod
    def prune_linear(weight, norms, kept, group):
        scores = saliency(weight.float(), norms.amplitude())
        mask = wanda.n_of_m_mask(scores, kept, group)
        weight.masked_fill_(~mask, 0)
        return mask, {"saliency": scores}


if __name__ == "__main__":
    wanda.main(RIA, __doc__)
