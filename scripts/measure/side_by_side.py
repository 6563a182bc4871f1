"""Times a dense checkpoint, its packed twin and GGUF files of the same model in turn, and prints medians and ratios.

Every round runs each of them once, every second round backwards; each run is a process of its own. Prefill is a prompt of
a given length from an empty cache; decoding goes on from a cache that holds a prompt of that length, in both programs.
llama-cpp.sh, beside this file, calls it.
"""
import argparse
import json
import pathlib
import shlex
import statistics
import subprocess
import tempfile

import rounds

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dense", required=True)
parser.add_argument("--packed", required=True)
parser.add_argument("--gguf", action="append", default=[], metavar="NAME=FILE")
parser.add_argument("--esparse", required=True)
parser.add_argument("--llama-cpp", required=True, help="what llama_cpp_run.c was compiled to")
parser.add_argument("--name", required=True, help="the version of llama.cpp, for the result")
parser.add_argument("--alone", default="", help="command that each measured one is started with")
parser.add_argument("--prompt-tokens", type=int, default=512)
parser.add_argument("--generate-tokens", type=int, default=128)
parser.add_argument("--threads", type=int, default=2)
rounds.add_options(parser, count=3)
parser.add_argument("--result", required=True)
parser.add_argument("--add", action="store_true", help="add to the rounds that the result file holds already")
options = parser.parse_args()


def output_of(*command):
    words = shlex.split(options.alone) + [str(word) for word in command]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def esparse():
    """Dense and packed: name, (prefill, decode) in tokens a second, bytes of weights."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        output_of(
            options.esparse, "benchmark", "model", options.packed, "--dense", options.dense, "--batch", 1, "--rounds", 1,
            "--prompt-tokens", options.prompt_tokens, "--generate-tokens", options.generate_tokens,
            "--threads", options.threads, "--json", report,
        )  # fmt: skip
        for run in json.loads(report.read_text())["results"]:
            rates = run["prefill_tokens_per_second"], run["decode_tokens_per_second"]
            yield f"esparse {run['variant']}", rates, run["weight_file_bytes"]


def llama_cpp(name, path):
    """One GGUF file, as `esparse` gives it."""
    text = output_of(options.llama_cpp, path, options.prompt_tokens, options.generate_tokens, options.threads)
    run = json.loads(text)
    systems.add(run["system"].strip())
    amx[f"llama.cpp {name}"] = {"types": sorted(run["amx_types"]), "mebibytes": run["amx_mebibytes"]}
    rates = run["prefill_tokens_per_second"], run["decode_tokens_per_second"]
    yield f"llama.cpp {name}", rates, pathlib.Path(path).stat().st_size


systems, amx = set(), {}
programs = [esparse] + [lambda item=item: llama_cpp(*item.split("=", 1)) for item in options.gguf]
rates, sizes = {}, {}
if options.add:
    for row in json.loads(pathlib.Path(options.result).read_text())["results"]:
        rates[row["variant"]] = list(zip(row["prefill_runs"], row["decode_runs"]))
before = max(map(len, rates.values()), default=0)
others, shares = rounds.Others(), []
for round_index in rounds.rounds(options):
    for program in programs if (before + round_index) % 2 == 0 else programs[::-1]:
        for name, pair, size in program():
            rates.setdefault(name, []).append(pair)
            sizes[name] = size
    shares.append(others.share())

medians = {name: [statistics.median(column) for column in zip(*pairs)] for name, pairs in rates.items()}
names = ["esparse dense", "esparse packed"] + sorted(name for name in medians if name.startswith("llama.cpp"))
packed = medians["esparse packed"]
results = [
    {
        "variant": name,
        "prefill_tokens_per_second": medians[name][0],
        "decode_tokens_per_second": medians[name][1],
        "packed_prefill_speedup": packed[0] / medians[name][0],
        "packed_decode_speedup": packed[1] / medians[name][1],
        "weight_file_bytes": sizes[name],
        "prefill_runs": [pair[0] for pair in rates[name]],
        "decode_runs": [pair[1] for pair in rates[name]],
    }
    for name in names
]
report = {
    "model": pathlib.Path(options.dense).name,
    "prompt_tokens": options.prompt_tokens,
    "generated_tokens": options.generate_tokens,
    "threads": options.threads,
    "rounds": max(map(len, rates.values())),
    "share_of_others": shares,
    "llama_cpp": {"version": options.name, "system": sorted(systems), "amx": amx},
    "results": results,
}
pathlib.Path(options.result).write_text(json.dumps(report, indent=2, sort_keys=True) + "\n")


def on_amx(name):
    """The types of matrices that llama.cpp repacked for AMX, by its own log."""
    if name not in amx:
        return ""
    types, megabytes = amx[name]["types"], amx[name]["mebibytes"] * 2**20 / 1e6
    return f"{', '.join(types)}: {megabytes:.0f} MB" if types else "none"


print("| | prefill tokens/s | decode tokens/s | packed is, prefill | packed is, decode | weights MB | on AMX |")
print("|---|--:|--:|--:|--:|--:|---|")
for row in results:
    print(
        f"| {row['variant']} | {row['prefill_tokens_per_second']:.1f} | {row['decode_tokens_per_second']:.2f}"
        f" | {row['packed_prefill_speedup']:.2f}x | {row['packed_decode_speedup']:.2f}x"
        f" | {row['weight_file_bytes'] / 1e6:.0f} | {on_amx(row['variant'])} |"
    )
print("\n" + others.sentence(shares))
