"""Waiting by hand: for VMs that are made, started, stopped or deleted meanwhile, by others or by themselves."""

from __future__ import annotations

from reconciler.operations.perform import Outcome
from reconciler.operations.wait import Goal, wait
from specs.resource import Ref
from specs.structs import replace
from tests.flow.operator import Operator
from tests.flow.site import NoWait, Site, vm_yaml


class Meanwhile(NoWait):
    """Things happen while we wait: seconds from the beginning → what."""

    def __init__(self, site: Site, **events: object) -> None:
        super().__init__(site.clock)
        self.began, self.events = site.clock.now, {int(key[2:]): what for key, what in events.items()}

    def wait(self, seconds: float) -> bool:
        super().wait(seconds)
        for due in [each for each in self.events if self.clock.now >= self.began + each]:
            self.events.pop(due)()  # type: ignore[operator]
        return False


def waiting(alice: Operator, goal: Goal, pause: NoWait, timeout: int = 60) -> Outcome:
    scene = replace(alice.scene(), pause=pause)
    told: list[Outcome] = []
    (outcome,) = wait([Ref("VirtualMachine", "web")], scene, goal, timeout, told.append)
    assert told == [outcome]
    return outcome


def test_waiting_for_a_vm_that_is_made_meanwhile(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    outcome = waiting(alice, Goal.RUNNING, Meanwhile(site, at5=site.apply))
    assert (outcome.good, outcome.text) == (True, "running on kvm1, its agent answers")


def test_waiting_for_a_stop_and_for_its_going(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    outside = site.world.outside("kvm1")
    stopped = waiting(alice, Goal.STOPPED, Meanwhile(site, at5=lambda: outside.guest_shutdown("web")))
    assert (stopped.good, stopped.text) == (True, "stopped on kvm1")
    site.vms()
    gone = waiting(alice, Goal.GONE, Meanwhile(site, at5=site.apply))
    assert (gone.good, gone.text) == (True, "in the trash on kvm1")
    outside.undefine("web")
    assert waiting(alice, Goal.GONE, NoWait(site.clock)).text == "gone"


def test_waiting_for_the_agent_and_for_addresses(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    outside = site.world.outside("kvm1")
    outside.guest("web", agent=False)
    found = waiting(alice, Goal.AGENT, Meanwhile(site, at5=lambda: outside.guest("web", agent=True)))
    assert found.good
    addresses = waiting(alice, Goal.IP, NoWait(site.clock))
    assert addresses.good
    assert addresses.text == " ".join(site.world.host("kvm1").reader.addresses(site.domain("web")[1].uuid))


def test_waiting_in_vain_tells_what_is_seen(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    outcome = waiting(alice, Goal.STOPPED, NoWait(site.clock), timeout=30)
    assert (outcome.good, outcome.text) == (False, "not stopped within 30 s: running on kvm1, its agent answers")


def test_a_foreign_vm_is_not_waited_for(site: Site, alice: Operator) -> None:
    site.world.outside("kvm1").define("web", {"memory": 1 << 28, "memoryMax": 1 << 28})
    for goal in (Goal.STOPPED, Goal.GONE):
        outcome = waiting(alice, goal, NoWait(site.clock), timeout=3)
        assert not outcome.good
        assert "kvm1 has a VM of this name that gitvirt does not own" in outcome.text


def test_a_host_that_falls_silent_proves_nothing(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    outcome = waiting(alice, Goal.GONE, Meanwhile(site, at5=lambda: site.world.cut("kvm1")), timeout=30)
    assert not outcome.good
    assert "kvm1 does not answer" in outcome.text
    site.world.cut("kvm1")
    assert "kvm1 may hold it" in waiting(alice, Goal.GONE, NoWait(site.clock), timeout=5).text
