"""Interface XML → links, as libvirt's udev backend writes it."""

from drivers.libvirt.reader.links import bridges, links
from drivers.seen import Link

BRIDGE = """<interface type='bridge' name='br20'><mtu size='1500'/><bridge stp='off' delay='0'>
  <interface type='vlan' name='eth0.20'><link state='up'/><vlan tag='20'><interface name='eth0'/></vlan></interface>
  <interface type='ethernet' name='eth1'><link state='lowerlayerdown'/></interface>
  <interface type='ethernet' name='vnet3'><link state='unknown'/></interface></bridge></interface>"""
CARD = """<interface type='ethernet' name='eth0'>
  <protocol family='ipv4'><ip address='192.0.2.1' prefix='24'/></protocol>
  <mtu size='9000'/><link speed='10000' state='up'/></interface>"""
BOND = """<interface type='bond' name='bond0'><bond mode='802.3ad'><interface type='ethernet' name='eth2'>
  <link state='unknown'/></interface></bond></interface>"""


def test_a_bridge_tells_what_is_in_it_but_for_the_taps_of_guests() -> None:
    assert links([BRIDGE]) == {
        "br20": Link(type="bridge", mtu=1500, members=frozenset({"eth0.20", "eth1"})),
        "eth0.20": Link(type="vlan", tag=20, up=True),
        "eth1": Link(up=False),
    }


def test_cards_and_bonds_tell_their_state_and_their_addresses_as_far_as_libvirt_does() -> None:
    assert links([CARD, BOND]) == {
        "bond0": Link(type="bond", members=frozenset({"eth2"})),
        "eth0": Link(mtu=9000, up=True, addresses=frozenset({"192.0.2.1"})),
        "eth2": Link(),
    }


def test_a_link_of_an_unknown_kind_is_told_as_other() -> None:
    assert links(["<interface type='wonder' name='w0'/>"]) == {"w0": Link(type="other")}


def test_bridges_are_picked_from_the_links() -> None:
    assert (bridges(links([BRIDGE, CARD])), bridges(None)) == ({"br20"}, None)
