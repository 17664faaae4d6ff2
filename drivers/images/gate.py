"""Which addresses an image server may have. Pure; used by fetch.py for every connection, before a byte is sent.

A commit names URLs, and a server answers with redirects: neither may make gitvirt ask services of this machine or of
its network that only listen there because strangers cannot reach them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urljoin, urlsplit

from drivers.errors import Refused
from drivers.images.rules import shown
from specs.structs import Struct, field

HOPS = 10
_ADVICE = "if that is meant, add it to `images.hosts` of the local settings"


class Gate(Struct):
    """For one fetch: where it began decides where it may be led to."""

    operation: str
    allowed: Collection[str]
    _origin: str = field(default="")

    def admit(self, name: str, address: str) -> None:
        """Refused if the connection to `address`, made for the server `name`, must not be used."""
        kind = kind_of(address)
        first, self._origin = not self._origin, self._origin or kind
        if {name, address} & set(self.allowed):
            return
        if kind == "never":
            told = f"{name} is {address}, which is no address of an image server (this machine's own, or special)"
            raise Refused(name, self.operation, f"{told}; {_ADVICE}")
        if kind == "inner" and not first and self._origin == "outer":
            raise Refused(name, self.operation, f"a public server redirects to the private {address}; {_ADVICE}")

    def literal(self, name: str) -> None:
        """The same where a proxy makes the connection: only what the URL itself says can be judged."""
        try:
            address = str(ipaddress.ip_address(name))
        except ValueError:
            address = "127.0.0.1" if name == "localhost" or name.endswith(".localhost") else ""
        if address:
            self.admit(name, address)
        self._origin = self._origin or "outer"

    def follow(self, url: str, location: str) -> str:
        """The URL that a redirect leads to; Refused if it leaves HTTP(S), gives up encryption, or brings a password."""
        server = urlsplit(url).hostname or ""
        try:
            target = urljoin(url, location)
            parts = urlsplit(target)
            name, _ = parts.hostname, parts.port
        except ValueError:
            raise Refused(server, self.operation, "redirects to something that is no URL") from None
        if parts.scheme not in ("http", "https") or not name:
            raise Refused(server, self.operation, f"redirects to {parts.scheme or 'no'} URL, which is not followed")
        if url.startswith("https:") and parts.scheme == "http":
            raise Refused(server, self.operation, f"redirects from https to {shown(target)}, which anybody could forge")
        if parts.username or parts.password:
            raise Refused(server, self.operation, "redirects to a URL with a password, which is not followed")
        return target


def kind_of(address: str) -> str:
    """`outer` (the internet), `inner` (a private network), or `never` (loopback, link-local, multicast …)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "never"
    mapped = getattr(found, "ipv4_mapped", None)
    if mapped is not None:
        found = mapped
    if found.is_loopback or found.is_link_local or found.is_unspecified or found.is_multicast or found.is_reserved:
        return "never"
    return "outer" if found.is_global else "inner"
