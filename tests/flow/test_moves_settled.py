"""A guest that shuts down or goes between the look and the settling of its move: what counts stays, with its disk."""

from __future__ import annotations

import pytest

from drivers.memory.model.domain import Domain
from drivers.moving import UNFINISHED
from drivers.seen import Power
from reconciler.apply.outcome import Status
from tests.flow.leaving import held, local, with_local_disk
from tests.flow.site import Site


@pytest.fixture
def left(site: Site) -> Site:
    """vm/web was migrated to kvm2 with its local disk, and runs there; libvirt left its definition on kvm1."""
    with_local_disk(site)
    before = site.world.outside("kvm1").domain("web")
    site.apply()
    [marker] = [name for name in volumes(site, "kvm1") if ".trash." in name]
    site.world.outside("kvm1").remove_file(f"/srv/local/{marker}")
    old = Domain(before.name, before.uuid, before.config.copy(), None, mark=before.mark)
    old.reason = "migrated"
    site.world.hosts["kvm1"].domains[old.uuid] = old
    return site


def volumes(site: Site, host: str) -> set[str]:
    return set(site.world.hosts[host].mounts["/srv/local"].files)


def defined(site: Site) -> dict[str, Power]:
    return {host: vm.power for host, seen in site.world.observe().items() for vm in seen.vms}


def test_a_guest_that_shuts_down_before_it_is_settled_stays_where_it_was_moved_to(left: Site) -> None:
    looked, disks = left.look(), volumes(left, "kvm2")
    left.world.outside("kvm2").guest_shutdown("web")
    left.act(looked)
    assert defined(left) == {"kvm2": Power.STOPPED}
    assert volumes(left, "kvm2") == disks
    assert any(".trash." in name for name in volumes(left, "kvm1"))


def test_of_two_that_are_off_and_equal_none_is_removed_where_libvirt_does_not_tell_which_one_moved(left: Site) -> None:
    looked, disks = left.look(), volumes(left, "kvm1")
    left.world.outside("kvm2").guest_shutdown("web")
    left.world.outside("kvm1").domain("web").reason = "unknown"  # libvirtd was restarted meanwhile
    assert not left.act(looked).good
    assert defined(left) == {"kvm1": Power.STOPPED, "kvm2": Power.STOPPED}
    assert volumes(left, "kvm1") == disks


def test_a_disk_is_not_left_to_the_trash_when_the_target_has_not_got_the_vm_any_more(left: Site) -> None:
    looked, disks = left.look(), volumes(left, "kvm1")
    left.world.outside("kvm2").guest_shutdown("web")
    left.world.outside("kvm2").undefine("web")
    run = left.act(looked)
    assert {each.step.what: each.status for each in run.outcomes.values()} == {
        "settle where it is": Status.STALE,
        "leave the copied disk to the trash": Status.SKIPPED,
    }
    assert volumes(left, "kvm1") == disks


def test_a_copy_that_was_completed_without_us_and_is_in_use_is_not_made_again(site: Site) -> None:
    with_local_disk(site)
    [disk] = volumes(site, "kvm1")
    site.world.outside("kvm2").put_file(f"/srv/local/{disk}", content=b"another's")
    site.world.outside("kvm2").put_file(f"/srv/local/{disk}{UNFINISHED}")
    fields = site.world.outside("kvm1").domain("web").config.copy()
    other = Domain("other", "6695eb01-f6a4-8304-79aa-97f2502e1939", fields, None)
    site.world.hosts["kvm2"].domains[other.uuid] = other
    assert f"kvm2 has a volume {disk} there already" in held(site)


def test_a_former_copy_in_the_trash_goes_first_even_with_the_marker_of_an_unfinished_one(site: Site) -> None:
    with_local_disk(site)
    site.apply()
    [disk] = [name for name in volumes(site, "kvm1") if ".trash." not in name]
    site.world.outside("kvm1").put_file(f"/srv/local/{disk}{UNFINISHED}")
    site.vms(local("hosts: [kvm1]", ""))
    assert "delete its former copy from the trash" in [each.what for each in site.plan().steps]
    site.settle()
    assert site.domain("web")[0] == "kvm1"
    assert disk in volumes(site, "kvm1")
    assert not any(name.endswith(UNFINISHED) or ".trash." in name for name in volumes(site, "kvm1"))
