"""Plan → apply → plan is empty, over random VMs on the lab's libvirt; what bears no mark is not changed by a byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.lab.lab import Lab
from reconciler.cycle import Pass
from reconciler.plan.plan import Plan
from tests.generator import edited, machines
from tests.live.conftest import virsh
from tests.live.site import LiveSite, said

pytestmark = pytest.mark.live

FOREIGN = """<domain type='qemu'><name>foreign</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><disk type='file' device='disk'><source file='/nowhere/foreign.img'/><target dev='vda' bus='virtio'/></disk>
</devices></domain>"""


def test_two_hundred_vms_of_which_twenty_run(site: LiveSite, lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "foreign.xml"
    file.write_text(FOREIGN)
    virsh(lab, "kvm1", "define", file)
    before = virsh(lab, "kvm1", "dumpxml", "foreign")
    documents = machines(7, 200, 20)
    site.vms(documents)
    run = site.apply()
    assert run.good, [(str(each.step.ref), each.error) for each in run.outcomes.values() if each.error]
    settled(site)
    seen = site.look()
    running = [each.vm.name for each in seen.context.observed.vms() if each.vm.running]
    assert len(running) + len(crashed(seen)) == 20, site.last_words(seen)
    site.vms(edited(8, documents))
    run = site.apply()
    assert run.good, [(str(each.step.ref), each.error) for each in run.outcomes.values() if each.error]
    after = settled(site)
    assert not after.held, said(after)
    assert virsh(lab, "kvm1", "dumpxml", "foreign") == before


def settled(site: LiveSite) -> Plan:
    """The plan once it is empty. Twenty emulated guests on two cores: now and then one takes its QEMU down, and is

    started again as it was declared; nothing else may be left to do.
    """
    for _ in range(4):
        seen = site.look()
        if seen.plan.empty:
            return seen.plan
        assert {each.ref.name for each in seen.plan.steps} <= crashed(seen), said(seen.plan) + site.last_words(seen)
        assert site.app.act(seen, lambda step, outcome: None).good
    raise AssertionError(said(seen.plan) + site.last_words(seen))


def crashed(seen: Pass) -> set[str]:
    return {each.vm.name for each in seen.context.observed.vms() if each.vm.reason in ("crashed", "failed")}
