"""The lab's entry in the local settings: where the PKI called `lab` lies.

A repository names a PKI and never carries a path (a commit must not be able to make gitvirt read a file), so the path
goes into `settings.d/lab.yaml` of the user's settings folder. Called by lab.py.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from drivers.lab.state import write_private

PKI_NAME = "lab"


def default_file() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home, "gitvirt", "settings.d", "lab.yaml").absolute()


def register(file: Path, pki: Path) -> bool:
    """Write the entry; True if something was to do."""
    entry = f"pki:\n  {PKI_NAME}: {{path: {json.dumps(str(pki))}}}\n"
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
    for folder in (file.parent, file.parent.parent):
        try:
            folder.rmdir()
        except OSError:
            return


def _text_of(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return None
