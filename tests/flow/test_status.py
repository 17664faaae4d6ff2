"""What the verbs that look conclude about a simulated datacenter."""

from __future__ import annotations

import pytest

from drivers.mark import Override
from drivers.seen import Power
from reconciler.observe.addresses import addresses
from reconciler.status import objects, overview
from reconciler.status.description import describe
from reconciler.status.kinds import host, network, storage, volume
from specs.structs import replace
from tests.flow.looking import condition, machine, ref, situation, text, truth
from tests.flow.operator import Operator
from tests.flow.site import OTHER, Site, vm_yaml


def test_a_settled_vm_is_ready_and_in_sync_and_shows_its_hardware(site: Site) -> None:
    site.vms(vm_yaml("web", metadata=", labels: {tier: web}"))
    site.settle()
    item = machine(site, "web")
    assert truth(item) == {
        "Ready": "True", "InSync": "True", "Held": "False", "Drifted": "False", "PendingRestart": "False",
        "OnHold": "False",
    }  # fmt: skip
    status = item["status"]
    assert (status["state"], status["host"], status["memory"], status["cpu"]["count"]) == (
        "running", "kvm1", 96 << 20, 1,
    )  # fmt: skip
    assert item["metadata"]["labels"] == {"tier": "web"}
    assert item["metadata"]["uid"] == site.domain("web")[1].uuid
    assert [(each["name"], each["storageDomain"], each["managed"]) for each in status["disks"]] == [
        ("root", "shared", True)
    ]
    assert [(each["name"], each["network"]) for each in status["nics"]] == [("lan", "lan")]
    assert item["spec"]["memory"] == "96MiB"


def test_a_vm_that_nobody_made_yet_is_absent(site: Site) -> None:
    site.vms(vm_yaml("web"))
    item = machine(site, "web")
    assert item["status"]["state"] == "absent"
    assert (truth(item)["Ready"], condition(item, "InSync")["reason"]) == ("False", "ToCreate")
    assert "Drifted" not in truth(item)  # it was not computed


def test_what_a_dead_host_may_hold_is_unknown_and_never_absent(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    site.world.power_off("kvm1")
    item = machine(site, "web")
    assert item["status"]["state"] == "unknown"
    assert truth(item)["Ready"] == truth(item)["InSync"] == "Unknown"
    assert condition(item, "Ready")["reason"] == "HostUnseen"
    assert "kvm1" in condition(item, "Ready")["message"]
    assert [(each["metadata"]["name"], each["status"]["state"]) for each in host.hosts(situation(site))] == [
        ("kvm1", "non-responsive"), ("kvm2", "up"),
    ]  # fmt: skip


def test_a_change_that_waits_for_a_power_cycle_is_pending_with_both_values(site: Site) -> None:
    site.vms(vm_yaml("web", "memoryMax: 128MiB"))
    site.settle()
    site.vms(vm_yaml("web", "memoryMax: 256MiB"))
    site.settle()
    item = machine(site, "web")
    assert truth(item)["PendingRestart"] == "True"
    assert truth(item)["Ready"] == "True"
    assert condition(item, "InSync") == {
        "type": "InSync", "status": "False", "reason": "Waits", "message": "differs in memoryMax",
    }  # fmt: skip
    (pending,) = item["status"]["pending"]
    assert (pending["before"], pending["after"], pending["kind"]) == (128 << 20, 256 << 20, "pending")


@pytest.mark.parametrize(("mode", "reason"), [("enforce", "ToSetBack"), ("warn", "LeftAsIs")])
def test_a_change_from_outside_is_drift_and_not_held(site: Site, mode: str, reason: str) -> None:
    site.vms(vm_yaml("web", f"drift: {mode}, description: mine"))
    site.settle()
    site.world.outside("kvm1").change("web", "description", "theirs")
    item = machine(site, "web")
    assert condition(item, "Drifted")["reason"] == reason
    assert truth(item)["Held"] == "False"


def test_a_held_change_tells_its_reason_and_what_to_do(site: Site) -> None:
    site.vms(vm_yaml("web", "deleteProtection: true"))
    site.settle()
    site.vms()
    item = machine(site, "web")
    assert condition(item, "Ready")["reason"] == "NotDeclared"
    assert condition(item, "Held")["reason"] == "DeleteProtected"
    assert "deleteProtection: false" in item["status"]["held"][0]["fix"]


def test_a_stopped_vm_that_shall_run_is_not_ready_but_one_that_shut_itself_down_is(site: Site) -> None:
    site.vms(vm_yaml("crashed"), vm_yaml("done"))
    site.settle()
    for name in ("crashed", "done"):
        outside = site.world.outside(site.domain(name)[0])
        outside.kill(name) if name == "crashed" else outside.guest_shutdown(name)
    assert condition(machine(site, "crashed"), "Ready")["message"].endswith("shall be running")
    assert truth(machine(site, "crashed"))["Ready"] == "False"
    assert truth(machine(site, "done"))["Ready"] == "True"
    assert machine(site, "done")["status"]["state"] == "stopped"
    assert condition(machine(site, "done"), "Ready")["message"] == "shut down from inside the guest"


def test_foreign_vms_are_told_apart_by_whose_they_are(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    small = {"memory": 1 << 28, "memoryMax": 1 << 28}
    site.world.outside("kvm1").define("plain", small)
    site.world.outside("kvm1").clone_domain("web", "copy")
    found = situation(site)
    owners = {each["metadata"]["name"]: each["status"]["owner"] for each in objects.foreign(found)}
    assert owners == {"plain": "unmarked", "copy": "clone of vm/web"}
    assert [each["metadata"]["name"] for each in objects.machines(found)] == ["web"]
    assert all("conditions" not in each["status"] for each in objects.foreign(found))
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace("6f1d2f0e-93c8-4b7e-9d57-0c4c2f6b7a10", OTHER))
    assert "repository 6f1d2f0e" in {each["status"]["owner"][:19] for each in objects.foreign(situation(site))}


def test_a_vm_that_is_to_be_adopted_shows_as_it_is(site: Site) -> None:
    uuid = site.world.outside("kvm2").define("old", {"memory": 1 << 28, "memoryMax": 1 << 28}).uuid
    site.vms(vm_yaml("old", f"=uuid: {uuid}, memory: 256MiB, state: manual"))
    item = machine(site, "old")
    assert (item["status"]["state"], item["status"]["host"], item["status"]["owner"]) == (
        "stopped", "kvm2", "unmarked",
    )  # fmt: skip
    assert condition(item, "InSync")["reason"] == "ToAdopt"
    assert objects.foreign(situation(site)) == []


def test_deleted_vms_are_in_the_trash_with_disks_dates_and_space(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    site.vms()
    site.settle()
    (item,) = volume.trash(situation(site))
    status = item["status"]
    assert (status["ref"], [each["name"] for each in status["disks"]]) == ("vm/web", ["root"])
    assert status["since"] < status["until"]
    assert status["disks"][0]["capacity"] > 0
    assert objects.machines(situation(site)) == []
    assert {
        each["status"]["state"] for each in volume.volumes(situation(site)) if "root" in each["metadata"]["name"]
    } == {"trashed"}
    site.vms(vm_yaml("web"))
    back = machine(site, "web")
    assert (back["status"]["state"], condition(back, "InSync")["reason"]) == ("trashed", "ToRestore")


def test_a_removed_disk_is_in_the_trash_under_the_name_of_its_vm(site: Site) -> None:
    disks = "cpu: 1, memory: 96MiB, disks: [{name: root, image: guest}%s]"
    site.vms(vm_yaml("web", "=" + disks % ", {name: data, size: 1GiB}"))
    site.settle()
    site.vms(vm_yaml("web", "=" + disks % ""))
    site.settle()
    (item,) = volume.trash(situation(site))
    assert (item["status"]["ref"], item["status"]["disks"][0]["name"]) == ("vm/web", "data")


def test_networks_storage_and_images_tell_each_host(site: Site) -> None:
    assert storage.images(situation(site))[0]["status"]["state"] == "absent"
    site.settle()
    found = situation(site)
    assert [each["status"]["state"] for each in network.networks(found)] == ["active"]
    assert [each["status"]["state"] for each in storage.domains(found)] == ["active"]
    (image,) = storage.images(found)
    assert (image["status"]["state"], image["status"]["storageDomain"]) == ("ready", "shared")
    shared = storage.domains(found)[0]["status"]
    assert shared["capacity"] == shared["hosts"][0]["capacity"]  # one directory: not counted twice
    site.world.cut("kvm2")
    (lan,) = network.networks(situation(site))
    assert [each["state"] for each in lan["status"]["hosts"]] == ["active", "unknown"]
    assert truth(lan)["Ready"] == "Unknown"


def test_the_overview_is_ready_only_if_all_is_as_declared(site: Site) -> None:
    site.vms(vm_yaml("web"))
    before = overview.overview(situation(site), None)["status"]
    assert (before["level"], before["due"]["objects"] > 0) == ("errors", True)  # a declared VM is not there
    site.settle()
    assert overview.overview(situation(site), None)["status"]["level"] == "ready"
    site.world.outside("kvm1").change("web", "description", "theirs")
    assert overview.overview(situation(site), None)["status"]["level"] == "ready"  # nobody declared a description
    site.vms(vm_yaml("web", "drift: warn"))
    site.settle()
    site.vms(vm_yaml("web", "drift: warn, memoryMax: 256MiB"))
    assert overview.overview(situation(site), None)["status"]["level"] == "remarks"
    site.world.cut("kvm2")
    status = overview.overview(situation(site), None)["status"]
    assert status["level"] == "errors"
    assert status["hosts"]["states"] == {"up": 1, "non-responsive": 1}
    assert status["hosts"]["remarks"][0]["reason"]


def test_the_overview_names_operators_deeds_but_not_what_guests_did(site: Site) -> None:
    site.vms(vm_yaml("held"), vm_yaml("done"))
    site.settle()
    site.world.outside(site.domain("done")[0]).guest_shutdown("done")
    site.settle()
    name, vm = site.domain("held")
    assert vm.mark is not None
    deed = Override(kind="hold", value="hold", author="alice", reason="CHG-441", since=1_700_000_000)
    mark = replace(vm.mark, generation=vm.mark.generation + 1, overrides=(deed,))
    site.world.host(name).vms.mark(vm.uuid, vm.mark.generation, mark)
    status = overview.overview(situation(site), None)["status"]
    assert [(each["ref"], each["kind"], each["author"], each["reason"]) for each in status["overrides"]] == [
        ("vm/held", "hold", "alice", "CHG-441")
    ]
    assert status["level"] == "remarks"
    item = machine(site, "held")
    assert truth(item)["OnHold"] == "True"
    assert "alice" in condition(item, "OnHold")["message"]
    assert site.domain("done")[1].power is Power.STOPPED
    assert objects.remarks({"kind": "VirtualMachine", **machine(site, "done")}) == ["stopped by guest"]


@pytest.mark.parametrize("target", ["cluster/default", "host/kvm1", "repository/site"])
def test_a_hold_is_seen_on_the_cluster_and_the_host_that_it_reaches_until_it_ends(site: Site, target: str) -> None:
    alice = Operator(site)
    assert alice.do(alice.holding.hold, target, lasts=60).good
    (cluster,) = objects.listing("cluster").objects(site.revision_now().catalog, situation(site))
    (kvm1, _) = objects.listing("host").objects(site.revision_now().catalog, situation(site))
    assert ("on hold" in objects.remarks(cluster)) == (target != "host/kvm1")
    assert "on hold" in objects.remarks(kvm1)
    assert [each["author"] for each in cluster["status"].get("overrides", ())] == (
        ["alice@desk"] if target.startswith("cluster") else []
    )
    site.clock.advance(61)
    after = situation(site)
    for kind in ("cluster", "host"):
        for each in objects.listing(kind).objects(after.catalog, after):
            assert (objects.remarks(each), "overrides" in each["status"]) == ([], False)


def test_a_mac_pool_tells_how_many_addresses_are_free_if_every_host_was_read(site: Site) -> None:
    pool = "---\napiVersion: gitvirt/v1\nkind: MacPool\nmetadata: {name: house}\n"
    pool += 'spec: {ranges: ["52:54:00:10:00:00-52:54:00:10:00:0f"]}\n'
    site.vms(vm_yaml("web", "=cpu: 1, memory: 96MiB, nics: [{name: a, network: lan, mac: '52:54:00:10:00:03'}]"), pool)
    site.settle()
    seen = situation(site)
    (item,) = objects.listing("macpool").objects(seen.catalog, seen)
    assert (item["status"]["addresses"], item["status"]["free"]) == (16, 15)
    site.world.cut("kvm2")
    seen = situation(site)
    (item,) = objects.listing("macpool").objects(seen.catalog, seen)
    assert "free" not in item["status"]


def test_a_failed_daemon_makes_the_overview_an_error(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    assert overview.overview(situation(site), {"pid": 1, "since": 1})["status"]["level"] == "ready"
    assert overview.overview(situation(site), {"pid": 1, "since": 1, "failed": 2})["status"]["level"] == "errors"


def test_addresses_are_told_with_the_nic_that_has_them(site: Site) -> None:
    nics = "nics: [lan, {name: b, network: lan}]"
    site.vms(vm_yaml("web", f"=cpu: 1, memory: 96MiB, disks: [{{name: root, image: guest}}], {nics}"))
    site.settle()
    looked = site.look()
    told = addresses(looked.hosts, looked.context.observed.vms())
    asked = replace(situation(site), addresses=told)
    (item,) = objects.machines(asked)
    one, two = item["status"]["addresses"]
    assert [nic["addresses"] for nic in item["status"]["nics"]] == [[one], [two]]
    assert f"{one} (lan), {two} (b)" in text(describe(ref("web"), asked))
