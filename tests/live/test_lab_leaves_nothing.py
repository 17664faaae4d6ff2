"""The lab's end: `down` leaves nothing, whatever was killed, lost or hanging before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.lab import network, processes
from drivers.lab.bmc import process as bmc
from drivers.lab.errors import LabConflict, StateDamaged
from drivers.lab.lab import Lab
from drivers.lab.paths import SHARED_IN_HOST
from tests.live.facts import inside, wait_for_power

pytestmark = pytest.mark.live


def machine_links() -> list[str]:
    return sorted(link["ifname"] for link in json.loads(subprocess.check_output(["ip", "-json", "link"])))


@pytest.fixture
def fresh(lab_of_session: Lab) -> Iterator[Lab]:
    """No lab at all; what is left in the end is taken down."""
    lab_of_session.down()
    assert not [name for name in machine_links() if name.startswith("gv-")]
    yield lab_of_session
    lab_of_session.down()


def assert_nothing_left(lab: Lab) -> None:
    assert processes.host_processes(lab.paths.state) == []
    assert bmc.find(lab.paths) == []
    assert network.links() == []
    assert not lab.paths.state.exists()
    assert str(lab.paths.state) not in Path("/proc/self/mounts").read_text(encoding="utf-8")
    settings = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config"), "gitvirt/settings.d/lab.yaml")
    assert not settings.exists()
    own = subprocess.run(["pgrep", "-fa", str(lab.paths.state)], capture_output=True, text=True).stdout.splitlines()
    assert not [line for line in own if "pytest" not in line and "pgrep" not in line]


def test_down_leaves_nothing_and_touches_nothing_else(fresh: Lab) -> None:
    links = machine_links()
    fresh.up(2)
    settings = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config"), "gitvirt/settings.d/lab.yaml")
    assert str(fresh.paths.client_pki) in settings.read_text(encoding="utf-8")
    assert fresh.down() is True
    assert_nothing_left(fresh)
    assert machine_links() == links
    assert fresh.down() is False


@pytest.mark.parametrize("loss", ["gone", "torn"])
def test_down_without_a_record(fresh: Lab, loss: str) -> None:
    fresh.up(2)
    if loss == "gone":
        fresh.paths.record.unlink()
        with pytest.raises(LabConflict, match="lab down"):
            fresh.up(2)
    else:
        fresh.paths.record.write_text(fresh.paths.record.read_text(encoding="utf-8")[:40], encoding="utf-8")
        for refused in (lambda: fresh.up(2), fresh.hosts, lambda: fresh.power_off("kvm1")):
            with pytest.raises(StateDamaged, match="lab down"):
                refused()
    assert fresh.down() is True
    assert_nothing_left(fresh)


@pytest.mark.parametrize("moment", [0.1, 0.25, 0.4, 0.6, 0.8, 1.0])
def test_down_after_up_was_killed_half_way(fresh: Lab, moment: float) -> None:
    program = "from drivers.lab.lab import Lab; Lab().up(3)"
    with subprocess.Popen([sys.executable, "-c", program]) as up:
        time.sleep(moment)
        up.kill()
    fresh.down()
    assert_nothing_left(fresh)


def test_down_after_down_was_killed_half_way(fresh: Lab) -> None:
    fresh.up(2)
    with subprocess.Popen([sys.executable, "-c", "from drivers.lab.lab import Lab; Lab().down()"]) as down:
        time.sleep(0.3)
        down.kill()
    fresh.down()
    assert_nothing_left(fresh)


def test_up_goes_on_where_a_killed_up_stopped(fresh: Lab) -> None:
    with subprocess.Popen([sys.executable, "-c", "from drivers.lab.lab import Lab; Lab().up(3)"]) as up:
        time.sleep(0.6)
        up.kill()
    fresh.up(3)
    wait_for_power(fresh, "on", "on", "on")


def test_down_while_the_shared_storage_hangs(fresh: Lab) -> None:
    fresh.up(1)
    inside(fresh, "kvm1", "kill -STOP $(pidof bindfs)")
    hanging = subprocess.Popen(fresh.inside("kvm1", ["ls", str(SHARED_IN_HOST)]), stdout=subprocess.DEVNULL)
    time.sleep(0.3)
    assert fresh.down() is True
    assert_nothing_left(fresh)
    hanging.wait(timeout=60)
