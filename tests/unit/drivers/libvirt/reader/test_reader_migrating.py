"""How a VM that is on its way looks on either side."""

from __future__ import annotations

import libvirt
import pytest

from drivers.libvirt.reader.vms import REASONS, _migrating
from drivers.seen import Power


@pytest.mark.parametrize(
    ("power", "constant", "persistent", "seen"),
    [
        (Power.PAUSED, "PAUSED_MIGRATION", False, "in"),
        (Power.PAUSED, "PAUSED_STARTING_UP", False, "in"),
        (Power.PAUSED, "PAUSED_MIGRATION", True, "out"),
        (Power.PAUSED, "PAUSED_POSTCOPY", True, "out"),
        (Power.PAUSED, "PAUSED_STARTING_UP", True, ""),
        (Power.PAUSED, "PAUSED_USER", True, ""),
        (Power.PAUSED, "PAUSED_USER", False, ""),
        (Power.RUNNING, "RUNNING_MIGRATED", True, ""),
        (Power.STOPPED, "SHUTOFF_MIGRATED", True, ""),
    ],
)
def test_only_what_libvirt_itself_paused_for_a_migration_is_on_its_way(
    power: Power, constant: str, persistent: bool, seen: str
) -> None:
    state = getattr(libvirt, f"VIR_DOMAIN_{constant.partition('_')[0]}")
    reason = REASONS[state, getattr(libvirt, f"VIR_DOMAIN_{constant}")]
    assert _migrating(power, reason, persistent) == seen
