"""`xml:` patches on real libvirt: what its schema or its QEMU driver refuses is known before anything is changed."""

from __future__ import annotations

import pytest

from drivers.lab.lab import Lab
from reconciler.diff.change import HeldReason
from tests.live.conftest import virsh
from tests.live.site import LiveSite, machine

pytestmark = pytest.mark.live


def patched(name: str, xml: str) -> dict[str, object]:
    return machine(name, state="stopped", disks=[], xml=[{"at": "./devices", "add": xml}])


def test_the_plan_tells_which_patches_libvirt_would_refuse(site: LiveSite, lab: Lab) -> None:
    plain = [machine(name, state="stopped", disks=[]) for name in ("unknown", "unfit")]
    site.vms(plain)
    site.settle()
    before = {name: virsh(lab, site.vm(name)[0], "dumpxml", name) for name in ("unknown", "unfit")}
    documents = [
        patched("new", "<sound model='gramophone'/>"),
        patched("unknown", "<sound model='ich9'><nonsense/></sound>"),
        patched("unfit", "<watchdog model='diag288' action='reset'/>"),
        patched("fine", "<sound model='ich9'/>"),
    ]
    site.vms(documents)
    plan = site.plan()
    told = {
        each.ref.name: held
        for each in plan.changes
        for held in [each.held, *(field.held for field in each.fields)]
        if held is not None
    }
    assert {name: held.reason for name, held in told.items()} == dict.fromkeys(
        ("new", "unknown", "unfit"), HeldReason.XML_REFUSED
    )
    assert "schema" in told["unknown"].text
    assert "diag288" in told["unfit"].text
    assert site.apply().good
    assert "ich9" in virsh(lab, site.vm("fine")[0], "dumpxml", "fine")
    assert {name: virsh(lab, site.vm(name)[0], "dumpxml", name) for name in before} == before
