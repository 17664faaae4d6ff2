"""NICs: every setting there and back, what a move to another network keeps, and places that are no network."""

from __future__ import annotations

import pytest

from drivers.base import Edit
from drivers.libvirt.domain import CannotWrite
from drivers.libvirt.domain.aspects import nics
from drivers.libvirt.domain.definition import build
from drivers.libvirt.domain.tree import parse, parse_to_edit
from specs.fields import Scalar, under
from tests.unit.drivers.libvirt.domain.samples import edited, new_vm, reread, text

INACTIVE = text("running-inactive")
EVERY: dict[str, Scalar] = {
    "network": "lan", "mac": "52:54:00:00:00:09", "model": "virtio", "link": "down", "portgroup": "blue",
    "virtualPort.type": "openvswitch", "virtualPort.interfaceId": "11111111-2222-3333-4444-555555555555",
    "virtualPort.profileId": "p", "vlan.tags": "42,47", "vlan.trunk": True, "vlan.native": 47, "isolated": True,
    "filter": "clean-traffic", "filterParameters": "IP=192.0.2.7,IP=192.0.2.8", "trustGuestRxFilters": True,
    "bandwidth.inbound.average": 1 << 20, "bandwidth.inbound.peak": 1 << 21, "bandwidth.inbound.burst": 1 << 20,
    "bandwidth.outbound.average": 4096, "rxFrames": 7, "mtu": 1400, "driver": "vhost", "queues": 2, "bootOrder": 2,
    "rxQueueSize": 512, "txQueueSize": 256, "acpiIndex": 3, "rom.enabled": True, "rom.bar": False, "rom.file": "/x.rom",
}  # fmt: skip


def test_a_nic_with_every_setting_reads_as_it_was_built() -> None:
    given = dict(under("nics", "lan", EVERY))
    found = reread(build(new_vm(fields={"memory": 1 << 27, "cpu.count": 1, **given}), 9_000_000)).config
    assert {path: found.get(path) for path in given} == given


def test_taking_every_setting_away_leaves_the_nic_of_before() -> None:
    extra = {key: value for key, value in EVERY.items() if f"nics[lan].{key}" not in reread(INACTIVE).config}
    there = edited(INACTIVE, *(Edit(path=path, after=value) for path, value in under("nics", "lan", extra)))
    order = sorted(under("nics", "lan", extra), key=lambda each: "native" not in each[0])
    back = edited(there, *(Edit(path=path, after=None) for path, _ in order))
    before, after = (parse(each).find("devices/interface") for each in (edited(INACTIVE), back))
    assert before is not None
    assert after is not None
    assert sorted(str(each.tag) for each in after) == sorted(str(each.tag) for each in before)
    assert dict(reread(back).config) == dict(reread(INACTIVE).config)


@pytest.mark.parametrize("place", ["bridge:br0", "direct:eth0", "vdpa:/dev/vhost-vdpa-0", "user", "other"])
def test_a_nic_goes_anywhere_and_comes_back(place: str) -> None:
    there = edited(INACTIVE, Edit(path="nics[lan].network", after=place))
    assert reread(there).config["nics[lan].network"] == place
    back = edited(there, Edit(path="nics[lan].network", after="lan"))
    assert dict(reread(back).config) == {**reread(INACTIVE).config, "nics[lan].network": "lan"}


def test_a_move_to_another_network_keeps_portgroup_and_tags() -> None:
    fields: dict[str, Scalar] = {"portgroup": "blue", "vlan.tags": "42", "virtualPort.type": "openvswitch"}
    there = edited(INACTIVE, *(Edit(path=path, after=value) for path, value in under("nics", "lan", fields)))
    moved = reread(edited(there, Edit(path="nics[lan].network", after="other"))).config
    assert {key: moved.get(f"nics[lan].{key}") for key in fields} == fields
    bridged = reread(edited(there, Edit(path="nics[lan].network", after="bridge:br0"))).config
    assert bridged["nics[lan].vlan.tags"] == "42"
    assert "nics[lan].portgroup" not in bridged
    assert "nics[lan].virtualPort.type" not in bridged


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("network", "hostdev:eth0", "is no network"),
        ("network", "bridge:", "needs a network"),
        ("filterParameters", "IP=192.0.2.7", "no filter"),
        ("vlan.native", 7, "none of the NIC's tags"),
    ],
)
def test_what_libvirt_could_not_make_sense_of_is_refused(field: str, value: Scalar, said: str) -> None:
    with pytest.raises(CannotWrite, match=said):
        edited(INACTIVE, Edit(path=f"nics[lan].{field}", after=value))


ON_A_SWITCH = """<domain><devices><interface type='bridge'><mac address='52:54:00:12:34:56'/>
  <source network='office' portid='4216478c-2128-48d7-a75b-796e2b5355d7' bridge='ovsbr0'/><vlan><tag id='10'/></vlan>
  <virtualport type='openvswitch'/><target dev='vnet2'/><model type='virtio'/></interface></devices></domain>"""


def test_a_running_nic_on_a_network_of_a_bridge_is_on_that_network() -> None:
    source = parse(ON_A_SWITCH).find("devices/interface/source")
    assert source is not None
    assert nics.network_of("bridge", source) == "office"


@pytest.mark.parametrize(
    ("own", "kept"),
    [
        ("<mac address='52:54:00:12:34:56'/>", {}),
        ("<mac address='52:54:00:12:34:56'/><vlan><tag id='42'/></vlan>", {"vlan": "42"}),
        ("<mac address='52:54:00:00:00:00'/><vlan><tag id='42'/></vlan>", {}),
    ],
)
def test_what_a_network_gave_a_running_nic_does_not_go_along_to_another(own: str, kept: dict[str, str]) -> None:
    nic = parse_to_edit(ON_A_SWITCH).find("devices/interface")
    assert nic is not None
    nics.without_loans(nic, parse_to_edit(f"<domain><devices><interface>{own}</interface></devices></domain>"))
    assert nic.find("virtualport") is None
    assert [each.get("id") for each in nic.iterfind("vlan/tag")] == list(kept.values())


def test_a_running_nic_goes_back_to_libvirt_as_the_kind_that_it_was_defined_as() -> None:
    nic = parse_to_edit(ON_A_SWITCH).find("devices/interface")
    assert nic is not None
    nics.as_defined(nic)
    assert (nic.get("type"), len(nic.findall("vlan")), len(nic.findall("virtualport"))) == ("network", 1, 1)
