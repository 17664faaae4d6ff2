"""The lab's entry in the local settings: where the PKI and the ssh key called `lab` lie.

A repository names them and never carries a path (a commit must not be able to make gitvirt read a file), so the path
goes into `settings.d/lab.yaml` of the user's settings folder. Called by lab.py.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Literal

from drivers.lab.state import write_private

PKI_NAME = "lab"
SSH_NAME = "lab"

Transport = Literal["tls", "ssh", "libssh", "libssh2"]


def host_uri(address: str, transport: Transport) -> str:
    """The URI of a Host at `address`, with the names that `register` gives."""
    if transport == "tls":
        return f"qemu+tls://{address}/system?pkipath={PKI_NAME}"
    return f"qemu+{transport}://root@{address}/system?keyfile={SSH_NAME}&known_hosts={SSH_NAME}"


def default_file() -> Path:
    """Beside the settings file that gitvirt reads for whoever brings the lab up."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", "gitvirt")
    named = os.environ.get("GITVIRT_CONFIG")
    folder = Path(named).expanduser().parent if named else home
    return folder.absolute() / "settings.d" / "lab.yaml"


def register(file: Path, pki: Path, ssh: Path) -> bool:
    """Write the entry; True if something was to do."""
    key, known = json.dumps(str(ssh / "client")), json.dumps(str(ssh / "known_hosts"))
    entry = (
        f"pki:\n  {PKI_NAME}: {{path: {json.dumps(str(pki))}}}\n"
        f"ssh:\n  {SSH_NAME}: {{keyfile: {key}, known_hosts: {known}}}\n"
    )
    text = f"# Written by `gitvirt lab up`, removed by `gitvirt lab down`.\n{entry}"
    if _text_of(file) == text:
        return False
    write_private(file, text)
    return True


def withdraw(file: Path, pki: Path) -> None:
    """Remove the entry if it is about this PKI, and the folders that are empty then."""
    text = _text_of(file)
    if text is None or json.dumps(str(pki)) not in text:
        return
    file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        file.parent.rmdir()
        if file.parent.parent.name == "gitvirt":
            file.parent.parent.rmdir()


def _text_of(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return None
