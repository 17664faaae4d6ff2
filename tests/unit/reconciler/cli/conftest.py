"""Runs the command in this process as the console script does, and real processes where that matters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli import main
from reconciler.observe import recorded
from specs.structs import Struct
from tests.flow.site import Site, vm_yaml

REPOSITORY = """\
apiVersion: gitvirt/v1
kind: Repository
metadata: {name: home}
spec:
  id: 9a3c2d1e-0000-4000-8000-000000000001
---
apiVersion: gitvirt/v1
kind: Host
metadata: {name: nuc}
spec: {uri: "qemu:///system"}
---
apiVersion: gitvirt/v1
kind: StorageDomain
metadata: {name: vmstore}
spec: {type: local, path: /srv/vms}
---
apiVersion: gitvirt/v1
kind: Network
metadata: {name: lan}
spec: {type: nat, subnet: 192.168.150.0/24}
"""
VMS = """\
# first
apiVersion: gitvirt/v1
kind: VirtualMachine
metadata: {name: web}   # the web
spec:
  cpu: 2            # cores
  memory: 1GiB      # enough

  disks:
    - name: root    # system
      size: 10GiB
    - {name: data, size: 1GiB}
---
apiVersion: gitvirt/v1
kind: VirtualMachine
metadata:
    name: db
spec:
    cpu: {count: 2}
    memory: 2GiB
    disks: [{name: root, size: 8GiB}]
"""


class Ran(Struct, frozen=True, dict=True):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _quiet_surroundings(tmp_path, monkeypatch):
    for name in ("GITVIRT_DEBUG", "GITVIRT_REPO", "GITVIRT_CONFIG", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.fixture
def gitvirt(capsys):
    """`gitvirt("validate", ".")` → what it printed and its exit code."""

    def run(*arguments: object) -> Ran:
        code = main.run([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture
def repository(tmp_path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "gitvirt.yaml").write_text(REPOSITORY)
    (folder / "vms.yaml").write_text(VMS)
    return folder


@pytest.fixture
def process():
    """Runs the console script as a process of its own."""

    def run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from reconciler.cli.main import main; main()", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, **variables}, check=False, timeout=60
        )

    return run


class Lens:
    """A site, and `gitvirt` run on what is seen of it: `lens("get", "vms")`."""

    def __init__(self, site: Site, gitvirt, folder: Path) -> None:
        self.site, self.gitvirt, self.file, self.state = site, gitvirt, folder / "observed.json", folder / "kept"

    def __call__(self, verb: str, *arguments: object, look: bool = True):
        observed = ()
        if look:
            recorded.write(self.site.look().context.observed, b"k" * 32, self.file.write_text)
            observed = ("--observed", self.file)
        return self.gitvirt(verb, *arguments, "--repo", self.site.repository, *observed)


@pytest.fixture
def lens(tmp_path, gitvirt, monkeypatch):
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"state: {tmp_path / 'kept'}\n")
    monkeypatch.setenv("GITVIRT_CONFIG", str(settings))
    return Lens(Site(tmp_path / "site"), gitvirt, tmp_path)


@pytest.fixture
def settled(lens):
    lens.site.vms(
        vm_yaml("web", "hosts: [kvm1]", metadata=", labels: {tier: web, env: prod}"),
        vm_yaml("db", "hosts: [kvm1], state: stopped", metadata=", labels: {tier: db, env: prod}"),
        vm_yaml("test", "hosts: [kvm1]", metadata=", labels: {tier: web, env: test}"),
    )
    lens.site.settle()
    return lens
