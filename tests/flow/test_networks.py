"""Networks across hosts in whole passes: types, VLANs, required ones, fixed addresses, profiles, MAC addresses."""

from __future__ import annotations

import pytest

from drivers.seen import Link
from reconciler.diff.change import HeldReason
from reconciler.place.hosts import hoststate
from reconciler.place.hosts.required import migration_address, missing_required
from reconciler.plan.plan import MigrateVm
from specs.structs import replace
from tests.flow.site import Site, vm_yaml


def network(name: str, spec: str) -> str:
    return f"---\napiVersion: gitvirt/v1\nkind: Network\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"


def machine(name: str, nics: str) -> str:
    return vm_yaml(name, f"=cpu: 1, memory: 96MiB, disks: [{{name: root, image: guest}}], nics: {nics}")


def pool(spec: str) -> str:
    return (
        f"---\napiVersion: gitvirt/v1\nkind: MacPool\nmetadata: {{name: house}}\nspec: {{{spec}}}\n"
        "---\napiVersion: gitvirt/v1\nkind: DataCenter\nmetadata: {name: default}\nspec: {macPool: house}\n"
    )


def stranger(site: Site, mac: str) -> None:
    """A VM of somebody else, with that MAC."""
    fields = {"memory": 64 << 20, "nics[a].mac": mac, "nics[a].network": "lan"}
    site.world.outside("kvm2").define("stranger", fields)


def bridge(site: Site, name: str, *members: str, hosts: tuple[str, ...] = ("kvm1", "kvm2"), mtu: int = 1500) -> None:
    for host in hosts:
        outside = site.world.outside(host)
        for member in members:
            tag = int(member.partition(".")[2] or 0)
            outside.plug_link(member, Link(type="vlan" if tag else "ethernet", tag=tag, up=True))
        outside.plug_link(name, Link(type="bridge", mtu=mtu, members=frozenset(members)))


def test_networks_of_every_type_are_made_on_every_host_and_stay(site: Site) -> None:
    bridge(site, "br20", "eth0.20")
    bridge(site, "br100", "vxlan100")
    for host in ("kvm1", "kvm2"):
        site.world.outside(host).plug_link("ovsbr0", Link())
    site.write(
        "networks.yaml",
        network("a", "type: routed, subnet: 10.1.0.0/24, uplink: eth0, mtu: 1400")
        + network("b", "type: open, subnet: 10.2.0.0/24")
        + network("c", "type: ovs, bridge: ovsbr0, vlan: 10")
        + network("d", "type: bridge, bridge: 'br{vlan}', vlan: 20, mtu: 1500")
        + network("e", "type: vxlan, bridge: 'br{vni}', vxlan: 100"),
    )
    site.settle()
    for host in ("kvm1", "kvm2"):
        networks = site.world.hosts[host].networks
        assert {name: networks[name].live["type"] for name in "abcde"} == {
            "a": "routed", "b": "open", "c": "ovs", "d": "bridge", "e": "bridge",
        }  # fmt: skip
        assert (networks["c"].config["vlan"], networks["d"].config.get("vlan")) == (10, None)
        assert (networks["d"].config["bridge"], networks["e"].config["bridge"]) == ("br20", "br100")
        assert "mtu" not in networks["d"].config


def test_a_vlan_is_tagged_where_the_host_can_and_relied_on_elsewhere(site: Site) -> None:
    site.world.hosts["kvm2"].libvirt = 11_003_000
    for host in ("kvm1", "kvm2"):
        site.world.outside(host).plug_link("trunk", Link(type="bridge"))
    site.write("networks.yaml", network("office", "type: bridge, bridge: trunk, vlan: 20"))
    told = {each.host: each.reason for each in site.plan().changes if each.ref.name == "office"}
    assert told == {"kvm1": "relies on trunk to carry VLAN 20", "kvm2": ""}
    site.settle()
    tags = {host: site.world.hosts[host].networks["office"].config.get("vlan") for host in ("kvm1", "kvm2")}
    assert tags == {"kvm1": None, "kvm2": 20}

    site.write("networks.yaml", network("office", "type: bridge, bridge: trunk, vlan: 30"))
    changes = {each.host: each.fields[0] for each in site.plan().changes if each.ref.name == "office"}
    assert (changes["kvm1"].kind, changes["kvm1"].note) == ("record", "already so; relies on trunk to carry VLAN 30")
    assert (changes["kvm2"].before, changes["kvm2"].after) == (20, 30)
    site.settle()


@pytest.mark.parametrize(
    ("spec", "members", "told"),
    [
        ("type: bridge, bridge: other", (), "kvm1 has no bridge other"),
        ("type: bridge, bridge: br20, vlan: 30", ("eth0.20",), "br20 of kvm1 carries VLAN 20 (eth0.20), not 30"),
        ("type: bridge, bridge: br20, mtu: 9000", (), "br20 of kvm1 takes packets of 1500 bytes, not 9000"),
        ("type: vxlan, bridge: br20, vxlan: 7", ("eth0",), "br20 of kvm1 has no VXLAN device vxlan7 in it"),
        ("type: ovs, bridge: br20", (), "br20 of kvm1 is a bridge of Linux, not of Open vSwitch"),
        ("type: bridge, bridge: eth9", (), "eth9 of kvm1 is no bridge of Linux"),
    ],
)
def test_a_bridge_that_is_not_what_the_network_asks_is_held(
    site: Site, spec: str, members: tuple[str, ...], told: str
) -> None:
    bridge(site, "br20", *members)
    for host in ("kvm1", "kvm2"):
        site.world.outside(host).plug_link("eth9", Link())
    site.write("networks.yaml", network("office", spec))
    held = {each.host: each.held for each in site.plan().changes if each.held}
    assert held["kvm1"] is not None
    assert (held["kvm1"].reason, held["kvm1"].text) == (HeldReason.NETWORK, told)
    assert held["kvm1"].fix
    assert set(held) == {"kvm1", "kvm2"}


def test_a_switch_that_is_gone_is_seen_once_a_network_names_it(site: Site) -> None:
    bridge(site, "br20", "eth1")
    site.world.outside("kvm1").plug_link("ovsbr0", Link())
    site.write("networks.yaml", network("office", "type: ovs, bridge: ovsbr0, required: true"))
    run = site.apply()  # libvirt does not list a switch that no network names: the driver asks for it
    failed = {each.step.host: str(each.error) for each in run.outcomes.values() if each.error}
    assert list(failed) == ["kvm2"]
    assert "the host has no bridge ovsbr0" in failed["kvm2"]
    site.world.outside("kvm1").plug_link("ovsbr0", None)
    looked = site.look()
    missing = missing_required(looked.context.wanted, looked.context.observed)
    assert missing == {"kvm1": "required network office: kvm1 has no bridge ovsbr0"}


def test_the_advice_for_an_overlay_says_how_its_device_is_made(site: Site) -> None:
    site.write("networks.yaml", network("e", "type: vxlan, bridge: 'br{vni}', vxlan: {id: 100, device: 'vx{vni}'}"))
    fixes = {each.held.fix for each in site.plan().changes if each.held}
    assert len(fixes) == 1
    assert "ip link add vx100 type vxlan id 100" in fixes.pop()


def test_a_host_without_a_required_network_takes_no_vm(site: Site) -> None:
    bridge(site, "br20", "eth1", hosts=("kvm2",))
    site.write("networks.yaml", network("office", "type: bridge, bridge: br20, required: true"))
    site.vms(vm_yaml("web", "preferredHosts: [kvm1]"))
    looked = site.look()
    why = "required network office: kvm1 has no bridge br20"
    assert missing_required(looked.context.wanted, looked.context.observed) == {"kvm1": why}
    assert hoststate.states(looked.context)["kvm1"].why == why
    site.apply()
    assert site.domain("web")[0] == "kvm2"

    site.world.outside("kvm2").plug_link("eth1", Link(up=False))
    looked = site.look()
    missing = missing_required(looked.context.wanted, looked.context.observed)
    assert missing["kvm2"] == "required network office: eth1 in br20 of kvm2 is down"


def test_a_vm_goes_where_the_bridge_is_and_the_reason_names_it(site: Site) -> None:
    bridge(site, "br20", "eth1")
    site.write("networks.yaml", network("office", "type: bridge, bridge: br20"))
    site.settle()
    site.world.outside("kvm1").plug_link("br20", None)  # libvirt's network stays active without it
    site.vms(machine("web", "[office]"))
    placement = site.plan().placements["web"]
    assert placement.host == "kvm2"
    assert "network office: kvm1 has no bridge br20" in placement.rejected["kvm1"]


def test_a_network_that_a_pass_can_make_is_not_missing(site: Site) -> None:
    site.write("networks.yaml", network("inner", "type: isolated, required: true"))
    looked = site.look()
    assert missing_required(looked.context.wanted, looked.context.observed) == {}
    site.write("networks.yaml", network("inner", "type: isolated, required: true, external: true"))
    looked = site.look()
    assert set(missing_required(looked.context.wanted, looked.context.observed)) == {"kvm1", "kvm2"}


def test_migrations_go_to_the_declared_address_else_to_the_one_that_can_be_read(site: Site) -> None:
    bridge(site, "brmig")
    site.write(
        "networks.yaml",
        network("mig", "type: bridge, bridge: brmig, roles: [migration], addresses: {kvm1: 10.9.0.1}"),
    )
    seen = replace(site.world.hosts["kvm2"].links["brmig"], addresses=frozenset({"10.9.0.2"}))
    site.world.outside("kvm2").plug_link("brmig", seen)
    context = site.look().context
    assert migration_address(context.wanted, "kvm1", context.observed) == "10.9.0.1"
    assert migration_address(context.wanted, "kvm2", context.observed) == "10.9.0.2"
    assert migration_address(context.wanted, "kvm2") == ""
    site.vms(vm_yaml("web", "hosts: [kvm1]"))
    site.settle()
    site.vms(vm_yaml("web", "hosts: [kvm2]"))
    (asked,) = [each.call.migration for each in site.plan().steps if isinstance(each.call, MigrateVm)]
    assert asked.address == "10.9.0.2"


def test_a_vm_gets_its_fixed_address_in_the_pass_that_makes_it(site: Site) -> None:
    site.vms(
        machine("web", "[{name: lan, address: 192.168.150.50}, {name: two, network: lan, address: 192.168.150.51}]")
    )
    site.settle()
    _, vm = site.domain("web")
    for host in ("kvm1", "kvm2"):
        live = site.world.hosts[host].networks["lan"].live
        assert live is not None
        assert live["hosts[web].mac"] == vm.config["nics[lan].mac"]
        assert live["hosts[web].address"] == "192.168.150.50"
        assert live["hosts[web-two].mac"] == vm.config["nics[two].mac"]
    site.vms(machine("web", "[lan, {name: two, network: lan}]"))
    site.settle()
    assert not any(path.startswith("hosts[") for path in site.world.hosts["kvm1"].networks["lan"].config)


def test_a_profile_reaches_every_nic_that_has_it_live(site: Site) -> None:
    def networks(filter_: str) -> str:
        profiles = (
            f"[{{name: guarded, filter: {filter_}, filterParameters: [IP=192.0.2.7], isolated: true}}, {{name: fast, "
            "bandwidth: {inbound: {average: 10MiB}}}]"
        )
        return network("net", f"type: isolated, profiles: {profiles}, defaultProfile: guarded")

    site.write("networks.yaml", networks("clean-traffic"))
    site.vms(machine("web", "[net, {name: two, network: net, profile: fast}, {name: own, network: net, filter: mine}]"))
    site.settle()
    fields = site.domain("web")[1].config
    assert (fields["nics[net].filter"], fields["nics[net].isolated"]) == ("clean-traffic", True)
    assert fields["nics[net].filterParameters"] == "IP=192.0.2.7"
    assert (fields["nics[two].bandwidth.inbound.average"], fields.get("nics[two].filter")) == (10 << 20, None)
    assert (fields["nics[own].filter"], fields.get("nics[own].filterParameters")) == ("mine", None)
    site.write("networks.yaml", networks("no-mac-spoofing"))
    (change,) = site.plan().changes
    (field,) = change.fields
    assert (field.path, str(field.effect)) == ("nics[net].filter", "live")
    assert field.where is not None
    assert field.where.file == "networks.yaml"
    site.settle()


def test_a_filter_that_the_host_has_not_is_held_before_the_vm_would_not_start(site: Site) -> None:
    for host, filters in (("kvm1", {"mine"}), ("kvm2", {"mine", "clean-traffic"})):
        state = site.world.hosts[host]
        offers = {**state.capabilities.offers, "nwfilter": frozenset(filters)}
        state.capabilities = replace(state.capabilities, offers=offers)
    site.vms(machine("web", "[{name: lan, filter: clean-traffic}]"))
    placement = site.plan().placements["web"]
    assert placement.host == "kvm2"
    assert "kvm1 has no network filter clean-traffic (it has mine)" in placement.rejected["kvm1"]


def test_consoles_listen_on_the_network_of_displays(site: Site) -> None:
    site.write("networks.yaml", network("consoles", "type: isolated, subnet: 10.5.0.0/24, roles: [display]"))
    site.vms(vm_yaml("web", "state: stopped"), vm_yaml("own", "state: stopped, graphics: {listen: 127.0.0.1}"))
    site.settle()
    web, own = site.domain("web")[1].config, site.domain("own")[1].config
    assert (web.get("graphics.network"), web.get("graphics.listen")) == ("consoles", None)
    assert (own.get("graphics.network"), own.get("graphics.listen")) == (None, "127.0.0.1")

    site.write("networks.yaml", network("consoles", "type: bridge, bridge: br20, roles: [display], required: false"))
    bridge(site, "br20", hosts=("kvm2",))
    quiet = vm_yaml("own", "state: stopped, graphics: {listen: 127.0.0.1}")
    site.vms(vm_yaml("web", "state: stopped"), quiet, vm_yaml("new"))
    plan = site.plan()
    assert plan.placements["new"].host == "kvm2"
    assert "network consoles" in plan.placements["new"].rejected["kvm1"]


def test_new_nics_take_the_next_free_address_of_their_pool_and_keep_it(site: Site) -> None:
    site.write(
        "pool.yaml", pool("ranges: ['52:54:00:00:00:01-52:54:00:00:00:03', '52:54:00:00:01:00-52:54:00:00:01:ff']")
    )
    stranger(site, "52:54:00:00:00:02")
    site.vms(
        machine("b", "[lan, {name: two, network: lan}]"),
        vm_yaml("a"),
        machine("z", "[{name: lan, mac: '52:54:00:00:01:00'}]"),
    )
    site.settle()
    macs = {name: site.domain(name)[1].config["nics[lan].mac"] for name in "abz"}
    assert macs == {"a": "52:54:00:00:00:01", "b": "52:54:00:00:00:03", "z": "52:54:00:00:01:00"}
    assert site.domain("b")[1].config["nics[two].mac"] == "52:54:00:00:01:01"
    site.write("pool.yaml", pool("ranges: ['52:54:00:00:09:00-52:54:00:00:09:ff']"))
    assert site.plan().empty


def test_an_empty_pool_holds_the_vm_and_a_short_one_is_told(site: Site) -> None:
    site.write("pool.yaml", pool("ranges: ['52:54:00:00:00:01-52:54:00:00:00:01']"))
    site.vms(vm_yaml("a"), vm_yaml("b"))
    plan = site.plan()
    (held,) = [each for each in plan.changes if each.held]
    assert held.held is not None
    assert (held.ref.name, held.held.reason) == ("b", HeldReason.MAC_POOL)
    assert [each.text for each in plan.warnings] == ["macpool/house has 1 free MAC address left"]


def test_no_address_of_a_pool_is_given_while_a_host_may_have_it(site: Site) -> None:
    site.write("pool.yaml", pool("ranges: ['52:54:00:00:00:01-52:54:00:00:00:ff']"))
    site.vms(vm_yaml("a"))
    site.settle()
    site.world.cut("kvm2" if site.domain("a")[0] == "kvm1" else "kvm1")
    site.vms(machine("a", "[lan, {name: two, network: lan}]"))
    held = [each.held for each in site.plan().changes if each.held]
    assert [each.reason for each in held if each] == [HeldReason.HOST_UNSEEN]


def test_a_declared_mac_that_another_vm_has_is_held_unless_the_pool_allows_it(site: Site) -> None:
    stranger(site, "52:54:00:00:00:02")
    site.vms(machine("a", "[{name: lan, mac: '52:54:00:00:00:02'}]"))
    (change,) = [each for each in site.plan().changes if each.held]
    assert change.held is not None
    assert change.held.reason is HeldReason.MAC_TAKEN
    assert change.held.text == "nic lan: 52:54:00:00:00:02 is used by the VM stranger, which is not gitvirt's, on kvm2"
    site.write("pool.yaml", pool("ranges: ['52:54:00:00:09:00-52:54:00:00:09:ff'], allowDuplicates: true"))
    site.settle()
    assert site.plan().warnings == ()
    site.write("pool.yaml", "")
    (warning,) = site.plan().warnings
    assert "52:54:00:00:00:02 is used twice: by vm/a on" in warning.text
    assert "stranger" in warning.text
