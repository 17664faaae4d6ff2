"""Which files a migration has to do with: disks that are copied, firmware variables, folders of pools."""

from __future__ import annotations

import pytest

from drivers.libvirt.domain.tree import parse
from drivers.libvirt.migration.copies import serves, sources
from drivers.libvirt.migration.nvram import path_of

DOMAIN = """<domain><name>web</name>{os}<devices>
  <disk device='disk'><source file='/srv/a.qcow2'/><target dev='vda'/></disk>
  <disk device='disk'><source dev='/dev/sdx'/><target dev='vdb'/></disk>
  <disk device='cdrom'><target dev='sda'/></disk>
</devices></domain>"""


def test_disks_are_found_by_what_libvirt_calls_them() -> None:
    found = sources(DOMAIN.format(os=""), ("vda", "vdb", "sda", "vdz"))
    assert found == {"vda": "/srv/a.qcow2", "vdb": "", "sda": "", "vdz": ""}


@pytest.mark.parametrize(
    ("os", "path"),
    [
        ("", ""),
        ("<os><type>hvm</type></os>", ""),
        ("<os firmware='bios'/>", ""),
        ("<os firmware='efi'/>", "/var/lib/libvirt/qemu/nvram/web_VARS.fd"),
        ("<os firmware='efi'><nvram>/srv/web.fd</nvram></os>", "/srv/web.fd"),
        ("<os><loader/><nvram template='/x'>/srv/web.fd</nvram></os>", "/srv/web.fd"),
    ],
)
def test_the_variables_of_a_firmware_lie_where_it_says_or_where_libvirt_puts_them(os: str, path: str) -> None:
    assert path_of(parse(DOMAIN.format(os=os))) == path


@pytest.mark.parametrize(
    ("pool", "folder", "is_it"), [("/srv", "/srv", True), ("/srv/", "/srv", True), ("/srv", "/srv2", False)]
)
def test_a_pool_is_known_by_its_folder(pool: str, folder: str, is_it: bool) -> None:
    assert serves(f"<pool type='dir'><target><path>{pool}</path></target></pool>", folder) is is_it
