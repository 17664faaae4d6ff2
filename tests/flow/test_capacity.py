"""How many more VMs of a size fit, with all hosts and without one."""

from __future__ import annotations

from reconciler.desired.wanted import WantedVm
from reconciler.place.demand import demand
from reconciler.place.headroom.capacity import Capacity, capacity
from reconciler.status.placement import room_left
from reconciler.status.situation import Situation
from tests.flow.site import Site, vm_yaml

FOUR = "=cpu: 1, memory: 4GiB"


def count(site: Site, like: str = "like", most: int = 100) -> Capacity:
    """For VMs as the declared, stopped one of that name."""
    looked = site.look()
    situation = Situation(catalog=site.revision_now().catalog, context=looked.context, plan=looked.plan)
    probe: WantedVm = looked.context.wanted.vms[like]
    asked = demand(_running(probe))
    return capacity(asked, lambda: room_left(situation, without=like), most)


def _running(vm: WantedVm) -> WantedVm:
    from specs.structs import replace

    return replace(vm, name="probe", power="running")


def test_an_empty_site_takes_what_its_memory_allows(site: Site) -> None:
    site.vms(vm_yaml("like", f"{FOUR}, state: stopped"))
    found = count(site)
    assert found.hosts == {"kvm1": 7, "kvm2": 7}  # 32 GiB each; QEMU needs some itself
    assert found.fits == 14
    assert found.all_counted
    assert "4GiB needed" in found.limits["kvm1"]
    assert found.loss is not None
    assert (found.loss.fits, found.loss.stranded) == (7, ())


def test_what_runs_and_what_the_plan_starts_is_counted(site: Site) -> None:
    site.vms(vm_yaml("one", FOUR), vm_yaml("like", f"{FOUR}, state: stopped"))
    planned = count(site)
    assert planned.fits == 13
    site.settle()
    assert count(site).fits == 13


def test_the_vms_of_a_lost_host_come_first_and_some_find_no_place(site: Site) -> None:
    big = [vm_yaml(f"big-{number}", "=cpu: 1, memory: 18GiB") for number in (1, 2)]
    site.vms(*big, vm_yaml("like", f"{FOUR}, state: stopped"))
    site.settle()
    found = count(site)
    assert found.fits == 6
    assert found.loss is not None
    assert found.loss.stranded == (f"big-{'1' if site.domain('big-1')[0] == found.loss.host else '2'}",)
    assert found.loss.fits == 3


def test_a_site_of_one_host_has_none_to_lose_and_counting_ends_somewhere(site: Site) -> None:
    site.vms(vm_yaml("like", "=cpu: 1, memory: 4GiB, hosts: [kvm1], state: stopped"))
    found = count(site)
    assert (found.hosts, found.loss) == ({"kvm1": 7}, None)
    capped = count(site, most=3)
    assert (capped.fits, capped.all_counted, capped.limits) == (3, False, {})


def test_a_host_that_may_take_nothing_counts_for_nothing(site: Site) -> None:
    site.vms(vm_yaml("like", f"{FOUR}, state: stopped"))
    site.world.cut("kvm2")
    found = count(site)
    assert (found.hosts, found.loss) == ({"kvm1": 7, "kvm2": 0}, None)
    assert "kvm2" in found.limits
