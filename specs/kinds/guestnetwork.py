"""GuestNic: addresses of one NIC inside the guest, in short. Becomes network-config version 2, matched by MAC."""

import ipaddress
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, Strict, WithJsonSchema

from specs.errors import BadValue
from specs.kinds.network import DnsName
from specs.model import Address, Model, Named, Unit, Yes, declared


def _interface(value: Any) -> Any:
    """An address with the length of its network; without one, every route would be wrong."""
    try:
        found = ipaddress.ip_interface(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or "/" not in str(value):
        fix = "write it with the length of the network: `192.168.150.20/24`"
        raise BadValue(f"`{str(value)[:60]}` is no address of a NIC", fix=fix)
    return str(found)


def _subnet(value: Any) -> Any:
    if value == "default":
        return value
    try:
        return str(ipaddress.ip_network(value if isinstance(value, str) else ""))
    except ValueError:
        fix = "write `10.0.0.0/8`, without bits behind the network, or `default`"
        raise BadValue(f"`{str(value)[:60]}` is no network", fix=fix) from None


Interface = Annotated[str, BeforeValidator(_interface), WithJsonSchema({"type": "string"}), Unit("address/length")]


class Route(Model):
    """A route: `{to: 10.0.0.0/8, via: 192.168.150.2}`."""

    leaf: ClassVar[bool] = True

    to: Annotated[str, BeforeValidator(_subnet), WithJsonSchema({"type": "string"}), Unit("subnet or `default`")] = (
        declared("Where to.", effect="creation", required=True)
    )
    via: Address = declared("Through which router.", effect="creation", required=True)
    metric: Annotated[int, Strict(), Field(ge=0, le=2**32 - 1), Unit("number")] | None = declared(
        "Lower wins.", effect="creation"
    )


class GuestNic(Named):
    """One of the VM's NICs, by its name; `lan: dhcp` is short for `{mode: dhcp}`."""

    shorthand: ClassVar[tuple[str, ...]] = ("mode",)

    mode: Literal["static", "dhcp", "off"] | None = declared(
        "Static with `addresses`, by DHCP, or not configured; `static` where there are addresses.", effect="creation"
    )
    addresses: tuple[Interface, ...] | None = declared("Addresses with length, IPv4 and IPv6.", effect="creation")
    gateway: Address | None = declared("Default router (IPv4).", effect="creation")
    gateway6: Address | None = declared("Default router (IPv6).", effect="creation")
    dns: tuple[Address, ...] | None = declared("Name servers.", effect="creation")
    search: tuple[DnsName, ...] | None = declared("Domains to search.", effect="creation")
    routes: Annotated[tuple[Route, ...] | None, Unit("routes")] = declared("More routes.", effect="creation")
    mtu: Annotated[int, Strict(), Field(ge=68, le=65535), Unit("bytes")] | None = declared("MTU.", effect="creation")
    accept_ra: Yes | None = declared("Whether router advertisements are taken.", effect="creation")
