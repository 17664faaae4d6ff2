"""What is wanted of a VM, from what its YAML says."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.desired.resolve import Sources, resolve
from reconciler.desired.wanted import Update
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


@pytest.mark.parametrize(
    ("says", "field", "value", "unsaid"),
    [
        ("state: manual", "power", "manual", "running"),
        ("restart: never", "restart", "never", "onFailure"),
        ("autostart: off", "autostart", "off", "auto"),
        ("autostart: true", "autostart", "on", "auto"),
        ("stopLastResort: destroy", "last_resort", "destroy", "fail"),
        ("deleteProtection: true", "protected", True, False),
        ("hosts: [kvm2]", "hosts", ("kvm2",), ("kvm1", "kvm2")),
        ("preferredHosts: [kvm2]", "preferred", ("kvm2",), ()),
        ("onHostMaintenance: stop", "on_host_maintenance", "stop", "migrate"),
        ("uuid: 0f5c1a2e-1111-4222-8333-444455556666", "uuid", "0f5c1a2e-1111-4222-8333-444455556666", ""),
        ("xml: [{at: ./x, remove: true}]", "xml", '[{"at":"./x","remove":true}]', ""),
        ("updatePolicy: {restart: now}", "update", Update(restart="now", offline="wait"), Update()),
        ("updatePolicy: {offline: now}", "update", Update(restart="wait", offline="now"), Update()),
    ],
    ids=str,
)
def test_what_is_declared_of_how_a_vm_is_handled_is_wanted(
    says: str, field: str, value: object, unsaid: object, tmp_path: Path
) -> None:
    second = REPOSITORY.partition("---\n")[2].partition("---\n")[0].replace("kvm1", "kvm2")
    for said, expected in ((f", {says}", value), ("", unsaid)):
        text = REPOSITORY.replace(" SAYS", said) + "---\n" + second
        (tmp_path / "gitvirt.yaml").write_text(text, encoding="utf-8")
        wanted = resolve(load(Folder(tmp_path)), "r1", Sources(files={}, reveal=lambda secret, where: secret))
        assert getattr(wanted.vms["web"], field) == expected


def test_labels_and_the_former_name_are_wanted(tmp_path: Path) -> None:
    text = REPOSITORY.replace(" SAYS", "").replace("{name: web}", "{name: web, labels: {tier: a}, renamedFrom: www}")
    (tmp_path / "gitvirt.yaml").write_text(text, encoding="utf-8")
    web = resolve(load(Folder(tmp_path)), "r1", Sources(files={}, reveal=lambda secret, where: secret)).vms["web"]
    assert (dict(web.labels), web.renamed_from) == ({"tier": "a"}, "www")
