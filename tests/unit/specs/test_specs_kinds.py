"""The kinds: what each field takes, and what is said about what it does not take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BASE, ID, Faults, Read, document

import specs.kinds
from specs import model, shape
from specs.effects import RULES, WORDS
from specs.errors import BadReference
from specs.fields import Secret
from specs.kinds import KINDS
from specs.resource import SHORT_NAMES, Ref, Resource

FIELDS = [(kind.name, path) for kind in KINDS.values() for path, _ in kind.shape.walk()]


def field(kind: str, path: str) -> shape.Shape:
    return dict(KINDS[kind].shape.walk())[path]


def test_the_registry_and_the_short_names_have_the_same_kinds_in_the_same_order() -> None:
    assert list(KINDS) == list(SHORT_NAMES)
    assert [kind.short for kind in KINDS.values()] == list(SHORT_NAMES.values())


def test_no_module_of_models_leaves_its_annotations_to_be_compiled_at_each_start() -> None:
    modules = [Path(model.__file__), *Path(specs.kinds.__file__).parent.glob("*.py")]
    late = "from __future__ import annotations\n"
    assert [each.name for each in modules if late in each.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize(("kind", "path"), FIELDS)
def test_every_field_is_documented_and_has_a_rule(kind: str, path: str) -> None:
    each = field(kind, path)
    assert each.doc.endswith((".", "`.")), "one line that ends with a full stop"
    assert each.type
    assert each.effect in RULES


@pytest.mark.parametrize("kind", KINDS)
def test_canonical_paths_have_rules_too(kind: str) -> None:
    assert set(KINDS[kind].canonical.values()) <= set(RULES)


def test_every_rule_has_words() -> None:
    assert set(WORDS) == set(RULES)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("vm/web", Ref("VirtualMachine", "web")),
        ("VirtualMachine/web", Ref("VirtualMachine", "web")),
        ("vms/web", Ref("VirtualMachine", "web")),
        ("dc/east", Ref("DataCenter", "east")),
        ("sd/nfs1", Ref("StorageDomain", "nfs1")),
    ],
)
def test_a_ref_is_read_in_both_forms(text: str, ref: Ref) -> None:
    assert Ref.parse(text) == ref
    assert Ref.parse(str(ref)) == ref


@pytest.mark.parametrize(
    ("text", "said"),
    [("web", "write KIND/NAME"), ("vmm/web", "did you mean `vm`?"), ("vm/", "write"), ("vm/a/b", "write")],
)
def test_what_is_no_ref_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadReference, match=said.replace("?", r"\?")):
        Ref.parse(text)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{cpu: 0}", "cpu.count: `0` is less than 1"),
        ("{cpu: 5000}", "cpu.count: `5000` is more than 4096"),
        ("{cpu: two}", "cpu.count: `two` is not a whole number"),
        ("{cpu: 1.5}", "cpu.count: `1.5` is not a whole number"),
        ("{cpu: true}", "cpu.count: `true` is not a whole number"),
        ("{cpu: {core: 2}}", "cpu.core: unknown field; did you mean `cores`?"),
        ("{memory: 2GB}", "memory: `GB` is no unit of size, it may mean powers of 1000 or of 1024; write `2GiB`"),
        ("{memory: [1GiB]}", "memory: `['1GiB']` is not a size"),
        ("{memory_max: 1GiB}", "memory_max: unknown field; did you mean `memoryMax`?"),
        ("{machine: 'q35 -enable'}", "machine: `q35 -enable` is not a machine type"),
        ("{firmware: efi}", "firmware: `efi` cannot be used here; use bios or uefi"),
        ("{serial: yes}", "serial: `yes` is not true or false"),
        ("{serial: 1}", "serial: `1` is not true or false"),
        ("{graphics: sdl}", "graphics.type: `sdl` cannot be used here; use vnc, spice, both or none"),
        ("{graphics: {listen: localhost}}", "graphics.listen: `localhost` is not an IP address"),
        ("{description: 5}", "description: `5` is not text; quote it"),
        ('{description: "a\\nb"}', "description: this text has line breaks"),
        ("{uuid: 0F5C1A2E-1111-4222-8333-444455556666}", "is not a UUID, write it in lower case"),
        ("{state: paused}", "state: `paused` cannot be used here"),
        ("{restart: onfailure}", "use onFailure, always or never"),
        ("{autostart: maybe}", "autostart: `maybe` cannot be used here"),
        ("{stopTimeout: 30}", "write `30s` or `30m`"),
        ("{hosts: kvm1}", "hosts: `kvm1` is not a list"),
        ("{hosts: [5]}", "hosts[0]: `5` is not text; quote it"),
        ("{deleteProtection: 'true'}", "`true` is text here; take the quotes away"),
        ("{deleteProtection: yes}", "`yes` is not true or false; write `true`"),
        ("{agent: off}", "`off` is not true or false; write `false`"),
        ("{cpu: '2'}", "cpu.count: `2` is not a whole number; take the quotes away"),
        ("{hosts: [null]}", "hosts[0]: nothing is written here"),
        ("{memory: 999999999999999999999999GiB}", "is too large"),
        ("{drift: never}", "drift.default: `never` cannot be used here"),
        ("{drift: {fields: {memory: of}}}", "drift.fields.memory: `of` cannot be used here"),
        ("{drift: {fields: {memroy: warn}}}", "there is no field `memroy`; did you mean `memory`?"),
        ("{updatePolicy: {restart: window}}", "`window` cannot be used here; use wait or now"),
        (
            "{disks: [{name: a, size: 1GiB, bus: nvme}]}",
            "disks[a].bus: `nvme` cannot be used here; use virtio, scsi, sata, ide or usb",
        ),
        ("{disks: [{name: a, size: 1GiB, serial: 'x;y'}]}", "disks[a].serial: `x;y` is not a serial number"),
        ("{disks: [{name: a, volume: ../x}]}", "disks[a].volume: `../x` is not a volume"),
        ("{disks: [{name: a/b, size: 1GiB}]}", "disks[a/b].name: `a/b` is not a name"),
        ("{nics: [{name: lan, mac: 01:00:5e:00:00:01}]}", "is a multicast address"),
        ("{nics: [{name: lan, link: on}]}", "nics[lan].link: `on` cannot be used here; use up or down"),
        ("{cloudInit: {users: [{name: 'a b'}]}}", "is not a user name"),
        ("{cloudInit: {users: [{name: a, sudo: 5}]}}", "`sudo` takes a rule or true"),
        ("{cloudInit: {networkConfig: []}}", "cloudInit.networkConfig: this must be a mapping"),
        ("{cloudInit: {hostname: 'a_b.c!'}}", "is not a DNS name"),
        ("{cloudInit: {userData: {a: b}}}", "cloudInit.userData.a: unknown field"),
        ("{cloudInit: {userData: 12}}", "this is not text"),
        ("{cloudInit: {vendorData: {text: a, file: b}}}", "exactly one source"),
        ("{cloudInit: {writeFiles: [{path: etc/motd}]}}", "not an absolute path"),
        ("{cloudInit: {writeFiles: [{path: /etc/motd, mode: 644}]}}", "is no file mode"),
        ("{cloudInit: {writeFiles: [{path: /a, file: b, content: c}]}}", "a file has one content"),
        ("{cloudInit: {users: [{name: admin, sshKeys: [abc]}]}}", "is no public key"),
        ("{cloudInit: {users: [{name: admin, sshKeys: ['-----BEGIN OPENSSH PRIVATE KEY-----']}]}}", "is a private key"),
        ("{cloudInit: {network: {lan: {addresses: [192.168.150.20]}}}}", "with the length of the network"),
        ("{cloudInit: {network: {lan: {routes: [{to: 10.0.0.1/8, via: 10.0.0.1}]}}}}", "is no network"),
        ("{ignition: {config: {}, file: a}}", "exactly one config"),
        ("{graphics: {password: {secret: '../bmc'}}}", "is no reference to a secret"),
        ("{graphics: {password: {}}}", "a secret needs exactly one source"),
        ("{graphics: {password: {file: a, env: B}}}", "a secret needs exactly one source"),
        ("{graphics: {password: {env: 'A B'}}}", "no name of an environment variable"),
        ("{graphics: {password: {flie: a}}}", "graphics.password.flie: unknown field; did you mean `file`?"),
    ],
    ids=str,
)
def test_a_value_that_a_vm_does_not_take_is_explained(
    spec: str, said: str, vm_faults: Callable[[str], list[str]]
) -> None:
    found = vm_faults(spec)
    assert any(said.replace(", write", "; write") in each or said in each for each in found), found


@pytest.mark.parametrize(
    "secret", ["hunter22222", "12345678901", "[hunter22222]", "{value: 12345678901}", "{file: [hunter22222]}"]
)
def test_a_secret_is_never_in_a_message(secret: str, vm_faults: Callable[[str], list[str]]) -> None:
    found = vm_faults(f"{{graphics: {{password: {secret}}}}}")
    assert found
    assert not [each for each in found if "hunter" in each or "12345678901" in each]


def test_a_plain_secret_is_a_warning_and_hidden(read: Read) -> None:
    catalog = read(document("VirtualMachine", "web", "{graphics: {password: geheim}}"))
    password = catalog.of("VirtualMachine")[0].spec.graphics.password
    assert password.value == Secret("geheim")
    assert "geheim" not in repr(catalog)
    (warning,) = catalog.warnings
    assert "a secret in plain text" in str(warning)


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("{at: ./devices}", "a patch does one thing"),
        ("{at: ./devices, add: <a/>, remove: true}", "a patch does one thing"),
        ("{at: ./devices, remove: false}", "a patch does one thing"),
        ("{add: <a/>}", "`at` is missing"),
        ("{at: devices, remove: true}", "is no path in the domain"),
        ("{at: ./../x, remove: true}", "leads out of the domain"),
        ("{at: './a;b', remove: true}", "is no path in the domain"),
        ("{at: ./devices, add: '<a>'}", "this is not well-formed XML"),
        ("{at: ./devices, add: '<a/><b/>'}", "this is not well-formed XML"),
        ("{at: ./devices, add: ''}", "this is not well-formed XML"),
        ("{at: ./devices, add: '<qemu:arg/>'}", "unbound prefix"),
        ("{at: ./devices, add: '<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>'}", "document types"),
        ("{at: ./devices, add: '<?xml version=\"1.0\"?><a/>'}", "document types and processing instructions"),
        ("{at: ./devices, set: '\\0'}".replace("'", '"'), "control characters"),
        ("{at: ./devices, ad: x}", "xml[0].ad: unknown field; did you mean `add`?"),
    ],
    ids=str,
)
def test_a_patch_that_cannot_work_is_refused(patch: str, said: str, vm_faults: Callable[[str], list[str]]) -> None:
    found = vm_faults(f"{{xml: [{patch}]}}")
    assert any(said in each for each in found), found


def test_large_xml_is_refused(vm_faults: Callable[[str], list[str]]) -> None:
    (only,) = vm_faults(f"{{xml: [{{at: ./devices, add: '<a b=\"{'x' * 20_000}\"/>'}}]}}")
    assert "the limit is 16384" in only


def test_a_patch_with_its_own_namespace_is_taken(vm: Callable[[str], Resource]) -> None:
    text = "<q:commandline xmlns:q=\"http://libvirt.org/schemas/domain/qemu/1.0\"><q:arg value='-s'/></q:commandline>"
    (patch,) = vm(f'{{xml: [{{at: ".", add: {text!r}}}]}}'.replace("\\'", "''")).spec.xml
    assert patch.add == text


@pytest.mark.parametrize(
    "uri",
    [
        "qemu:///system",
        "qemu:///session",
        "qemu+tls://kvm1.example.org/system",
        "qemu+tls://kvm1/system?pkipath=lab",
        "qemu+ssh://root@kvm1:2222/system?keyfile=ops&known_hosts=ops",
        "qemu+libssh2://[fe80::1]/system",
    ],
)
def test_a_uri_that_only_says_where_is_taken(uri: str, read: Read) -> None:
    host = read({}, base=BASE.replace("qemu+tls://kvm1.lan/system", f"'{uri}'")).of("Host")[0]
    assert host.spec.uri == uri


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("qemu+shh://kvm1/system", "did you mean `qemu+ssh`?"),
        ("test:///default", "the scheme `test` is not supported"),
        ("http://kvm1/system", "the scheme `http` is not supported"),
        ("kvm1", "the scheme `` is not supported"),
        ("qemu+ssh://kvm1/system?command=/tmp/x", "it would run a program that the repository names"),
        ("qemu+ssh://kvm1/system?netcat=/tmp/x", "it would run a program"),
        ("qemu+ssh://kvm1/system?proxy=x", "it would run a program"),
        ("qemu+ssh://kvm1/system?socket=/run/x", "it would open a file"),
        ("qemu+tls://kvm1/system?no_verify=1", "an unknown server could take the host's place"),
        ("qemu+ssh://kvm1/system?keyfile=/root/.ssh/id", "write `keyfile=NAME` and set NAME locally"),
        ("qemu+ssh://kvm1/system?keyfile=../id", "is no name"),
        ("qemu+ssh://kvm1/system?keyfile=", "is no name"),
        ("qemu+ssh://kvm1/system?pkipath=lab", "`qemu+ssh` takes no `pkipath`"),
        ("qemu+ssh://kvm1/system?keyfiel=x", "did you mean `keyfile`?"),
        ("qemu+ssh://kvm1/system?keyfile=a&keyfile=b", "is in the URI twice"),
        ("qemu+ssh://root:geheim@kvm1/system", "a password in a URI"),
        ("qemu+ssh://-oProxyCommand=x@kvm1/system", "this is no user name"),
        ("qemu+ssh://-oProxyCommand=x/system", "is no host name"),
        ("qemu+ssh:///system", "`qemu+ssh` needs a server"),
        ("qemu://kvm1/system", "takes no server"),
        ("qemu+tls://kvm1/", "end it with `/system`"),
        ("qemu+tls://kvm1/system#x", "a `#` means nothing"),
        ("qemu+tls://kvm1:99999/system", "this is no URI"),
        ("qemu+tls://kvm1:0/system", "this is no URI"),
        ("qemu+tls://[::1/system", "this is no URI"),
        ("qemu+tls://kvm1 x/system", "this is no URI"),
    ],
)
def test_a_uri_that_could_do_more_is_refused(uri: str, said: str, faults: Faults) -> None:
    found = faults({}, base=BASE.replace("qemu+tls://kvm1.lan/system", f"'{uri}'"))
    assert any(said in each for each in found), found
    assert not [each for each in found if "geheim" in each]


@pytest.mark.parametrize(
    ("repository", "said"),
    [
        ("budgets: {deletions: many}", "budgets.deletions: `many` is no limit"),
        ("budgets: {deletions: -1}", "is no limit"),
        ("budgets: {deletions: 101%}", "is no limit"),
        ("budgets: {per: pass}", "`pass` cannot be used here; use revision"),
        ("trash: {keep: forever}", "trash.keep: `forever` is not a duration"),
        ("secrets: {bmc: {}}", "a source of secrets is one file"),
        ("secrets: [{name: bmc, sops: a, age: b}]", "a source of secrets is one file"),
    ],
)
def test_a_repository_says_what_its_fields_take(repository: str, said: str, faults: Faults) -> None:
    found = faults({}, base=BASE.replace(f"id: {ID}", f"id: {ID}, {repository}"))
    assert any(said in each for each in found), found


def test_limits_are_numbers_or_shares(read: Read) -> None:
    budgets = read(
        {}, base=BASE.replace(f"id: {ID}", f"id: {ID}, budgets: {{deletions: 3, restarts: 5%}}")
    ).repository.spec.budgets
    assert (budgets.deletions.of(10), budgets.restarts.of(41), str(budgets.restarts)) == (3, 2, "5%")


def test_a_whole_vm_is_read(vm: Callable[[str], Resource]) -> None:
    web = vm("""
  cpu: {max: 8, cores: 2, threads: 2, count: 4, model: Skylake-Server}
  memory: 2GiB
  memoryMax: 8GiB
  machine: pc-q35-7.2
  disks:
    - {name: root, size: 20GiB, image: debian, clone: copy, format: raw, bus: scsi, cache: none, io: native,
       discard: unmap, readOnly: false, serial: ABC-1, bootOrder: 1}
    - {name: old, volume: old.img, external: true}
  cdroms: [{name: setup, bus: scsi}]
  nics: [{name: a, network: lan, mac: 52-54-00-AA-BB-CC, model: e1000e, link: down, bootOrder: 2}]
  graphics: {type: vnc, listen: 0.0.0.0, password: {env: VNC}}
  cloudInit:
    users: [{name: admin, sshKeys: [ssh-ed25519 AAAA], sudo: true, passwordHash: {file: /etc/hash}}]
    networkConfig: {version: 2, ethernets: {all: {dhcp4: true}}}
  autostart: false
  stopTimeout: 2m
  hosts: [kvm1]
  drift: {default: warn, fields: {"disks[root].cache": ignore, graphics: accept}}
""")
    spec = web.spec
    assert spec.disks[0].boot_order == 1
    assert spec.nics[0].mac == "52:54:00:aa:bb:cc"
    assert (spec.autostart, spec.stop_timeout, spec.hosts) == ("off", 120, ("kvm1",))
    assert spec.drift.fields == {"disks[root].cache": "ignore", "graphics": "accept"}
    assert web.where("disks[root].size").line == 10
    assert web.where("disks[root].unsaid") == web.declared["disks[root]"]
    assert web.where("cloudInit.users").line == 17
    assert web.where("nothing") == web.location
