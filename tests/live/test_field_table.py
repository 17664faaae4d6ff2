"""The field table: how far each field of a VM's hardware is proven on a real host (levels.txt).

`started`: a running VM has it, read back from its live XML. `defined`: libvirt keeps it in the definition of the next
boot. `schema`: the XML that gitvirt writes for it passes libvirt's own schema. The samples (samples/*.yaml) are applied
as they are. A field that no sample declares, or that falls below its recorded level, fails; after a change for the
better, `pytest tests/live/test_field_table.py --update` records it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.lab.lab import Lab
from drivers.libvirt.domain.visible import same
from reconciler.desired.hardware import patterns
from reconciler.desired.wanted import WantedVm
from specs.fields import Fields, pattern
from tests.live.site import LiveSite

HERE = Path(__file__).parent
RECORD = HERE / "levels.txt"
LEVELS = ("missing", "schema", "defined", "started")


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Iterator[LiveSite]:
    found = LiveSite(lab, tmp_path)
    for sample in sorted((HERE / "samples").glob("*.yaml")):
        (found.folder / sample.name).write_text(sample.read_text())
    yield found
    found.close()


@pytest.mark.live
def test_every_field_is_proven_as_far_as_it_was(site: LiveSite, request: pytest.FixtureRequest) -> None:
    site.settle()
    wait_for_agents(site)
    found: dict[str, str] = {path: "missing" for path in patterns()}
    context = site.look().context
    for wanted in context.wanted.vms.values():
        (there,) = context.observed.by_name[wanted.name]
        for path, level in proven(wanted, there.vm.config, there.vm.live).items():
            if path in found:  # the rest is what follows from them, such as a disk's source
                found[path] = max(found[path], level, key=_rank)
    if request.config.getoption("--update", default=False):
        RECORD.write_text("".join(f"{path:40} {level}\n" for path, level in sorted(found.items())))
    known = recorded()
    fallen = {path: level for path, level in found.items() if _rank(level) < _rank(known.get(path, "started"))}
    assert not fallen, fallen


def wait_for_agents(site: LiveSite) -> None:
    """Until every guest that has an agent has booted: only then it gives back the memory that it booted with."""
    give_up = time.monotonic() + 600
    while time.monotonic() < give_up:
        vms = [each.vm for each in site.look().context.observed.vms() if each.vm.live and each.vm.live.get("agent")]
        if all(vm.agent and vm.live and vm.live.get("memory") == vm.config.get("memory") for vm in vms):
            return
        time.sleep(1)


def test_the_table_has_every_field_and_no_other() -> None:
    assert sorted(recorded()) == sorted(patterns())
    assert [path for path, level in recorded().items() if level == "missing"] == []


def _rank(level: str) -> int:
    return LEVELS.index(level)


def recorded() -> dict[str, str]:
    return dict(line.split() for line in RECORD.read_text().splitlines())


def proven(wanted: WantedVm, config: Fields, live: Fields | None) -> dict[str, str]:
    """The level of each field that one VM declares; a password's value is not read back, only that there is one."""
    found = {}
    for path, value in wanted.fields.items():
        if live is not None and path in live and same(path, value, live[path]):
            found[pattern(path)] = "started"
        elif path in config and same(path, value, config[path]):
            found[pattern(path)] = "defined"
    return found
