"""Our own process is killed before and after every changing call; the next pass converges and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.errors import Busy, Refused
from drivers.memory.faults import Crash
from tests.flow.site import IMAGE, Site, vm_yaml

TWO_DISKS = "=cpu: 1, memory: 96MiB, nics: [lan], disks: [{name: root, image: guest}, {name: data, size: 1GiB}]"


def create(site: Site) -> Callable[[], None]:
    site.vms()
    return lambda: site.vms(vm_yaml("web", "cloudInit: {hostname: web}"), vm_yaml("db", TWO_DISKS))


def change(site: Site) -> Callable[[], None]:
    site.vms(vm_yaml("web", "memoryMax: 1GiB"), vm_yaml("db"))
    site.settle()
    nics = "nics: [lan, {name: b, network: lan}]"
    grown = f"=cpu: 1, memory: 512MiB, memoryMax: 1GiB, {nics}, disks: [{{name: root, image: guest}}]"
    return lambda: site.vms(vm_yaml("web", grown), vm_yaml("db", TWO_DISKS))


def remove_disk(site: Site) -> Callable[[], None]:
    site.vms(vm_yaml("db", TWO_DISKS))
    site.settle()
    return lambda: site.vms(vm_yaml("db"))


def delete(site: Site) -> Callable[[], None]:
    site.vms(vm_yaml("web"), vm_yaml("db", TWO_DISKS))
    site.settle()
    return lambda: site.vms()


def restore(site: Site) -> Callable[[], None]:
    site.vms(vm_yaml("web"), vm_yaml("db", TWO_DISKS))
    site.settle()
    site.vms()
    site.settle()
    return lambda: site.vms(vm_yaml("web"), vm_yaml("db", TWO_DISKS))


def rename(site: Site) -> Callable[[], None]:
    site.vms(vm_yaml("web", "state: stopped"))
    site.settle()
    return lambda: site.vms(vm_yaml("www", "", ", renamedFrom: web"))


def power(site: Site) -> Callable[[], None]:
    site.vms(vm_yaml("web"), vm_yaml("db", "state: stopped"))
    site.settle()
    return lambda: site.vms(vm_yaml("web", "state: stopped"), vm_yaml("db"))


SCENARIOS = (create, change, remove_disk, delete, restore, rename, power)


def summary(site: Site) -> dict[str, object]:
    """What has to be the same however often we were killed: definitions, power, and what lies in the trash."""
    found: dict[str, object] = {}
    for host, seen in site.world.observe().items():
        names = [name for pool in seen.pools for name in pool.volumes]  # type: ignore[union-attr]
        found[f"trash of {host}"] = sorted(name.partition(".trash.")[0] for name in names if ".trash." in name)
        for vm in seen.vms:  # type: ignore[union-attr]
            hardware = {path: value for path, value in vm.config.items() if not path.endswith(".mac")}
            found[vm.name] = (host, hardware, vm.power, bool(vm.mark and vm.mark.trashed))
    return found


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__)
def test_killed_at_every_step_it_converges(
    scenario: Callable[[Site], Callable[[], None]], moment: str, tmp_path: Path
) -> None:
    smooth = Site(tmp_path / "smooth")
    scenario(smooth)()
    smooth.settle()
    wanted = summary(smooth)
    for number in range(1, 100):
        site = Site(tmp_path / str(number))
        commit = scenario(site)
        commit()
        rule = site.world.faults.crash(number, moment)  # type: ignore[arg-type]
        try:
            site.apply()
        except Crash:
            pass
        else:
            assert number > 1
            break
        site.world.faults.revive()
        for _ in range(3):
            run = site.apply()
        assert run.good, [(each.step.what, each.error) for each in run.outcomes.values()]
        assert site.plan().empty
        assert summary(site) == wanted, (number, rule)
        assert not site.world.doubles
        assert not site.world.damage
    else:
        pytest.fail("the scenario never ended")


@pytest.mark.parametrize("error", [Busy, Refused])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__)
def test_when_any_call_fails_the_rest_goes_on_and_the_next_pass_converges(
    scenario: Callable[[Site], Callable[[], None]], error: type[Exception], tmp_path: Path
) -> None:
    smooth = Site(tmp_path / "smooth")
    scenario(smooth)()
    smooth.settle()
    wanted = summary(smooth)
    for number in range(1, 100):
        site = Site(tmp_path / str(number))
        scenario(site)()
        site.world.faults.fail(number, error)  # type: ignore[arg-type]
        first = site.apply()
        if first.good:
            break
        for _ in range(3):
            run = site.apply()
        assert run.good, [(each.step.what, each.error) for each in run.outcomes.values()]
        assert summary(site) == wanted, number
        assert not site.world.doubles
        assert not site.world.damage
    else:
        pytest.fail("the scenario never ended")


@pytest.mark.parametrize("effect", [False, True])
def test_a_call_that_hangs_is_unknown_and_the_next_pass_converges(effect: bool, tmp_path: Path) -> None:
    for number in range(1, 40):
        site = Site(tmp_path / f"{number}")
        create(site)()
        site.world.faults.hang(number, effect=effect)
        if site.apply().good:
            break
        for _ in range(3):
            run = site.apply()
        assert run.good, [(each.step.what, each.error) for each in run.outcomes.values()]
        assert not site.world.doubles
        assert not site.world.damage
    assert number > 5


def test_what_is_declared_of_a_disk_while_its_volume_is_unfinished_comes_with_it(site: Site) -> None:
    (site.repository / "guest.qcow2").write_bytes(IMAGE + b"other bytes")
    site.vms(vm_yaml("web", "=cpu: 1, memory: 96MiB, disks: [{name: root, image: guest, cache: none}]"))
    assert not site.apply().good
    (site.repository / "guest.qcow2").write_bytes(IMAGE)
    site.vms(vm_yaml("web", "=cpu: 1, memory: 96MiB, disks: [{name: root, image: guest, cache: writeback}]"))
    site.settle()
    assert site.domain("web")[1].config["disks[root].cache"] == "writeback"
