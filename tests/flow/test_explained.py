"""What `explain`, `describe` and `diff` say about a simulated datacenter."""

from __future__ import annotations

from pathlib import Path

from reconciler import cycle
from reconciler.status import differences, objects, overview, placement
from reconciler.status.description import describe
from reconciler.status.explanation import explain
from specs.resource import Ref
from specs.structs import replace
from tests.flow.looking import ref, situation, text
from tests.flow.site import Site, vm_yaml


def test_every_host_is_asked_why_it_could_not_take_a_vm(site: Site) -> None:
    site.vms(vm_yaml("big", "=cpu: 1, memory: 10000GiB"), vm_yaml("web", "hosts: [kvm2]"))
    found = situation(site)
    big, web = found.machine(ref("big")), found.machine(ref("web"))
    assert big is not None
    assert web is not None
    assert all("10000GiB needed" in each.why for each in placement.verdicts(big, found))
    assert [(each.host, each.why) for each in placement.verdicts(web, found)] == [
        ("kvm2", ""), ("kvm1", "its `hosts:` does not name it (PinToHost)"),
    ]  # fmt: skip
    assert str(placement.verdicts(web, found)[0]).startswith("best: score 3 (OptimalForCpuEvenDistribution 2, Opt")
    assert "kvm2 is where the plan puts it" in placement.reason(web, found)


def test_a_running_vms_own_memory_does_not_speak_against_its_host(site: Site) -> None:
    site.vms(vm_yaml("web", "=cpu: 1, memory: 20GiB, hosts: [kvm1]"))
    site.settle()
    found = situation(site)
    web = found.machine(ref("web"))
    assert web is not None
    (own, _) = placement.verdicts(web, found)
    assert (own.why, own.here, own.best) == ("", True, True)
    assert "stays where it is" in placement.reason(web, found)


def test_explain_names_the_file_and_line_of_each_value_and_who_says_it_there(site: Site) -> None:
    site.write(
        "sizes.yaml",
        "apiVersion: gitvirt/v1\nkind: InstanceType\nmetadata: {name: small}\nspec:\n  cpu: 1\n  memory: 128MiB\n",
    )
    site.vms(vm_yaml("web", "=instanceType: small, disks: [{name: root, image: guest}]"))
    told = text(explain(ref("web"), situation(site)))
    assert "memory 128MiB sizes.yaml:6 by instancetype/small" in told
    assert "disks[root].image guest vms.yaml:5" in told
    assert "disks[root].storageDomain shared filled in" in told


def test_explain_says_why_a_change_is_held_and_what_to_do(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    site.world.power_off("kvm1")
    told = text(explain(ref("web"), situation(site)))
    assert "HostUnseen" in told
    assert "not seen is not absent" in told
    assert "→" in told
    assert "kvm1 not reachable" in told


def test_describe_shows_the_next_boot_beside_what_runs_and_what_is_next(site: Site) -> None:
    site.vms(vm_yaml("web", "memoryMax: 128MiB"))
    site.settle()
    site.vms(vm_yaml("web", "memoryMax: 256MiB"))
    site.settle()
    told = text(describe(ref("web"), situation(site)))
    assert "memoryMax 256MiB running now: 128MiB" in told
    assert "generation" in told
    assert "waits for the next power cycle" in told
    assert "# vms.yaml:5" in told
    assert describe(Ref.parse("host/kvm1"), situation(site))
    assert "active" in text(describe(Ref.parse("network/lan"), situation(site)))


def test_a_settled_site_has_no_differences(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    assert differences.differences(situation(site)) == []
    assert differences.structural(situation(site)) == []


def test_differences_say_before_after_and_effect_of_each_field(site: Site) -> None:
    site.vms(vm_yaml("web", "memoryMax: 256MiB"))
    site.settle()
    site.vms(
        vm_yaml("web", "memoryMax: 256MiB")
        .replace("memory: 96MiB", "memory: 128MiB")
        .replace("nics: [lan]", "nics: []")
    )
    (found,) = differences.differences(situation(site), [ref("web")])
    lines = {each.path: each for each in found.lines}
    assert (lines["memory"].sign, lines["memory"].told, lines["memory"].effect) == ("~", "96MiB → 128MiB", "hotplug")
    assert lines["memory"].where == "vms.yaml:5"
    assert lines["nics[lan]"].sign == "-"
    (data,) = differences.structural(situation(site), [ref("web")])
    assert data["differences"]["values_changed"]["root['memory']"] == {"new_value": 128 << 20, "old_value": 96 << 20}
    assert "root['nics']" in data["differences"]["dictionary_item_removed"]


def test_live_differences_are_those_of_the_machine_that_runs(site: Site) -> None:
    site.vms(vm_yaml("web", "memoryMax: 128MiB, description: one"))
    site.settle()
    site.vms(vm_yaml("web", "memoryMax: 256MiB, description: one"))
    site.settle()
    (found,) = differences.differences(situation(site), live=True)
    assert [(each.path, each.told) for each in found.lines] == [("memoryMax", "128MiB → 256MiB")]
    (data,) = differences.structural(situation(site))
    assert data["differences"] == {}
    assert "root['memoryMax']" in data["running"]["values_changed"]


def test_a_new_object_is_all_plus_and_a_deleted_one_has_its_verb(site: Site) -> None:
    site.vms(vm_yaml("web"))
    (found,) = differences.differences(situation(site), [ref("web")])
    assert {each.sign for each in found.lines} == {"+"}
    site.settle()
    site.vms()
    (gone,) = differences.differences(situation(site), [ref("web")])
    assert (gone.verb, gone.lines) == ("delete", ())


class Revealing(Site):
    """A site whose secrets stand in the YAML."""

    def revision_now(self) -> cycle.Revision:
        found = super().revision_now()
        return replace(found, sources=replace(found.sources, reveal=lambda secret, where: secret.value))  # type: ignore[attr-defined]


def test_secrets_are_in_no_status_description_or_difference(tmp_path: Path) -> None:
    site = Revealing(tmp_path)
    site.vms(vm_yaml("web", "graphics: {type: vnc, password: {value: sesame1}}"))
    site.settle()
    site.vms(vm_yaml("web", "graphics: {type: vnc, password: {value: sesame2}}"))
    found = situation(site)
    everything = [
        objects.machines(found), differences.differences(found), differences.structural(found),
        describe(ref("web"), found), explain(ref("web"), found), overview.overview(found, None),
    ]  # fmt: skip
    assert "graphics.password" in repr(everything)
    assert "sesame" not in repr(everything)
