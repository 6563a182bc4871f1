#!/usr/bin/env python3
"""Writes the option tables of docs/commands.md from the command's own definitions.

Usage: scripts/option-tables.py PATH-TO-ESPARSE [--check]

A table stands between `<!-- options: COMMAND -->` or `<!-- options: COMMAND, SECTION OF ITS HELP -->` and `<!-- end -->`;
`<!-- options: shared -->` is the table of the options that several commands have. With --check nothing is written, and the
script fails where the page differs or an option has no table.
"""

import json
import pathlib
import re
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "commands.md"
SHARED = ["--precision", "--device", "--low-vram", "--threads", "--kernel-profile", "--json"]
# Defaults that differ from machine to machine.
DEFAULTS = {"--threads": "all processors"}
MARKED = re.compile(r"(<!-- options: ([^>]*?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def commands(command, prefix=()):
    """Every command that the help shows, as (name without "esparse", its options)."""
    for child in command.get("subcommands", []):
        if not child.get("shouldDisplay", True) or child["commandName"] == "help":
            continue
        words = (*prefix, child["commandName"])
        options = [one for one in child.get("arguments", []) if one["kind"] != "positional" and one["shouldDisplay"]]
        yield " ".join(words), [one for one in options if name(one) not in ("--help", "--version")]
        yield from commands(child, words)


def name(option):
    return "--" + next(one["name"] for one in option["names"] if one["kind"] == "long")


def spelling(option):
    """The option as its help shows it: its names, and its choices or what its value is."""
    names = ", ".join(f"{'-' if one['kind'] == 'short' else '--'}{one['name']}" for one in option["names"])
    if option["kind"] == "flag":
        return f"`{names}`"
    choices = option.get("allValues")
    return f"`{names} {'|'.join(choices) if choices else '<' + option['valueName'] + '>'}`"


def row(option):
    """Spelling, default and meaning; a default that the help's sentence ends in moves to its column."""
    meaning = " ".join(filter(None, [option["abstract"], option.get("discussion")]))
    stated = re.search(r"; ([^;.]*(?:\.\d+)?) where not given\.$", meaning)
    default = DEFAULTS.get(name(option)) or option.get("defaultValue", "")
    if stated:
        meaning, default = meaning[: stated.start()] + ".", stated[1]
    elif not option["isOptional"]:
        default = "required"
    return [spelling(option), default, meaning]


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def own_table(options):
    rows = [row(option) for option in options]
    # A flag and its opposite have one meaning: one row.
    merged = []
    for one in rows:
        if merged and merged[-1][2] == one[2]:
            merged[-1][0] += ", " + one[0]
        else:
            merged.append(one)
    return table(["option", "default", "meaning"], merged)


def shared_table(tree):
    rows = []
    for wanted in SHARED:
        users = [(command, option) for command, options in tree.items() for option in options if name(option) == wanted]
        spelled, default, meaning = row(users[0][1])
        rows.append([spelled, default, meaning, ", ".join(command for command, _ in users)])
    return table(["option", "default", "meaning", "for"], rows)


def tables(definition):
    """The text of every table by what its mark says."""
    tree = dict(commands(definition["command"]))
    result = {"shared": shared_table(tree)}
    for command, options in tree.items():
        own = [one for one in options if name(one) not in SHARED]
        for section in dict.fromkeys(one.get("sectionTitle") for one in own):
            mark = command if section is None else f"{command}, {section}"
            result[mark] = own_table([one for one in own if one.get("sectionTitle") == section])
    return result


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--check"]):
        sys.exit(__doc__)
    dumped = subprocess.run([sys.argv[1], "--experimental-dump-help"], stdout=subprocess.PIPE, check=True).stdout
    made = tables(json.loads(dumped))
    page = PAGE.read_text()
    marks = [match[2] for match in MARKED.finditer(page)]
    if missing := sorted(set(made) ^ set(marks)):
        sys.exit(f"docs/commands.md: no table, or no such options: {', '.join(missing)}")
    current = MARKED.sub(lambda match: match[1] + made[match[2]] + match[4], page)
    if sys.argv[2:] != ["--check"]:
        PAGE.write_text(current)
    elif current != page:
        sys.exit("docs/commands.md is not what the command says; run scripts/option-tables.py PATH-TO-ESPARSE")


main()
