"""The error record of a failed call, although Python frees a libvirt handle at the wrong moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import libvirt
import pytest

from drivers.errors import Missing
from drivers.libvirt.access import Access
from drivers.libvirt.connect import Connections


@pytest.fixture
def connections() -> Iterator[Connections]:
    made = Connections("node", Access(uri="test:///default"))
    yield made
    made.close()


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
