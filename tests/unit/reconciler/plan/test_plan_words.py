"""Values, devices and many names in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.diff.change import FieldChange, Verb
from reconciler.plan.faces import words
from specs.effects import Effect
from specs.errors import Location
from specs.fields import Secret
from specs.kinds import KINDS
from specs.resource import Ref
from tests.unit.reconciler.plan.plans import HOSTILE


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("memory", 2 << 30, "2GiB"),
        ("memoryMax", 1000, "1000B"),
        ("disks[root].size", 20 << 30, "20GiB"),
        ("cpu.count", 4, "4"),
        ("agent", True, "yes"),
        ("rng", False, "no"),
        ("machine", None, "none"),
        ("graphics.password", Secret("hunter2x"), "***"),
        ("graphics.password", "hmac:0123456789abcdef0123456789abcdef", "***"),
        ("cdroms[setup].source", "", "empty"),
        ("description", "", '""'),
        ("xml", '[{"a":1},{"b":2}]', "2 patches"),
        ("xml", "no json", "patches"),
    ],
)
def test_a_value_is_said_as_people_write_it(path: str, value: object, said: str) -> None:
    assert words.value(path, value) == said  # type: ignore[arg-type]


@given(st.text())
def test_plain_text_prints_on_one_line(text: str) -> None:
    said = words.plain(text)
    assert said.isprintable()
    assert said == text or not text.isprintable()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_value_is_short_and_harmless_whatever_it_is(text: str) -> None:
    said = words.value("description", text)
    assert said.isprintable()
    assert len(said) <= 72


def test_a_nic_is_one_line_with_its_own_mac_only_when_it_stands_alone() -> None:
    nic = {"network": "backup", "mac": "52:54:00:00:00:01", "model": "virtio", "link": "up"}
    assert words.device("nics[backup]", nic) == "network backup, mac 52:54:00:00:00:01"
    assert words.device("nics[backup]", nic, alone=False) == "network backup"


def test_a_disk_says_its_size_its_volume_and_what_is_unusual() -> None:
    disk = {"size": 50 << 30, "source": "/srv/nfs/gv-1.qcow2", "format": "qcow2", "bus": "sata", "readOnly": False}
    assert words.device("disks[data]", disk) == "50GiB, volume gv-1.qcow2, sata"


def test_a_lease_keeps_its_mac_when_hosts_are_folded() -> None:
    lease = {"mac": "52:54:00:00:00:05", "address": "10.0.0.5"}
    assert words.device("hosts[nas]", lease, alone=False) == "mac 52:54:00:00:00:05, address 10.0.0.5"


def test_no_secret_of_a_device_is_shown() -> None:
    assert "hunter" not in words.device("disks[a]", {"serial": Secret("hunter2x")})


@pytest.mark.parametrize(
    ("many", "said"),
    [
        (["a"], ["a"]),
        (["web-1", "web-2"], ["web-1", "web-2"]),
        (["web-1", "web-2", "web-3"], ["web-[1-3]"]),
        (["web-9", "web-10", "web-11"], ["web-[9-11]"]),
        (["w-08", "w-09", "w-10"], ["w-[08-10]"]),
        (["w-08", "w-09", "w-10", "w-12"], ["w-[08-10,12]"]),
        (["kvm1.lan", "kvm2.lan", "kvm3.lan"], ["kvm[1-3].lan"]),
        (["b", "a", "b"], ["b", "a"]),
        (["x01", "x1", "x2", "x3"], ["x01", "x[1-3]"]),
        ([], []),
    ],
)
def test_names_that_count_on_are_folded(many: list[str], said: list[str]) -> None:
    assert words.names(many) == said


def test_refs_are_folded_by_kind_and_counted() -> None:
    desks = [Ref("VirtualMachine", f"desk-{number:02}") for number in range(1, 21)]
    assert words.refs(desks) == "vm/desk-[01-20] (20)"
    assert words.refs([*desks[:2], Ref("Network", "lan")]) == "vm/desk-01, vm/desk-02, network/lan (3)"
    assert words.refs([desks[0], desks[0]]) == "vm/desk-01"


@given(st.lists(st.from_regex(r"[a-c]{0,2}[0-9]{0,3}", fullmatch=True), unique=True))
def test_folding_loses_and_invents_no_name(many: list[str]) -> None:
    assert sorted(_unfolded(words.names(many))) == sorted(many)


def _unfolded(folded: list[str]) -> list[str]:
    found = []
    for each in folded:
        before, bracket, rest = each.partition("[")
        if not bracket:
            found.append(each)
            continue
        inside, _, after = rest.partition("]")
        for run in inside.split(","):
            first, _, last = run.partition("-")
            for number in range(int(first), int(last or first) + 1):
                found.append(f"{before}{str(number).zfill(len(first))}{after}")
    return found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"effect": Effect.RESTART, "note": "at the next power cycle"}, "restart, at the next power cycle"),
        ({"effect": Effect.LIVE, "kind": "drift"}, "set back, live"),
        ({"effect": Effect.RESTART, "kind": "pending"}, "waits for the next power cycle"),
        ({"effect": Effect.CREATION, "kind": "note", "note": "no effect on an existing VM"}, "at creation only"),
        ({"effect": Effect.NONE, "kind": "note", "note": "it is there already"}, "it is there already"),
        ({"effect": Effect.NONE, "kind": "release", "note": "left as it is"}, "left as it is"),
        ({"effect": Effect.RESTART, "note": "restarts the network"}, "restarts the network"),
    ],
)
def test_an_effect_is_said_with_its_note(change: dict[str, object], said: str) -> None:
    assert words.effect(FieldChange(path="machine", before="a", after="b", **change)) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("stopped", "running", "starts"),
        ("paused", "running", "resumes"),
        ("suspended", "running", "wakes"),
        ("running", "stopped", "stops"),
    ],
)
def test_power_is_a_deed_and_no_effect(before: str, after: str, said: str) -> None:
    assert words.effect(FieldChange(path="state", before=before, after=after, effect=Effect.LIVE)) == said


def test_a_commit_is_short_and_stays_dirty() -> None:
    assert words.revision("a" * 40 + "+dirty") == "a" * 12 + "+dirty"
    assert words.revision("folder-1234") == "folder-1234"


def test_a_place_is_file_and_line() -> None:
    assert words.where(Location("vms.yaml", 3, 7)) == "vms.yaml:3"
    assert words.where(Location("vms.yaml")) == "vms.yaml"
    assert words.where(None) == ""


def test_every_verb_and_effect_has_its_sign_and_word() -> None:
    assert set(words.SIGNS) == set(Verb)
    assert set(words.EFFECTS) == set(Effect)


def test_every_size_of_a_vm_is_said_with_its_unit() -> None:
    sizes = {path for path, shape in KINDS["VirtualMachine"].shape.walk() if shape.type.startswith("size, ")}
    assert sizes == words.BYTES
    assert words.value("video.vram", 16 << 20) == "16MiB"
