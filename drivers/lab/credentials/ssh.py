"""The lab's ssh: a key for gitvirt, one for the hosts among themselves, a host key each, pinned. Drives `ssh-keygen`.

Comes in: names and addresses. Goes out: `<state>/ssh` for the client, and each host's /etc/ssh. The server is the
machine's own program, or one unpacked from Debian's package, since installing that would start a server on the machine.
Called by lab.py and host/services.py.
"""

from __future__ import annotations

import shutil
from ipaddress import IPv4Address
from pathlib import Path

from drivers.lab.command import run
from drivers.lab.debian import packages
from drivers.lab.host import config
from drivers.lab.paths import SSHD_IN_HOST, LabPaths

CLIENT, PEERS, HOST_KEY = "client", "peers", "ssh_host_ed25519_key"


def server(lab: LabPaths) -> tuple[str, ...]:
    """How a host starts sshd; empty when there is none."""
    own = shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin")
    if own:
        return (own,)
    if not (lab.sshd / "usr" / "sbin" / "sshd").exists():
        return ()
    libraries = sorted({file.parent for file in lab.sshd.rglob("*.so.*")})
    path = ":".join(str(SSHD_IN_HOST / folder.relative_to(lab.sshd)) for folder in libraries)
    return ("/usr/bin/env", f"LD_LIBRARY_PATH={path}", str(SSHD_IN_HOST / "usr/sbin/sshd"))


def obtain_server(lab: LabPaths) -> None:
    """Have a server; downloads Debian's if need be. Raises PackagesNotHad."""
    if not server(lab):
        draft = lab.cache / ".sshd.new"
        shutil.rmtree(draft, ignore_errors=True)
        lab.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        packages.unpack(draft, lambda _: ["openssh-server", "libwrap0"])
        draft.rename(lab.sshd)


def ensure(lab: LabPaths, hosts: dict[str, IPv4Address]) -> None:
    """Keys for all of them, each pinned at the client and at every host. A key that is there stays."""
    client, peers = _key(lab.ssh / CLIENT), _key(lab.ssh / PEERS)
    keys = {name: _key(lab.host(name).ssh / HOST_KEY) for name in hosts}
    known = "".join(f"{address},{name} {keys[name]}\n" for name, address in hosts.items())
    _put(lab.ssh / "known_hosts", known)
    for name in hosts:
        folder = lab.host(name).ssh
        shutil.copy(lab.ssh / PEERS, folder / PEERS)
        _put(folder / "ssh_known_hosts", known)
        _put(folder / "authorized_keys", f"{client} gitvirt\n{peers} peers\n")
        for file, text in config.etc_ssh(HOST_KEY, PEERS).items():
            _put(folder / file, text)


def _key(file: Path) -> str:
    """The public key of the pair in `file`, made if it is not there: type and key, without a comment."""
    public = file.with_name(f"{file.name}.pub")
    if not public.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        # ssh-keygen writes the public key last: it stands for a whole pair.
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "gitvirt-lab", "-f", file])
    return " ".join(public.read_text(encoding="utf-8").split()[:2])


def _put(file: Path, text: str) -> None:
    """Whole or not at all, and not at all if it says so already: sshd and ssh may be reading it."""
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        draft = file.with_name(f".{file.name}.new")
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
