"""What takes a guest that answers: hot-unplug, balloon, addresses, console, the agent. One guest for all tests."""

from __future__ import annotations

import pytest

from drivers.base import Edit
from drivers.errors import Conflict
from drivers.seen import Power
from tests.contract.twin import MIB, Twin


def test_a_nic_comes_and_goes_and_changes_live(twin: Twin, guest: str, lan: str) -> None:
    nic = {"network": lan, "mac": "52:54:00:00:77:02", "model": "virtio"}
    attach = (Edit(path="nics[extra]", after=nic),)
    assert twin.edit(guest, config=attach, live=attach) == ()
    assert twin.vm(guest).aliases["nics[extra]"] == "ua-nic-extra"
    for link in ("down", "up"):
        edit = (Edit(path="nics[extra].link", after=link),)
        assert twin.edit(guest, config=edit, live=edit) == ()
        assert (twin.live(guest)["nics[extra].link"], twin.vm(guest).config["nics[extra].link"]) == (link, link)
    detach = (Edit(path="nics[extra]", before=nic),)
    assert twin.edit(guest, config=detach, live=detach) == ()
    assert not any(path.startswith("nics[extra]") for path in (*twin.live(guest), *twin.vm(guest).config))


def test_a_nic_on_a_network_that_is_not_there_is_a_refusal(twin: Twin, guest: str) -> None:
    edit = (Edit(path="nics[lan].network", after="nowhere"),)
    refusals = twin.edit(guest, live=edit)
    assert [each.path for each in refusals] == ["nics[lan].network"]
    assert twin.live(guest)["nics[lan].network"] != "nowhere"


def test_a_virtio_disk_comes_and_goes(twin: Twin, name: str, guest: str) -> None:
    data = twin.disk(name)
    for edit in (Edit(path="disks[data]", after=data), Edit(path="disks[data]", before=data)):
        assert twin.edit(guest, config=(edit,), live=(edit,)) == ()
        there = edit.after is not None
        assert ("disks[data].source" in twin.live(guest)) is there
        assert ("disks[data].source" in twin.vm(guest).config) is there


def test_the_balloon_follows(twin: Twin, guest: str) -> None:
    for size in (80 * MIB, 96 * MIB):
        edit = (Edit(path="memory", after=size),)
        assert twin.edit(guest, config=edit, live=edit) == ()
        assert (twin.live(guest)["memory"], twin.vm(guest).config["memory"]) == (size, size)


def test_the_guest_s_address_is_known(twin: Twin, guest: str) -> None:
    twin.wait(lambda: bool(twin.host.reader.addresses(guest)), "an address")
    assert twin.host.reader.addresses(guest)[0].startswith("10.77.0.")


def test_a_console_belongs_to_one_client_until_it_is_taken(twin: Twin, guest: str) -> None:
    first = twin.host.console(guest)
    try:
        with pytest.raises(Conflict):
            twin.host.console(guest)
        second = twin.host.console(guest, force=True)
        try:
            while first.receive():
                pass  # what had been printed
            second.send(b"\n")
            assert second.receive()
        finally:
            second.close()
        while second.receive():
            pass
    finally:
        first.close()


def test_a_volume_in_use_is_neither_grown_nor_deleted(twin: Twin, guest: str) -> None:
    for in_use in ("guest.qcow2", "guest-base.qcow2"):
        with pytest.raises(Conflict):
            twin.host.volumes.delete(twin.pool, in_use)
        with pytest.raises(Conflict):
            twin.host.volumes.grow(twin.pool, in_use, 1 << 40)
        assert in_use in twin.seen_pool().volumes


def test_the_agent_shuts_the_guest_down_last(twin: Twin, guest: str) -> None:
    twin.host.powers.shutdown(guest, "agent")
    twin.wait(lambda: twin.vm(guest).power is Power.STOPPED, "the shutdown")
    assert twin.vm(guest).reason == "shutdown"
    assert twin.host.reader.addresses(guest) == ()
