"""Two libvirt nodes of the test driver, with a VM each or none, for tests of what is done on either side of a move."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from drivers.libvirt.access import Access
from drivers.libvirt.connect import Connections
from drivers.libvirt.domain import marks, tree
from drivers.libvirt.host import connect
from drivers.libvirt.migration.copies import Copies
from drivers.libvirt.migration.live import Live
from drivers.mark import Mark
from drivers.moving import Migration

UUID, OTHER = "6695eb01-f6a4-8304-79aa-97f2502e1931", "6695eb01-f6a4-8304-79aa-97f2502e1932"
DOMAIN = """<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'><name>web</name><uuid>{uuid}</uuid>
<memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os>{state}<devices><disk type='file' device='disk'>
<source file='{disk}'/><target dev='vda' bus='virtio'/></disk></devices></domain>"""
VOLUME = """<volume><name>{0}</name><capacity>1048576</capacity><target><path>/pool/{0}</path></target></volume>"""
NODE = """<node><cpu><mhz>2000</mhz><model>x86_64</model><active>4</active><nodes>1</nodes><sockets>1</sockets>
<cores>4</cores></cpu><memory>8388608</memory>{domain}<pool type='dir'><name>local</name>
<uuid>6695eb01-f6a4-8304-79aa-97f2502e1933</uuid><target><path>/pool</path></target>{volumes}</pool></node>"""
OFF, PAUSED, TRANSIENT = "<test:runstate>5</test:runstate>", "<test:runstate>3</test:runstate>", "<test:transient/>"
DISK = "/pool/web.raw"


def domain(state: str = "", uuid: str = UUID, disk: str = DISK) -> str:
    return DOMAIN.format(uuid=uuid, state=state, disk=disk)


def marked(xml: str, *, repository: str = "r", generation: int = 1) -> str:
    """The same VM with a mark."""
    edited = tree.parse_to_edit(xml)
    marks.write(edited, Mark(repository=repository, ref="vm/web", uuid=UUID, generation=generation, revision="1"))
    return tree.write(edited)


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
