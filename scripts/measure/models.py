#!/usr/bin/env python3
"""Keeps what models.sh measured, and prints its table.

models.py record WORK RESULT.json SETTINGS: puts WORK.text, WORK.tasks and WORK.usage (of a pruned model) in one file.
models.py table RESULTS-FOLDER: prints the table of all rows that are there."""

import json
import pathlib
import sys

MODELS = {"qwen2.5-coder-0.5b": "Qwen2.5-Coder-0.5B", "qwen2.5-coder-1.5b": "Qwen2.5-Coder-1.5B"}
METHODS = {
    "dense": "dense", "magnitude": "magnitude", "wanda": "Wanda", "ria": "RIA, its own permutation",
    "sparsegpt": "SparseGPT", "e-sparse": "E-Sparse, the default", "e-sparse-update": "E-Sparse, `--update`",
}
TEXT = "wikitext-2-test.joined"
TASKS = ("arc_challenge", "arc_easy", "boolq", "hellaswag", "openbookqa", "winogrande")


def record(work: str, target: str, settings: str) -> None:
    text, tasks = (json.load(open(f"{work}.{kind}")) for kind in ("text", "tasks"))
    usage = pathlib.Path(f"{work}.usage")
    with open("/proc/cpuinfo") as cpu:
        processor = next(line.split(":", 1)[1].strip() for line in cpu if line.startswith("model name"))
    result = {
        "config": {key: text["config"][key] for key in ("precision", "sequence_length", "tokens", "windows")},
        "limit": tasks["config"]["limit"],
        "processor": processor,
        "prune_settings": settings,
        "results": text["results"] | tasks["results"],
        "groups": tasks["groups"],
    }
    if usage.exists():
        result["prune_usage"] = json.loads(usage.read_text())
    part = pathlib.Path(target + ".part")
    part.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n")
    part.rename(target)


def cells(result: dict) -> list[str]:
    results = result["results"]
    accuracies = [
        100 * results[task].get("acc_norm,none" if task in ("arc_challenge", "hellaswag", "openbookqa") else "acc,none")
        for task in TASKS
    ]
    usage = result.get("prune_usage")
    return [
        f"{results[TEXT]['token_perplexity,none']:.2f}",
        f"{sum(accuracies) / len(accuracies):.1f}",
        *(f"{accuracy:.1f}" for accuracy in accuracies),
        *([f"{usage['processor_seconds'] / 60:.1f}", f"{usage['peak_bytes'] / 1e9:.2f}"] if usage else ["", ""]),
    ]


def table(folder: pathlib.Path) -> None:
    heads = ["model", "method", "pattern", "perplexity", "mean", *TASKS, "processor min", "memory GB"]
    print("| " + " | ".join(heads) + " |")
    print("|---|---|---|" + "--:|" * (len(heads) - 3))
    for model, title in MODELS.items():
        for pattern in ("", "-2of4", "-4of8"):
            for method, words in METHODS.items():
                path = folder / f"{model}-{method}{pattern}.json"
                if path.exists():
                    row = [title, words, pattern[1:].replace("of", ":"), *cells(json.loads(path.read_text()))]
                    print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["record", work, target, settings]: record(work, target, settings)
        case ["table", folder]: table(pathlib.Path(folder))
        case _: sys.exit(__doc__)
