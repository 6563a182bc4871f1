#!/usr/bin/env python3
"""Checks that esparse and huggingface_hub share one cache, in both directions, against the hub of Tests/Command/hub.py.

Usage: "$(scripts/measure/python.sh)" scripts/check-hub-cache.py PATH-TO-ESPARSE
Another Python with another version of huggingface_hub does as well; transformers opens the model too where it is there.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "Tests" / "Command"))
import hub as loopback  # noqa: E402

MODEL = ROOT / "Tests" / "Command" / "tiny-llama"
NEEDED = sorted(path.name for path in MODEL.iterdir())
STORAGE = "models--acme--tiny"

READ = """
import importlib.util, json, sys, huggingface_hub
from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache
folder = snapshot_download("acme/tiny", allow_patterns=json.loads(sys.argv[1]))
files = [hf_hub_download("acme/tiny", name) for name in json.loads(sys.argv[1])]
assert all(name.startswith(folder) for name in files), files
assert try_to_load_from_cache("acme/tiny", "vocab.json") is _CACHED_NO_EXIST
report = scan_cache_dir()
assert not report.warnings, report.warnings
(repo,) = report.repos
(revision,) = repo.revisions
assert repo.repo_id == "acme/tiny" and revision.refs == {"main"} and revision.nb_files == len(files), report
print("huggingface_hub", huggingface_hub.__version__)
if importlib.util.find_spec("transformers"):
    import transformers
    assert transformers.AutoConfig.from_pretrained("acme/tiny").model_type == "llama"
    assert transformers.AutoTokenizer.from_pretrained("acme/tiny")("The lamp").input_ids
"""

FETCH = """
import json, sys
from huggingface_hub import snapshot_download
snapshot_download("acme/tiny", allow_patterns=json.loads(sys.argv[1]))
"""


class Check:
    def __init__(self, esparse, work):
        self.esparse, self.work, self.requests = esparse, pathlib.Path(work), []
        folder = self.work / "repository"
        folder.mkdir()
        for path in MODEL.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        (folder / "pytorch_model.bin").write_bytes(bytes(5000))
        self.hub = loopback.Hub(folder, self.requests.append)
        threading.Thread(target=self.hub.serve_forever, daemon=True).start()

    def run(self, home, *command, offline=False):
        """Runs a command and returns the requests that it sent."""
        environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(("HF_", "HTTP"))}
        environment |= {"HF_ENDPOINT": self.hub.address, "HF_HOME": str(self.work / home), "HF_HUB_OFFLINE": str(int(offline))}
        environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_PROXY": "*"}
        del self.requests[:]
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
        print(result.stdout if command[0] == sys.executable else "", end="")
        return list(self.requests)

    def python(self, home, text, *arguments, offline=False):
        return self.run(home, sys.executable, "-c", text, *arguments, offline=offline)

    def inspect(self, home, offline=False):
        return self.run(home, self.esparse, "inspect", "acme/tiny", offline=offline)

    def layout(self, home):
        """Every file and link of what both must write alike, with its contents."""
        top = self.work / home / "hub" / STORAGE
        found = {}
        for part in ("blobs", "refs", "snapshots"):
            for path in sorted((top / part).rglob("*")):
                if path.is_symlink() or path.is_file():
                    contents = os.readlink(path) if path.is_symlink() else path.read_bytes()
                    found[str(path.relative_to(top))] = contents
        return found


def fetched(requests):
    return [line for line in requests if line.startswith("GET") and "/api/" not in line]


def main():
    with tempfile.TemporaryDirectory() as work:
        check = Check(os.path.abspath(sys.argv[1]), work)
        names = json.dumps(NEEDED)

        assert fetched(check.inspect("ours")), "esparse fetched nothing"
        assert not any("pytorch_model" in line for line in check.requests), "esparse fetched what it does not need"
        assert not check.python("ours", READ, names, offline=True), "Python asked the hub although it was offline"
        assert not fetched(check.python("ours", READ, names)), "Python fetched what esparse had fetched"

        check.python("theirs", FETCH, names)
        assert not fetched(check.inspect("theirs")), "esparse fetched what Python had fetched"
        assert not check.inspect("theirs", offline=True), "esparse asked the hub although it was offline"
        assert check.layout("ours") == check.layout("theirs"), "the caches differ"

        # What the one began, the other completes.
        check.python("half", FETCH, json.dumps(["config.json", "tokenizer.json"]))
        # Two small files, and the large one by way of a redirect.
        assert len(fetched(check.inspect("half"))) == 4, check.requests
        assert check.layout("half") == check.layout("ours"), "the caches differ after both filled one"

        # An unfinished file of esparse's is in nobody's way.
        digest = check.hub.etag("model.safetensors")
        blobs = check.work / "unfinished" / "hub" / STORAGE / "blobs"
        blobs.mkdir(parents=True)
        (blobs / (digest + ".incomplete")).write_bytes((MODEL / "model.safetensors").read_bytes()[:1000])
        check.python("unfinished", FETCH, names)
        assert not fetched(check.inspect("unfinished"))
        print(f"esparse and huggingface_hub share their caches: {len(NEEDED)} files, both directions")


if __name__ == "__main__":
    main()
