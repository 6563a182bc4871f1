#!/usr/bin/env python3
"""Draws the README's picture from docs/results: docs/images/results-light.svg and results-dark.svg.

Usage: scripts/measure/picture.py [--check]

Two panels of horizontal bars: decoding speed of TinyLlama's shapes (tinyllama-zen4-avx2.json) and perplexity of SmolLM2-135M at 2:4
(one file a method). With --check nothing is written, and the script fails where a file is not what it draws.
"""

import json
import pathlib
import sys

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
COLOURS = {
    "light": {"text": "#1f2328", "muted": "#59636e", "ours": "#0969da", "other": "#8c959f"},
    "dark": {"text": "#f0f6fc", "muted": "#9198a1", "ours": "#4493f8", "other": "#656c76"},
}
WIDTH, PANEL, GAP = 860, 410, 40
TOP, ROW, BAR = 62, 27, 17
LABEL, VALUE = 158, 50  # room for the text before and after a bar


def result(name):
    return json.loads((DOCS / "results" / f"{name}.json").read_text())


def perplexity(name):
    (scores,) = result(name)["results"].values()
    return scores["token_perplexity,none"]


def decoding():
    speeds = {one["variant"]: one["decode_tokens_per_second"] for one in result("tinyllama-zen4-avx2")["results"]}
    rows = [
        ("esparse, 2:4", "esparse packed", True),
        ("llama.cpp, Q8_0", "llama.cpp Q8_0", False),
        ("llama.cpp, BF16", "llama.cpp BF16", False),
        ("esparse, dense bf16", "esparse dense", False),
    ]
    return [(label, speeds[variant], ours) for label, variant, ours in rows]


def quality():
    rows = [
        ("dense", "dense", False),
        ("E-Sparse, --update", "e-sparse-update-both-2of4", True),
        ("E-Sparse", "e-sparse-both-2of4", True),
        ("SparseGPT", "sparsegpt-none-2of4", False),
        ("RIA, permuted", "ria-assignment-2of4", False),
        ("Wanda", "wanda-none-2of4", False),
    ]
    return [(label, perplexity(name), ours) for label, name, ours in rows]


def text(x, y, words, colour, size, extra=""):
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}" font-size="{size}"{extra}>{words}</text>'


def panel(left, title, subtitle, rows, decimals, colours):
    """A title, a line below it, and a bar for each of rows: label, value, whether it is ours."""
    lines = [
        text(left, 20, title, colours["text"], 15, ' font-weight="600"'),
        text(left, 40, subtitle, colours["muted"], 12),
    ]
    scale = (PANEL - LABEL - VALUE) / max(value for _, value, _ in rows)
    for index, (label, value, ours) in enumerate(rows):
        y = TOP + index * ROW
        length = value * scale
        lines += [
            text(left, y + 13, label, colours["text"], 13, ' font-weight="600"' if ours else ""),
            f'<rect x="{left + LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" '
            f'fill="{colours["ours" if ours else "other"]}"/>',
            text(round(left + LABEL + length + 7, 1), y + 13, f"{value:.{decimals}f}", colours["text"], 13),
        ]
    return lines


def picture(colours):
    panels = [
        (0, "Decoding, tokens a second", "TinyLlama-1.1B's shapes, 2 threads, AVX2; more is better", decoding(), 1),
        (PANEL + GAP, "Perplexity at 2:4", "SmolLM2-135M on WikiText-2; less is better", quality(), 1),
    ]
    height = TOP + max(len(rows) for *_, rows, _ in panels) * ROW - ROW + BAR + 4
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            'font-family="-apple-system, BlinkMacSystemFont, \'Segoe UI\', \'Noto Sans\', Helvetica, Arial, sans-serif">',
            *(line for one in panels for line in panel(*one, colours)),
            "</svg>\n",
        ]
    )


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    for name, colours in COLOURS.items():
        path = DOCS / "images" / f"results-{name}.svg"
        if not sys.argv[1:]:
            path.write_text(picture(colours))
        elif path.read_text() != picture(colours):
            sys.exit(f"docs/images/{path.name} is not drawn from docs/results; run scripts/measure/picture.py")


main()
