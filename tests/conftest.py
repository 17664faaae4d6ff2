"""The lab of a test session: one, shared by everything that is marked `live` (a machine can carry only one).

A developer's own lab is used if $GITVIRT_LAB names one, and is left up; else one is made in a temporary folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.emulator import faults

if TYPE_CHECKING:
    from drivers.lab.lab import Lab


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a test compares with a recorded file is written anew; read the difference before you commit it."""
    parser.addoption("--update", action="store_true", help="write golden plans and the field table anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All live tests share one lab: with pytest-xdist (--dist loadgroup) one worker runs them.

    Their guests are emulated, so that a slow machine takes many times longer than a fast one.
    """
    for item in items:
        if item.get_closest_marker("live"):
            item.add_marker(pytest.mark.xdist_group("lab"))
            item.add_marker(pytest.mark.timeout(1800))
            item.add_marker(pytest.mark.flaky(reruns=1, condition=partial(_emulator_at_fault, item)))


_FAULTS = pytest.StashKey[int]()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remembers what had gone wrong before the test."""
    if item.get_closest_marker("live"):
        item.stash[_FAULTS] = faults()


def _emulator_at_fault(item: pytest.Item) -> bool:
    return faults() > item.stash.get(_FAULTS, 0)


@pytest.fixture(scope="session")
def lab_of_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The lab, not necessarily up; taken down at the end unless it was up before."""
    from drivers.lab.lab import Lab
    from drivers.lab.paths import STATE_VARIABLE, LabPaths

    if os.geteuid() != 0:
        pytest.skip("live tests need root: the lab makes namespaces and network links")
    own = os.environ.get(STATE_VARIABLE)
    with pytest.MonkeyPatch.context() as patch:
        if not own:
            folder = tmp_path_factory.mktemp("lab")
            patch.setenv(STATE_VARIABLE, str(folder / "state"))
            patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        lab = Lab(LabPaths.from_environment())
        was_up = bool(lab.hosts())
        try:
            yield lab
        finally:
            if not was_up:
                lab.down(keep_cache=bool(own))
