"""An HTTP server in a thread that serves bytes the way bad servers do, and a store that may fetch from it.

Used by the tests of drivers/images, by whole passes on the simulated datacenter, and on the lab.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from drivers.images.rules import Rules, Stop, Wanted
from drivers.images.store import Store
from specs.structs import Struct, field

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request; what a test's behaviour answers with."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.asked.append(self.headers.get("Range", ""))
        self.server.behaviour(self)

    def log_message(self, *args: object) -> None:
        pass

    @property
    def begin(self) -> int:
        """Where the wanted range begins."""
        return int(self.headers.get("Range", "bytes=0-").partition("=")[2].partition("-")[0])

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def serve(self, content: bytes, upto: int | None = None) -> None:
        """The range that was asked for, announced in full, of which only what lies before `upto` is sent."""
        begin = self.begin
        headers: dict[str, object] = {"Content_Length": len(content) - begin}
        if begin:
            headers["Content_Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        self.head(206 if begin else 200, **headers)
        self.wfile.write(content[begin:upto])


class Server(ThreadingHTTPServer):
    """`behaviour` answers; `asked` are the Range headers that came."""

    daemon_threads = True
    behaviour: Answer
    asked: list[str]

    def url(self, path: str = "/image.qcow2", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server_address[1]}{path}"

    def handle_error(self, *args: object) -> None:
        """A client that goes away is part of the game."""


class Shop(Struct, dict=True):
    """A store with rules for tests, and what it told of its progress."""

    folder: Path
    rules: Rules = field(default_factory=lambda: Rules(hosts=frozenset({"127.0.0.1"}), attempts=2))
    stop: Stop = field(default_factory=lambda: Stop(wait=lambda seconds: False))
    told: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return Store(folder=self.folder, rules=self.rules, stop=self.stop)

    def get(self, wanted: Wanted) -> bytes:
        return self.path(wanted).read_bytes()

    def path(self, wanted: Wanted) -> Path:
        return self.store.ready(wanted, lambda *told: self.told.append(told)).path

    def files(self) -> set[str]:
        """What lies in the cache, by kind."""
        return {path.suffix for path in self.folder.iterdir() if path.suffix != ".lock"}


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def serving(address: str = "127.0.0.1") -> Iterator[Server]:
    """A server that runs until the block ends."""
    found = Server((address, 0), Request)
    found.asked = []
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        found.shutdown()
        thread.join()
        found.server_close()
