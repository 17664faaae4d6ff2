"""Channels: named entries beside the guest agent's, there and back, also while the VM runs."""

from __future__ import annotations

import pytest

from drivers.base import Edit
from drivers.libvirt.domain import CannotWrite, live
from drivers.libvirt.domain.definition import build
from drivers.libvirt.domain.tree import parse
from drivers.mark import Device, kind_of, list_of
from specs.fields import Scalar, under
from tests.unit.drivers.libvirt.domain.samples import DEVICES, edited, mark, new_vm, reread, text
from tests.unit.drivers.libvirt.domain.test_domain_live import PaperVm

INACTIVE = text("running-inactive")
CHANNELS: list[dict[str, Scalar]] = [
    {"target": "org.x", "type": "unix", "path": "/run/x.sock", "listen": True},
    {"target": "org.x", "type": "unix", "path": "/run/x.sock", "listen": False, "log": "/var/log/x"},
    {"target": "org.x", "type": "file", "path": "/srv/x.txt"},
    {"target": "org.x", "type": "tcp", "address": "127.0.0.1:4000", "listen": True},
    {"target": "org.x", "type": "pty"},
]


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda each: f"{each['type']}-{len(each)}")
def test_a_channel_reads_as_it_was_built_beside_the_agent_s(channel: dict[str, Scalar]) -> None:
    given = dict(under("channels", "x", channel))
    found = reread(build(new_vm(fields={"memory": 1 << 27, "cpu.count": 1, "agent": True, **given}), 9_000_000))
    told = {path: value for path, value in found.config.items() if path.startswith("channels")}
    assert told == given
    assert found.aliases["channels[x]"] == "ua-channel-x"
    assert found.config["agent"] is True


def test_one_comes_and_goes_and_leaves_the_definition_of_before() -> None:
    there = edited(INACTIVE, Edit(path="channels[x]", after=CHANNELS[0]))
    assert reread(there).config["channels[x].path"] == "/run/x.sock"
    back = edited(there, Edit(path="channels[x]", after=None))
    assert dict(reread(back).config) == dict(reread(INACTIVE).config)


@pytest.mark.parametrize("channel", CHANNELS[1:], ids=lambda each: f"{each['type']}-{len(each)}")
def test_another_kind_of_end_leaves_nothing_of_the_former(channel: dict[str, Scalar]) -> None:
    first = edited(INACTIVE, Edit(path="channels[x]", after=CHANNELS[0]))
    edits = [Edit(path=path, after=value) for path, value in under("channels", "x", channel)]
    found = reread(edited(first, *edits)).config
    told = {path: value for path, value in found.items() if path.startswith("channels")}
    assert told == dict(under("channels", "x", channel))


def test_a_foreign_channel_is_known_by_its_target_and_follows_it() -> None:
    foreign = "<channel type='pty'><target type='virtio' name='org.x'/></channel></devices>"
    xml = INACTIVE.replace("</devices>", foreign)
    assert "channels[org.x]" in reread(xml).unnamed
    adopted = mark(devices={**DEVICES, "channel/x": Device(target="org.x")})
    after = edited(xml, Edit(path="channels[x].target", after="org.y"), mark=adopted)
    seen = reread(after)
    assert seen.config["channels[x].target"] == "org.y"
    assert seen.mark is not None
    assert seen.mark.devices["channel/x"].target == "org.y"


def test_it_is_plugged_into_a_running_vm() -> None:
    vm = PaperVm(text("running-live"))
    live.change(vm, Edit(path="channels[x]", after=CHANNELS[0]), DEVICES)
    live.change(vm, Edit(path="channels[x]", after=None), DEVICES)
    assert vm.deeds == ["attach ua-channel-x", "detach ua-channel-x"]


@pytest.mark.parametrize(
    ("field", "value"), [("address", "127.0.0.1:1"), ("type", "spicevmc"), ("target", ""), ("type", None)]
)
def test_what_makes_no_channel_is_refused(field: str, value: Scalar) -> None:
    there = edited(INACTIVE, Edit(path="channels[x]", after=CHANNELS[0]))
    with pytest.raises(CannotWrite, match=f"channels.x..{field}"):
        edited(there, Edit(path=f"channels[x].{field}", after=value))


@pytest.mark.parametrize(("name", "word"), [("disks", "disk"), ("nics", "nic"), ("channels", "channel")])
def test_the_word_for_a_device_follows_from_its_list(name: str, word: str) -> None:
    assert (kind_of(name), list_of(word)) == (word, name)


def test_a_channel_of_spice_is_none_of_them() -> None:
    xml = INACTIVE.replace(
        "</devices>", "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel></devices>"
    )
    assert not any(path.startswith("channels") for path in reread(xml).config)
    assert parse(xml).find("devices/channel[@type='spicevmc']") is not None
