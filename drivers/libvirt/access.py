"""Access: how one host is reached, and the libvirt URI that this makes.

The URI comes from the Host's spec; private key, known hosts and PKI are paths from local settings, never from Git,
so that a commit can neither run a command nor name a file of ours. Host keys and certificates are always verified.
In: `Access`. Out: `uri`, for connect.py. libvirt's `ssh` transport runs the ssh program and ignores known_hosts=, so
it gets a small wrapper script that fixes every option; `libssh` and `libssh2` take them as parameters.
"""

from __future__ import annotations

import atexit
import functools
import shlex
import shutil
import tempfile
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

from drivers.errors import Refused
from specs.structs import Struct

LOCAL_ONLY = frozenset(
    (
        *("command", "keyfile", "known_hosts", "known_hosts_verify", "no_sanity", "no_tty", "no_verify", "pkipath"),
        *("sshauth", "tls_priority", "auth", "auto_tls"),
    )
)
"""URI parameters that decide what runs, what is read or what is verified here: only settings may say them."""

SSH_OPTIONS = (
    *("BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=6"),
    *("ServerAliveInterval=3", "ServerAliveCountMax=2", "UpdateHostKeys=no"),
)


class Access(Struct, frozen=True, kw_only=True):
    """`uri` as in the spec; `pki` a folder with cacert.pem, clientcert.pem and clientkey.pem (None: libvirt's own

    places); `keyfile` a private ssh key and `known_hosts` an OpenSSH file (None: those of the user's ssh).
    """

    uri: str
    pki: Path | None = None
    keyfile: Path | None = None
    known_hosts: Path | None = None


def uri(host: str, access: Access) -> str:
    """The URI to open. Refused if the spec's URI carries a parameter that only settings may set."""
    base, _, query = access.uri.partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    if found := sorted(LOCAL_ONLY & parameters.keys()):
        raise Refused(host, "connect", f"the URI must not set {', '.join(found)}: these come from local settings")
    parameters.update(_transport(base.partition(":")[0].partition("+")[2], access))
    return f"{base}?{urlencode(parameters, quote_via=quote, safe='/')}" if parameters else base


def is_side_by_side(access: Access, client: int) -> bool:
    """Whether several calls may be under way on one connection, for a client library of that version.

    libvirt's client before 10.3 lets the threads of one connection wake each other in a way that now and then
    crashes the process (CVE-2024-4418); with libssh it crashes soon. libvirt's test driver needs no client.
    """
    if access.uri.startswith("test:"):
        return True
    return client >= 10_003_000 and not access.uri.startswith("qemu+libssh:")


def _transport(transport: str, access: Access) -> dict[str, str]:
    if transport == "tls":
        return {"pkipath": str(access.pki)} if access.pki else {}
    if transport == "ssh":
        return {"command": str(_wrapper(access.keyfile, access.known_hosts)), "no_tty": "1"}
    if transport in ("libssh", "libssh2"):
        found = {"known_hosts_verify": "normal", "sshauth": "privkey" if access.keyfile else "agent,privkey"}
        if access.keyfile:
            found["keyfile"] = str(access.keyfile)
        if access.known_hosts:
            found["known_hosts"] = str(access.known_hosts)
        return found
    return {}


@functools.cache
def _wrapper(keyfile: Path | None, known_hosts: Path | None) -> Path:
    """An executable that is ssh with our options; one per pair of files, gone at exit."""
    options = list(SSH_OPTIONS)
    if keyfile:
        options += [f"IdentityFile={_value(keyfile)}", "IdentitiesOnly=yes"]
    if known_hosts:
        options += [f"UserKnownHostsFile={_value(known_hosts)}", "GlobalKnownHostsFile=/dev/null"]
    words = ["exec", "ssh", *(word for option in options for word in ("-o", option))]
    script = _scripts() / f"ssh-{len(list(_scripts().iterdir()))}"
    script.write_text(f'#!/bin/sh\n{shlex.join(words)} "$@"\n')
    script.chmod(0o700)
    return script


def _value(path: Path) -> str:
    """A path as ssh reads it in an option: quoted for spaces, with the tokens' sign doubled."""
    return '"' + str(path).replace("%", "%%") + '"'


@functools.cache
def _scripts() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="gitvirt-ssh-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
