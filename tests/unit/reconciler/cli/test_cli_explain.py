"""`describe` and `explain`: of objects that were seen, and of fields."""

from __future__ import annotations

import pytest

from reconciler.cli.exits import Exit


def test_describe_and_explain_take_the_same_targets(settled):
    for target in ("web", "vm/web", "network/lan", "host/kvm1", "sd/shared", "image/guest", "cluster/default"):
        for verb in ("describe", "explain"):
            ran = settled(verb, target)
            assert (ran.code, ran.err) == (Exit.OK, ""), target
            assert ran.out
    assert "did you mean `web`?" in settled("describe", "wbe").err
    assert settled("describe", "web", "--xml").code == Exit.ERROR


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("vm.spec.disks.size", ["spec.disks[*].size", "live; never smaller"]),
        ("vms.disks[root].bus", ["virtio | scsi", "at the next power cycle", "virtio, when it is made"]),
        ("vm", ["A virtual machine.", "memory", "metadata", "renamedFrom"]),
        ("host.uri", ["required", "libvirt URI"]),
        ("vm.metadata.labels", ["to select by"]),
        ("vm.cpu", ["a value alone is its count", "sockets"]),
    ],
)
def test_fields_are_explained_without_a_repository(gitvirt, tmp_path, monkeypatch, field, said):
    monkeypatch.chdir(tmp_path)
    ran = gitvirt("explain", field)
    assert ran.code == Exit.OK
    for each in said:
        assert each in ran.out


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("vm.disks.sze", "did you mean `size`?"),
        ("vm.memory.x", "memory has no field `x`"),
        ("vm.metadata.lables", "labels"),
    ],
)
def test_an_unknown_field_has_a_hint(gitvirt, field, hint):
    ran = gitvirt("explain", field)
    assert (ran.code, hint in ran.err) == (Exit.ERROR, True)


def test_every_field_of_every_kind_can_be_explained(gitvirt):
    from specs.kinds import KINDS

    for kind in KINDS.values():
        for path, _ in kind.shape.walk():
            assert gitvirt("explain", f"{kind.short}.spec.{path}").code == Exit.OK, path
