"""A local server that sends a file whole, cut, wrong, or not at all."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 4000


class Server(BaseHTTPRequestHandler):
    """Answers as the test says: `cut` bytes then the line drops, `ranges` or not, `content`, `status`."""

    cut: int | None = None
    ranges = True
    content = CONTENT
    status = 200
    asked: list[str | None]

    def do_GET(self):
        asked = self.headers.get("Range")
        type(self).asked.append(asked)
        if self.status != 200:
            self.send_error(self.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        if start >= len(self.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(self.content) - start))
        self.end_headers()
        self.wfile.write(self.content[start:][: self.cut])

    def log_message(self, *_):
        pass


@contextmanager
def serving(**how):
    handler = type("Handler", (Server,), {**how, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield handler, f"http://127.0.0.1:{server.server_port}/file"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
