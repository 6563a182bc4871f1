#!/usr/bin/env python3
"""Runs a command and writes what it used as JSON: seconds passed, processor seconds, and the peak of memory beyond mapped
files (RssAnon and RssShmem of /proc, twenty samples a second). A file that is there already is added to, as a resumed run's.
Ends with the command's exit status. Usage: usage.py FILE COMMAND..."""

import json
import os
import pathlib
import resource
import subprocess
import sys
import time

file, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
before = json.loads(file.read_text()) if file.exists() else {"seconds": 0, "processor_seconds": 0, "peak_bytes": 0}
start = time.monotonic()
process = subprocess.Popen(command)
peak = before["peak_bytes"]
while process.poll() is None:
    try:
        status = dict(line.split(":", 1) for line in open(f"/proc/{process.pid}/status"))
        peak = max(peak, sum(int(status[key].split()[0]) for key in ("RssAnon", "RssShmem")) * 1024)
    except (OSError, KeyError):
        pass
    time.sleep(0.05)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
part = file.with_name(file.name + ".part")
part.write_text(json.dumps({
    "seconds": round(before["seconds"] + time.monotonic() - start, 1),
    "processor_seconds": round(before["processor_seconds"] + used.ru_utime + used.ru_stime, 1),
    "peak_bytes": peak,
}))
os.replace(part, file)
sys.exit(process.returncode)
