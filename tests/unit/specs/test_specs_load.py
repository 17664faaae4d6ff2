"""Loading: which files are read, what a document needs, and that every fault of a repository is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import BASE, ID, Faults, Read, document

from specs.errors import LoadFailed
from specs.load import load
from specs.reading.encoding import LARGEST_FILE
from specs.resource import Ref
from specs.tree import Folder

VM = document("VirtualMachine", "web", "{cpu: 2, memory: 1GiB}")


def test_the_least_vm_gets_everything_that_need_not_be_written(read: Read) -> None:
    catalog = read(document("VirtualMachine", "web", "{cpu: 1, memory: 1GiB, disks: [{name: root, image: debian}]}"))
    vm = catalog.get("VirtualMachine", "web")
    assert vm is not None
    assert vm.spec.cluster == "default"
    assert vm.spec.disks[0].storage_domain == "local"
    assert set(vm.declared) == {"cpu.count", "memory", "disks[root]", "disks[root].image"}
    assert [str(each.ref) for each in catalog.of("DataCenter")] == ["dc/default"]
    assert all(each.implied for each in (*catalog.of("Cluster"), *catalog.of("DataCenter")))


def test_the_catalog_holds_all_but_the_repository_and_sorts_by_name(read: Read) -> None:
    catalog = read(document("VirtualMachine", "b", "{}") + "---\n" + document("VirtualMachine", "a", "{}"))
    assert [each.name for each in catalog.of("VirtualMachine")] == ["a", "b"]
    assert catalog.repository.ref == Ref("Repository", "home")
    assert catalog.repository.ref not in catalog.resources
    assert catalog.of("Nothing") == ()


def test_all_faults_of_all_files_are_told_in_order_of_their_places(faults: Faults) -> None:
    found = faults(
        {
            "b.yaml": "a: [",
            "a.yaml": document("VirtualMachine", "x", "{memroy: 1GiB, cpu: many}"),
            "c.yaml": document("Hots", "y", "{}"),
            "d.yaml": document("VirtualMachine", "z", "{cpu: 0}"),
        }
    )
    assert [each.partition(" ")[0] for each in found] == [
        "a.yaml:4:8",
        "a.yaml:4:22",
        "b.yaml:2:1:",
        "c.yaml:2:1",
        "d.yaml:4:8",
    ]
    assert "memroy: unknown field; did you mean `memory`?" in found[0]
    assert "kind: unknown kind `Hots`; did you mean `Host`?" in found[3]


def test_unknown_names_are_not_told_while_a_document_cannot_be_read(faults: Faults) -> None:
    lost = document("VirtualMachine", "web", "{nics: [office]}")
    assert len(faults({"a.yaml": lost})) == 1
    (only,) = faults({"a.yaml": lost, "b.yaml": "kind: ["})
    assert "b.yaml" in only


def test_the_sound_part_of_a_faulty_object_is_checked_too(faults: Faults) -> None:
    spec = "{memroy: 1GiB, disks: [{name: a, size: 1GB, image: debain}, {size: 1GiB}], nics: [lna], cluster: 5}"
    found = [each.split(" ", 1)[1] for each in faults(document("VirtualMachine", "web", spec))]
    assert [each.split(":")[0] for each in found] == [
        "memroy", "disks[a].size", "disks[a].image", "disks[1]", "nics[lna].network", "cluster",
    ]  # fmt: skip


def test_what_a_faulty_object_does_not_say_well_is_not_called_missing(faults: Faults) -> None:
    (only,) = faults(document("Network", "n", "{subnet: 10.0.0.1/24, dhcp: {start: 10.0.0.2, end: 10.0.0.9}}"))
    assert "write `10.0.0.0/24`" in only
    (only,) = faults(document("Host", "h", "{cluster: default}"))
    assert "`uri` is missing" in only


def test_an_object_with_a_fault_is_still_known_by_name(faults: Faults) -> None:
    vm = document("VirtualMachine", "w", "{nics: [n]}")
    (only,) = faults(document("Network", "n", "{type: else}") + "---\n" + vm)
    assert "`else` cannot be used here; use nat, routed, isolated, open, bridge, ovs or vxlan" in only


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "a document must be a mapping"),
        ("hello", "a document must be a mapping"),
        ("kind: Host", "`apiVersion` is missing"),
        ("apiVersion: v1\nkind: Pod", "unknown apiVersion `v1`"),
        ("apiVersion: gitvirt/v1", "`kind` is missing"),
        ("apiVersion: gitvirt/v1\nkind: [Host]", "unknown kind of this form"),
        ("apiVersion: gitvirt/v1\nkind: vm", "unknown kind `vm`; did you mean `VirtualMachine`?"),
        ("apiVersion: gitvirt/v1\nkind: Hst", "did you mean `Host`?"),
        ("apiVersion: gitvirt/v1\nkind: Host\nmetadata: {name: }", "metadata.name: the name is missing"),
        ("apiVersion: gitvirt/v1\nkind: Host\nmetadata: {name: a, notes: x}", "known are name, labels, renamedFrom"),
        ("apiVersion: gitvirt/v1\nkind: Host\nspec: {}", "metadata: `metadata` with a name is missing"),
        ("apiVersion: gitvirt/v1\nkind: Host\nmetadata: {labels: {}}", "metadata.name: the name is missing"),
        ("apiVersion: gitvirt/v1\nkind: Host\nmetadata: {name: 1234}", "`1234` is not a name; quote it"),
        ("apiVersion: gitvirt/v1\nkind: Host\nmetadata: {name: ../x}", "`../x` is not a name; use letters"),
        ("apiVersion: gitvirt/v1\nkind: Host\nmetadata: {name: a, lables: {}}", "did you mean `labels`?"),
        (VM.replace("name: web", "name: web, labels: {tier: 1}"), "the value of a label must be text; quote it"),
        (VM.replace("name: web", "name: web, labels: {tier: 'a b'}"), "no value of a label"),
        (VM.replace("name: web", "name: web, labels: {'a b': x}"), "no name of a label"),
        (VM.replace("name: web", "name: web, labels: [x]"), "labels must be a mapping"),
        (VM.replace("name: web", "name: web, renamedFrom: web"), "this is its name already"),
        (VM + "memory: 2GiB\n", "memory: unknown field; write it below `spec:`"),
        (VM + "sepc: {}\n", "did you mean `spec`?"),
        (VM.replace("{cpu: 2, memory: 1GiB}", "[1]"), "spec: this must be a mapping"),
        ("apiVersion: gitvirt/v1\nkind: Repository\nmetadata: {name: b}\nspec: {id: x}", "a second Repository"),
        (VM + "---\n" + VM, "vm/web is declared twice, first in more.yaml:3:12"),
    ],
    ids=range(25),
)
def test_a_document_that_is_wrong_says_what_to_write(text: str, said: str, faults: Faults) -> None:
    assert any(said in each for each in faults(text)), faults(text)


def test_a_document_without_spec_is_fine(read: Read) -> None:
    text = "apiVersion: gitvirt/v1\nkind: VirtualMachine\nmetadata: {name: a}\n"
    assert read(text + "---\n" + text.replace("a}", "b}") + "spec:\n").get("VirtualMachine", "b") is not None


def test_labels_and_former_name_are_read(read: Read) -> None:
    vm = read(VM.replace("name: web", "name: web, labels: {tier: web}, renamedFrom: www")).of("VirtualMachine")[0]
    assert (vm.metadata.labels, vm.metadata.renamed_from) == ({"tier": "web"}, "www")


def test_encrypted_files_are_passed_over(faults: Faults) -> None:
    assert faults({"secrets/admin.yaml": "password: ENC[AES256_GCM]\nsops: {version: 3.8.1}\n"}) == []


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("", "no document of kind Repository"),
        (VM, "no document of kind Repository"),
        ("{", "not YAML"),
        (BASE.replace(ID, "1"), "id: `1` is not text"),
        (BASE.replace(ID, "abc"), "id: `abc` is not a UUID"),
        (BASE.replace(f"id: {ID}", "drift: warn"), "`id` is missing"),
    ],
)
def test_a_root_file_that_is_no_repository_is_refused(base: str, said: str, faults: Faults) -> None:
    assert any(said in each for each in faults({}, base=base)), faults({}, base=base)


def test_a_tree_without_root_file_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match=r"there is no gitvirt\.yaml; run `gitvirt init` there"):
        load(Folder(tmp_path))
    with pytest.raises(LoadFailed, match=r"there is no prod/gitvirt\.yaml"):
        load(Folder(tmp_path), "prod")


@pytest.mark.parametrize(
    ("file", "said"),
    [("gitvirt.yml", "rename gitvirt.yml to gitvirt.yaml"), ("prod/gitvirt.yaml", "name the folder that has it: prod")],
)
def test_a_root_file_that_is_elsewhere_is_named(tmp_path: Path, file: str, said: str) -> None:
    (tmp_path / "prod").mkdir()
    (tmp_path / file).write_text(BASE)
    with pytest.raises(LoadFailed, match=said):
        load(Folder(tmp_path))


def test_nothing_that_is_written_can_steer_the_terminal(faults: Faults) -> None:
    spec = r'{"\e[31mred": 1, "\u00a0\u00a0cpu": 1, state: "\e]0;x\a", memory: "1\r\n2"}'
    found = faults({"a.yaml": document("VirtualMachine", "web", spec)})
    assert len(found) == 4
    assert all(each.isprintable() for each in found)
    assert r"\xa0\xa0cpu: unknown field" in found[1]


def test_a_huge_file_is_refused_without_reading_it(faults: Faults) -> None:
    (only,) = faults({"huge.yaml": b"#" * (LARGEST_FILE + 1)})
    assert only == f"huge.yaml: this file has {LARGEST_FILE + 1} bytes, the limit is {LARGEST_FILE}; split it"


def test_hostile_files_are_findings_each(faults: Faults) -> None:
    found = faults(
        {
            "bomb.yaml": "a0: &a0 x\n"
            + "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)),
            "deep.yaml": "[" * 10_000,
            "latin.yaml": b"a: caf\xe9",
            "photo.yaml": b"\x89PNG\r\n\x1a\n\x00",
            "utf16.yaml": "a: b".encode("utf-16"),
        }
    )
    assert "more than 100000 values" in found[0]
    assert [each.partition(":")[0] for each in found] == [
        "bomb.yaml", "deep.yaml", "latin.yaml", "photo.yaml", "utf16.yaml",
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", ["{}", "{id: 5}", f"{{id: {ID}, budgts: 5}}", f"{{id: {ID}, trash: {{keep: 7}}}}"])
def test_a_fault_of_the_repository_hides_none_of_its_objects(wrong: str, faults: Faults) -> None:
    found = faults(document("VirtualMachine", "web", "{nics: [lann]}"), base=BASE.replace(f"{{id: {ID}}}", wrong))
    assert len(found) == 2
    assert found[0].startswith("gitvirt.yaml:4:")
    assert "nics[lann].network: there is no network/lann" in found[1]


def test_a_fault_in_the_yaml_hides_no_other(faults: Faults) -> None:
    web = document("VirtualMachine", "web", "{cpu: 1, cpu: 2, memry: 1GiB, <<: {a: b}, agent: !!bool yes}")
    db = document("VirtualMachine", "db", "{nics: [lann], hosts: *nodes}")
    found = [each.partition(";")[0] for each in faults({"a.yaml": f"{web}\n---\n{db}\n"})]
    assert [each.partition(" ")[2] for each in found] == [
        "`cpu` is written twice, first in line 4",
        "memry: unknown field",
        "`<<` is not supported, merge keys are not part of YAML 1.2",
        "agent: `yes` is not true or false",
        "tag `tag:yaml.org,2002:bool` is not supported, the type of a value comes from its field",
        "nics[lann].network: there is no network/lann",
        "`*nodes` cannot be used here, no `&` of that name stands before it in this document",
    ]


def test_loading_twice_gives_equal_catalogs(read: Read) -> None:
    assert read(VM).resources == read(VM).resources
