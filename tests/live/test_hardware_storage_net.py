"""Disks and NICs: one guest with as many settings as emulation takes, and what of it changes while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from specs.fields import Scalar
from tests.live.conftest import Guest, virsh
from tests.live.site import LiveSite, said

pytestmark = pytest.mark.live

FILTER = """
<filter name='open' chain='root'>
  <uuid>5a3e2f4c-0d47-4b5e-9b7f-1f1d2c3b4a59</uuid>
  <rule action='accept' direction='inout' priority='100'><ip srcipaddr='$IP'/></rule>
</filter>
"""
SAMPLE = Path(__file__).parent / "samples" / "storage.yaml"


def test_settings_of_disks_and_nics_reach_a_guest_and_change_under_it(site: LiveSite) -> None:
    documents = [each for each in YAML(typ="safe").load_all(SAMPLE) if each["metadata"]["name"] == "storage"]
    (vm,) = documents
    site.vms(documents)
    site.settle()
    host, seen = site.vm("storage")
    guest = Guest(site.lab, host, "storage")
    process = guest.virsh("domid")

    root, raw, *_ = vm["spec"]["disks"]
    lan = vm["spec"]["nics"][0]
    raw["iotune"] = {"totalBytes": "50MiB", "readIops": 700, "readIopsMax": 900, "writeIops": 0}
    root["iotune"]["totalBytesMaxLength"] = "9s"
    (site.folder.parent / "filter.xml").write_text(FILTER)
    for each in site.lab.hosts():
        virsh(site.lab, each.name, "nwfilter-define", site.folder.parent / "filter.xml")
    lan.update({"rxFrames": 16, "isolated": False, "filter": "open", "filterParameters": ["IP=192.168.150.78"]})
    site.vms(documents)
    site.settle()
    _, seen = site.vm("storage")
    assert guest.virsh("domid") == process
    expected: dict[str, Scalar] = {
        "disks[raw].iotune.totalBytes": 50 << 20, "disks[raw].iotune.readBytes": None,
        "disks[raw].iotune.writeBytesMax": None, "disks[raw].iotune.readIops": 700,
        "disks[raw].iotune.readIopsMax": 900, "disks[raw].iotune.writeIops": None,
        "disks[root].iotune.totalBytesMaxLength": 9, "nics[lan].rxFrames": 16, "nics[lan].isolated": None,
        "nics[lan].filter": "open",
        "nics[lan].filterParameters": "IP=192.168.150.78",
    }  # fmt: skip
    assert seen.live is not None
    assert {path: seen.live.get(path) or None for path in expected} == expected
    assert {path: seen.config.get(path) or None for path in expected} == expected


def test_vlan_tags_are_never_left_out_where_they_do_not_work(site: LiveSite) -> None:
    tagged: dict[str, Any] = {
        "cpu": 1, "memory": "112MiB", "disks": [{"name": "root", "image": "guest"}],
        "nics": [{"name": "lan", "network": "lan", "vlan": {"tags": [42]}}],
    }  # fmt: skip
    site.vms([{"apiVersion": "gitvirt/v1", "kind": "VirtualMachine", "metadata": {"name": "tagged"}, "spec": tagged}])
    run = site.apply()  # the network is made by the same plan, so that nobody knows yet what it takes
    assert any("vlan tag" in (each.error or "").lower() for each in run.outcomes.values()), said(site.plan())
    _, seen = site.vm("tagged")
    assert not seen.running

    tagged["nics"].append({"name": "dmz", "network": "lan", "vlan": {"tags": [7]}})
    site.vms([{"apiVersion": "gitvirt/v1", "kind": "VirtualMachine", "metadata": {"name": "tagged"}, "spec": tagged}])
    assert "a VLAN tag on lan needs Open vSwitch, or libvirt 11.0.0" in said(site.plan())
