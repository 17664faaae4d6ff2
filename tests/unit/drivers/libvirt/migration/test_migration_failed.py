"""What becomes of the copies of disks when a migration failed, by what both hosts have then. On the test driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pair_of_nodes import DISK, OFF, OTHER, Pair, domain

from drivers.errors import Conflict, Unknown, Unreachable
from drivers.libvirt.migration.copies import Copies


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(tmp_path, stack)


LOST = Unreachable("kvm1", "migrate vm/web", "keepalive timeout")


def volumes(copies: Copies) -> list[str]:
    with copies.target.changes() as conn:
        return sorted(conn.storagePoolLookupByName("local").listVolumes())


def test_a_guest_that_arrived_and_shut_down_keeps_its_only_disk(pair: Pair) -> None:
    live, copies = pair.live("", domain(OFF))
    with pytest.raises(Unknown, match="keepalive timeout; it left kvm1, and it is off on kvm2"):
        live._failed(LOST, copies)
    assert volumes(copies) == ["web.raw"]


def test_what_was_copied_goes_when_the_vm_never_left_and_ended_on_its_source(pair: Pair) -> None:
    live, copies = pair.live(domain(OFF), "")
    with pytest.raises(Unreachable):
        live._failed(LOST, copies)
    assert volumes(copies) == []


def test_a_vm_that_neither_host_has_keeps_its_copies(pair: Pair) -> None:
    live, copies = pair.live("", "")
    with pytest.raises(Unknown):
        live._failed(LOST, copies)
    assert volumes(copies) == ["web.raw", "web.raw.incoming"]


def test_a_copy_that_a_vm_of_the_target_uses_is_not_discarded(pair: Pair) -> None:
    _, copies = pair.live(domain(), domain(OFF, OTHER))
    copies.discard()
    assert volumes(copies) == ["web.raw", "web.raw.incoming"]


def test_a_copy_that_is_unfinished_by_its_marker_alone_is_not_made_over_a_disk_in_use(pair: Pair) -> None:
    source = pair.node("kvm1", domain(), "web.raw")
    target = pair.node("kvm2", domain(OFF, OTHER), "web.raw", "web.raw.incoming")
    copies = Copies(source, target, "migrate vm/web", (DISK,))
    with pytest.raises(Conflict, match="exists there already"):
        copies.make()
    assert volumes(copies) == ["web.raw", "web.raw.incoming"]
