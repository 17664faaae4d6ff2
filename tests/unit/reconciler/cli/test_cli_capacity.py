"""`capacity` and `top`: how many more VMs fit, and what hosts use."""

from __future__ import annotations

import json

import pytest

from reconciler.cli.exits import Exit


def test_capacity_counts_how_many_more_fit_by_host(settled):
    ran = settled("capacity", "--cpu", "1", "--memory", "4GiB")
    assert (ran.code, ran.out.splitlines()[0]) == (Exit.OK, "cluster/default: 14 more fit")
    assert "with one host lost, at worst kvm" in ran.out
    found = json.loads(settled("capacity", "--like", "vm/web", "-o", "json").out)["clusters"][0]
    assert found["fits"] == sum(each["fits"] for each in found["hosts"]) > 100
    assert ([each["name"] for each in found["hosts"]], found["oneHostLost"]) == (["kvm1"], None)  # its `hosts:`


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "say a size"),
        (("--cpu", "1"), "say a size"),
        (("--cpu", "1", "--memory", "3GB"), "--memory 3GB: `GB` is no unit of size"),
        (("--instance-type", "huge"), "no instance type huge is declared"),
        (("--like", "vm/nobody"), "no VM nobody is declared"),
        (("--like", "vm/web", "--cpu", "1"), "--like says the whole size"),
        (("--cpu", "1", "--memory", "1GiB", "--cluster", "other"), "no host is in a cluster other"),
    ],
)
def test_capacity_says_what_a_size_is(options, why, settled):
    ran = settled("capacity", *options)
    assert ran.code == Exit.ERROR
    assert why in ran.err


def test_top_names_hosts_that_do_not_answer(lens):
    root = lens.site.repository / "gitvirt.yaml"
    root.write_text(root.read_text().replace("//kvm1/", "//127.0.0.1:9/").replace("//kvm2/", "//127.0.0.1:10/"))
    ran = lens("top", "--interval", "0.1", look=False)
    assert ran.code == Exit.ERROR
    assert [line.split()[0] for line in ran.out.splitlines() if line] == ["HOST", "VM"]
    assert "host/kvm1 was not read" in ran.err
    assert json.loads(lens("top", "hosts", "--host", "kvm2", "--interval", "0.1", "-o", "json", look=False).out) == {
        "hosts": [], "vms": [],
    }  # fmt: skip
    assert "there is no host kvm9; hosts are kvm1, kvm2" in lens("top", "--host", "kvm9", look=False).err
