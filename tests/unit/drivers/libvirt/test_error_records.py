"""The error record of a failed call, although Python frees a libvirt handle at the wrong moment."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import libvirt
import pytest

from drivers.errors import Missing
from drivers.libvirt.access import Access
from drivers.libvirt.connect import Connections

NOBODY = "00000000-0000-0000-0000-000000000001"
MOMENTS = range(20, 60)
"""Allocations of Python's from the start of the call on, after which its garbage collection begins. A failing call

makes seven, so that all of one come in turn, and several times over."""
CALLS = 15
YOUNG_ONLY = (1_000_000, 1_000_000)


@pytest.fixture
def connections() -> Iterator[Connections]:
    made = Connections("node", Access(uri="test:///default"))
    yield made
    made.close()


@pytest.fixture
def _collection() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.enable()


def disturbed(conn: libvirt.virConnect) -> Any:
    """Fails to find a domain, and frees a handle before the exception looks for the reason, as a garbage

    collection can. libvirt resets the error of the thread at the start of every call, freeing included.
    """
    handle = conn.listAllDomains()[0]
    found = libvirt.libvirtmod.virDomainLookupByName(conn._o, "nobody")
    assert found is None
    del handle
    raise libvirt.libvirtError("virDomainLookupByName() failed")


def test_a_missing_object_is_told_even_then(connections: Connections) -> None:
    with connections.reads() as conn, pytest.raises(Missing, match="Domain not found"):
        connections.call("look", disturbed, conn)


def test_one_of_many_calls_tells_it_too(connections: Connections) -> None:
    with connections.reads() as conn:
        (error,) = connections.gather("look", disturbed, [conn])
    assert isinstance(error, Missing)


def test_a_function_of_ours_sees_the_reason_itself(connections: Connections) -> None:
    def code(conn: libvirt.virConnect) -> int | None:
        try:
            disturbed(conn)
        except libvirt.libvirtError as error:
            return int(error.get_error_code())
        return None

    with connections.reads() as conn:
        assert connections.call("look", code, conn) == libvirt.VIR_ERR_NO_DOMAIN


@pytest.mark.usefixtures("_collection")
def test_a_garbage_collection_at_any_moment_takes_no_error_its_code_or_text(connections: Connections) -> None:
    kept: list[libvirt.libvirtError] = []  # and with them their records: no memory is used again, each is allocated

    def failing(conn: libvirt.virConnect, moment: int) -> None:
        gc.disable()
        gc.collect(0)
        unreachable: list[Any] = [conn.listAllDomains()[0]]
        unreachable.append(unreachable)
        del unreachable
        gc.set_threshold(moment, *YOUNG_ONLY)
        gc.enable()
        for _ in range(CALLS):
            try:
                conn.lookupByUUIDString(NOBODY)
            except libvirt.libvirtError as error:
                kept.append(error)

    with connections.reads() as conn:
        for moment in MOMENTS:
            connections.call("look", failing, conn, moment)
    told = {(error.get_error_code(), str(error)) for error in kept}
    assert told == {(libvirt.VIR_ERR_NO_DOMAIN, "Domain not found")}


def test_an_error_of_an_earlier_call_is_not_taken_for_this_one(connections: Connections) -> None:
    def without_record(conn: libvirt.virConnect) -> Any:
        raise libvirt.libvirtError("the binding's own")

    with connections.reads() as conn:
        for _ in range(5):
            with pytest.raises(Missing):
                connections.call("look", conn.lookupByName, "nobody")
        for _ in range(5):
            with pytest.raises(Exception, match="the binding's own") as raised:
                connections.call("look", without_record, conn)
            assert not isinstance(raised.value, Missing)


def test_a_handle_that_is_dropped_beside_an_error_is_freed_when_the_call_has_ended(connections: Connections) -> None:
    freed = threading.Event()

    def dropping(conn: libvirt.virConnect) -> bool:
        handle = conn.listAllDomains()[0]
        weakref.finalize(handle, freed.set)
        with contextlib.suppress(libvirt.libvirtError):
            conn.lookupByName("nobody")
        del handle
        return freed.is_set()

    with connections.reads() as conn:
        assert not connections.call("look", dropping, conn)
    assert freed.wait(60)
