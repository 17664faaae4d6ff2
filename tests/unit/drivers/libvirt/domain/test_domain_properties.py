"""Custom properties in `<metadata>`: written, read back, changed and removed; what others keep there stays."""

from __future__ import annotations

from lxml import etree

from drivers.base import Edit
from drivers.libvirt.domain import live
from drivers.libvirt.domain.aspects.properties import NAMESPACE, PREFIX, TAG
from drivers.libvirt.domain.definition import build
from drivers.libvirt.domain.reading import read
from tests.unit.drivers.libvirt.domain.samples import DEVICES, FIELDS, canonical, edited, mark, new_vm, reread, text
from tests.unit.drivers.libvirt.domain.test_domain_live import PaperVm

INACTIVE = text("running-inactive")
VALUE = r'purpose=<test> & "x";tier=a\;b'
FOREIGN = '<other:app xmlns:other="https://example.org/app" secret="1">kept<other:part/></other:app>'


def properties(value: str | None) -> Edit:
    return Edit(path="properties", after=value)


def test_they_are_written_and_read_changed_and_removed_without_a_trace() -> None:
    before = edited(INACTIVE)
    assert reread(before).config["properties"] == ""
    once = edited(INACTIVE, properties(VALUE))
    found = etree.fromstring(once).find(f"metadata/{TAG}")
    assert found is not None
    assert [dict(each.attrib) for each in found] == [
        {"name": "purpose", "value": '<test> & "x"'},
        {"name": "tier", "value": "a;b"},
    ]
    assert reread(once).config["properties"] == VALUE
    twice = edited(once, properties("tier=gold"))
    assert reread(twice).config["properties"] == "tier=gold"
    for gone in ("", None):
        assert canonical(edited(twice, properties(gone))) == canonical(before)


def test_the_mark_and_the_metadata_of_others_are_kept() -> None:
    had = INACTIVE.replace("<metadata>", f"<metadata>{FOREIGN}", 1)
    after = edited(edited(had, properties(VALUE)), properties("a=b"))
    assert FOREIGN in after
    assert reread(after).mark == mark()
    assert reread(after).config["properties"] == "a=b"


def test_what_yaml_could_not_say_is_not_told_and_stays() -> None:
    odd = f'<p:properties xmlns:p="{NAMESPACE}"><p:property name="1 st" value="x"/><p:note/></p:properties>'
    had = INACTIVE.replace("<metadata>", f"<metadata>{odd}", 1)
    assert reread(had).config["properties"] == ""
    after = edited(edited(had, properties("a=b")), properties(""))
    assert '<p:property name="1 st" value="x"/><p:note/>' in after


def test_a_new_domain_is_built_with_them_and_they_show_while_it_runs() -> None:
    built = build(new_vm(fields={**FIELDS, "properties": VALUE}), 9_000_000)
    seen = read(built, built)
    assert seen.live is not None
    assert (seen.config["properties"], seen.live["properties"]) == (VALUE, VALUE)


def test_a_running_vm_is_given_them_without_the_namespace_that_libvirt_adds() -> None:
    vm = PaperVm(text("running-live"))
    live.change(vm, properties("a=<b>"), DEVICES)
    live.change(vm, properties(""), DEVICES)
    assert vm.deeds == [
        f'metadata {PREFIX} <properties><property name="a" value="&lt;b&gt;"/></properties>',
        f"metadata {PREFIX} None",
    ]
