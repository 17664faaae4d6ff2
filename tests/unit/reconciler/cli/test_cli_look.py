"""The verbs that look: get, describe, status, diff, explain, logs, on what was seen of a simulated datacenter."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from drivers.errors import Busy
from drivers.memory.faults import Crash
from drivers.node import CpuModel
from reconciler.cli.exits import Exit
from reconciler.observe import recorded
from reconciler.observe.addresses import addresses
from reconciler.status.telling import amount
from tests.flow.operator import Operator
from tests.flow.site import Site, vm_yaml


def table(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_get_vms_is_a_table_like_that_of_kubectl(settled):
    ran = settled("get", "vms")
    assert ran.code == Exit.OK
    title, *rows = table(ran.out)
    assert title == ["NAME", "STATE", "HOST", "CPU", "MEMORY", "REMARKS"]
    assert rows == [
        ["db", "stopped", "kvm1", "1", "96MiB", "-"],
        ["test", "running", "kvm1", "1", "96MiB", "-"],
        ["web", "running", "kvm1", "1", "96MiB", "-"],
    ]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("tier=web", ["test", "web"]),
        ("tier=web,env!=test", ["web"]),
        ("owner!=x", ["db", "test", "web"]),
        ("!tier", []),
    ],
)
def test_labels_select(settled, selector, names):
    assert settled("get", "vms", "-l", selector, "-o", "name").out.split() == [f"vm/{each}" for each in names]


def test_names_can_be_given_with_or_without_their_kind(settled):
    for words in (["vm", "web"], ["vm/web"], ["web"], ["VirtualMachine/web"]):
        assert settled("get", *words, "-o", "name").out == "vm/web\n"
    assert settled("get", "vm/web", "host/kvm2", "-o", "name").out.split() == ["vm/web", "host/kvm2"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["vm/wbe"], "there is no vm/wbe; did you mean `web`?"),
        (["vms", "nothing-like-it"], "there is no vm/nothing-like-it"),
        (["vms/web/x"], "there is no kind `vms/web` to list"),
        (["hots", "x"], "there is no hots"),
        (["vms", "-l", "a=b=c"], "is no label selector"),
    ],
)
def test_what_is_not_there_is_an_error_with_a_hint(settled, words, said):
    ran = settled("get", *words)
    assert (ran.code, ran.out) == (Exit.ERROR, "")
    assert said in ran.err


def test_json_of_several_is_a_list_and_of_one_is_the_object(settled):
    listed = json.loads(settled("get", "vms", "-o", "json").out)
    assert (listed["apiVersion"], listed["kind"]) == ("gitvirt/v1", "List")
    assert [each["metadata"]["name"] for each in listed["items"]] == ["db", "test", "web"]
    web = json.loads(settled("get", "vm", "web", "-o", "json").out)
    assert (web["kind"], web["status"]["state"]) == ("VirtualMachine", "running")
    assert web == YAML(typ="safe").load(settled("get", "vm/web", "-o", "yaml").out)


def test_wide_shows_what_else_there_is(settled):
    ran = settled("get", "vm", "web", "-o", "wide")
    uuid = settled.site.domain("web")[1].uuid
    assert uuid in ran.out
    assert "root=" in ran.out
    assert "guest" in ran.out


def test_get_all_has_every_kind_under_its_own_title(settled):
    words = {line.split()[0] for line in settled("get", "all").out.splitlines() if line}
    assert {"vm/web", "host/kvm1", "network/lan", "sd/shared", "image/guest", "cluster/default", "dc/default"} <= words


def test_every_kind_can_be_listed_in_every_form(settled):
    for kind in ("networks", "sds", "images", "volumes", "hosts", "clusters", "dcs", "instancetypes"):
        for output in ("text", "wide", "json", "yaml", "name"):
            ran = settled("get", kind, "-o", output)
            assert ran.code == Exit.OK
            assert ran.out or kind == "instancetypes", (kind, output)


def test_declared_kinds_are_listed_without_looking_at_hosts(lens):
    lens.site.write("c.yaml", "apiVersion: gitvirt/v1\nkind: InstanceType\nmetadata: {name: small}\nspec: {cpu: 2}\n")
    assert table(lens("get", "instancetypes", look=False).out)[1][:2] == ["small", "2"]


@pytest.mark.parametrize(("value", "said"), [(24684096 << 10, "24105MiB"), (3 << 30, "3GiB"), (1025, "1025B")])
def test_much_memory_is_told_in_whole_mib(value, said):
    assert amount(value) == said


def test_clusters_are_told_as_their_hosts_make_them(lens):
    row = ["default", "default", "kvm", "Skylake-Server", "0", "kvm1,kvm2", "-"]
    assert table(lens("get", "clusters").out)[1] == row
    lens.site.world.hosts["kvm2"].cpu_model = CpuModel(name="EPYC", vendor="AMD")
    told = lens("describe", "cluster/default").out
    assert "CPUs of several vendors (AMD: kvm2, Intel: kvm1)" in told
    assert "none: none of its hosts can be asked" in told
    assert "kvm1 libvirt 9.0.0, QEMU 7.2.0" in told


def test_hosts_that_are_not_reached_are_told_and_never_an_error(settled):
    settled.site.world.cut("kvm1")
    ran = settled("get", "vms")
    assert ran.code == Exit.OK
    assert "host/kvm1 was not read, so what it holds is unknown" in ran.err
    assert {row[1] for row in table(ran.out)[1:]} == {"unknown"}
    hosts = settled("get", "hosts").out
    assert "non-responsive" in hosts


def test_a_real_look_at_unreachable_hosts_says_so(lens):
    """No observation: the hosts' names lead nowhere."""
    lens.site.vms(vm_yaml("web"))
    root = lens.site.repository / "gitvirt.yaml"
    root.write_text(root.read_text().replace("//kvm1/", "//127.0.0.1:9/").replace("//kvm2/", "//127.0.0.1:10/"))
    ran = lens("get", "vms", look=False)
    assert (ran.code, table(ran.out)[1][:2]) == (Exit.OK, ["web", "unknown"])
    assert "host/kvm1 was not read" in ran.err
    assert lens("status", look=False).code == Exit.ERROR
    assert "unknown" in lens("explain", "web", look=False).out + lens("describe", "web", look=False).out


def test_foreign_vms_are_shown_on_request_with_their_owner(settled):
    settled.site.world.outside("kvm2").define("alien", {"memory": 1 << 28, "memoryMax": 1 << 28})
    assert "alien" not in settled("get", "vms").out
    ran = settled("get", "vms", "--all")
    assert "OWNER" in ran.out
    assert next(row for row in table(ran.out) if row[0] == "alien")[5] == "unmarked"
    assert "unmarked" in settled("describe", "alien").out


def test_get_trash_tells_what_can_be_brought_back(settled):
    assert settled("get", "trash").err.strip() == "no trash found"
    settled.site.vms(vm_yaml("web"), vm_yaml("test"))
    settled.site.settle()
    row = table(settled("get", "trash").out)[1]
    assert row[:2] == ["vm/db", "root"]
    assert settled("get", "trash", "-o", "name").out == "vm/db\n"
    assert "gitvirt get trash" in settled("status").out


def test_status_exits_as_things_are(settled):
    ran = settled("status")
    assert (ran.code, "READY" in ran.out) == (Exit.OK, True)
    assert "2 running, 1 stopped" in ran.out
    settled.site.vms(vm_yaml("web", "memoryMax: 1GiB"), vm_yaml("db", "state: stopped"), vm_yaml("test"))
    assert settled("status").code == Exit.HELD
    settled.site.world.cut("kvm2")
    ran = settled("status")
    assert ran.code == Exit.ERROR
    assert "NOT READY" in ran.out
    assert "kvm2 non-responsive:" in ran.out
    data = json.loads(settled("status", "-o", "json").out)
    assert (data["kind"], data["status"]["level"]) == ("Status", "errors")


def test_status_has_a_line_for_each_override_and_counts_in_words(settled):
    alice = Operator(settled.site)
    for name in ("web", "db"):
        assert alice.do(alice.holding.hold, f"vm/{name}").good
    lines = settled("status").out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("  overrides"))
    assert [line[:26] for line in lines[at : at + 2]] == ["  overrides  2   vm/db hel", "                 vm/web he"]
    settled.site.vms(
        vm_yaml("web"), vm_yaml("db", "state: stopped"), vm_yaml("test"), vm_yaml("more", "state: stopped")
    )
    assert " steps for 1 object; see `gitvirt plan`" in settled("status").out


def test_diff_tells_differences_by_its_exit_code(settled):
    ran = settled("diff")
    assert (ran.code, ran.out) == (Exit.OK, "no differences\n")
    settled.site.vms(vm_yaml("web", "memoryMax: 1GiB"), vm_yaml("db", "state: stopped"), vm_yaml("test"))
    ran = settled("diff", "vm/web")
    assert ran.code == Exit.CHANGES
    assert "vm/web on kvm1  vms.yaml:2" in ran.out
    line = next(each for each in ran.out.splitlines() if "memoryMax" in each)
    assert line.startswith("~ memoryMax  96MiB → 1GiB  restart")
    assert line.endswith("vms.yaml:5")
    data = json.loads(settled("diff", "web", "-o", "json").out)
    assert data["items"][0]["differences"]["values_changed"]["root['memoryMax']"]["new_value"] == 1 << 30
    assert settled("diff", "db").code == Exit.OK
    settled.site.world.cut("kvm2")
    assert settled("diff", "db").code == Exit.HELD
    assert settled("diff", "--live", "-o", "json").code == Exit.ERROR


def test_addresses_come_from_those_who_answer(tmp_path):
    site = Site(tmp_path)
    site.vms(vm_yaml("a"), vm_yaml("b", "state: stopped"), vm_yaml("c"))
    site.settle()
    found = site.look().context.observed
    uuids = {name: site.domain(name)[1].uuid for name in "abc"}
    hosts = {name: site.world.host(name) for name in site.names}
    told = addresses(hosts, found.vms())
    assert set(told) == {uuids["a"], uuids["c"]}
    assert all(each[0].startswith("192.168.150.") for each in told.values())
    site.world.faults.fail(1, Busy, where=lambda call: call.method == "addresses")
    assert len(addresses(hosts, found.vms())) == 1
    assert addresses({}, found.vms()) == {}


def test_looking_imports_neither_rich_nor_deepdiff(settled):
    recorded.write(settled.site.look().context.observed, b"k" * 32, settled.file.write_text)
    heavy = {"rich", "deepdiff", "structlog", "watchfiles", "git", "libvirt"}
    for words in (["get", "vms"], ["describe", "web"], ["explain", "web"], ["status"], ["diff"]):
        arguments = [*words, "--repo", str(settled.site.repository), "--observed", str(settled.file)]
        code = (
            "import sys\nfrom reconciler.cli.main import run\n"
            f"run({arguments!r})\nprint(sorted({heavy!r} & sys.modules.keys()))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]", words


def test_a_vm_on_its_way_is_told_with_both_hosts(settled):
    settled.site.world.outside("kvm1").guest("web", migration_seconds=60)
    settled.site.vms(vm_yaml("web", "hosts: [kvm2]"))
    settled.site.world.faults.crash(1, "midway", phase="copying")
    with pytest.raises(Crash):
        settled.site.apply(targets=frozenset({"vm/web"}))
    settled.site.world.faults.revive()
    assert "kvm1 → kvm2" in settled("get", "vms", "web").out
    described = settled("describe", "vm/web").out
    assert "from kvm1 to kvm2" in described
    assert "InFlight" in described
