"""Network XML ↔ fields."""

import pytest
from lxml import etree

from drivers.base import NewNetwork
from drivers.libvirt.network.document import parse, text
from drivers.libvirt.network.read import read
from drivers.libvirt.network.write import build, patch
from drivers.mark import NAMESPACE, Mark
from specs.fields import Fields, Scalar

UUID = "2d3a02c6-54ab-59d0-a7c1-4a16f936b7f8"
NAT: Fields = {
    "type": "nat",
    "subnet": "192.168.150.0/24",
    "address": "192.168.150.1",
    "dhcp.start": "192.168.150.10",
    "dhcp.end": "192.168.150.99",
    "domain": "lan.test",
    "mtu": 1400,
    "hosts[web].mac": "52:54:00:00:00:01",
    "hosts[web].address": "192.168.150.20",
    "dns[192.168.150.20].names": "web,www",
}
OBSERVED = f"""
<network connections='3' xmlns:other='https://other.example'>
  <name>lan</name><uuid>{UUID}</uuid>
  <metadata><other:note>keep me</other:note></metadata>
  <forward mode='nat'><nat><port start='1024' end='65535'/></nat></forward>
  <bridge name='virbr7' stp='on' delay='0'/>
  <mac address='52:54:00:11:22:33'/>
  <dns><txt name='a' value='b'/><host ip='192.168.150.9'><hostname>by-hand</hostname></host></dns>
  <ip address='192.168.150.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.150.2' end='192.168.150.254'><lease expiry='1' unit='hours'/></range>
      <host mac='52:54:00:AA:AA:AA' ip='192.168.150.9'/>
      <host mac='52:54:00:00:00:01' name='web' ip='192.168.150.30'/></dhcp>
  </ip>
  <ip family='ipv6' address='fd00::1' prefix='64'/>
  <portgroup name='all' default='yes'/>
</network>"""


def new(fields: Fields, generation: int = 1) -> NewNetwork:
    mark = Mark(
        repository="r1", ref="network/lan", uuid=UUID, generation=generation, revision="abc", declared=dict(fields)
    )
    return NewNetwork(name="lan", uuid=UUID, fields=fields, mark=mark)


@pytest.mark.parametrize(
    "fields",
    [
        NAT,
        {"type": "isolated"},
        {"type": "isolated", "subnet": "10.0.0.0/8", "address": "10.9.8.7"},
        {"type": "bridge", "bridge": "br0"},
        {"type": "bridge", "bridge": "br0", "vlan": 20},
        {"type": "ovs", "bridge": "ovsbr0"},
        {"type": "ovs", "bridge": "ovsbr0", "vlan": 20},
        {"type": "routed", "subnet": "10.1.0.0/16", "address": "10.1.0.1", "domain": "a.test", "uplink": "eth1"},
        {"type": "nat", "subnet": "10.1.0.0/16", "address": "10.1.0.1", "uplink": "eth1"},
        {"type": "open", "subnet": "fd01::/64", "address": "fd01::1"},
    ],
)
def test_what_is_built_reads_back_as_the_same_fields_and_mark(fields: Fields) -> None:
    view = read(build(new(fields)), None)
    assert (view.name, view.uuid, view.config, view.live) == ("lan", UUID, fields, None)
    assert view.mark == new(fields).mark


def test_an_address_is_the_first_of_the_subnet_unless_declared() -> None:
    assert read(build(new({"type": "nat", "subnet": "10.0.0.0/24"})), None).config["address"] == "10.0.0.1"


def test_every_path_of_an_observed_network_is_reported() -> None:
    assert read(OBSERVED, None).config == {
        "type": "nat",
        "address": "192.168.150.1",
        "subnet": "192.168.150.0/24",
        "dhcp.start": "192.168.150.2",
        "dhcp.end": "192.168.150.254",
        "hosts[52:54:00:aa:aa:aa].mac": "52:54:00:aa:aa:aa",
        "hosts[52:54:00:aa:aa:aa].address": "192.168.150.9",
        "hosts[web].mac": "52:54:00:00:00:01",
        "hosts[web].address": "192.168.150.30",
        "dns[192.168.150.9].names": "by-hand",
    }


def test_a_patch_sets_our_fields_and_keeps_what_we_do_not_know() -> None:
    patched = patch(OBSERVED, new(NAT))
    view = read(patched, None)
    assert {path: view.config.get(path) for path in NAT} == NAT
    root = parse(patched)
    kept = (
        "bridge[@name='virbr7'][@stp='on']",
        "forward/nat/port",
        "dns/txt",
        "dns/host[@ip='192.168.150.9']",
        "ip/dhcp/range/lease",
        "ip/dhcp/host[@mac='52:54:00:AA:AA:AA']",
        "ip[@family='ipv6']",
        "portgroup",
        "metadata/{https://other.example}note",
        f"metadata/{{{NAMESPACE}}}mark",
    )
    assert [path for path in kept if root.find(path) is None] == []
    assert len(root.findall("ip/dhcp/host")) == 2


def test_a_patch_without_changes_touches_nothing_but_the_mark() -> None:
    before = build(new(NAT))
    after = patch(before, new(NAT, generation=2))
    strip = f"{{{NAMESPACE}}}mark"
    assert [etree.tostring(each) for each in parse(before) if each.tag != "metadata"] == [
        etree.tostring(each) for each in parse(after) if each.tag != "metadata"
    ]
    assert len(parse(after).findall(f"metadata/{strip}")) == 1
    assert read(after, None).mark == new(NAT, generation=2).mark


def test_entries_that_an_earlier_mark_declared_go_and_those_of_others_stay() -> None:
    ours = patch(OBSERVED, new(NAT))
    released: dict[str, Scalar] = {path: value for path, value in NAT.items() if "[" not in path}
    config = read(patch(ours, new(released, 2)), None).config
    assert not any(path.startswith(("hosts[web]", "dns[192.168.150.20]")) for path in config)
    assert config["hosts[52:54:00:aa:aa:aa].address"] == "192.168.150.9"
    assert config["dns[192.168.150.9].names"] == "by-hand"


def test_a_released_scalar_stays_as_it_is() -> None:
    config = read(patch(build(new(NAT)), new({"type": "nat"}, 2)), None).config
    assert (config["domain"], config["mtu"], config["subnet"]) == ("lan.test", 1400, "192.168.150.0/24")


def test_one_side_of_a_lease_changes_and_the_other_stays() -> None:
    changed = {**NAT, "hosts[web].address": "192.168.150.77"}
    config = read(patch(build(new(NAT)), new(changed, 2)), None).config
    assert (config["hosts[web].mac"], config["hosts[web].address"]) == ("52:54:00:00:00:01", "192.168.150.77")


def test_a_network_that_becomes_a_bridge_loses_what_libvirt_ran_for_it() -> None:
    view = read(patch(OBSERVED, new({"type": "bridge", "bridge": "br0"}, 2)), None)
    assert view.config == {"type": "bridge", "bridge": "br0"}
    back = read(patch(patch(OBSERVED, new({"type": "bridge", "bridge": "br0"}, 2)), new(NAT, 3)), None)
    assert back.config == NAT


def test_a_new_address_comes_with_its_subnet() -> None:
    moved = {**NAT, "subnet": "10.5.0.0/16", "address": "10.5.0.1", "dhcp.start": "10.5.0.2", "dhcp.end": "10.5.0.9"}
    config = read(patch(OBSERVED, new(moved, 2)), None).config
    assert (config["subnet"], config["address"], config["dhcp.end"]) == ("10.5.0.0/16", "10.5.0.1", "10.5.0.9")


def test_an_isolated_network_has_no_forwarding() -> None:
    assert parse(patch(OBSERVED, new({"type": "isolated"}, 2))).find("forward") is None


def test_the_digest_tells_definitions_apart_and_ignores_plugged_in_nics() -> None:
    fewer = OBSERVED.replace("connections='3'", "connections='1'")
    assert read(OBSERVED, OBSERVED).definition == read(OBSERVED, fewer).definition
    assert read(OBSERVED, None).definition != read(OBSERVED, OBSERVED).definition
    other = OBSERVED.replace("virbr7", "virbr8")
    assert read(other, None).definition != read(OBSERVED, None).definition


def test_a_mark_of_another_format_is_no_mark() -> None:
    marked = build(new(NAT))
    assert read(marked, None).mark is not None
    assert read(marked.replace('"format":1', '"format":99'), None).mark is None


@pytest.mark.parametrize("bad", ["", "<network", "<!DOCTYPE n [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><n>&e;<"])
def test_what_is_no_xml_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="cannot be parsed"):
        read(bad, None)


def test_an_entity_is_not_read_from_a_file() -> None:
    evil = "<!DOCTYPE n [<!ENTITY e SYSTEM 'file:///etc/hostname'>]><network><name>&e;</name></network>"
    with pytest.raises(ValueError, match="'e' not defined"):
        read(evil, None)


def test_text_leaves_out_what_follows_the_element() -> None:
    assert text(parse("<network><name>x</name></network>\n")) == "<network><name>x</name></network>"
