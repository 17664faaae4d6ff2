"""Pool and volume XML."""

import pytest

from drivers.base import NewPool, NewVolume
from drivers.libvirt.storage.document import (
    parse,
    physical_size,
    pool_xml,
    read_pool,
    read_volume,
    volume_xml,
)
from drivers.libvirt.storage.volumes import sources
from drivers.seen import SeenPool, SeenVolume

POOL = """<pool type='netfs'><name>nfs</name><uuid>a1</uuid><capacity unit='bytes'>1000</capacity>
<allocation unit='bytes'>400</allocation><available unit='GiB'>2</available>
<source><host name='h'/><dir path='/export'/></source><target><path>/mnt/nfs</path></target></pool>"""
VOLUME = """<volume type='file'><name>a.qcow2</name><key>/p/a.qcow2</key><capacity unit='KiB'>4</capacity>
<allocation unit='bytes'>10</allocation><physical unit='bytes'>12</physical>
<target><path>/p/a.qcow2</path><format type='qcow2'/></target>
<backingStore><path>/p/base.raw</path><format type='raw'/></backingStore></volume>"""


def test_a_pool_is_read_with_its_sizes_in_bytes() -> None:
    assert read_pool(POOL, active=True, autostart=False) == SeenPool(
        name="nfs", uuid="a1", active=True, type="netfs", path="/mnt/nfs", capacity=1000, available=2 << 30
    )


def test_a_volume_is_read_with_its_backing_file() -> None:
    assert read_volume(VOLUME) == SeenVolume(
        name="a.qcow2", path="/p/a.qcow2", capacity=4096, allocation=10, format="qcow2", backing="/p/base.raw"
    )
    assert physical_size(VOLUME) == 12


def test_a_new_pool_is_a_directory() -> None:
    seen = read_pool(pool_xml(NewPool(name="local", uuid="u", path="/data/a & b")), active=False, autostart=False)
    assert (seen.name, seen.uuid, seen.type, seen.path) == ("local", "u", "dir", "/data/a & b")


def test_a_raw_volume_is_never_filled_with_zeros() -> None:
    root = parse(volume_xml(NewVolume(pool="p", name="a", capacity=5, format="raw")))
    assert (root.findtext("capacity"), root.findtext("allocation")) == ("5", "0")


def test_a_marker_has_a_capacity_of_nothing() -> None:
    assert parse(volume_xml(NewVolume(pool="p", name="a.ready", format="raw"))).findtext("capacity") == "0"


def test_a_linked_clone_inherits_the_size_and_always_states_the_format_of_its_backing_file() -> None:
    root = parse(volume_xml(NewVolume(pool="p", name="a", backing="/p/base", backing_format="raw")))
    assert root.find("capacity") is None
    assert root.findtext("backingStore/path") == "/p/base"
    assert root.find("backingStore/format").get("type") == "raw"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("disk", "path"),
    [
        ("<disk type='file'><source file='/p/a'/></disk>", "/p/a"),
        ("<disk type='block'><source dev='/dev/sda'/></disk>", "/dev/sda"),
        ("<disk><source file='/p/b'/><backingStore><source file='/p/base'/></backingStore></disk>", "/p/base"),
        ("<disk><source file='/p/b'/><mirror><source file='/p/new'/></mirror></disk>", "/p/new"),
    ],
)
def test_what_a_running_vm_uses_includes_what_lies_below_its_disks(disk: str, path: str) -> None:
    xml = f"<domain><devices>{disk}<interface><source dev='eth0'/></interface></devices></domain>"
    assert path in sources(xml)
    assert "eth0" not in sources(xml)
