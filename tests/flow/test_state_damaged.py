"""State files that are damaged, half-written, or of another gitvirt: nothing is guessed, and it is said what to do."""

from __future__ import annotations

import pytest

from reconciler.errors import SettingsError
from tests.flow.site import ID, Site, vm_yaml

DAMAGED = {
    "empty": b"",
    "half-written": b'{"kvm1": {"uri": "qemu+tls://kvm1/sys',
    "not text": b"\xff\xfe\x00",
    "a list": b"[]",
    "another format": b'{"version": 2, "entries": []}',
    "entries without what is needed": b'{"kvm1": {}, "host/kvm1": [{"value": "on"}], "cluster/default": {"kind": []}}',
}


@pytest.mark.parametrize("file", ["hosts", "overrides", "holds"])
@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_state_file_stops_every_pass_and_is_left_as_it_is(file: str, content: bytes, site: Site) -> None:
    site.vms(vm_yaml("a"))
    site.settle()
    path = site.state / f"{file}-{ID}.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"{path.name} is damaged .*; repair it, or remove it"):
        site.look()
    assert path.read_bytes() == content


def test_nothing_is_begun_when_the_register_cannot_be_written(site: Site) -> None:
    site.vms(vm_yaml("a"))
    looked = site.look()
    (site.state / f"hosts-{ID}.new").mkdir()
    before = len(site.world.journal)
    with pytest.raises(OSError, match="Is a directory"):
        site.act(looked)
    assert len(site.world.journal) == before
