"""A host that leaves Git after its first VM came to it and before anybody looked again: that VM is not made twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler import cycle, statefile
from reconciler.apply.dispatch import Tools
from reconciler.apply.outcome import Outcome
from reconciler.apply.walk import Walker
from reconciler.observe.register import Register
from reconciler.plan.plan import Step
from specs.structs import replace
from tests.flow.leaving import LOCAL, local
from tests.flow.site import ID, IMAGE, NoWait, Site, host_yaml, said, vm_yaml
from tests.flow.test_host_removal import replace_in


def there(host: str) -> str:
    """vm/web with a disk that exists on shared storage, for one host."""
    disk = "disks: [{name: root, storageDomain: shared, volume: data.qcow2}]"
    return vm_yaml("web", f"=cpu: 1, memory: 96MiB, nics: [lan], {disk}, hosts: [{host}]")


@pytest.fixture
def empty(tmp_path: Path) -> Site:
    """Two hosts that were looked at; no lock would keep a second copy from its disk."""
    site = Site(tmp_path, locks=False)
    site.settle()
    site.world.outside("kvm1").put_file("/srv/shared/data.qcow2", content=IMAGE)
    return site


def comes(site: Site, how: str) -> None:
    """vm/web gets to kvm2, and nobody looks afterwards."""
    if how == "moved":
        site.vms(there("kvm1"))
        site.settle()
    if how == "relocated":
        site.vms(there("kvm1").replace("cpu: 1", "cpu: 1, state: stopped"))
        site.settle()
        site.vms(there("kvm2").replace("cpu: 1", "cpu: 1, state: stopped"))
    else:
        site.vms(there("kvm2"))
    assert site.apply().good
    assert copies(site) == ["kvm2"]


def copies(site: Site) -> list[str]:
    return [host.name for host in site.world.hosts.values() for each in host.domains.values() if each.name == "web"]


@pytest.mark.parametrize("how", ["created", "moved", "relocated"])
def test_a_vm_of_a_removed_host_that_does_not_answer_is_not_made_again(empty: Site, how: str) -> None:
    comes(empty, how)
    empty.world.cut("kvm2")
    replace_in(empty, host_yaml("kvm2"), "")
    empty.vms(there("kvm1"))
    plan = empty.plan()
    assert plan.empty, said(plan)
    assert any("HostUnseen" in line for line in said(plan)), said(plan)
    empty.apply()
    assert copies(empty) == ["kvm2"]


def test_the_vm_of_a_removed_host_that_was_never_seen_with_anything_is_fetched_from_it(tmp_path: Path) -> None:
    site = Site(tmp_path, locks=False)
    for name in site.names:
        site.world.add_directory("/srv/local", hosts=[name])
    site.write("local.yaml", LOCAL)
    site.vms(local("hosts: [kvm2]", ""))
    assert site.apply().good
    uuid = site.domain("web")[1].uuid
    replace_in(site, host_yaml("kvm2"), "")
    site.vms(local("hosts: [kvm1]", ""))
    assert site.apply().good
    host, vm = site.domain("web")
    assert (host, vm.uuid, vm.running) == ("kvm1", uuid, True)
    assert not site.world.doubles


def test_a_host_that_gets_another_uri_after_its_first_vm_came_counts_as_unseen(empty: Site) -> None:
    comes(empty, "created")
    register = Register(empty.state, ID)
    known = register.known()
    other = {"uri": "qemu+tls://old/system", "uuid": "11111111-2222-4333-8444-555555555555"}
    statefile.write(register.path, {**known, "kvm2": {**known["kvm2"], **other}})
    empty.world.hosts["kvm2"].domains.clear()
    plan = empty.plan()
    assert plan.empty, said(plan)
    assert any("HostUnseen" in line for line in said(plan)), said(plan)


def test_only_a_look_that_began_afterwards_takes_back_that_a_vm_was_expected(empty: Site) -> None:
    looked = empty.look()
    register = Register(empty.state, ID)
    before = register.known()
    observed, declared = looked.context.observed, looked.context.wanted.hosts
    register.expect(observed, declared, {"kvm2": 1})
    register.learn(observed, declared, before)
    assert [register.known()[name]["vms"] for name in ("kvm1", "kvm2")] == [0, 1]
    empty.world.cut("kvm2")
    empty.look()
    assert register.known()["kvm2"]["vms"] == 1
    empty.world.restore("kvm2")
    empty.look()
    assert register.known()["kvm2"]["vms"] == 0


def test_the_register_says_so_before_the_first_step_and_after_a_look_in_between(empty: Site) -> None:
    empty.vms(there("kvm2"))
    register, noted = Register(empty.state, ID), []

    def tell(step: Step, outcome: Outcome | None) -> None:
        if not noted:
            noted.append(register.known()["kvm2"]["vms"])
            empty.look()
            noted.append(register.known()["kvm2"]["vms"])

    looked = empty.look()
    tools = Tools(open_image=empty.open_image, pause=NoWait(empty.clock))
    assert cycle.act(looked, Walker(hosts=looked.hosts, tools=tools, tell=tell)).good
    assert noted == [1, 0]
    assert register.known()["kvm2"]["vms"] == 1


def test_vms_are_not_brought_to_hosts_without_a_register(empty: Site) -> None:
    empty.vms(there("kvm2"))
    with pytest.raises(ValueError, match="no register of hosts to note that VMs come to kvm2"):
        empty.act(replace(empty.look(), register=None))
    assert not copies(empty)
