"""Networks, their profiles and roles, MAC pools: what cannot be is refused where it is written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from specs.errors import BadValue
from specs.macranges import bounds, mac, number, parse_range
from specs.patterns import fill, unfilled
from tests.unit.specs.test_specs_check import several

Faults = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{type: bridge}", "`bridge` is missing"),
        ("{type: ovs}", "type ovs uses one that the host has"),
        ("{type: ovs, bridge: b, subnet: 10.0.0.0/24}", "`subnet` has no meaning for type ovs"),
        ("{type: vxlan, bridge: 'br{vni}'}", "vxlan: `vxlan` is missing"),
        ("{type: bridge, bridge: b, vxlan: 7}", "`vxlan` has no meaning for type bridge"),
        ("{type: vxlan, bridge: b, vxlan: 7, vlan: 3}", "`vlan` has no meaning for type vxlan"),
        ("{type: nat, subnet: 10.0.0.0/24, vlan: 3}", "`vlan` has no meaning for type nat"),
        ("{type: nat, subnet: 10.0.0.0/24, bridge: b}", "`bridge` has no meaning for type nat"),
        ("{type: isolated, uplink: eth0}", "`uplink` has no meaning for type isolated"),
        ("{type: routed}", "`subnet` is missing, the host needs an address on a network of type routed"),
        ("{type: open}", "`subnet` is missing"),
        ("{type: bridge, bridge: 'br{vlan}'}", "bridge.default: `br{vlan}` needs `vlan`"),
        ("{type: bridge, bridge: {default: b, hosts: {h: 'br{vni}'}}}", "`br{vni}` needs `vxlan`"),
        ("{type: bridge, bridge: 'abcdefghijk{vlan}', vlan: 12345}", "vlan"),
        ("{type: vxlan, bridge: 'overlay-{vni}', vxlan: 16000000}", "overlay-16000000 is longer than 15"),
        ("{type: bridge, bridge: '{other}'}", "is not a bridge"),
        ("{type: isolated, defaultProfile: p, profiles: [{name: q}]}", "there is no profile `p`"),
        ("{type: isolated, profiles: [{name: q, filterParameters: ['IP=192.0.2.1']}]}", "parameters without `filter`"),
        ("{type: isolated, roles: [guest]}", "`guest` cannot be used here"),
    ],
)
def test_a_network_that_cannot_be_is_refused(spec: str, said: str, faults: Faults) -> None:
    found = faults(several(("Host", "h", "{uri: 'qemu+tls://h/system'}"), ("Network", "n", spec)))
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    "spec",
    [
        "{type: routed, subnet: 10.0.0.0/24, uplink: eth0}",
        "{type: open, external: true}",
        "{type: ovs, bridge: ovsbr0, vlan: 4094, mtu: 9000}",
        "{type: bridge, bridge: {default: 'br{vlan}', hosts: {h: vmbr20}}, vlan: 20}",
        "{type: vxlan, bridge: 'br{vni}', vxlan: {id: 7, device: 'vx{vni}'}}",
        "{type: isolated, roles: [migration], addresses: {h: 10.0.0.1, kvm1: 10.0.0.2}}",
    ],
)
def test_a_network_that_can_be_is_taken(spec: str, faults: Faults) -> None:
    assert faults(several(("Host", "h", "{uri: 'qemu+tls://h/system'}"), ("Network", "n", spec))) == []


@pytest.mark.parametrize(
    ("nic", "said"),
    [
        ("{name: net, profile: p}", "network/net has no profile `p`"),
        ("{name: x, network: 'bridge:br0', profile: p}", "no `profile` on bridge:br0"),
        ("{name: x, network: user, address: 10.0.0.9}", "no `address` on user"),
        ("{name: roles}", "network/roles is not for VMs"),
        ("{name: bare, address: 10.3.0.9}", "network/bare has no DHCP"),
        ("{name: theirs, address: 10.2.0.9}", "network/theirs is external"),
        ("{name: net, address: 10.9.9.9}", "10.9.9.9 is not for VMs of 10.0.0.0/24"),
        ("{name: net, address: 'fd00::9'}", "only IPv4 addresses can be fixed"),
        ("{name: net, address: 10.0.0.1}", "10.0.0.1 is the host's own address"),
        ("{name: net, address: 10.0.0.7}", "10.0.0.7 is used twice, network/net gives it to `printer`"),
    ],
)
def test_a_nic_that_asks_what_its_network_has_not_is_refused(nic: str, said: str, faults: Faults) -> None:
    lease = "{name: printer, mac: '52:54:00:00:00:07', address: 10.0.0.7}"
    dhcp = f"{{start: 10.0.0.10, end: 10.0.0.20, hosts: [{lease}]}}"
    found = faults(
        several(
            ("Network", "net", f"{{subnet: 10.0.0.0/24, dhcp: {dhcp}, profiles: [{{name: q}}]}}"),
            ("Network", "theirs", "{subnet: 10.2.0.0/24, external: true}"),
            ("Network", "bare", "{subnet: 10.3.0.0/24}"),
            ("Network", "roles", "{type: isolated, roles: [storage]}"),
            ("VirtualMachine", "w", f"{{nics: [{nic}]}}"),
        )
    )
    assert len(found) == 1
    assert said in found[0]


def test_a_vm_does_not_share_the_name_of_a_lease(faults: Faults) -> None:
    lease = "{name: a, mac: '52:54:00:00:00:07', address: 10.0.0.7}"
    net = ("Network", "net", f"{{subnet: 10.0.0.0/24, dhcp: {{hosts: [{lease}]}}}}")
    (said,) = faults(several(net, ("VirtualMachine", "a", "{nics: [{name: net, address: 10.0.0.9}]}")))
    assert "network/net has a lease of the name `a` already" in said


def test_two_vms_do_not_share_an_address(faults: Faults) -> None:
    nics = "{nics: [{name: net, address: 10.0.0.9}]}"
    dhcp = "{subnet: 10.0.0.0/24, dhcp: {start: 10.0.0.10, end: 10.0.0.20}}"
    (said,) = faults(several(("Network", "net", dhcp), ("VirtualMachine", "a", nics), ("VirtualMachine", "b", nics)))
    assert "10.0.0.9 is used twice, vm/a has it (more.yaml:" in said


def test_a_cluster_has_one_network_of_a_role(faults: Faults) -> None:
    def found(*networks: tuple[str, str, str]) -> list[str]:
        clusters = (("Cluster", "c", "{}"), ("Cluster", "d", "{}"))
        return [each for each in faults(several(*clusters, *networks)) if "roles" in each]

    mine, other = (
        "{type: isolated, roles: [migration], clusters: [c]}",
        "{type: isolated, roles: [migration], clusters: [d]}",
    )
    assert found(("Network", "m", mine), ("Network", "n", other)) == []
    (said,) = found(("Network", "m", mine), ("Network", "n", mine))
    assert "cluster/c has two networks with the role migration, network/m has it (more.yaml:" in said
    for many in ("vm", "storage"):
        spec = f"{{type: isolated, roles: [{many}]}}"
        assert found(("Network", "m", spec), ("Network", "n", spec)) == []


def test_a_host_without_an_address_on_the_network_of_migrations_is_told(faults: Faults) -> None:
    host = ("Host", "h", "{uri: 'qemu+tls://h/system'}")
    (said,) = faults(several(host, ("Network", "m", "{type: isolated, roles: [migration], addresses: {h: 10.0.0.1}}")))
    assert "warning: no address of kvm1, migrations to them go where libvirt chooses" in said


def test_a_mac_may_be_declared_twice_only_where_the_pool_says_so(faults: Faults) -> None:
    vms = tuple(("VirtualMachine", name, "{nics: [{name: user, mac: '52:54:00:00:00:01'}]}") for name in ("a", "b"))
    pool = "{ranges: ['52:54:00:00:01:00-52:54:00:00:01:ff']%s}"
    center = ("DataCenter", "default", "{macPool: p}")
    (said,) = faults(several(*vms, center, ("MacPool", "p", pool % "")))
    assert "this MAC is used twice, vm/a has it" in said
    assert faults(several(*vms, center, ("MacPool", "p", pool % ", allowDuplicates: true"))) == []


def test_a_pool_without_ranges_is_told_once_and_bad_ranges_each(faults: Faults) -> None:
    (said,) = faults(several(("MacPool", "p", "{ranges: []}")))
    assert "ranges: the list needs 1 or more entries" in said
    assert [each.count("is no range") for each in faults(several(("MacPool", "p", "{ranges: [a, b]}")))] == [1, 1]


def test_pools_do_not_share_addresses_and_are_there(faults: Faults) -> None:
    first = "{ranges: ['52:54:00:00:00:00-52:54:00:00:00:0f']}"
    second = "{ranges: ['52:54:00:00:00:0f-52:54:00:00:00:ff']}"
    (said,) = faults(several(("MacPool", "p", first), ("MacPool", "q", second)))
    assert "a range overlaps 52:54:00:00:00:00-52:54:00:00:00:0f of macpool/p" in said
    (said,) = faults(several(("Cluster", "default", "{macPool: pp}"), ("MacPool", "p", first)))
    assert "macPool: there is no macpool/pp; did you mean `p`?" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("52:54:00:00:00:01", "no range"),
        (7, "no range"),
        ("52:54:00:00:00:09-52:54:00:00:00:01", "the range ends at"),
        ("52:54:00:00:00:09-54:54:00:00:00:01", "more than one first pair"),
        ("53:54:00:00:00:00-53:54:00:00:00:01", "multicast"),
    ],
)
def test_a_range_that_is_none_is_refused(text: object, said: str) -> None:
    with pytest.raises(BadValue, match=said):
        parse_range(text)


def test_ranges_and_addresses_are_numbers_and_back() -> None:
    text = parse_range("52:54:00:AA:00:00 - 52:54:00:aa:00:ff")
    assert text == "52:54:00:aa:00:00-52:54:00:aa:00:ff"
    first, last = bounds(text)
    assert (last - first, mac(first), number(mac(last))) == (255, "52:54:00:aa:00:00", last)


def test_patterns_are_filled_in_with_the_network_s_numbers() -> None:
    assert fill("br{vlan}-{vni}", {"vlan": 20, "vni": 7}) == "br20-7"
    assert (unfilled("br{vlan}", {"vlan": None}), unfilled("br0", {"vlan": None})) == ("vlan", "")
