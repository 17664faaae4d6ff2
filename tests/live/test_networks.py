"""Networks across real hosts: switches with VLANs, bridges that are relied on, required networks, MAC addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.lab.lab import Lab
from reconciler.diff.change import HeldReason
from reconciler.place.hosts import hoststate
from reconciler.place.hosts.required import migration_address, missing_required
from reconciler.plan.plan import MigrateVm
from tests.live.conftest import Guest, virsh
from tests.live.facts import inside, wait_until
from tests.live.site import HOSTS, LiveSite, machine, said

pytestmark = pytest.mark.live

KNOWN = "52:54:00:aa:00:01"
STRANGER = f"""<domain type='qemu'><name>stranger</name><memory unit='MiB'>64</memory><os><type>hvm</type></os>
  <devices><interface type='user'><mac address='{KNOWN}'/></interface></devices></domain>"""
WITHOUT = "kvm3"  # the host that has neither bridge


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Iterator[LiveSite]:
    """A site whose hosts but the last have a switch with userspace datapath, and a bridge for VLAN 20."""
    for host in ("kvm1", "kvm2"):
        inside(lab, host, "ovs-vsctl --retry --may-exist add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev")
        inside(lab, host, "ip link show br20 >/dev/null 2>&1 || ip link add br20 type bridge; ip link set br20 up")
    made = LiveSite(lab, tmp_path)
    yield made
    made.close()
    for host in ("kvm1", "kvm2"):
        inside(lab, host, "ip link del br20; ovs-vsctl --if-exists del-br ovsbr0")


def network(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "gitvirt/v1", "kind": "Network", "metadata": {"name": name}, "spec": spec}


def addresses(lab: Lab) -> dict[str, str]:
    return {each.name: str(each.address) for each in lab.hosts()[:HOSTS]}


def declare(site: LiveSite, *documents: dict[str, Any]) -> None:
    text = "---\n".join(json.dumps(each) + "\n" for each in documents)
    (site.folder / "networks.yaml").write_text(text)


def declare_networks(site: LiveSite, lab: Lab, vlan: int, **transit: Any) -> None:
    """One of each of four types; `office` has that VLAN, and `transit` what is said of it."""
    dhcp = {"start": "10.77.1.10", "end": "10.77.1.99"}
    routed = network("transit", type="routed", subnet="10.77.1.0/24", dhcp=dhcp, **transit)
    office = network("office", type="ovs", bridge="ovsbr0", vlan=vlan)
    backbone = network(
        "backbone",
        type="bridge",
        bridge="br{vlan}",
        vlan=20,
        required=True,
        roles=["migration", "vm"],
        addresses=addresses(lab),
    )
    declare(site, routed, network("lab", type="open", subnet="10.77.2.0/24"), office, backbone)


def declare_vms(site: LiveSite, nic: str | dict[str, str] = "office", **spec: Any) -> None:
    """web, which runs on two of the networks, and db on the other two, which is off."""
    nics = [{"name": "transit", "address": "10.77.1.50"}, nic]
    site.vms([machine("web", nics=nics, **spec), machine("db", nics=["lab", "backbone"], state="stopped")])


def port(lab: Lab, host: str, vm: str, network: str) -> str:
    """The tap of a running VM's NIC on a network."""
    return next(line.split()[0] for line in virsh(lab, host, "domiflist", vm).splitlines() if network in line)


def tag(lab: Lab, host: str) -> str:
    """The VLAN of web's port in the switch."""
    return inside(lab, host, f"ovs-vsctl get port {port(lab, host, 'web', 'office')} tag")


def test_networks_of_every_type_reach_their_vms_and_a_host_that_lacks_one_is_told(site: LiveSite, lab: Lab) -> None:
    declare_networks(site, lab, vlan=10)
    declare_vms(site)
    assert_a_host_that_lacks_one_is_told(site, lab)
    host = assert_vms_are_on_their_networks(site, lab)
    assert_a_running_nic_changes_on_its_network(site, lab, host)
    host = assert_it_moves_by_the_network_of_migrations(site, lab, host)
    declare_networks(site, lab, vlan=11)
    assert_a_restart_of_a_network_in_use_is_asked_for(site, host)
    assert_who_was_on_a_bridge_that_is_made_anew_is_plugged_in_again(site, lab, host)
    assert_a_bridge_that_goes_away_is_told(site, lab, host)


def assert_a_host_that_lacks_one_is_told(site: LiveSite, lab: Lab) -> None:
    looked = site.look()
    assert "relies on br20 to carry VLAN 20" in said(looked.plan)
    missing = missing_required(looked.context.wanted, looked.context.observed)
    assert missing == {WITHOUT: f"required network backbone: {WITHOUT} has no bridge br20"}
    assert not hoststate.states(looked.context)[WITHOUT].up
    assert migration_address(looked.context.wanted, "kvm1") == addresses(lab)["kvm1"]


def assert_vms_are_on_their_networks(site: LiveSite, lab: Lab) -> str:
    """Gives the host of web."""
    run = site.apply()
    failed = {each.step.host for each in run.outcomes.values() if each.error}
    assert failed <= {WITHOUT}, [str(each.error) for each in run.outcomes.values() if each.error]
    host, vm = site.vm("web")
    assert host != WITHOUT
    assert site.vm("db")[0] != WITHOUT
    assert tag(lab, host) == "10"
    assert vm.config["nics[office].network"] == "office"
    seen = site.look()
    assert {str(each.ref) for each in seen.plan.changes if each.host != WITHOUT} == set(), said(seen.plan)
    guest = Guest(lab, host, "web")
    guest.wait_for_agent()
    wait_until(lambda: "10.77.1.50" in guest.run("ip -4 addr show eth0"))
    return host


def assert_a_running_nic_changes_on_its_network(site: LiveSite, lab: Lab, host: str) -> None:
    """It is changed as the NIC of its network that it is; the tag stays the network's."""
    declare_vms(site, {"name": "office", "link": "down"})
    site.apply()
    live = site.vm("web")[1].live
    assert live is not None
    assert (live["nics[office].link"], live["nics[office].network"]) == ("down", "office")
    assert tag(lab, host) == "10"
    assert not [each for each in site.plan().changes if each.ref.kind == "VirtualMachine"]


def assert_it_moves_by_the_network_of_migrations(site: LiveSite, lab: Lab, host: str) -> str:
    """By the hosts' addresses on it, to the other host, which is given back; its port there is the same."""
    other = "kvm2" if host == "kvm1" else "kvm1"
    declare_vms(site, hosts=[other])
    looked = site.look()
    (move,) = [each.call.migration for each in looked.plan.steps if isinstance(each.call, MigrateVm)]
    assert move.address == addresses(lab)[other]
    site.apply()
    assert site.vm("web")[0] == other
    wait_until(lambda: tag(lab, other) == "10")
    moved = Guest(lab, other, "web")
    moved.wait_for_agent()
    assert "10.77.1.50" in moved.run("ip -4 addr show eth0")
    return other


def assert_a_restart_of_a_network_in_use_is_asked_for(site: LiveSite, host: str) -> None:
    """Another VLAN restarts the network, which cuts off who is on it."""
    held = [each for each in site.plan().changes if str(each.ref) == "network/office" and each.host == host]
    assert [each.held and each.held.reason for each in held[0].fields] == [HeldReason.IN_USE]
    assert "web" in str(held[0].fields[0].held)


def assert_who_was_on_a_bridge_that_is_made_anew_is_plugged_in_again(site: LiveSite, lab: Lab, host: str) -> None:
    declare_networks(site, lab, vlan=10, mtu=1400)
    site.apply(refs=frozenset({"network/transit"}))
    assert "1400" in virsh(lab, host, "net-dumpxml", "transit")
    plugged = port(lab, host, "web", "transit")
    assert plugged in inside(lab, host, "ls /sys/class/net/*/brif").split()
    assert site.vm("web")[1].live["nics[transit].network"] == "transit"  # type: ignore[index]


def assert_a_bridge_that_goes_away_is_told(site: LiveSite, lab: Lab, host: str) -> None:
    """One under a required network."""
    inside(lab, host, "ip link del br20")
    looked = site.look()
    assert set(missing_required(looked.context.wanted, looked.context.observed)) == {host, WITHOUT}
    inside(lab, host, "ip link add br20 type bridge")


def test_a_mac_of_a_vm_that_is_not_ours_is_given_to_nobody(site: LiveSite, lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "stranger.xml").write_text(STRANGER)
    virsh(lab, "kvm2", "define", tmp_path / "stranger.xml")
    pool = {"apiVersion": "gitvirt/v1", "kind": "MacPool", "metadata": {"name": "house"}}
    declare(site, {**pool, "spec": {"ranges": [f"{KNOWN}-52:54:00:aa:00:03"]}})
    written = next(each for each in site.folder.glob("*.yaml") if "kind: Cluster" in each.read_text())
    written.write_text(written.read_text().replace("  emulation: tcg", "  macPool: house\n  emulation: tcg"))
    fields = [{"name": "lan", "filter": "clean-traffic"}]  # the lab's hosts have no filters
    site.vms([machine("guarded", nics=fields)])
    (held,) = [each for each in site.plan().changes if each.held]
    assert "kvm1 has no network filter clean-traffic" in str(held.held)

    taken = machine("taken", nics=[{"name": "lan", "mac": KNOWN}], state="stopped")
    first = machine("first", state="stopped")
    site.vms([taken, first])
    plan = site.plan()
    (held,) = [each for each in plan.changes if each.held]
    assert held.held is not None
    assert (held.ref.name, held.held.reason) == ("taken", HeldReason.MAC_TAKEN)
    assert "the VM stranger, which is not gitvirt's, on kvm2" in held.held.text
    assert any("macpool/house has 2 free MAC addresses left" in each.text for each in plan.warnings)
    site.apply()
    assert site.vm("first")[1].config["nics[lan].mac"] == "52:54:00:aa:00:02"

    # The stranger takes it as well, behind our back: both are named.
    virsh(lab, "kvm2", "undefine", "stranger")
    (tmp_path / "stranger.xml").write_text(STRANGER.replace(KNOWN, "52:54:00:aa:00:02"))
    virsh(lab, "kvm2", "define", tmp_path / "stranger.xml")
    told = [each.text for each in site.plan().warnings]
    assert any("52:54:00:aa:00:02 is used twice" in text and "vm/first" in text for text in told), told
