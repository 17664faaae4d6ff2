"""Affinity groups as `get` and `describe` show them: their rules, and who breaks them now."""

from __future__ import annotations

import json

import pytest

from reconciler.cli.exits import Exit
from reconciler.observe import recorded
from tests.flow.site import Site, vm_yaml

GROUP = """\
apiVersion: gitvirt/v1
kind: AffinityGroup
metadata: {name: apart}
spec: {vmLabels: {tier: web}, vmRule: negative}
---
apiVersion: gitvirt/v1
kind: AffinityGroup
metadata: {name: at-home}
spec: {vms: [web], hosts: [kvm1], hostRule: {polarity: positive, enforcing: false}}
"""


@pytest.fixture
def look(tmp_path, gitvirt, monkeypatch):
    """`gitvirt VERB …` on two VMs that run on one host and shall be apart."""
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"state: {tmp_path / 'kept'}\n")
    monkeypatch.setenv("GITVIRT_CONFIG", str(settings))
    site = Site(tmp_path / "site")
    labels = ", labels: {tier: web}"
    site.vms(vm_yaml("web", "hosts: [kvm1]", metadata=labels), vm_yaml("shop", "hosts: [kvm1]", metadata=labels))
    site.settle()
    site.write("groups.yaml", GROUP)
    recorded.write(site.look().context.observed, b"k" * 32, (tmp_path / "observed.json").write_text)
    return lambda *words: gitvirt(*words, "--repo", site.repository, "--observed", tmp_path / "observed.json")


def test_get_tells_which_groups_are_broken_and_by_whom(look):
    ran = look("get", "affinitygroups")
    assert ran.code == Exit.OK
    apart, home = (line.split() for line in ran.out.splitlines()[1:])
    assert apart == ["apart", "broken", "negative,", "hard", "none", "2", "shop,web"]
    assert home == ["at-home", "kept", "none", "positive,", "soft", "1", "-"]


def test_describe_tells_where_its_vms_are(look):
    ran = look("describe", "affinitygroup/apart")
    assert ran.code == Exit.OK
    assert "shop kvm1, web kvm1" in ran.out
    assert "vm/shop on kvm1, vm/web on kvm1" in ran.out


def test_json_has_the_members_their_places_and_a_condition(look):
    item = json.loads(look("get", "affinitygroup", "apart", "-o", "json").out)
    assert item["status"]["vms"] == {"shop": "kvm1", "web": "kvm1"}
    assert item["status"]["conditions"][0]["reason"] == "Broken"


def test_status_and_the_description_of_a_vm_name_the_groups(look):
    ran = look("status")
    assert ran.code == Exit.HELD
    assert "affinity   1   affinitygroup/apart broken by vm/shop, vm/web" in ran.out
    assert json.loads(look("status", "-o", "json").out)["status"]["affinity"][0]["ref"] == "affinitygroup/apart"
    assert "apart, at-home" in look("describe", "vm/web").out
