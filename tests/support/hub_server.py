"""A server on the loopback that answers as the Hugging Face Hub does, and misbehaves when told to.

    python3 hub_server.py FOLDER

FOLDER/files/ holds what is served: NAME at /OWNER/REPOSITORY/resolve/REVISION/NAME (a redirect to a
store under another host's name, with the file's hash, size and commit in the headers, as for files in
Git LFS) and at /link/NAME (itself, with an ETag). FOLDER/port is written when it listens; FOLDER/log
gets a line per request: method, path, Range, Authorization. FOLDER/control.json, read at each request:

    status        answer every request for the Hub with this status
    token         the Hub wants "Authorization: Bearer TOKEN"
    moved         the repository has another name now: a redirect within the Hub
    drop_after    the store sends so many bytes of each answer, then breaks the connection
    no_range      the store sends the whole file whatever was asked for
    size          the size that the Hub lists; the store says it, too
    store_size    the store has only so many bytes
    wrong_bytes   the store sends another file of the same size
    page          /link/ answers with a web page
"""

import hashlib
import http.server
import json
import pathlib
import sys
import threading

FOLDER = pathlib.Path(sys.argv[1])
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LOCK = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def control(self):
        path = FOLDER / "control.json"
        return (json.loads(path.read_text()) if path.exists() else None) or {}

    def note(self):
        with LOCK, open(FOLDER / "log", "a", encoding="utf-8") as log:
            print(self.command, self.path, self.headers.get("Range", "-"),
                  self.headers.get("Authorization", "-").replace(" ", "_"), file=log)

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.note()
        control = self.control()
        path = self.path.split("?")[0]
        if path.startswith("/store/"):
            self.do_store(control, path.rsplit("/", 1)[1])
        elif path.startswith("/link/"):
            self.do_link(control, path.rsplit("/", 1)[1])
        else:
            self.do_hub(control, path)

    def do_hub(self, control, path):
        if "status" in control:
            return self.answer(control["status"], [("X-Error-Message", "as the test wants")])
        if "token" in control and self.headers.get("Authorization") != "Bearer " + control["token"]:
            return self.answer(401, [("X-Error-Code", "GatedRepo")])
        if control.get("moved") and not path.startswith("/new/"):
            return self.answer(307, [("Location", "/new" + path)])
        name = path.rsplit("/", 1)[1]
        file = FOLDER / "files" / name
        if not file.exists():
            return self.answer(404, [("X-Error-Code", "EntryNotFound")])
        data = file.read_bytes()
        # Another name for the same host: credentials must not follow there.
        store = f"http://localhost:{self.server.server_port}/store/{name}"
        return self.answer(302, [("Location", store), ("ETag", '"of the redirect"'),
                                 ("X-Repo-Commit", COMMIT),
                                 ("X-Linked-Size", str(control.get("size", len(data)))),
                                 ("X-Linked-ETag", f'"{hashlib.sha256(data).hexdigest()}"')])

    def do_store(self, control, name):
        if self.command == "HEAD":
            return self.answer(403)  # its addresses are signed for GET
        data = (FOLDER / "files" / name).read_bytes()
        if control.get("wrong_bytes"):
            data = bytes(len(data))
        if "store_size" in control:
            data = data[:control["store_size"]]
        return self.send_file(control, data, [])

    def do_link(self, control, name):
        if control.get("page"):
            return self.answer(200, [("Content-Type", "text/html")], b"<html>come back later</html>")
        data = (FOLDER / "files" / name).read_bytes()
        tag = f'"{hashlib.md5(data).hexdigest()}"'
        return self.send_file(control, data, [("ETag", tag)], tag)

    def send_file(self, control, data, headers, tag=None):
        first = 0
        asked = self.headers.get("Range")
        if asked and not control.get("no_range") and self.headers.get("If-Range") in (None, tag):
            first = int(asked.removeprefix("bytes=").rstrip("-"))
        if first >= len(data) > 0:
            return self.answer(416, [("Content-Range", f"bytes */{len(data)}")])
        self.send_response(206 if first else 200)
        total = control.get("size", len(data))
        for header, value in headers:
            self.send_header(header, value)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{total - 1}/{total}")
        self.send_header("Content-Length", str(total - first))
        self.end_headers()
        part = data[first:first + control.get("drop_after", len(data))]
        self.wfile.write(part)
        if len(part) < total - first:
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(2)
        return None


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    part = FOLDER / "port.part"
    part.write_text(str(server.server_port))
    part.rename(FOLDER / "port")
    server.serve_forever()


if __name__ == "__main__":
    main()
