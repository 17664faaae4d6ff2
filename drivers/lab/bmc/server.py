"""The program behind the BMCs of a lab: one listener for each host, TLS and basic authentication.

    python -P -m drivers.lab.bmc.server gitvirt-lab-bmc STATE kvm1,kvm2…

Goes out, once all listen: a line on standard output, the process id. It goes to the background by itself and lives
until process.py stops it. All hosts share one process, since it has no state: power is looked up, never remembered.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import ssl
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from threading import Thread
from typing import Any

from drivers.lab import state
from drivers.lab.bmc import redfish
from drivers.lab.bmc.access import USER, password, port
from drivers.lab.host import boot
from drivers.lab.lab import Lab
from drivers.lab.paths import LabPaths
from specs.structs import Struct

PATIENCE = 30
"""Seconds for which a silent client is listened to."""
LARGEST_BODY = 64 * 1024


class LabSystem(Struct, frozen=True):
    """A lab host as the System of its BMC."""

    lab: Lab
    name: str
    uuid: str

    def is_on(self) -> bool:
        return boot.find(self.lab.paths, self.name) is not None

    def press(self, *, off: bool, on: bool) -> None:
        if off:
            self.lab.power_off(self.name)
        if on:
            self.lab.power_on(self.name)


class Bmc(ThreadingHTTPServer):
    """One BMC. The TLS handshake is left to the thread of the connection: a silent client holds up nobody."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], tls: ssl.SSLContext, system: redfish.System, login: bytes) -> None:
        super().__init__(address, Request)
        self.tls, self.system = tls, system
        self.login = b"Basic " + base64.b64encode(login)

    def get_request(self) -> tuple[socket, Any]:
        plain, client = super().get_request()
        return self.tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), client

    def handle_error(self, request: object, client_address: Any) -> None:
        """Whoever speaks no TLS, or goes away in the middle, is worth one line."""
        print(f"{self.system.name}: {client_address[0]}: {sys.exc_info()[1]!r}", file=sys.stderr, flush=True)


class Request(BaseHTTPRequestHandler):
    """One connection; several requests on it."""

    server: Bmc
    protocol_version = "HTTP/1.1"
    server_version = "gitvirt-lab-bmc"
    sys_version = ""
    timeout = PATIENCE

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            self._send(
                redfish.error(HTTPStatus.BAD_REQUEST, "MalformedJSON", "The body has no length, or is too long.")
            )
        elif redfish.is_public(self.path) or self._may():
            self._send(redfish.answer(self.command, self.path, body, self.server.system))
        else:
            realm = {"WWW-Authenticate": f'Basic realm="BMC of {self.server.system.name}"'}
            message = "Give the user and the password of this BMC."
            self._send(redfish.error(HTTPStatus.UNAUTHORIZED, "InsufficientPrivilege", message, **realm))

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY or "Transfer-Encoding" in self.headers:
            return None
        return self.rfile.read(int(length))

    def _may(self) -> bool:
        given = self.headers.get("Authorization", "").encode("utf-8", "replace")
        return hmac.compare_digest(given, self.server.login)

    def _send(self, said: redfish.Answer) -> None:
        content = b"" if said.body is None else json.dumps(said.body).encode()
        self.send_response(said.status)
        headers = {"OData-Version": "4.0", "Content-Length": str(len(content)), **said.headers}
        if said.body is not None:
            headers["Content-Type"] = "application/json"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        said = "".join(each if each.isprintable() else "?" for each in format % args)
        print(f"{self.server.system.name}: {self.client_address[0]}: {said}", file=sys.stderr, flush=True)


def listeners(paths: LabPaths, names: list[str]) -> list[Bmc]:
    """A BMC for each of the hosts, listening."""
    record = state.load(paths)
    assert record is not None, paths
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(paths.bmc / "bmccert.pem", paths.bmc / "bmckey.pem")
    login, lab = f"{USER}:{password(paths)}".encode(), Lab(paths)
    return [
        Bmc((str(record.gateway), port(name)), tls, LabSystem(lab, name, record.hosts[name]), login) for name in names
    ]


def main(state_folder: str, names: str) -> None:
    """Listen, go to the background, tell, serve for ever."""
    servers = listeners(LabPaths(Path(state_folder)), names.split(","))
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    print(os.getpid(), flush=True)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    for server in servers[1:]:
        Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    main(*sys.argv[-2:])
