"""How a VM that is on its way looks on either side."""

from __future__ import annotations

import libvirt
import pytest

from drivers.libvirt.domain.reading import Reading
from drivers.libvirt.reader.vms import Bulk, _seen


@pytest.mark.parametrize(
    ("constant", "transient", "migrating"),
    [
        ("PAUSED_MIGRATION", True, "in"),
        ("PAUSED_STARTING_UP", True, "in"),
        ("PAUSED_MIGRATION", False, "out"),
        ("PAUSED_POSTCOPY", False, "out"),
        ("PAUSED_POSTCOPY_FAILED", False, "out"),
        ("PAUSED_STARTING_UP", False, ""),
        ("PAUSED_USER", False, ""),
        ("PAUSED_USER", True, ""),
        ("RUNNING_MIGRATED", False, ""),
        ("RUNNING_POSTCOPY_FAILED", False, ""),
        ("SHUTOFF_MIGRATED", False, ""),
    ],
)
def test_only_what_libvirt_itself_paused_for_a_migration_is_on_its_way(
    constant: str, transient: bool, migrating: str
) -> None:
    power, reason = (getattr(libvirt, f"VIR_DOMAIN_{each}") for each in (constant.partition("_")[0], constant))
    flags = {"transient": frozenset({"u"} if transient else ())}
    live = None if constant.startswith("SHUTOFF") else {}
    vm = _seen("u", Bulk(flags=flags, states={"u": (power, reason)}), Reading(name="x", uuid="u", config={}, live=live))
    assert vm is not None
    assert vm.migrating == migrating
    assert vm.persistent is not transient
