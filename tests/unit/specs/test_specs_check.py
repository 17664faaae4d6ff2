"""Checks across objects: each fault at its place, with what to do; sound repositories have none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import BASE, Faults, document

Vm = Callable[[str], list[str]]


def several(*documents: tuple[str, str, str]) -> str:
    return "---\n".join(document(*each) for each in documents)


def network(spec: str, name: str = "office") -> str:
    return document("Network", name, spec)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{nics: [lna]}", "nics[lna].network: there is no network/lna; did you mean `lan`?"),
        ("{nics: [dmz-3]}", "there is no network/dmz-3; declare it, or use `lan`"),
        ("{instanceType: big}", "there is no instancetype/big; declare a document of kind InstanceType"),
        ("{cluster: prod}", "cluster: there is no cluster/prod"),
        ("{hosts: [kvm2]}", "hosts: there is no host/kvm2; did you mean `kvm1`?"),
        ("{disks: [{name: a, image: debain}]}", "disks[a].image: there is no image/debain; did you mean `debian`?"),
        ("{disks: [{name: a, size: 1GiB, storageDomain: nfs}]}", "disks[a].storageDomain: there is no sd/nfs"),
        ("{cdroms: [{name: a, image: x-iso}]}", "cdroms[a].image: there is no image/x-iso"),
        ("{memory: 1MiB}", "memory: 1MiB is too little to boot"),
        ("{memory: 900PiB}", "memory: 900PiB of memory, a guest addresses at most 4PiB"),
        ("{cpu: {sockets: 4096, cores: 4096}}", "cpu: 16777216 vCPUs are more than 4096"),
        ("{memory: 4194305B}", "libvirt counts memory in KiB"),
        ("{memory: 2GiB, memoryMax: 1GiB}", "memoryMax: 1GiB is less than `memory` (2GiB)"),
        ("{cpu: {count: 4, max: 2}}", "cpu.count: 4 vCPUs cannot be online, there are at most 2"),
        ("{cpu: {count: 5, cores: 2, threads: 2}}", "cpu.count: 5 vCPUs cannot be online, there are at most 4"),
        ("{cpu: {max: 6, cores: 4}}", "cpu.max: 6 is no multiple of 4"),
        ("{cpu: {max: 8, sockets: 1, cores: 4}}", "cpu.max: 8 does not fit the topology"),
        ("{disks: [{name: a}]}", "disks[a].size: `size` is missing"),
        ("{disks: [{name: a, external: true}]}", "disks[a].volume: `volume` is missing"),
        ("{disks: [{name: a, external: true, volume: x, size: 1GiB}]}", "it is never grown"),
        ("{disks: [{name: a, image: debian, volume: x}]}", "both `image` and `volume`"),
        ("{disks: [{name: a, size: 1GiB, clone: copy}]}", "`clone` without `image`"),
        ("{disks: [{name: a, image: debian, format: raw}]}", "a linked clone cannot be raw"),
        ("{disks: [{name: a, size: 1000B}]}", "1000B is no size of a disk"),
        ("{disks: [{name: a, size: 0B}]}", "0B is no size of a disk"),
        ("{machine: q35, disks: [{name: a, size: 1GiB, bus: ide}]}", "q35 has no IDE"),
        ("{cdroms: [{name: a, bus: ide}]}", "cdroms[a].bus: q35 has no IDE, machine is q35; use sata, or machine pc"),
        (
            "{machine: pc, cdroms: [{name: e, bus: ide}], disks: "
            f"[{', '.join(f'{{name: {each}, size: 1GiB, bus: ide}}' for each in 'abcd')}]}}",
            "cdroms[e].bus: more than 4 IDE devices",
        ),
        (
            "{disks: [{name: a, size: 1GiB, io: native, cache: writeback}]}",
            "disks[a].io: `io: native` with cache writeb",
        ),
        (
            "{disks: [{name: a, size: 1GiB, io: native}]}",
            "with cache default, QEMU takes it only past the host's cache",
        ),
        ("{machine: pc-q35-7.2, cdroms: [{name: a, bus: ide}]}", "cdroms[a].bus: q35 has no IDE"),
        (
            "{disks: [{name: a, size: 1GiB, bootOrder: 1}], nics: [{name: lan, network: lan, bootOrder: 1}]}",
            "nics[lan].bootOrder: boot order 1 is used twice, disks[a] has it too",
        ),
        ("{disks: [{name: a, size: 1GiB, serial: X}, {name: b, size: 1GiB, serial: X}]}", "serial X is used twice"),
        ("{disks: [{name: a, volume: x}, {name: b, volume: x}]}", "volume local/x is used twice"),
        ("{hosts: []}", "hosts: no host may run it"),
        ("{cloudInit: {userData: x, users: [a]}}", "cloudInit.users: `users` beside `userData`"),
        ("{graphics: {password: {file: ../../x}}}", "graphics.password: this file is outside of the repository"),
        ("{graphics: {password: ninechars}}", "VNC takes at most 8 characters"),
        ("{graphics: {type: none, password: {env: X}}}", "a password without a console"),
        (
            "{cloudInit: {users: [{name: a, passwordHash: {file: ../../x}}]}}",
            "users[a].passwordHash: this file is outside",
        ),
    ],
    ids=str,
)
def test_a_vm_that_does_not_fit_is_explained(spec: str, said: str, vm_faults: Vm) -> None:
    found = vm_faults(spec)
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    "spec",
    [
        "{cpu: {max: 8, cores: 2, threads: 2, count: 5}}",
        "{cpu: {sockets: 2, cores: 2}}",
        "{memory: 2GiB, memoryMax: 2GiB}",
        "{disks: [{name: a, image: debian, clone: copy, format: raw}]}",
        "{disks: [{name: a, volume: x, external: true}, {name: b, volume: y, size: 1GiB}]}",
        "{machine: pc, disks: [{name: a, size: 1GiB, bus: ide}]}",
        "{os: winxp, disks: [{name: a, size: 1GiB, bus: ide}]}",
        "{disks: [{name: a, size: 1GiB, io: native, cache: none}, {name: b, size: 1GiB, io: threads}]}",
        "{autostart: on, disks: [{name: a, size: 1GiB}]}",
        "{cloudInit: {userData: '#!/bin/true', networkConfig: {version: 2}}}",
        "{graphics: {password: {file: ../x}}}",
        "{drift: {fields: {'disks[a].cache': warn, 'disks[a]': warn, graphics: warn, 'nics[a].network': ignore}}}",
    ],
)
def test_a_vm_that_fits_has_no_finding(spec: str, faults: Faults) -> None:
    assert faults({"vms/web.yaml": document("VirtualMachine", "web", spec)}) == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{type: bridge}", "bridge: `bridge` is missing"),
        ("{type: bridge, bridge: br0, subnet: 10.0.0.0/24}", "`subnet` has no meaning for type bridge"),
        ("{type: bridge, bridge: br0, dns: {domain: a.lan}}", "`dns` has no meaning for type bridge"),
        ("{type: isolated, bridge: br0}", "`bridge` has no meaning for type isolated"),
        ("{}", "subnet: `subnet` is missing, NAT needs addresses"),
        ("{type: isolated, address: 10.0.0.1}", "`address` without `subnet`"),
        ("{type: isolated, dhcp: {}}", "`dhcp` without `subnet`"),
        ("{subnet: 10.0.0.0/31}", "has no room for guests"),
        ("{subnet: 10.0.0.0/24, address: 10.0.1.1}", "address: 10.0.1.1 is not in the subnet, that is 10.0.0.0/24"),
        ("{subnet: 10.0.0.0/24, address: 10.0.0.0}", "10.0.0.0 is reserved"),
        ("{subnet: 10.0.0.0/24, address: 10.0.0.255}", "10.0.0.255 is reserved"),
        ("{subnet: 10.0.0.0/24, address: 'fd00::1'}", "fd00::1 is not in the subnet"),
        ("{subnet: 10.0.0.0/24, dhcp: {start: 10.0.0.2}}", "dhcp.end: `end` is missing"),
        ("{subnet: 10.0.0.0/24, dhcp: {start: 10.0.0.9, end: 10.0.0.2}}", "dhcp.end: the range ends at 10.0.0.2"),
        ("{subnet: 10.0.0.0/24, dhcp: {start: 10.0.0.9, end: 10.0.1.2}}", "dhcp.end: 10.0.1.2 is not in the subnet"),
        (
            "{subnet: 10.0.0.0/24, dhcp: {hosts: [{name: a, mac: 52:54:00:00:00:01, address: 10.9.0.2}]}}",
            "dhcp.hosts[a].address: 10.9.0.2 is not in the subnet",
        ),
        (
            "{subnet: 10.0.0.0/24, dhcp: {hosts: [{name: a, mac: 52:54:00:00:00:01, address: 10.0.0.1}]}}",
            "10.0.0.1 is the host's own address",
        ),
        (
            "{subnet: 10.0.0.0/24, dhcp: {hosts: [{name: a, mac: 52:54:00:00:00:01, address: 10.0.0.2},"
            " {name: b, mac: 52:54:00:00:00:02, address: 10.0.0.2}]}}",
            "10.0.0.2 is used twice, `a` has it",
        ),
        (
            "{subnet: 10.0.0.0/24, dhcp: {hosts: [{name: a, mac: 52:54:00:00:00:01, address: 10.0.0.2},"
            " {name: b, mac: 52:54:00:00:00:01, address: 10.0.0.3}]}}",
            "this MAC is used twice",
        ),
        (
            "{subnet: 192.168.150.128/25}",
            "192.168.150.128/25 overlaps 192.168.150.0/24 of network/lan, both are on kvm1",
        ),
        ("{type: bridge, bridge: {hosts: {kvm9: br0}}}", "bridge.hosts: there is no host/kvm9"),
        ("{subnet: 10.0.0.0/24, clusters: [prod]}", "clusters: there is no cluster/prod"),
        (
            "{subnet: 10.0.0.0/24, drift: {fields: {subnte: warn}}}",
            "there is no field `subnte`; did you mean `subnet`?",
        ),
        ("{subnet: 10.0.0.0/24, mtu: 100}", "mtu: `100` is less than 576"),
        ("{subnet: 10.0.0.0/24, dns: {hosts: {10.0.0.5: ['a b']}}}", "`a b` is not a DNS name"),
        ("{subnet: 10.0.0.0/24, dns: {hosts: {nas: [a]}}}", "`nas` is not an IP address"),
        ("{type: bridge, bridge: 'br0 x'}", "`br0 x` is not a bridge"),
    ],
    ids=str,
)
def test_a_network_that_does_not_fit_is_explained(spec: str, said: str, faults: Faults) -> None:
    found = faults(network(spec))
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    "spec",
    [
        "{type: isolated}",
        "{external: true}",
        "{type: bridge, bridge: br0, mtu: 9000}",
        "{type: bridge, bridge: {hosts: {kvm1: br7}}}",
        "{subnet: 10.0.0.0/24, dhcp: {start: 10.0.0.2, end: 10.0.0.254}}",
        "{subnet: 10.0.0.0/24, dns: {domain: a.lan, hosts: {10.0.0.5: [nas]}}}",
        "{subnet: 'fd00:1::/64', address: 'fd00:1::1'}",
        "{subnet: 192.168.151.0/24}",
        "{type: bridge, bridge: br0, clusters: [default]}",
    ],
)
def test_a_network_that_fits_has_no_finding(spec: str, faults: Faults) -> None:
    assert faults(network(spec)) == []


def test_subnets_may_overlap_where_no_host_has_both(faults: Faults) -> None:
    clusters = several(("Cluster", "a", "{}"), ("Cluster", "b", "{}"))
    base = BASE.replace("{uri:", "{cluster: a, uri:").replace("150.0/24}", "150.0/24, clusters: [a]}")
    other = network("{subnet: 192.168.150.0/24, clusters: [b]}")
    assert faults(clusters + "---\n" + other, base=base) == []
    (only,) = faults(clusters + "---\n" + other.replace("[b]", "[a]"), base=base)
    assert "overlaps" in only


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        ([("Host", "kvm2", "{uri: qemu+ssh://root@KVM1.lan/system}")], "host/kvm1 has it (gitvirt.yaml:9:8)"),
        ([("Cluster", "a", "{}"), ("Cluster", "b", "{}")], "`cluster` is missing, there are 2 of kind Cluster"),
        (
            [("DataCenter", "a", "{}"), ("DataCenter", "b", "{}")],
            "dataCenter: `dataCenter` is missing, there are 2 of kind DataCenter",
        ),
        ([("Cluster", "a", "{dataCenter: x}")], "dataCenter: there is no dc/x"),
        ([("StorageDomain", "b", "{type: local, path: /srv/vms/}")], "path: sd/local has the same folder"),
        ([("StorageDomain", "b", "{type: local, path: /}")], "`/` belongs to the system"),
        ([("StorageDomain", "b", "{type: local, path: srv}")], "`srv` is not an absolute path"),
        ([("StorageDomain", "b", "{type: local, path: /a/../b}")], "is not an absolute path"),
        ([("StorageDomain", "b", "{path: /b}")], "type: `type` is missing"),
        ([("StorageDomain", "b", "{type: nfs, path: /b}")], "`nfs` cannot be used here; use local or posix"),
        ([("StorageDomain", "b", "{type: local, path: /b, hosts: []}")], "hosts: no host has it"),
        ([("StorageDomain", "b", "{type: local, path: /b, freeSpace: {warning: 5GiB}}")], "is not a percentage"),
        ([("StorageDomain", "b", "{type: local, path: /b}")], "storageDomain: `storageDomain` is missing"),
        ([("Image", "i", "{}")], "file: `file` is missing"),
        ([("Image", "i", "{external: true}")], "volume: `volume` is missing"),
        ([("Image", "i", "{file: /a, external: true, volume: x}")], "`file` of an external image"),
        ([("Image", "i", "{volume: x}")], "`volume` belongs to external images"),
        ([("Image", "i", "{file: ../../x.img}")], "leads out of the repository"),
        ([("Image", "i", "{file: x.img}")], "warning: `x.img` is not among the repository's files"),
        ([("Image", "i", "{file: /x, checksum: md5:abc}")], "is not a checksum, write `sha256:`"),
        ([("Image", "i", "{file: /x, checksum: sha256:ABC}")], "is not a checksum"),
        ([("Image", "i", "{file: /x, checksum: sha512:abc}")], "is not a checksum"),
        ([("Image", "i", "{url: https://x}")], "is not a URL of an image"),
        ([("Image", "i", "{url: 'https://me:secret@x/y'}")], "is not a URL of an image"),
        ([("Image", "i", "{url: 'file:///etc/passwd'}")], "is not a URL of an image"),
        ([("Image", "i", "{url: https://x/y}")], "checksum: `checksum` is missing"),
        ([("Image", "i", "{url: https://x/y, file: /z}")], "url: both `file` and `url`"),
        ([("Image", "i", "{url: https://x/y, external: true, volume: v}")], "`url` of an external image"),
        ([("Image", "i", "{file: /x, type: iso, format: qcow2}")], "format: an ISO image of format qcow2"),
        (
            [("VirtualMachine", "a", "{nics: [{name: lan, network: lan, mac: 52:54:00:00:00:01}]}"),
             ("VirtualMachine", "b", "{nics: [{name: lan, network: lan, mac: 52-54-00-00-00-01}]}")],
            "nics[lan].mac: this MAC is used twice, vm/a has it",
        ),
        (
            [("VirtualMachine", "a", "{uuid: 0f5c1a2e-1111-4222-8333-000000000001}"),
             ("VirtualMachine", "b", "{uuid: 0f5c1a2e-1111-4222-8333-000000000001}")],
            "uuid: this UUID is used twice, vm/a has it",
        ),
        ([("InstanceType", "big", "{memory: 2GiB, memoryMax: 1GiB}")], "memoryMax: 1GiB is less than `memory`"),
        ([("InstanceType", "big", "{disks: []}")], "disks: unknown field"),
    ],
    ids=str,
)  # fmt: skip
def test_objects_that_do_not_fit_each_other_are_explained(
    documents: list[tuple[str, str, str]], said: str, faults: Faults
) -> None:
    found = faults(several(*documents))
    assert any(said.replace("checksum, write", "checksum; write") in each for each in found), found


def renamed(name: str, former: str) -> str:
    return document("VirtualMachine", name, "{}").replace(f"name: {name}", f"name: {name}, renamedFrom: {former}")


def test_a_former_name_must_be_free_and_used_once(faults: Faults) -> None:
    (only,) = faults(renamed("new", "old") + "---\n" + document("VirtualMachine", "old", "{}"))
    assert "more.yaml:3:23 metadata.renamedFrom: vm/old is still declared" in only
    (only,) = faults(renamed("new", "old") + "---\n" + renamed("newer", "old"))
    assert "vm/old was renamed twice" in only
    (only,) = faults(renamed("same", "same"))
    assert "this is its name already" in only


def test_only_vms_can_be_renamed(faults: Faults) -> None:
    network = document("Network", "new", "{type: isolated}").replace("new}", "new, renamedFrom: old}")
    (only,) = faults(network)
    assert "metadata.renamedFrom: a Network with a former name, only a VirtualMachine is renamed in place" in only


SHARED = document("StorageDomain", "nfs", "{type: posix, path: /mnt/nfs}")


def test_autostart_on_shared_storage_is_refused(faults: Faults) -> None:
    base = BASE.replace("{file: /srv", "{storageDomain: local, file: /srv")
    disks = "disks: [{name: root, size: 1GiB, storageDomain: nfs}]"
    vm = document("VirtualMachine", "web", f"{{autostart: on, {disks}}}")
    (only,) = faults(SHARED + "---\n" + vm, base=base)
    assert "autostart: disk `root` is on sd/nfs, which is shared" in only
    assert "start the VM twice" in only
    assert faults(SHARED + "---\n" + vm.replace("on,", "auto,"), base=base) == []
    assert faults(SHARED + "---\n" + vm.replace("1GiB,", "1GiB, readOnly: true,"), base=base) == []


def test_iso_domains_take_no_disks_and_images_fit_their_devices(faults: Faults) -> None:
    iso = several(
        ("StorageDomain", "iso", "{type: local, path: /iso, function: iso}"),
        ("Image", "setup", "{file: /x.iso, type: iso, storageDomain: iso}"),
        ("Image", "wrong", "{file: /x.img, type: disk, storageDomain: iso}"),
    )
    vm = document(
        "VirtualMachine",
        "web",
        "{disks: [{name: a, size: 1GiB, storageDomain: iso}, {name: b, image: setup}],"
        " cdroms: [{name: c, image: wrong}]}",
    )
    text = "\n".join(faults(iso + "---\n" + vm))
    assert "disks[a].storageDomain: sd/iso is for ISO images" in text
    assert "disks[b].image: image/setup is not for a disk" in text
    assert "cdroms[c].image: image/wrong is not for a CD-ROM drive" in text
    assert "storageDomain: a disk image cannot be there" in text


def test_what_the_hosts_of_a_vm_do_not_have_is_out_of_reach(faults: Faults) -> None:
    clusters = several(
        ("Cluster", "a", "{}"),
        ("Cluster", "b", "{}"),
        ("Host", "kvm2", "{cluster: b, uri: 'qemu:///system'}"),
        ("StorageDomain", "only-a", "{type: local, path: /a, clusters: [a]}"),
        ("Network", "net-a", "{type: isolated, clusters: [a]}"),
        ("Image", "img-a", "{file: /x, storageDomain: only-a}"),
        ("StorageDomain", "odd", "{type: local, path: /odd, clusters: [a], hosts: [kvm2]}"),
    )
    base = BASE.replace("{uri:", "{cluster: a, uri:").replace("{file: /srv", "{storageDomain: local, file: /srv")
    spec = (
        "{cluster: CLUSTER, nics: [net-a], hosts: [kvm1], cdroms: [{name: c, image: img-a}],"
        " disks: [{name: d, size: 1GiB, storageDomain: only-a}]}"
    )
    text = "\n".join(
        faults(clusters + "---\n" + document("VirtualMachine", "web", spec.replace("CLUSTER", "b")), base=base)
    )
    assert "nics[net-a].network: network/net-a is not on the hosts of this VM" in text
    assert "disks[d].storageDomain: sd/only-a is not on the hosts of this VM" in text
    assert "cdroms[c].image: sd/only-a is not on the hosts of this VM" in text
    assert "hosts: host/kvm1 cannot run it, it is in cluster a" in text
    assert "hosts: host/kvm2 cannot have it" in text
    fitting = faults(clusters + "---\n" + document("VirtualMachine", "web", spec.replace("CLUSTER", "a")), base=base)
    assert [each for each in fitting if "kvm2 cannot have it" not in each] == []


def test_an_image_beside_its_document_is_found(faults: Faults) -> None:
    text = document("Image", "tiny", "{file: ../images/tiny.qcow2}")
    assert faults({"vms/tiny.yaml": text, "images/tiny.qcow2": b"QFI\xfb"}) == []


def test_a_vm_in_another_data_center_sees_only_its_own_domains(faults: Faults) -> None:
    documents = several(
        ("DataCenter", "east", "{}"),
        ("DataCenter", "west", "{}"),
        ("Cluster", "e", "{dataCenter: east}"),
        ("Cluster", "w", "{dataCenter: west}"),
        ("StorageDomain", "west-disks", "{dataCenter: west, type: local, path: /w}"),
        ("VirtualMachine", "web", "{cluster: w, disks: [{name: root, size: 1GiB}]}"),
    )
    base = (
        BASE.replace("{uri:", "{cluster: e, uri:")
        .replace("{type: local", "{dataCenter: east, type: local")
        .replace("{type: nat", "{dataCenter: east, type: nat")
        .replace("{file: /srv", "{storageDomain: local, file: /srv")
    )
    assert faults(documents, base=base) == []
