"""`gitvirt version`: the versions of gitvirt and of the parts that matter in a bug report."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

PARTS = ("libvirt-python", "lxml", "pydantic", "ruamel.yaml", "GitPython", "deepdiff", "typer")


def version() -> None:
    """Prints the versions of gitvirt, Python and the libraries that it uses."""
    print(f"gitvirt {installed('gitvirt')}")
    print(f"Python {platform.python_version()} on {platform.system()} {platform.release()} {platform.machine()}")
    for part in PARTS:
        print(f"{part} {_version(part)}")


def _version(part: str) -> str:
    try:
        return installed(part)
    except PackageNotFoundError:
        return "not installed"
