"""The fw_cfg entry of Ignition beside others, in the XML and out of it."""

from __future__ import annotations

import pytest

from drivers.libvirt.domain.aspects.ignition import ASPECT
from drivers.libvirt.domain.draft import Draft, Names
from drivers.libvirt.domain.tree import parse_to_edit, write

PATH = "/srv/vms/gv-seed-0b0e4f0e-00.ign"
OTHER = "<sysinfo type='fwcfg'><entry name='opt/other'>text</entry></sysinfo>"
SMBIOS = "<sysinfo type='smbios'><system><entry name='serial'>1</entry></system></sysinfo>"


def read(domain: str) -> dict[str, object]:
    draft = Draft(Names({}), {})
    for element in parse_to_edit(domain).iterfind("sysinfo"):
        ASPECT.domain["sysinfo"](element, draft)
    return dict(draft.fields)


@pytest.mark.parametrize("beside", ["", OTHER, SMBIOS, SMBIOS + OTHER])
def test_it_is_written_read_and_taken_away_without_touching_others(beside: str) -> None:
    domain = parse_to_edit(f"<domain>{beside}</domain>")
    before = write(domain)
    ASPECT.write["ignition"](domain, PATH)
    ASPECT.write["ignition"](domain, PATH)
    assert read(write(domain)) == {"ignition": PATH}
    assert len(domain.findall("sysinfo/entry[@name='opt/com.coreos/config']")) == 1
    ASPECT.write["ignition"](domain, None)
    assert write(domain) == before


def test_an_inline_text_is_no_file_and_is_left_alone() -> None:
    text = "<entry name='opt/com.coreos/config'>{}</entry>"
    assert read(f"<domain><sysinfo type='fwcfg'>{text}</sysinfo></domain>") == {}
