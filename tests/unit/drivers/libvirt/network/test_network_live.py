"""What changes in a running network, and in which order."""

import pytest

from drivers.base import Edit
from drivers.libvirt.network.live import NotLive, updates
from specs.fields import Fields

LIVE: Fields = {
    "type": "nat",
    "dhcp.start": "10.0.0.10",
    "dhcp.end": "10.0.0.99",
    "hosts[web].mac": "52:54:00:00:00:01",
    "hosts[web].address": "10.0.0.20",
    "dns[10.0.0.20].names": "web,www",
}
WEB = "<host mac='52:54:00:00:00:01' ip='10.0.0.20' name='web'/>".replace("'", '"')


def steps(*edits: Edit) -> list[tuple[str, bool, str]]:
    return [(each.section, each.add, each.xml) for each in updates(LIVE, edits)]


def test_an_added_lease_is_one_call() -> None:
    found = steps(Edit(path="hosts[db]", after={"mac": "52:54:00:00:00:02", "address": "10.0.0.21"}))
    assert found == [("host", True, '<host mac="52:54:00:00:00:02" ip="10.0.0.21" name="db"/>')]


def test_a_lease_without_a_name_of_its_own_gets_none() -> None:
    mac = "52:54:00:00:00:09"
    assert steps(Edit(path=f"hosts[{mac}]", after={"mac": mac, "address": "10.0.0.9"})) == [
        ("host", True, f'<host mac="{mac}" ip="10.0.0.9"/>')
    ]


def test_a_removed_lease_is_one_call() -> None:
    assert steps(Edit(path="hosts[web]", before={"mac": "x"})) == [("host", False, WEB)]


def test_a_changed_lease_goes_before_it_comes() -> None:
    found = steps(Edit(path="hosts[web].address", before="10.0.0.20", after="10.0.0.30"))
    assert found == [("host", False, WEB), ("host", True, WEB.replace("10.0.0.20", "10.0.0.30"))]


def test_all_that_goes_goes_first_so_that_addresses_can_be_swapped() -> None:
    live = {**LIVE, "hosts[db].mac": "52:54:00:00:00:02", "hosts[db].address": "10.0.0.21"}
    swap = [
        Edit(path="hosts[web].address", before="10.0.0.20", after="10.0.0.21"),
        Edit(path="hosts[db].address", before="10.0.0.21", after="10.0.0.20"),
    ]
    assert [each.add for each in updates(live, swap)] == [False, False, True, True]


def test_both_ends_of_the_range_change_in_one_go() -> None:
    found = steps(Edit(path="dhcp.start", after="10.0.0.5"), Edit(path="dhcp.end", after="10.0.0.50"))
    assert found == [
        ("range", False, '<range start="10.0.0.10" end="10.0.0.99"/>'),
        ("range", True, '<range start="10.0.0.5" end="10.0.0.50"/>'),
    ]


def test_names_change() -> None:
    found = steps(Edit(path="dns[10.0.0.20].names", before="web,www", after="web"))
    assert [(section, add) for section, add, _ in found] == [("dns", False), ("dns", True)]
    assert found[1][2] == '<host ip="10.0.0.20"><hostname>web</hostname></host>'


@pytest.mark.parametrize(
    "edit",
    [
        Edit(path="hosts[web]", after={"mac": "52:54:00:00:00:01", "address": "10.0.0.20"}),
        Edit(path="hosts[gone]", before={"mac": "x"}),
        Edit(path="dhcp.end", before="x", after="10.0.0.99"),
        Edit(path="dns[10.0.0.20].names", after="web,www"),
    ],
)
def test_what_the_network_has_already_takes_no_call(edit: Edit) -> None:
    assert updates(LIVE, [edit]) == ()


def test_after_its_calls_nothing_is_left_to_do() -> None:
    edits = [Edit(path="hosts[web]"), Edit(path="dns[10.0.0.20]"), Edit(path="dhcp.end", after="10.0.0.50")]
    assert len(updates(LIVE, edits)) == 4
    done: Fields = {"type": "nat", "dhcp.start": "10.0.0.10", "dhcp.end": "10.0.0.50"}
    assert updates(done, edits) == ()


@pytest.mark.parametrize("path", ["mtu", "subnet", "domain", "type", "bridge", "ports[x]"])
def test_anything_else_is_named_as_not_live(path: str) -> None:
    with pytest.raises(NotLive, match="restart of the network") as caught:
        updates(LIVE, [Edit(path=path, after=1)])
    assert caught.value.path == path
