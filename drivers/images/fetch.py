"""A file over HTTP(S), resumed where it broke off: GET with Range into a partial file, which the next try goes on with.

In: a URL and the partial file. Out: that file, complete as far as the server says; the caller compares its checksum,
which is the only thing that counts. Every connection passes the gate before a byte is sent. Called by store.py.
"""

from __future__ import annotations

import re
import shutil
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from drivers.errors import DriverError, NoSpace, Refused, Unreachable
from drivers.images.gate import HOPS, Gate
from drivers.images.rules import Rules, Stop, Tell, shown
from specs.structs import Struct

if TYPE_CHECKING:
    import httpx

_SLOWEST = 1024  # bytes per second; less than this is a stall
_PROGRESS = 1 << 20  # a try that brought as much begins the count of failures anew
_TRIES = 200
_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class _Broke(Exception):
    """The connection or the server failed in a way that another try may get past."""


class Fetch(Struct, kw_only=True):
    """One file being fetched."""

    url: str
    part: Path
    rules: Rules
    stop: Stop
    tell: Tell

    def run(self) -> None:
        """Until the server says that it was all. Unreachable if it goes on failing; what came is kept."""
        failures = 0
        for _ in range(_TRIES):
            before = self._have()
            try:
                self._once(before)
                return
            except _Broke as broke:
                failures = 1 if self._have() - before >= _PROGRESS else failures + 1
                if failures >= self.rules.attempts:
                    raise self._unreachable(broke) from None
                if self.stop.wait(min(2.0 ** (failures - 1) / 4, 10.0)):
                    break
        self.stop.check(self._operation, f"the {self._have()} bytes that came are kept")
        raise self._unreachable(_Broke("broke off again and again"))

    def _unreachable(self, broke: _Broke) -> Unreachable:
        kept = f"; the {self._have()} bytes that came are kept, the next try goes on from there" if self._have() else ""
        return Unreachable(self._server, self._operation, f"{broke}{kept}")

    def _once(self, have: int) -> None:
        headers = {"Accept-Encoding": "identity", "User-Agent": "gitvirt"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with _client(self.rules) as client, self._answer(client, headers) as answer:
            start, total = self._begin(answer, have)
            if total and start == total:
                return
            self._require_room(start, total)
            self._write(answer, start, total)

    @contextmanager
    def _answer(self, client: httpx.Client, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """The answer that is no redirect."""
        import httpx

        gate, url = Gate(self._operation, self.rules.hosts), self.url
        try:
            for _ in range(HOPS):
                name = urlsplit(url).hostname or ""
                if self.rules.proxy:
                    gate.literal(name)
                extensions = {} if self.rules.proxy else {"trace": _watch(gate, name)}
                with client.stream("GET", url, headers=headers, extensions=extensions) as answer:
                    if answer.status_code not in (301, 302, 303, 307, 308) or "location" not in answer.headers:
                        yield answer
                        return
                    url = gate.follow(url, answer.headers["location"])
            raise Refused(self._server, self._operation, f"redirects more than {HOPS} times")
        except httpx.TimeoutException:
            raise _Broke(f"the server said nothing for {self.rules.stall:g} s") from None
        except (httpx.TransportError, httpx.StreamError) as error:
            raise _Broke(str(error) or type(error).__name__) from None
        except (httpx.InvalidURL, httpx.DecodingError, UnicodeError) as error:
            raise Refused(self._server, self._operation, str(error)) from None

    def _begin(self, answer: httpx.Response, have: int) -> tuple[int, int]:
        """(where the answer's bytes belong, how long the whole file is, 0 if unsaid)."""
        status = answer.status_code
        if status == 200:
            return 0, _number(answer.headers.get("content-length", ""))
        found = _RANGE.fullmatch(answer.headers.get("content-range", "").strip())
        total = _number(found[2]) if found else 0
        if status == 206 and found and found[1] and int(found[1]) == have:
            return have, total
        if status == 416 and have and total == have:
            return have, total
        if status in (206, 416):
            self.part.unlink(missing_ok=True)
            raise _Broke("the server has another file than the one that was begun")
        told = f"HTTP {status} {answer.reason_phrase}".strip()
        if status in (408, 425, 429) or status >= 500:
            raise _Broke(told)
        raise DriverError(self._server, self._operation, told)

    def _require_room(self, start: int, total: int) -> None:
        if total > self.rules.largest:
            told = f"is {total} bytes, more than {self.rules.largest} (`images.largest` of the local settings)"
            raise Refused(self._server, self._operation, told)
        free = shutil.disk_usage(self.part.parent).free
        if total - start + self.rules.reserve > free:
            raise NoSpace("here", self._operation, f"{self.part.parent} has {free} bytes free, {total - start} to come")

    def _write(self, answer: httpx.Response, start: int, total: int) -> None:
        done, since, there = start, time.monotonic(), start
        with self.part.open("r+b" if start else "wb") as out:
            out.seek(start)
            out.truncate()
            for chunk in answer.iter_raw():
                self.stop.check(self._operation, f"the {done} bytes that came are kept")
                done += len(chunk)
                if done > self.rules.largest:
                    raise Refused(self._server, self._operation, f"does not end after {self.rules.largest} bytes")
                out.write(chunk)
                self.tell("fetch", done, total)
                passed = time.monotonic() - since
                if passed > self.rules.stall:
                    if done - there < passed * _SLOWEST:
                        raise _Broke(f"only {done - there} bytes came in {passed:.0f} s")
                    since, there = time.monotonic(), done
        if total and done < total:
            raise _Broke(f"ended after {done} of {total} bytes")

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    @property
    def _server(self) -> str:
        return urlsplit(self.url).hostname or "the URL"

    @property
    def _operation(self) -> str:
        return f"fetch {shown(self.url)}"


def _client(rules: Rules) -> httpx.Client:
    """Nothing from the environment: a proxy or a CA comes from the settings. The system's CAs are trusted."""
    import httpx

    timeout = httpx.Timeout(rules.stall)
    trust = ssl.create_default_context(cafile=str(rules.authorities) if rules.authorities else None)
    if rules.authorities:
        trust.load_default_certs()
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(timeout=timeout, verify=trust, limits=limits, proxy=rules.proxy or None, trust_env=False)


def _watch(gate: Gate, name: str) -> Any:
    """Judges the address that was really connected to, so that no second answer of a name server can slip past."""

    def trace(event: str, facts: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            stream = facts["return_value"]
            try:
                gate.admit(name, str(stream.get_extra_info("server_addr")[0]))
            except Refused:
                stream.close()
                raise

    return trace


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
