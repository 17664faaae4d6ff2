"""Host: a libvirt daemon and how to reach it.

A URI comes from Git and is opened by gitvirt, so it may only say where, never what to run or which file to read: query
parameters are few, and those that need a file name one by the name of a local setting.
"""

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import AfterValidator

from specs.errors import BadValue, did_you_mean
from specs.kinds.common import Line
from specs.kinds.migration import HostMigration
from specs.model import NAME_PATTERN, Model, Name, Unit, Yes, declared

SCHEMES = ("qemu", "qemu+tls", "qemu+ssh", "qemu+libssh", "qemu+libssh2")
_SSH = ("qemu+ssh", "qemu+libssh", "qemu+libssh2")
PARAMETERS: Mapping[str, tuple[str, ...]] = {"pkipath": ("qemu+tls",), "keyfile": _SSH, "known_hosts": _SSH}
"""Query parameter → the schemes that take it; its value is the name of a local setting."""
_REFUSED: Mapping[str, str] = {
    "command": "it would run a program that the repository names",
    "netcat": "it would run a program that the repository names",
    "proxy": "it would run a program that the repository names",
    "socket": "it would open a file that the repository names",
    "no_verify": "an unknown server could take the host's place",
    "known_hosts_verify": "an unknown server could take the host's place",
    "no_tty": "gitvirt never asks on a terminal anyway",
    "tls_priority": "it could weaken the encryption",
}
_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|[0-9a-fA-F:]{2,39}", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}", re.ASCII)


def check_uri(uri: str) -> str:
    """The URI itself; BadValue says what must not be in it."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise BadValue("this is no URI", fix="write one such as `qemu+tls://kvm1.example.org/system`") from None
    if port == 0 or re.search(r"[\x00-\x20\x7f]", uri):
        raise BadValue("this is no URI", fix="take spaces, control characters and port 0 away")
    _check_scheme(parts)
    _check_server(parts)
    if parts.path not in ("/system", "/session"):
        raise BadValue(f"the path `{parts.path[:40]}` is not known", fix="end it with `/system`")
    if parts.fragment:
        raise BadValue("a `#` means nothing in this URI", fix="take it away")
    _check_query(parts)
    return uri


def _check_scheme(parts: SplitResult) -> None:
    if parts.scheme not in SCHEMES:
        hint = did_you_mean(parts.scheme, SCHEMES) or f"use one of {', '.join(SCHEMES)}"
        raise BadValue(f"the scheme `{parts.scheme[:40]}` is not supported", fix=hint)


def _check_server(parts: SplitResult) -> None:
    if parts.password is not None:
        raise BadValue("a password in a URI", "it would be in Git and in messages", "use a key by `keyfile=NAME`")
    if parts.username is not None and not _USER.fullmatch(parts.username):
        raise BadValue("this is no user name", fix="write `user@host`")
    if parts.scheme == "qemu":
        if parts.netloc:
            fix = f"write `qemu:///system`, or a transport: `qemu+ssh://{parts.netloc[:40]}/system`"
            raise BadValue("`qemu:` is the local machine and takes no server", fix=fix)
        return
    if not parts.hostname:
        raise BadValue(f"`{parts.scheme}` needs a server", fix=f"write `{parts.scheme}://HOST/system`")
    if not _HOSTNAME.fullmatch(parts.hostname):
        raise BadValue(f"`{parts.hostname[:60]}` is no host name or address")


def _check_query(parts: SplitResult) -> None:
    seen: set[str] = set()
    for key, value in parse_qsl(parts.query, keep_blank_values=True, max_num_fields=50):
        if key in seen:
            raise BadValue(f"`{key[:40]}` is in the URI twice", fix="take one away")
        seen.add(key)
        if key not in PARAMETERS:
            why = _REFUSED.get(key, "only parameters that cannot do harm are taken")
            hint = did_you_mean(key, PARAMETERS) if key not in _REFUSED else ""
            raise BadValue(f"the parameter `{key[:40]}` is refused", why, hint or "take it away")
        if parts.scheme not in PARAMETERS[key]:
            raise BadValue(f"`{parts.scheme}` takes no `{key}`", fix=f"it belongs to {', '.join(PARAMETERS[key])}")
        if not re.fullmatch(NAME_PATTERN, value, re.ASCII):
            why = "files are named by local settings, never by the repository"
            raise BadValue(f"`{key}={value[:60]}` is no name", why, f"write `{key}=NAME` and set NAME locally")


Uri = Annotated[str, AfterValidator(check_uri), Unit("libvirt URI")]


class Host(Model):
    """A machine that runs libvirt and QEMU."""

    uri: Uri = declared(
        "How to reach its libvirt: `qemu+tls://kvm1.example.org/system`.", effect="policy", required=True
    )
    cluster: Name | None = declared("Its cluster; may be left out if there is only one.", effect="policy")
    description: Line | None = declared("Text for people.", effect="policy")
    migration: HostMigration | None = declared("How VMs come there from other hosts.", effect="policy")
    maintenance: Yes | None = declared("Emptied of VMs, and none is put there, while it is true.", effect="policy")
