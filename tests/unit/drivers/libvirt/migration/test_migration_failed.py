"""What becomes of the copies of disks when a migration failed, by what both hosts have then. On the test driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from drivers.errors import Conflict, Unknown, Unreachable
from drivers.libvirt.access import Access
from drivers.libvirt.connect import Connections
from drivers.libvirt.host import connect
from drivers.libvirt.migration.copies import Copies
from drivers.libvirt.migration.live import Live
from drivers.moving import Migration

UUID, OTHER = "6695eb01-f6a4-8304-79aa-97f2502e1931", "6695eb01-f6a4-8304-79aa-97f2502e1932"
DOMAIN = """<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'><name>web</name><uuid>{uuid}</uuid>
<memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os>{state}<devices><disk type='file' device='disk'>
<source file='{disk}'/><target dev='vda' bus='virtio'/></disk></devices></domain>"""
VOLUME = """<volume><name>{0}</name><capacity>1048576</capacity><target><path>/pool/{0}</path></target></volume>"""
NODE = """<node><cpu><mhz>2000</mhz><model>x86_64</model><active>4</active><nodes>1</nodes><sockets>1</sockets>
<cores>4</cores></cpu><memory>8388608</memory>{domain}<pool type='dir'><name>local</name>
<uuid>6695eb01-f6a4-8304-79aa-97f2502e1933</uuid><target><path>/pool</path></target>{volumes}</pool></node>"""
OFF, DISK = "<test:runstate>5</test:runstate>", "/pool/web.raw"


def domain(state: str = "", uuid: str = UUID, disk: str = DISK) -> str:
    return DOMAIN.format(uuid=uuid, state=state, disk=disk)


class Pair:
    """A source without volumes, and a target with a copy of a disk and its marker."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack

    def node(self, name: str, domain: str, *volumes: str) -> Connections:
        path = self.folder / f"{name}.xml"
        path.write_text(NODE.format(domain=domain, volumes="".join(VOLUME.format(each) for each in volumes)))
        host = connect(name, Access(uri=f"test://{path}"))
        self.stack.callback(host.close)
        link = host.connections
        # Each connection to a test node has a state of its own, so that all purposes must share one.
        link.changes = link.long = link.reads  # type: ignore[method-assign]
        return link

    def live(self, here: str, there: str) -> tuple[Live, Copies]:
        source, target = self.node("kvm1", here), self.node("kvm2", there, "web.raw", "web.raw.incoming")
        request = Migration(uuid=UUID, expects=1, copy=("vda",))
        return Live(source, target, request, {}), Copies(source, target, "migrate vm/web", (DISK,))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(tmp_path, stack)


LOST = Unreachable("kvm1", "migrate vm/web", "keepalive timeout")


def volumes(copies: Copies) -> list[str]:
    with copies.target.changes() as conn:
        return sorted(conn.storagePoolLookupByName("local").listVolumes())


def test_a_guest_that_arrived_and_shut_down_keeps_its_only_disk(pair: Pair) -> None:
    live, copies = pair.live("", domain(OFF))
    with pytest.raises(Unknown, match="keepalive timeout; it left kvm1, and it is off on kvm2"):
        live._failed(LOST, copies)
    assert volumes(copies) == ["web.raw"]


def test_what_was_copied_goes_when_the_vm_never_left_and_ended_on_its_source(pair: Pair) -> None:
    live, copies = pair.live(domain(OFF), "")
    with pytest.raises(Unreachable):
        live._failed(LOST, copies)
    assert volumes(copies) == []


def test_a_vm_that_neither_host_has_keeps_its_copies(pair: Pair) -> None:
    live, copies = pair.live("", "")
    with pytest.raises(Unknown):
        live._failed(LOST, copies)
    assert volumes(copies) == ["web.raw", "web.raw.incoming"]


def test_a_copy_that_a_vm_of_the_target_uses_is_not_discarded(pair: Pair) -> None:
    _, copies = pair.live(domain(), domain(OFF, OTHER))
    copies.discard()
    assert volumes(copies) == ["web.raw", "web.raw.incoming"]


def test_a_copy_that_is_unfinished_by_its_marker_alone_is_not_made_over_a_disk_in_use(pair: Pair) -> None:
    source = pair.node("kvm1", domain(), "web.raw")
    target = pair.node("kvm2", domain(OFF, OTHER), "web.raw", "web.raw.incoming")
    copies = Copies(source, target, "migrate vm/web", (DISK,))
    with pytest.raises(Conflict, match="exists there already"):
        copies.make()
    assert volumes(copies) == ["web.raw", "web.raw.incoming"]
