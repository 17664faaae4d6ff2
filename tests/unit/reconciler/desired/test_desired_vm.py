"""What is wanted of a VM, from what its YAML says."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.desired.resolve import Sources, resolve
from specs.load import load
from specs.tree import Folder

REPOSITORY = """
apiVersion: gitvirt/v1
kind: Repository
metadata: {name: home}
spec: {id: 5a1d1f0e-6f0f-4c7b-9d8e-0f3c6f6e5b11}
---
apiVersion: gitvirt/v1
kind: Host
metadata: {name: kvm1}
spec: {uri: "qemu+tls://kvm1/system"}
---
apiVersion: gitvirt/v1
kind: VirtualMachine
metadata: {name: web}
spec: {cpu: 1, memory: 64MiB SAYS}
"""


@pytest.mark.parametrize(
    ("says", "seconds"), [("", 180), (", stopTimeout: 0s", 0), (", stopTimeout: 0", 0), (", stopTimeout: 5m", 300)]
)
def test_a_guest_has_as_long_to_stop_as_declared_even_if_that_is_no_time_at_all(
    says: str, seconds: int, tmp_path: Path
) -> None:
    (tmp_path / "gitvirt.yaml").write_text(REPOSITORY.replace(" SAYS", says), encoding="utf-8")
    wanted = resolve(load(Folder(tmp_path)), "r1", Sources(files={}, reveal=lambda secret: ""))
    assert wanted.vms["web"].stop_timeout == seconds


@pytest.mark.parametrize(
    ("says", "seconds"), [("", 7 * 86400), (", trash: {keep: 0s}", 0), (", trash: {keep: 1d}", 86400)]
)
def test_the_trash_keeps_things_as_long_as_declared_even_if_that_is_no_time_at_all(
    says: str, seconds: int, tmp_path: Path
) -> None:
    text = REPOSITORY.replace(" SAYS", "").replace("6f6e5b11}", "6f6e5b11" + says + "}")
    (tmp_path / "gitvirt.yaml").write_text(text, encoding="utf-8")
    assert (
        resolve(load(Folder(tmp_path)), "r1", Sources(files={}, reveal=lambda secret, where: secret)).trash_keep
        == seconds
    )
