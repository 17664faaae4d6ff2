"""Faults in what a guest is told at its first boot, with the line of the file that has them."""

from __future__ import annotations

import pytest

from tests.unit.specs.conftest import BASE, Faults, Read, document

SECRETS = BASE.replace("444455556666}", "444455556666, secrets: {ops: {sops: ops.yaml}, one: {age: one.age}}}")
GIVEN = {"ops.yaml": "sops: {}\n", "one.age": b"age-encryption.org/\xff"}


def told(faults: Faults, spec: str, **files: str) -> list[str]:
    return faults({"vms/web.yaml": document("VirtualMachine", "web", spec), **GIVEN, **files}, base=SECRETS)


@pytest.mark.parametrize(
    ("name", "spec", "text", "said"),
    [
        (
            "u.yaml",
            "{cloudInit: {userData: {file: u.yaml}}}",
            "#cloud-config\na: b\nc: [\n",
            "vms/u.yaml:4:1 cloudInit",
        ),
        (
            "u.yaml",
            "{cloudInit: {userData: {file: u.yaml}}}",
            "#cloud-config\na: b\na: c\n",
            "vms/u.yaml:3:1 cloudInit",
        ),
        ("u.txt", "{cloudInit: {userData: {file: u.txt}}}", "#cloud-config\n- a\n", "vms/u.txt:1:1 cloudInit"),
        ("u.txt", "{cloudInit: {vendorData: {file: u.txt}}}", "packages: [a]\n", "cloud-init would not know what"),
        ("c.ign", "{ignition: {file: c.ign}}", '{\n  "ignition": 1,,\n}', "vms/c.ign:2:17 ignition: this is no JSON"),
        ("c.ign", "{ignition: {file: c.ign}}", "variant: fcos\n", "turned into it by `butane`"),
        ("c.ign", "{ignition: {file: c.ign}}", "{}", "says its version"),
        (
            "a.xml",
            "{sysprep: {file: a.xml}}",
            "<unattend>\n<b>\n</unattend>",
            "vms/a.xml:3:3 sysprep: this is not well",
        ),
        ("a.xml", "{sysprep: {file: a.xml}}", "<html/>", "this is `<html>`, no answer file"),
        ("a.xml", "{sysprep: {file: a.xml}}", "<!DOCTYPE a [<!ENTITY b 'c'>]><unattend/>", "no document type"),
    ],
)
def test_a_fault_in_a_file_is_told_with_its_line(name: str, spec: str, text: str, said: str, faults: Faults) -> None:
    found = told(faults, spec, **{f"vms/{name}": text})
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            "{cloudInit: {userData: {file: none.yaml}}}",
            "vms/web.yaml:4:20 cloudInit.userData: there is no file `vms/none",
        ),
        ("{cloudInit: {userData: {file: ../../x}}}", "outside of the repository"),
        ("{cloudInit: {userData: '#cloud-config\n\n a: [\n\n'}}", "line 3 of this text"),
        ("{cloudInit: {userData: {secret: opps/key}}}", "did you mean `ops`?"),
        ("{cloudInit: {writeFiles: [{path: /a, content: {secret: ops}}]}}", "`ops` has several secrets"),
        ("{graphics: {password: {secret: bmc/kvm1}}}", "no source of secrets `bmc`"),
        ("{cloudInit: {}, ignition: {config: {ignition: {version: 3.4.0}}}}", "`ignition` beside `cloudInit`"),
        ("{cloudInit: {userData: '#!x', timezone: UTC}}", "`timezone` beside `userData`"),
        ("{cloudInit: {network: {lam: dhcp}}, nics: [lan]}", "has no NIC `lam`"),
        ("{cloudInit: {network: {lan: static}}, nics: [lan]}", "a static NIC without addresses"),
        ("{cloudInit: {network: {lan: {gateway: 'fd00::1'}}}, nics: [lan]}", "is not IPv4"),
        ("{cloudInit: {network: {}, networkConfig: {version: 2}}}", "`network` beside `networkConfig`"),
        ("{cloudInit: {networkConfig: {version: 3}}}", "no `version: 1` or `version: 2`"),
        ("{cloudInit: {networkConfig: {version: 1}}}", "without a list `config`"),
        ("{cloudInit: {networkConfig: {version: 2, ethernet: {}}}}", "did you mean `ethernets`?"),
    ],
)
def test_a_fault_in_the_yaml_is_told(spec: str, said: str, faults: Faults) -> None:
    found = told(faults, spec)
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    "spec",
    [
        "{cloudInit: {userData: {secret: ops/a/b}, vendorData: {secret: one}}}",
        "{cloudInit: {userData: '#!/bin/sh'}}",
        "{cloudInit: {network: {lan: {addresses: [10.0.0.2/8]}}}, nics: [lan]}",
        "{graphics: {password: {secret: one}}}",
        "{sysprep: {secret: ops/answers}}",
        "{ignition: {secret: ops/ignition}}",
    ],
)
def test_what_is_right_has_no_finding(spec: str, faults: Faults) -> None:
    assert told(faults, spec) == []


def test_sources_of_secrets_are_read_but_are_no_documents(read: Read) -> None:
    catalog = read(GIVEN, base=SECRETS)
    assert catalog.contents["ops.yaml"] == b"sops: {}\n"
    assert catalog.contents["one.age"] == GIVEN["one.age"]


def test_a_source_of_secrets_that_is_not_there_is_told(faults: Faults) -> None:
    (found,) = faults({"one.age": b""}, base=SECRETS)
    assert found.startswith("gitvirt.yaml:4")
    assert "secrets[ops]: there is no file `ops.yaml`" in found
