"""A Host that is removed from Git, or gets another cluster or another URI: it has to be seen empty first."""

from __future__ import annotations

from drivers.mark import Override
from drivers.seen import Power
from reconciler import statefile
from reconciler.diff.change import HeldReason
from reconciler.observe.register import Register
from reconciler.place.hosts.hoststate import LOST, State
from reconciler.plan.faces.text import text
from reconciler.status.description import describe
from reconciler.status.kinds.host import hosts
from reconciler.status.situation import Situation
from specs.resource import Ref
from tests.flow.site import ID, Site, host_yaml, said, vm_yaml
from tests.flow.test_maintenance import on_kvm1, where
from tests.flow.test_outages import overrides, power_of, state_of

CLUSTERS = "".join(
    f"---\napiVersion: gitvirt/v1\nkind: Cluster\nmetadata: {{name: {name}}}\nspec: {{}}\n" for name in ("one", "two")
)


def replace_in(site: Site, old: str, new: str) -> None:
    text = (site.repository / "gitvirt.yaml").read_text()
    assert old in text
    site.write("gitvirt.yaml", text.replace(old, new))


def reasons(site: Site) -> dict[str, HeldReason]:
    held = {}
    for change in site.plan().changes:
        for each in (change.held, *(field.held for field in change.fields)):
            if each:
                held[str(change.ref)] = each.reason
    return held


def test_a_removed_host_is_emptied_and_then_gone(site: Site) -> None:
    on_kvm1(site, "", "onHostMaintenance: hold", "state: stopped")
    replace_in(site, host_yaml("kvm1"), "")
    assert state_of(site, "kvm1") is State.PREPARING
    assert reasons(site)["host/kvm1"] is HeldReason.HOST_NOT_EMPTY
    told = text(site.plan())
    assert "network/lan delete on kvm1  kvm1 leaves the repository" in told
    assert "it goes once they have left the host" in told
    site.apply()
    assert (where(site, "a"), where(site, "b"), where(site, "c")) == ("kvm2", "kvm1", "kvm2")
    assert reasons(site)["host/kvm1"] is HeldReason.HOST_NOT_EMPTY
    site.vms(*(vm_yaml(name, "state: stopped" if name == "c" else "") for name in "abc"))
    site.apply()
    site.settle()
    assert {where(site, name) for name in "abc"} == {"kvm2"}
    assert [power_of(site, name) for name in "ab"] == [Power.RUNNING] * 2
    assert list(site.look().context.wanted.hosts) == ["kvm2"]
    assert list(Register(site.state, ID).known()) == ["kvm2"]
    assert not [host for host, seen in site.world.observe().items() if host == "kvm1" and seen.networks]  # type: ignore[union-attr]
    assert not site.world.doubles


def test_nothing_is_put_on_a_host_that_is_removed(site: Site) -> None:
    on_kvm1(site, "onHostMaintenance: hold")
    replace_in(site, host_yaml("kvm1"), "")
    site.vms(vm_yaml("a", "onHostMaintenance: hold"), vm_yaml("new"))
    site.apply()
    assert where(site, "new") == "kvm2"
    assert where(site, "a") == "kvm1"


def test_an_empty_host_goes_as_soon_as_its_networks_are_gone(site: Site) -> None:
    site.vms(vm_yaml("a", "hosts: [kvm2]"))
    site.settle()
    replace_in(site, host_yaml("kvm1"), "")
    assert not reasons(site)
    assert "kvm1" in site.look().context.wanted.hosts, "a look alone does not let go of it"
    site.settle()
    assert list(site.look().context.wanted.hosts) == ["kvm2"]
    assert not site.world.observe()["kvm1"].networks  # type: ignore[union-attr]


def test_nobody_waits_for_an_empty_host_that_does_not_answer(site: Site) -> None:
    site.vms(vm_yaml("a", "hosts: [kvm2]"))
    site.settle()
    site.world.cut("kvm1")
    replace_in(site, host_yaml("kvm1"), "")
    assert list(site.look().context.wanted.hosts) == ["kvm2"]
    site.vms(vm_yaml("a", "hosts: [kvm2]"), vm_yaml("new"))
    site.settle()
    assert where(site, "new") == "kvm2"


def test_a_host_that_is_put_back_is_used_again(site: Site) -> None:
    on_kvm1(site, "onHostMaintenance: hold")
    before = (site.repository / "gitvirt.yaml").read_text()
    replace_in(site, host_yaml("kvm1"), "")
    site.apply()
    site.write("gitvirt.yaml", before)
    assert state_of(site, "kvm1") is State.UP
    assert site.plan().empty, said(site.plan())


def test_a_host_of_another_cluster_stays_in_the_old_one_until_it_is_empty(site: Site) -> None:
    replace_in(site, host_yaml("kvm1"), CLUSTERS + host_yaml("kvm1", ", cluster: one"))
    replace_in(site, host_yaml("kvm2"), host_yaml("kvm2", ", cluster: one"))
    site.vms(vm_yaml("a", "cluster: one, hosts: [kvm1]"))
    site.settle()
    site.vms(vm_yaml("a", "cluster: one"))
    replace_in(site, host_yaml("kvm1", ", cluster: one"), host_yaml("kvm1", ", cluster: two"))
    assert reasons(site) == {"host/kvm1": HeldReason.HOST_NOT_EMPTY}
    assert site.plan().empty, said(site.plan())
    site.vms(vm_yaml("a", "cluster: one, hosts: [kvm2]"))
    site.settle()
    assert where(site, "a") == "kvm2"
    assert not reasons(site)
    assert site.look().context.wanted.hosts["kvm1"].cluster == "two"


def test_a_host_that_takes_its_vms_along_into_another_cluster_is_not_held(site: Site) -> None:
    replace_in(site, host_yaml("kvm1"), CLUSTERS + host_yaml("kvm1", ", cluster: one"))
    replace_in(site, host_yaml("kvm2"), host_yaml("kvm2", ", cluster: one"))
    site.vms(vm_yaml("a", "cluster: one, hosts: [kvm1]"))
    site.settle()
    site.vms(vm_yaml("a", "cluster: two"))
    replace_in(site, host_yaml("kvm1", ", cluster: one"), host_yaml("kvm1", ", cluster: two"))
    assert not reasons(site)
    assert site.look().context.wanted.hosts["kvm1"].cluster == "two"
    site.apply()
    assert (where(site, "a"), power_of(site, "a")) == ("kvm1", Power.RUNNING)


def test_a_host_under_another_uri_that_is_another_host_is_held_until_the_old_one_is_lost(site: Site) -> None:
    on_kvm1(site, "")
    register = Register(site.state, ID)
    known = register.known()
    known["kvm1"] = {**known["kvm1"], "uri": "qemu+tls://old/system", "uuid": "11111111-2222-4333-8444-555555555555"}
    statefile.write(register.path, known)
    site.vms(vm_yaml("a"), vm_yaml("new"))
    assert reasons(site)["vm/new"] is HeldReason.HOST_UNSEEN
    register.forget("kvm1")
    site.settle()


def test_two_hosts_that_are_one_are_both_non_operational_and_nothing_is_planned_on_them(site: Site) -> None:
    site.vms(vm_yaml("a"))
    site.world.hosts["kvm1"].uuid = site.world.hosts["kvm2"].uuid
    assert {state_of(site, name) for name in ("kvm1", "kvm2")} == {State.NON_OPERATIONAL}
    assert not site.plan().steps


def test_a_declared_host_that_is_lost_is_down_until_it_answers_again(site: Site) -> None:
    on_kvm1(site, "")
    site.world.cut("kvm1")
    site.vms(vm_yaml("a"), vm_yaml("new"))
    assert state_of(site, "kvm1") is State.NON_RESPONSIVE
    assert reasons(site)["vm/new"] is HeldReason.HOST_UNSEEN
    overrides(site).put("host/kvm1", Override(kind=LOST, value="lost", author="alice"))
    assert state_of(site, "kvm1") is State.DOWN
    site.apply()
    assert where(site, "new") == "kvm2"
    assert reasons(site) == {"vm/a": HeldReason.HOLDS_DATA}
    site.world.restore("kvm1")
    assert state_of(site, "kvm1") is State.UP
    assert not overrides(site).all()
    site.world.cut("kvm1")
    assert state_of(site, "kvm1") is State.NON_RESPONSIVE


def test_a_host_that_leaves_is_listed_and_described_with_its_reason(site: Site) -> None:
    on_kvm1(site, "onHostMaintenance: hold")
    replace_in(site, host_yaml("kvm1"), "")
    looked = site.look()
    situation = Situation(catalog=site.revision_now().catalog, context=looked.context, plan=looked.plan)
    found = {each["metadata"]["name"]: each["status"]["state"] for each in hosts(situation)}
    assert found == {"kvm1": "preparing for maintenance", "kvm2": "up"}
    told = " ".join(
        word for section in describe(Ref("Host", "kvm1"), situation) for row in section.rows for word in row
    )
    assert "removed from the repository" in told
    assert "HostNotEmpty" in told
    assert "HostNotEmpty" in text(looked.plan)
