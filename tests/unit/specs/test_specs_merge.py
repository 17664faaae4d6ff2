"""Defaults: precedence, merging by name, null, and the place of each value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import BASE, ID, Faults, Read, document
from hypothesis import given
from hypothesis import strategies as st

from specs import merge
from specs.errors import Location
from specs.kinds import KINDS
from specs.resource import Resource
from specs.yaml import Node, parse

VM = KINDS["VirtualMachine"].shape


def with_defaults(defaults: str, level: str = "Repository") -> str:
    if level == "Repository":
        return BASE.replace(f"id: {ID}", f"id: {ID}, defaults: {defaults}")
    return BASE + "---\n" + document(level, "default", f"{{defaults: {defaults}}}")


@pytest.fixture
def web(read: Read) -> Callable[..., Resource]:
    def resource(spec: str, base: str = BASE, more: str = "") -> Resource:
        text = document("VirtualMachine", "web", spec) + ("---\n" + more if more else "")
        found = read(text, base=base).get("VirtualMachine", "web")
        assert found is not None
        return found

    return resource


def test_each_level_wins_over_the_ones_below_it(web: Callable[..., Resource]) -> None:
    base = with_defaults("{VirtualMachine: {memory: 1GiB, cpu: 1, firmware: bios, machine: pc, description: a}}")
    base += "---\n" + document(
        "DataCenter", "east", "{defaults: {VirtualMachine: {memory: 2GiB, cpu: 2, firmware: uefi, machine: q35}}}"
    )
    base += "---\n" + document(
        "Cluster", "prod", "{defaults: {VirtualMachine: {memory: 3GiB, cpu: 3, firmware: bios}}}"
    )
    size = document("InstanceType", "big", "{memory: 4GiB, cpu: 4, description: not the VM's}")
    vm = web("{instanceType: big, memory: 5GiB}", base, size)
    assert vm.spec.memory == 5 * 2**30
    assert vm.spec.cpu.count == 4
    assert (vm.spec.firmware, vm.spec.machine, vm.spec.description) == ("bios", "q35", "a")
    files = {path: vm.declared[path].file for path in ("memory", "cpu.count", "firmware")}
    assert files == {"memory": "more.yaml", "cpu.count": "more.yaml", "firmware": "gitvirt.yaml"}


def test_named_lists_merge_by_name_and_plain_lists_replace(web: Callable[..., Resource]) -> None:
    base = with_defaults(
        "{VirtualMachine: {nics: [lan], disks: [{name: root, size: 5GiB, cache: none}],"
        " cloudInit: {runCommands: [a, b], users: [{name: admin, sudo: true}]}}}"
    )
    vm = web(
        "{nics: [{name: lan, model: e1000e}], disks: [{name: data, size: 1GiB}, {name: root, size: 9GiB}],"
        " cloudInit: {runCommands: [c], users: [{name: admin, shell: /bin/sh}, bob]}}",
        base,
    )
    assert [(each.name, each.size, each.cache) for each in vm.spec.disks] == [
        ("root", 9 * 2**30, "none"),
        ("data", 2**30, None),
    ]
    assert [(each.network, each.model) for each in vm.spec.nics] == [("lan", "e1000e")]
    assert vm.spec.cloud_init.run_commands == ("c",)
    assert [(each.name, each.sudo, each.shell) for each in vm.spec.cloud_init.users] == [
        ("admin", True, "/bin/sh"),
        ("bob", None, None),
    ]


def test_null_removes_what_a_default_says(web: Callable[..., Resource]) -> None:
    base = with_defaults("{VirtualMachine: {memory: 1GiB, cpu: {count: 2, model: maximum}, nics: [lan], serial: true}}")
    vm = web("{memory: null, cpu: {model: null}, nics: null}", base)
    assert (vm.spec.memory, vm.spec.nics, vm.spec.cpu.model) == (None, None, None)
    assert set(vm.declared) == {"cpu.count", "serial"}


def test_one_entry_of_a_list_is_removed_in_the_mapping_form(web: Callable[..., Resource]) -> None:
    base = with_defaults("{VirtualMachine: {disks: [{name: root, size: 1GiB}, {name: swap, size: 1GiB}]}}")
    vm = web("{disks: {swap: null, data: {size: 2GiB}, root: {size: 3GiB}}}", base)
    assert [(each.name, each.size) for each in vm.spec.disks] == [("root", 3 * 2**30), ("data", 2 * 2**30)]


def test_a_secret_is_replaced_as_a_whole(web: Callable[..., Resource]) -> None:
    base = with_defaults("{VirtualMachine: {graphics: {type: vnc, password: {file: /x}}}}")
    vm = web("{graphics: {password: {env: VNC}}}", base)
    assert (vm.spec.graphics.password.file, vm.spec.graphics.password.env) == (None, "VNC")
    assert vm.declared["graphics.password"].file == "more.yaml"


def test_a_default_image_belongs_to_the_disk_root_only(web: Callable[..., Resource]) -> None:
    base = with_defaults("{VirtualMachine: {image: debian}}")
    vm = web("{disks: [{name: root, size: 1GiB}, {name: data, size: 1GiB}]}", base)
    assert [each.image for each in vm.spec.disks] == ["debian", None]
    assert vm.declared["disks[root].image"].file == "gitvirt.yaml"
    assert "disks[data].image" not in vm.declared
    assert vm.spec.image is None


@pytest.mark.parametrize("disk", ["image: null, size: 1GiB", "volume: old.qcow2", "volume: old.qcow2, external: true"])
def test_a_disk_root_that_has_its_own_content_gets_no_default_image(disk: str, web: Callable[..., Resource]) -> None:
    base = with_defaults("{VirtualMachine: {image: debian}}")
    assert web(f"{{disks: [{{name: root, {disk}}}]}}", base).spec.disks[0].image is None


def test_an_image_of_a_vm_without_disk_root_is_an_error(faults: Faults) -> None:
    (only,) = faults(document("VirtualMachine", "web", "{image: debian, disks: [{name: data, size: 1GiB}]}"))
    assert "image: there is no disk `root`" in only


def test_a_storage_domain_of_the_vm_goes_to_disks_that_name_none(web: Callable[..., Resource]) -> None:
    second = document("StorageDomain", "fast", "{type: local, path: /fast}")
    base = BASE.replace("{file: /srv", "{storageDomain: local, file: /srv")
    disks = "disks: [{name: a, size: 1GiB}, {name: b, size: 1GiB, storageDomain: local}]"
    vm = web(f"{{storageDomain: fast, {disks}}}", base, second)
    assert [each.storage_domain for each in vm.spec.disks] == ["fast", "local"]


def test_defaults_reach_other_kinds(read: Read) -> None:
    base = with_defaults("{Host: {maintenance: true}, StorageDomain: {freeSpace: {warning: 10%}}}")
    catalog = read({}, base=base)
    assert catalog.of("Host")[0].spec.maintenance is True
    assert catalog.of("StorageDomain")[0].spec.free_space.warning == 10


@pytest.mark.parametrize(
    ("level", "defaults", "said"),
    [
        ("Repository", "{VirtualMashine: {}}", "unknown kind `VirtualMashine`; did you mean `VirtualMachine`?"),
        ("Repository", "{Repository: {}}", "a Repository has no defaults for Repository; take it away"),
        ("Cluster", "{Network: {}}", "a Cluster has no defaults for Network; write them in a Repository or DataCenter"),
        ("Repository", "{VirtualMachine: 5}", "this must be a mapping"),
        ("Repository", "5", "defaults: this must be a mapping"),
        ("Repository", "{VirtualMachine: {memroy: 1GiB}}", "did you mean `memory`?"),
        ("Repository", "{VirtualMachine: {memory: 1GB}}", "write `1GiB`"),
        ("Cluster", "{VirtualMachine: {cluster: x}}", "`cluster` cannot be a default here"),
        ("DataCenter", "{Network: {dataCenter: x}}", "`dataCenter` cannot be a default here"),
        ("Repository", "{VirtualMachine: {uuid: 0f5c1a2e-1111-4222-8333-444455556666}}", "`uuid` cannot be a default"),
        ("Repository", "{Host: {uri: 'qemu:///system'}}", "`uri` cannot be a default here"),
    ],
    ids=range(11),
)
def test_defaults_are_checked_even_if_nothing_uses_them(level: str, defaults: str, said: str, faults: Faults) -> None:
    found = faults({}, base=with_defaults(defaults, level))
    assert any(said in each for each in found), found


def test_a_fault_in_a_default_is_told_once_for_all_objects(faults: Faults) -> None:
    base = with_defaults("{VirtualMachine: {memory: 1GB}}")
    vms = "---\n".join(document("VirtualMachine", f"vm{number}", "{}") for number in range(5))
    (only,) = faults(vms, base=base)
    assert " defaults.VirtualMachine.memory: `GB` is no unit of size" in only


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{disks: [{size: 1GiB}]}", "disks[0]: this entry has no name"),
        ("{disks: [root]}", "disks[0]: this entry has no name"),
        ("{nics: [lan, lan]}", "nics: `lan` is in this list twice"),
        ("{nics: [{name: 5}]}", "more.yaml:4:16 nics[0].name: `5` is not text; quote it"),
        ("{nics: [{name: [a]}]}", "nics[0].name: this is not text"),
        ("{nics: [{name: null}]}", "nics[0]: this entry has no name"),
        ("{nics: [null]}", "nics[0]: this entry is empty; take it away"),
        ("{nics: [[lan]]}", "nics[0]: this entry has no name"),
        ("{nics: 5}", "nics: `5` is not a list"),
        ("{nics: ['a b']}", "nics[a b].name: `a b` is not a name"),
        ("{disks: {root: 5}}", "disks[root]: `5` is not a mapping"),
        ("{nics: {lan: {name: other}}}", "nics[lan].name: this entry is `lan`"),
        ("{cpu: [2]}", "cpu: this is not a mapping"),
        ("{disks: {root: {size: 1GiB, sise: 2}}}", "disks[root].sise: unknown field; did you mean `size`?"),
    ],
    ids=range(14),
)
def test_lists_of_another_form_are_findings(spec: str, said: str, vm_faults: Callable[[str], list[str]]) -> None:
    found = vm_faults(spec)
    assert any(said in each for each in found), found


SCALARS = st.one_of(st.integers(0, 9), st.sampled_from(["a", "b"]))


def specs(scalars: st.SearchStrategy[Any], removed: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Specs of a few fields and disks in the mapping form."""
    disk = st.one_of(removed, st.dictionaries(st.sampled_from(["size", "bus"]), scalars, max_size=2))
    disks = st.dictionaries(st.sampled_from(["root", "data"]), disk, max_size=2)
    plain = st.dictionaries(st.sampled_from(["memory", "description", "hosts"]), scalars, max_size=3)
    return st.builds(lambda fields, named: {**fields, "disks": named}, plain, disks)


SPECS = specs(st.one_of(st.none(), SCALARS), st.none())
WITHOUT_NULLS = specs(SCALARS, st.nothing())


def node(value: Any, place: int = 0) -> Node:
    at = Location("x", place, 1)
    if isinstance(value, dict):
        return Node({key: node(each, place) for key, each in value.items()}, at)
    return Node(value, at)


def effective(*layers: dict[str, Any]) -> tuple[Any, merge.Declared]:
    declared: merge.Declared = {}
    normal = [merge.normal(node(each, number), VM, "", []) for number, each in enumerate(layers)]
    merged = merge.merged(normal, VM)
    assert merged is not None
    return merge.flat(merged, VM, "", declared), declared


@given(WITHOUT_NULLS, WITHOUT_NULLS, WITHOUT_NULLS)
def test_merging_does_not_depend_on_how_layers_are_grouped(a: Any, b: Any, c: Any) -> None:
    layers = [merge.normal(node(each), VM, "", []) for each in (a, b, c)]
    left = merge.over(merge.over(layers[0], layers[1], VM), layers[2], VM)
    right = merge.over(layers[0], merge.over(layers[1], layers[2], VM), VM)
    assert merge.flat(left, VM, "", {}) == merge.flat(right, VM, "", {})


@given(SPECS)
def test_a_layer_over_itself_changes_nothing(layer: Any) -> None:
    assert effective(layer, layer)[0] == effective(layer)[0]


@given(SPECS, SPECS)
def test_what_the_top_says_holds_and_has_its_place(low: Any, top: Any) -> None:
    values, declared = effective(low, top)
    for key, value in top.items():
        if key != "disks":
            assert values.get(key) == value
            assert value is None or declared[key].line == 1


@given(SPECS, SPECS)
def test_everything_effective_was_written_in_one_of_the_layers(low: Any, top: Any) -> None:
    values, declared = effective(low, top)
    for key, value in values.items():
        if key != "disks":
            assert value in (low.get(key), top.get(key))
            assert key in declared
    for disk in values["disks"]:
        assert disk["name"] in (*low["disks"], *top["disks"])
        assert {f"disks[{disk['name']}].{key}" for key in disk if key != "name"} <= set(declared)


def test_shorthands_are_written_out() -> None:
    (document_node,) = parse(
        "a", b"{cpu: 2, nics: [lan], graphics: vnc, drift: warn, disks: {root: {size: 1GiB}}}"
    ).documents
    assert merge.flat(merge.normal(document_node, VM, "", []), VM, "", {}) == {
        "cpu": {"count": 2},
        "nics": [{"name": "lan", "network": "lan"}],
        "graphics": {"type": "vnc"},
        "drift": {"default": "warn"},
        "disks": [{"name": "root", "size": "1GiB"}],
    }
