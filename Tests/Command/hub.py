#!/usr/bin/env python3
"""A hub on this machine, as far as esparse and huggingface_hub need one. Usage: hub.py FOLDER PORT-FILE [LOG-FILE]

Serves the files of FOLDER as the repository acme/tiny on a free port of 127.0.0.1, which it writes to PORT-FILE; each request
becomes a line of LOG-FILE. Files of more than 2,000 bytes are "large": the hub redirects to localhost, which is another host.
Beside acme/tiny there are acme/slow (the same, slowly), acme/gated, acme/busy (429) and acme/huge (claims an absurd size).
"""

import hashlib
import http.server
import json
import pathlib
import sys
import threading
import time
import urllib.parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.ThreadingHTTPServer):
    """Serves one folder; `log` gets a line for each request."""

    daemon_threads = True

    def __init__(self, folder, log=lambda line: None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {path.name: path.read_bytes() for path in sorted(pathlib.Path(folder).iterdir()) if path.is_file()}
        self.log = log
        self.storage = {hashlib.sha256(data).hexdigest(): data for data in self.files.values()}

    def handle_error(self, request, client_address):
        """Clients may go away at any time."""

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def etag(self, name):
        data = self.files[name]
        if len(data) > 2000:
            return hashlib.sha256(data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.server.log(f"{self.command} {self.path} {self.headers.get('Range', '')} {self.headers.get('Authorization', '')}")
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        words = path.strip("/").split("/")
        if words[0] == "storage":
            return self.part(self.server.storage[words[1]], {}, slowly=words[2:] == ["slowly"])
        if words[:2] == ["api", "models"]:
            if len(words) > 6:
                return self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return self.listing("/".join(words[2:4]), *(words[4:] or ("revision", "main")))
        self.file("/".join(words[:2]), words[3], "/".join(words[4:]))

    def listing(self, name, kind, revision):
        if name == "acme/busy":
            return self.send(429, b"", {"Retry-After": "4000"})
        if name not in ("acme/tiny", "acme/slow", "acme/gated", "acme/huge"):
            return self.send(401, b"{}", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        if revision not in ("main", "v1", COMMIT):
            return self.send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        files = self.server.files
        if kind == "tree":
            answer = []
            for path, data in files.items():
                blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
                answer.append({"type": "file", "path": path, "oid": blob, "size": len(data)})
                if len(data) > 2000:
                    answer[-1]["lfs"] = {"oid": self.server.etag(path), "size": len(data), "pointerSize": 130}
        else:
            answer = {
                "_id": "0", "id": name, "modelId": name, "sha": COMMIT, "private": False, "gated": False, "disabled": False,
                "downloads": 0, "likes": 0, "tags": [], "siblings": [{"rfilename": path} for path in files],
            }
        self.send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def file(self, name, revision, path):
        if name == "acme/gated":
            return self.send(401, b"", {"X-Error-Code": "GatedRepo"})
        if path not in self.server.files:
            return self.send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        data, etag = self.server.files[path], self.server.etag(path)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}
        if len(data) <= 2000:
            return self.part(data, headers)
        size = 10**18 if name == "acme/huge" else len(data)
        where = f"http://localhost:{self.server.server_port}/storage/{etag}" + ("/slowly" if name == "acme/slow" else "")
        self.send(302, b"Found", headers | {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(size), "Location": where})

    def part(self, data, headers, slowly=False):
        start = int(self.headers.get("Range", "bytes=0-")[len("bytes="):].split("-")[0])
        if start:
            headers = headers | {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        self.send(206 if start else 200, data[start:], headers, slowly)

    def send(self, status, body, headers, slowly=False):
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        step = 1000 if slowly else max(1, len(body))
        for place in range(0, len(body), step):
            self.wfile.write(body[place:place + step])
            if slowly:
                time.sleep(0.05)


def main():
    folder, port_file = sys.argv[1:3]
    log = open(sys.argv[3], "w", buffering=1) if len(sys.argv) > 3 else None
    lock = threading.Lock()

    def write(line):
        with lock:
            if log:
                log.write(line + "\n")

    hub = Hub(folder, write)
    pathlib.Path(port_file + ".partial").write_text(str(hub.server_port))
    pathlib.Path(port_file + ".partial").rename(port_file)
    hub.serve_forever()


if __name__ == "__main__":
    main()
