"""Rendering: effective objects with the origin of each value; reading the text again gives the same objects."""

from __future__ import annotations

import pytest
from conftest import BASE, ID, Read, document
from hypothesis import given
from hypothesis import strategies as st

from specs.catalog import Catalog
from specs.merge import bare
from specs.render import NoSuchResource, render, scalar
from specs.resource import Ref
from specs.yaml import parse

HOME = BASE.replace(
    f"id: {ID}",
    f"id: {ID}, drift: warn, budgets: {{deletions: 5%}}, trash: {{keep: 36h}},"
    " defaults: {VirtualMachine: {image: debian, memory: 1GiB, nics: [lan]}}",
)
WEB = """
  cpu: {count: 2, max: 8}
  stopTimeout: 90s
  autostart: on
  disks: [{name: root, size: 20GiB}, {name: data, size: 1.5GiB}]
  cdroms: {setup: {image: null}}
  xml: [{at: ./devices, add: "<watchdog model='i6300esb'/>"}]
  graphics: {type: vnc, password: {env: VNC}}
  cloudInit:
    users: [{name: admin, sshKeys: ["ssh-ed25519 AAAA: x #y"], sudo: true}]
    networkConfig: {version: 2, ethernets: {all: {dhcp4: true, match: {name: "en*"},
                    list: [[1, a], {b: "on"}]}, no: {}}}
  drift: {fields: {"disks[root].cache": ignore}}
"""
NET = """
  subnet: 10.0.0.0/24
  dns: {hosts: {10.0.0.5: [nas]}}
  dhcp: {hosts: [{name: a, mac: 52:54:00:00:00:01, address: 10.0.0.9}]}
"""


@pytest.fixture
def home(read: Read) -> Catalog:
    return read(document("VirtualMachine", "web", WEB) + "---\n" + document("Network", "office", NET), base=HOME)


def test_each_value_tells_where_it_comes_from(home: Catalog) -> None:
    lines = {
        line.split("#")[0].strip(): line.partition("# ")[2]
        for line in render(home, Ref("VirtualMachine", "web")).splitlines()
    }
    assert lines["kind: VirtualMachine"] == "more.yaml:1:1"
    assert lines["count: 2"] == "more.yaml:5:9"
    assert lines["memory: 1GiB"].startswith("gitvirt.yaml:4:")
    assert lines["image: debian"].startswith("gitvirt.yaml:4:")
    assert lines["cluster: default"] == "filled in"
    assert lines["storageDomain: local"] == "filled in"
    assert lines["size: 1536MiB"] == "more.yaml:8:51"
    assert lines["image: null"].startswith("more.yaml:9:")


def test_what_is_implied_is_said_to_be(home: Catalog) -> None:
    assert "# implied, nobody declares it" in render(home, Ref("Cluster", "default"))


def test_the_rendered_repository_reads_as_the_same_objects(home: Catalog, read: Read) -> None:
    again = read({}, base=render(home))
    assert {ref: (each.metadata, each.spec) for ref, each in again.resources.items()} == {
        ref: (each.metadata, each.spec) for ref, each in home.resources.items()
    }
    assert again.repository.spec == home.repository.spec
    assert render(home, home.repository.ref) in render(home)


def test_a_secret_is_never_rendered(read: Read) -> None:
    base = HOME.replace("memory: 1GiB", "graphics: {password: geheim}")
    text = render(read(document("VirtualMachine", "web", "{disks: [{name: root}]}"), base=base))
    assert "geheim" not in text
    assert 'password: "***"' in text


def test_an_unknown_object_says_what_is_near(home: Catalog) -> None:
    with pytest.raises(NoSuchResource, match=r"there is no vm/wbe; did you mean `web`\?"):
        render(home, Ref("VirtualMachine", "wbe"))


@given(st.one_of(st.text(), st.integers(-(10**30), 10**30), st.booleans(), st.none()))
def test_a_scalar_reads_back_as_itself(value: object) -> None:
    text = scalar(value)
    if isinstance(value, str) and any(0xD800 <= ord(each) < 0xE000 for each in value):
        return
    for content in (f"- {text}\n", f"- [{text}]\n"):
        parsed = parse("x", content.encode())
        assert not parsed.findings, (content, parsed.findings)
        read = bare(parsed.documents[0])[0]
        assert (read[0] if isinstance(read, list) else read) == value


@pytest.mark.parametrize(
    "text", ["yes", "No", "on", "y", "~", "1", "0x1", "12:30", "1e3", "", " a", "a:", "-", "- a", "#x", "a #b"]
)
def test_text_that_a_reader_could_mistake_is_quoted(text: str) -> None:
    assert scalar(text).startswith('"')


TEXTS = [
    "#cloud-config\na: b\n",
    "a\n\n  b\n",
    "no end\nat all",
    "a\n\n",
    " leading\n",
    "\n",
    "a\r\nb\n",
    "tab\there\n",
    "x\n \ny\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_of_several_lines_reads_back_as_itself(text: str, read: Read) -> None:
    import json

    script = text if text.startswith("#") else f"#!/bin/sh\n{text}"
    catalog = read(document("VirtualMachine", "web", f"{{cloudInit: {{userData: {json.dumps(script)}}}}}"))
    again = read({}, base=render(catalog))
    assert again.of("VirtualMachine")[0].spec.cloud_init.user_data.text == script


def test_a_script_is_shown_as_lines(read: Read) -> None:
    catalog = read(document("VirtualMachine", "web", '{cloudInit: {userData: "#cloud-config\\na: b\\n"}}'))
    assert "\n      #cloud-config\n      a: b\n" in render(catalog, Ref("VirtualMachine", "web"))
