"""Times single linears, ours sparse and dense, against `torch.nn.functional.linear` in bf16; prints medians and ratios.

Every round visits each shape once with each program, every second round backwards; the file of results is written after
each round. Ours are timed by `esparse benchmark gemm`, a process of its own each time: the sparse linear, and as dense
one our own pass where there is one (few tokens), else oneDNN with weights in its own order. PyTorch's weights are a
plain tensor, as a user has them, and its input and output are bf16; ours are f32. On either side each call up to 64
tokens reads another copy of the weights, so many that they come from memory: one and a half times the last-level cache,
or an eighth of the free memory. With more tokens two copies take turns. pytorch-linear.sh, beside this file, calls it.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

import rounds
import torch

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--esparse", required=True)
parser.add_argument("--baseline", help="a second esparse that takes turns with the others")
parser.add_argument("--shapes", default="4096x4096,11008x4096,4096x11008", help="ROWSxCOLUMNS, separated by commas")
parser.add_argument("--tokens", default="1,8,64,512")
parser.add_argument("--pattern", default="2:4,4:8")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--seconds", type=float, default=0.3, help="measuring time of a point, beyond five calls")
rounds.add_options(parser, count=5)
parser.add_argument("--result", required=True)
options = parser.parse_args()
shapes = [tuple(map(int, shape.split("x"))) for shape in options.shapes.split(",")]
token_counts = [int(count) for count in options.tokens.split(",")]
patterns = options.pattern.split(",")


def copy_count(byte_count):
    """As many copies of weights as `esparse benchmark gemm` makes."""
    levels = {}
    for path in pathlib.Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cache/index*"):
        size = int((path / "size").read_text().strip().removesuffix("K")) * 1024
        levels.setdefault(int((path / "level").read_text()), {})[(path / "shared_cpu_list").read_text()] = size
    cache = sum(levels[max(levels)].values()) if levels else 2**25
    free = int(re.search(r"MemAvailable:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) * 1024
    return min(max(2, -(-min(cache * 3 // 2, free // 8) // byte_count)), 512)


def esparse(program, path, shape):
    """Yields (tokens, pattern, what), seconds."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        subprocess.run(
            [path, "benchmark", "gemm", "--shapes", "{}x{}".format(*shape), "--tokens", options.tokens, "--pattern",
             options.pattern, "--precision", "bf16", "--threads", str(options.threads), "--seconds",
             str(options.seconds), "--device", "cpu", "--kernel-profile", "rules", "--json", report],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for point in json.loads(report.read_text())["results"]:
            key = point["tokens"], point["pattern"]
            own = "own_dense_seconds" in point
            yield (*key, f"{program} sparse"), point["sparse_seconds"]
            yield (*key, f"{program} dense"), point["own_dense_seconds" if own else "dense_seconds"]
            kernels[f"{program} sparse, {key[0]} tokens"] = point["sparse_kernel"]
            kernels[f"{program} dense, {key[0]} tokens"] = point["own_dense_kernel" if own else "dense_kernel"]


def pytorch(shape):
    """Yields (tokens, pattern, what), seconds; a dense product takes the same for each pattern."""
    rows, columns = shape
    weight = torch.randn(rows, columns, dtype=torch.bfloat16)
    copies = [weight.clone() for _ in range(copy_count(2 * rows * columns))]
    for tokens in token_counts:
        used = copies if tokens <= 64 else copies[:2]
        values = torch.randn(tokens, columns, dtype=torch.bfloat16)
        kernels.setdefault(f"PyTorch, {tokens} tokens", implementation(values, weight))
        times, index, start = [], 0, time.perf_counter()
        while len(times) < 5 or time.perf_counter() - start < options.seconds:
            before = time.perf_counter()
            torch.nn.functional.linear(values, used[index % len(used)])
            times.append(time.perf_counter() - before)
            index += 1
        for pattern in patterns:
            yield (tokens, pattern, "PyTorch"), statistics.median(times)


def implementation(values, weight):
    """What oneDNN calls the code that PyTorch runs for this product, from its verbose output; that warms up too."""
    with tempfile.TemporaryFile() as output:
        saved = os.dup(1)
        os.dup2(output.fileno(), 1)
        with contextlib.ExitStack() as stack:
            stack.callback(os.dup2, saved, 1)
            stack.enter_context(torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON))
            torch.nn.functional.linear(values, weight)
        output.seek(0)
        lines = [line.split(",") for line in output.read().decode().splitlines() if ",exec,cpu," in line]
    names = [name for line in lines for before, name in zip(line, line[1:]) if before in ("matmul", "inner_product")]
    return names[-1] if names else "not oneDNN"


def table(summary):
    """Prints milliseconds, and PyTorch's time over each of ours with the range of the rounds."""
    columns = [f"{side} {kind}" for side in sides for kind in ("sparse", "dense")]
    count = len(summary[0]["runs"]["PyTorch"])
    print(f"{options.threads} threads, medians of {count} rounds in milliseconds, and PyTorch's time over each\n")
    print("| linear | tokens | pattern | PyTorch | " + " | ".join(f"{column} | is" for column in columns) + " |")
    print("|---|--:|---|--:|" + "--:|--:|" * len(columns))
    for row in summary:
        medians, runs = row["seconds"], row["runs"]
        shape = f"{row['rows']}x{row['columns']}"
        cells = [shape, str(row["tokens"]), row["pattern"], milliseconds(medians["PyTorch"])]
        for column in columns:
            ratios = [theirs / ours for theirs, ours in zip(runs["PyTorch"], runs[column])]
            median = medians["PyTorch"] / medians[column]
            cells += [milliseconds(medians[column]), f"{median:.2f}x ({min(ratios):.2f} to {max(ratios):.2f})"]
        print("| " + " | ".join(cells) + " |")
    print(f"\n{others.sentence(shares)}\n")
    for name, kernel in kernels.items():
        print(f"- {name}: {kernel}")


def milliseconds(seconds):
    return f"{seconds * 1e3:.2f}"


torch.set_num_threads(options.threads)
torch.set_grad_enabled(False)
runs, kernels = {}, {}
sides = {"esparse": options.esparse} | ({"baseline": options.baseline} if options.baseline else {})
programs = [lambda shape, side=side: esparse(side, sides[side], shape) for side in sides] + [pytorch]
others, shares = rounds.Others(), []
for round_index in rounds.rounds(options):
    for shape in shapes:
        for program in programs if round_index % 2 == 0 else programs[::-1]:
            for key, seconds in program(shape):
                runs.setdefault((shape, *key[:2]), {}).setdefault(key[2], []).append(seconds)
    shares.append(others.share())
    summary = [
        {
            "rows": shape[0], "columns": shape[1], "tokens": tokens, "pattern": pattern,
            "seconds": {name: statistics.median(times) for name, times in point.items()}, "runs": point,
        }
        for (shape, tokens, pattern), point in sorted(runs.items(), key=lambda item: shapes.index(item[0][0]))
    ]  # fmt: skip
    report = {
        "threads": options.threads,
        "rounds": round_index + 1,
        "share_of_others": shares,
        "torch": torch.__version__,
        "onednn_of_torch": re.search(r"(?:oneDNN|MKL-DNN) (v[\d.]+)", torch.__config__.show())[1],
        "kernels": kernels,
        "results": summary,
    }
    pathlib.Path(options.result).write_text(json.dumps(report, indent=1, sort_keys=True) + "\n")
table(summary)
