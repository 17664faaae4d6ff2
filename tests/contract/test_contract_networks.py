"""The contract of Networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from drivers.base import Edit, NewNetwork
from drivers.errors import Conflict, Missing, Refused, Unsupported
from drivers.mark import Mark
from reconciler.place.hosts.gates import BRIDGE_TAGS
from specs.structs import replace
from tests.contract.twin import Twin, id_of
from tests.strategies import mark_for


def new_network(name: str, number: int, generation: int = 1, **more: Any) -> NewNetwork:
    """An isolated network 10.78.`number`.0/24 with DHCP; `more` are fields with dots as double underscores."""
    fields = {
        "type": "isolated",
        "subnet": f"10.78.{number}.0/24",
        "address": f"10.78.{number}.1",
        "dhcp.start": f"10.78.{number}.10",
        "dhcp.end": f"10.78.{number}.99",
        **{path.replace("__", "."): value for path, value in more.items()},
    }
    mark: Mark = mark_for(name, id_of(name), {}, generation)
    return NewNetwork(name=name, uuid=id_of(name), fields=fields, mark=mark)


def test_a_defined_network_reads_back_and_is_inactive(twin: Twin, name: str) -> None:
    new = new_network(name, 1, domain="lab.test", mtu=1400)
    extra = {
        "hosts[web].mac": "52:54:00:aa:00:01",
        "hosts[web].address": "10.78.1.5",
        "dns[10.78.1.5].names": "a.test,web.test",
    }
    new = replace(new, fields={**new.fields, **extra})
    for _ in range(2):
        twin.host.networks.define(new)
        seen = twin.network(name)
        assert (seen.uuid, seen.active, seen.autostart, seen.live, seen.mark) == (
            new.uuid,
            False,
            False,
            None,
            new.mark,
        )
        assert seen.config == new.fields


BRIDGE = "brcontract"


@pytest.fixture
def bridge(twin: Twin) -> Iterator[str]:
    """A bridge of Linux on the first host, which it tells of."""
    twin.bridge(BRIDGE, True)
    yield BRIDGE
    twin.bridge(BRIDGE, False)


@pytest.mark.parametrize("more", [{"type": "bridge"}, {"type": "ovs"}, {"type": "ovs", "vlan": 20}], ids=str)
def test_a_network_on_a_bridge_reads_back(twin: Twin, name: str, bridge: str, more: dict[str, Any]) -> None:
    fields = {**more, "bridge": bridge}
    new = replace(new_network(name, 0), fields=fields)
    twin.host.networks.define(new)
    assert twin.network(name).config == fields
    link = twin.host.reader.read().links[bridge]
    assert (link.type, link.mtu, link.members) == ("bridge", 1500, frozenset())


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "bridge", "bridge": "br-nowhere"},
        {"type": "ovs", "bridge": "br-nowhere"},
        {"type": "bridge", "bridge": BRIDGE, "mtu": 1400},
        {"type": "routed"},
        {"type": "open"},
    ],
    ids=str,
)
def test_what_a_host_cannot_be_is_refused(twin: Twin, name: str, bridge: str, fields: dict[str, Any]) -> None:
    new = replace(new_network(name, 0), fields=fields)
    with pytest.raises((Refused, Unsupported)):
        twin.host.networks.define(new)
    assert twin.host.reader.network(name) is None


def test_a_vlan_is_taken_on_a_bridge_of_linux_where_the_version_can(twin: Twin, name: str, bridge: str) -> None:
    new = replace(new_network(name, 0), fields={"type": "bridge", "bridge": bridge, "vlan": 20})
    if twin.host.reader.read().libvirt >= BRIDGE_TAGS:
        twin.host.networks.define(new)
        assert twin.network(name).config["vlan"] == 20
    else:
        with pytest.raises((Refused, Unsupported)):
            twin.host.networks.define(new)


@pytest.mark.parametrize(("number", "kind"), [(21, "routed"), (22, "open"), (23, "nat")])
def test_networks_that_forward_start_and_read_back(twin: Twin, name: str, number: int, kind: str) -> None:
    more = {} if kind == "open" else {"uplink": "eth0"}
    new = new_network(name, number, type=kind, mtu=1400, **more)
    twin.host.networks.define(new)
    twin.host.networks.active(name, True)
    seen = twin.network(name)
    assert (seen.config, seen.live) == (new.fields, new.fields)
    changed = new_network(name, number, 2, type=kind, mtu=1300, **more)
    twin.host.networks.define(changed, 1)
    assert twin.network(name).config == changed.fields
    twin.host.networks.active(name, False)


def test_a_network_is_started_and_stopped(twin: Twin, name: str) -> None:
    new = new_network(name, 2)
    twin.host.networks.define(new)
    for on in (True, True, False, False):
        twin.host.networks.active(name, on)
        twin.host.networks.autostart(name, on)
        seen = twin.network(name)
        assert (seen.active, seen.autostart, seen.live is not None) == (on, on, on)
        assert seen.live is None or seen.live == seen.config


def test_a_redefinition_waits_for_the_restart_of_an_active_network(twin: Twin, name: str) -> None:
    twin.host.networks.define(new_network(name, 3))
    twin.host.networks.active(name, True)
    twin.host.networks.define(new_network(name, 3, 2, domain="new.test"), expects=1)
    seen = twin.network(name)
    assert seen.live is not None
    assert (seen.config.get("domain"), seen.live.get("domain")) == ("new.test", None)
    twin.host.networks.active(name, False)
    twin.host.networks.active(name, True)
    assert (twin.network(name).live or {}).get("domain") == "new.test"


def test_an_unexpected_generation_is_a_conflict_and_changes_nothing(twin: Twin, name: str) -> None:
    twin.host.networks.define(new_network(name, 4))
    before = twin.network(name)
    other = new_network(name, 4, 5, domain="other.test")
    for expects in (None, 3):
        with pytest.raises(Conflict):
            twin.host.networks.define(other, expects)
        with pytest.raises(Conflict):
            twin.host.networks.edit(other, expects, ())
    assert twin.network(name) == before


def test_a_name_that_another_network_has_is_a_conflict(twin: Twin, name: str) -> None:
    new = new_network(name, 5)
    twin.host.networks.define(new)
    with pytest.raises(Conflict):
        twin.host.networks.define(replace(new, uuid=id_of("somebody else")))


def test_leases_names_and_range_change_in_a_running_network(twin: Twin, name: str) -> None:
    twin.host.networks.define(new_network(name, 6))
    twin.host.networks.active(name, True)
    lease = {"mac": "52:54:00:aa:00:06", "address": "10.78.6.6"}
    added = {"hosts[web].mac": lease["mac"], "hosts[web].address": lease["address"], "dns[10.78.6.6].names": "web"}
    wanted = new_network(name, 6, 2, **{"dhcp__end": "10.78.6.50"})
    wanted = replace(wanted, fields={**wanted.fields, **added})
    edits = (
        Edit(path="hosts[web]", after=lease),
        Edit(path="dns[10.78.6.6]", after={"names": "web"}),
        Edit(path="dhcp.end", before="10.78.6.99", after="10.78.6.50"),
    )
    twin.host.networks.edit(wanted, 1, edits)
    seen = twin.network(name)
    assert (seen.live, seen.config, seen.mark) == (wanted.fields, wanted.fields, wanted.mark)

    wanted = new_network(name, 6, 3, **{"dhcp__end": "10.78.6.50"})
    twin.host.networks.edit(wanted, 2, (Edit(path="hosts[web]", before=lease), Edit(path="dns[10.78.6.6]", before={})))
    assert twin.network(name).live == wanted.fields


def test_what_a_running_network_cannot_change_is_refused(twin: Twin, name: str) -> None:
    twin.host.networks.define(new_network(name, 7))
    twin.host.networks.active(name, True)
    before = twin.network(name)
    with pytest.raises(Refused):
        twin.host.networks.edit(new_network(name, 7, 2, mtu=1400), 1, (Edit(path="mtu", after=1400),))
    assert twin.network(name) == before


def test_undefining_stops_the_network_and_is_satisfied_when_it_is_gone(twin: Twin, name: str) -> None:
    twin.host.networks.define(new_network(name, 8))
    twin.host.networks.active(name, True)
    twin.host.networks.undefine(name)
    assert twin.host.reader.network(name) is None
    twin.host.networks.undefine(name)


def test_what_is_not_there_is_missing(twin: Twin, name: str) -> None:
    with pytest.raises(Missing):
        twin.host.networks.active(name, True)
    with pytest.raises(Missing):
        twin.host.networks.autostart(name, True)
    with pytest.raises(Missing):
        twin.host.networks.edit(new_network(name, 9), 1, ())
    with pytest.raises(Missing):
        twin.host.networks.define(new_network(name, 9), expects=3)
    assert twin.host.reader.network(name) is None


def test_a_released_network_stays_without_its_mark(twin: Twin, name: str) -> None:
    twin.host.networks.define(new_network(name, 10, domain="lab.test"))
    twin.host.networks.active(name, True)
    before = twin.network(name)
    with pytest.raises(Conflict):
        twin.host.networks.release(name, 7)
    for _ in range(2):
        twin.host.networks.release(name, 1)
        after = twin.network(name)
        assert (after.mark, after.active, after.config, after.live) == (None, True, before.config, before.live)
    with pytest.raises(Conflict):
        twin.host.networks.define(new_network(name, 10, 2), expects=1)
