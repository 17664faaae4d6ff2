"""The place that is measured: a lab of its own with one real libvirt host, and a repository that declares N small VMs.

In: a folder to put everything in. Out: commands to run, and the URI for libvirt-python. Called by __main__.py; all
is taken down at the end, also after an error.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drivers.lab.lab import Lab
from drivers.lab.paths import STATE_VARIABLE, LabPaths
from tests.bench.sample import Cost, process

HOST = "kvm1"
POOL = "bench"
HERE = Path(__file__).parent
GITVIRT = Path(sys.executable).with_name("gitvirt")

HEAD = """
apiVersion: gitvirt/v1
kind: Repository
metadata: {{name: bench}}
spec: {{id: 5a1d1f0e-6f0f-4c7b-9d8e-0f3c6f6e5b11}}
---
apiVersion: gitvirt/v1
kind: Cluster
metadata: {{name: default}}
spec: {{emulation: tcg}}
---
apiVersion: gitvirt/v1
kind: Host
metadata: {{name: kvm1}}
spec: {{uri: "{uri}"}}
---
apiVersion: gitvirt/v1
kind: StorageDomain
metadata: {{name: bench}}
spec: {{type: local, path: /var/lib/libvirt/bench}}
"""
VM = """---
apiVersion: gitvirt/v1
kind: VirtualMachine
metadata: {{name: {name}}}
spec:
  cpu: 1
  memory: 64MiB
  disks: [{{name: root, size: 64MiB}}]
  state: {state}
  autostart: false
  stopTimeout: 0s
  stopLastResort: destroy
"""


def names(count: int) -> list[str]:
    """The names of that many VMs."""
    return [f"vm-{number:03d}" for number in range(1, count + 1)]


class Site:
    """One host and one repository."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.repository = folder / "repository"
        self.file = self.repository / "vms.yaml"
        self.uri = lab.libvirt_uri(HOST)
        self._init()

    def head(self) -> str:
        """All but the VMs."""
        return HEAD.format(uri=self.lab.uri(HOST))

    def declare(self, count: int, state: str = "stopped") -> None:
        """Commits a repository with that many VMs."""
        text = "".join(VM.format(name=name, state=state) for name in names(count))
        self.file.write_text(text, encoding="utf-8")
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", f"{count} VMs, {state}")

    def gitvirt(self, verb: str, *words: str) -> Cost:
        """One gitvirt process that has to find (plan) or leave (apply) everything as it is declared."""
        return process([GITVIRT, verb, *words, self.repository])

    def bare(self, verb: str, *words: str) -> Cost:
        """One process of the hand-written script on the same file and host; RuntimeError if it has anything to tell."""
        said: list[str] = []
        cost = process([sys.executable, HERE / "bare.py", verb, self.uri, self.file, *words], said=said)
        if said != [""]:
            raise RuntimeError(f"bare.py {verb} found that not all is as declared:\n{said[0]}")
        return cost

    def _init(self) -> None:
        self.repository.mkdir()
        (self.repository / "gitvirt.yaml").write_text(self.head(), encoding="utf-8")
        self._git("init", "--quiet")
        self._git("config", "user.name", "bench")
        self._git("config", "user.email", "bench@gitvirt.invalid")

    def _git(self, *words: str) -> None:
        subprocess.run(["git", "-C", str(self.repository), *words], check=True)


@contextmanager
def laboratory(hosts: int) -> Iterator[tuple[Lab, Path]]:
    """A fresh lab in a temporary folder, with settings and state of its own, which commands find by the environment.

    Python keeps bytecode, ours and that of other tools, as it does for a user; else every start would compile it all.
    """
    with tempfile.TemporaryDirectory(prefix="gitvirt-bench-") as name:
        folder = Path(name)
        settings = folder / "config" / "settings.yaml"
        settings.parent.mkdir()
        settings.write_text(f"state: {folder / 'state'}\n", encoding="utf-8")
        os.environ |= {STATE_VARIABLE: str(folder / "lab"), "GITVIRT_CONFIG": str(settings)}
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        lab = Lab(LabPaths.from_environment())
        try:
            lab.up(hosts)
            yield lab, folder
        finally:
            lab.down()


@contextmanager
def site() -> Iterator[Site]:
    """One host and a repository."""
    with laboratory(1) as (lab, folder):
        yield Site(lab, folder)
