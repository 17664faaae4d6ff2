"""What an import writes, what it leaves out and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.mark import Mark
from drivers.seen import Rest
from reconciler.importing.proof import ImportRefused
from specs.structs import replace
from tests.domains import identity, mac
from tests.unit.reconciler.importing.world import ID, ROOT, World, imported, network, planned, pool

LEAST = """<domain type='kvm'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>{memory}</memory>
<vcpu>2</vcpu><os{os}><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
<features><acpi/><apic/></features><cpu mode='host-model'/>
<devices>{devices}<serial type='pty'/><memballoon model='virtio'/>
<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<input type='tablet' bus='usb'/><graphics type='vnc' port='-1' listen='127.0.0.1'/></devices></domain>"""
DISK = (
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2' discard='unmap'/>"
    "<source file='/srv/vms/web.qcow2'/><target dev='vda' bus='virtio'/></disk>"
)
NIC = "<interface type='network'><mac address='{}'/><source network='lan'/><model type='virtio'/></interface>"
VMS = pool("vms", "/srv/vms", "web.qcow2", "db.qcow2", "tools.iso")
LAN = network("lan", subnet="10.0.0.0/24", address="10.0.0.1", dhcp_start="10.0.0.9", dhcp_end="10.0.0.99")


def domain(name: str = "web", number: int = 1, devices: str = DISK, os: str = "", memory: int = 1024) -> str:
    return LEAST.format(name=name, uuid=identity(number), devices=devices, os=os, memory=memory)


def host(*domains: str, **more: object) -> World:
    return World(**{"domains": list(domains), "pools": (VMS,), "networks": (LAN,), **more})  # type: ignore[arg-type]


def adopts(files: dict[str, str], *hosts: World) -> None:
    """The plan adopts and nothing else; the plan after that is empty."""
    plan = planned(files, *hosts)
    assert plan.changes
    assert all(str(each.verb) == "adopt" and not each.held for each in plan.changes)
    for each in hosts:
        each.mark(plan)
    assert not planned(files, *hosts).changes


def test_the_yaml_is_what_a_person_would_write() -> None:
    web = host(domain(devices=DISK + NIC.format(mac(1))))
    _, files = imported(web.source())
    assert files == {
        **ROOT,
        "hosts/kvm1.yaml": "apiVersion: gitvirt/v1\nkind: Host\nmetadata: {name: kvm1}\n"
        "spec: {uri: qemu+tls://kvm1/system}\n",
        "networks/lan.yaml": "apiVersion: gitvirt/v1\nkind: Network\nmetadata: {name: lan}\n"
        'spec: {subnet: 10.0.0.0/24, dhcp: {start: "10.0.0.9", end: "10.0.0.99"}, external: true}\n',
        "storage/vms.yaml": "apiVersion: gitvirt/v1\nkind: StorageDomain\nmetadata: {name: vms}\n"
        "spec: {type: local, path: /srv/vms, external: true}\n",
        "vms/web.yaml": f"""\
apiVersion: gitvirt/v1
kind: VirtualMachine
metadata: {{name: web}}
spec:
  cpu: 2
  disks:
    - {{name: vda, size: 1GiB, storageDomain: vms, volume: web.qcow2}}
  nics:
    - {{name: lan, mac: "{mac(1)}"}}
  uuid: {identity(1)}
  state: manual
  drift: warn
""",
    }
    adopts(files, web)


def test_secrets_are_named_and_never_written() -> None:
    web = host(domain().replace("listen='127.0.0.1'", "listen='127.0.0.1' passwd='geheim'"))
    drawn, files = imported(web.source())
    assert "geheim" not in "".join(files.values())
    assert "password: {env: GITVIRT_SECRET_WEB_GRAPHICS_PASSWORD}" in files["vms/web.yaml"]
    (secret,) = [each for document in drawn.documents for each in document.secrets]
    assert (str(secret.ref), secret.path) == ("vm/web", "graphics.password")
    adopts(files, web)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"persistent": False}, "it is transient"),
        ({"mark_damaged": True}, "a mark that cannot be read"),
        (
            {"mark": Mark(repository="other", ref="vm/x", uuid=identity(1), generation=1, revision="")},
            "repository other",
        ),
        ({"mark": Mark(repository=ID, ref="vm/web", uuid=identity(1), generation=1, revision="")}, "vm/web of this"),
        ({"name": "web (old)"}, "rename it"),
        ({"name": "x" * 65}, "rename it"),
        ({"name": "-web"}, "rename it"),
        ({"name": "wéb"}, "rename it"),
    ],
)
def test_a_vm_that_cannot_be_adopted_is_passed_over_with_its_reason(changed: dict[str, object], why: str) -> None:
    there = host(domain(), domain("db", 2, DISK.replace("web", "db")), changed={"web": changed})
    drawn, files = imported(there.source())
    assert [why in each for each in drawn.passed] == [True], drawn.passed
    assert "vms/db.yaml" in files
    assert "vms/web.yaml" not in files


def test_one_uuid_on_two_hosts_is_nobodys() -> None:
    drawn, _ = imported(host(domain()).source(), host(domain(), name="kvm2").source())
    assert len(drawn.passed) == 2
    assert all("defined twice" in each for each in drawn.passed)


def test_of_two_vms_of_one_name_the_second_waits_for_a_rename() -> None:
    one, two = host(domain()), host(domain(number=2), name="kvm2")
    drawn, files = imported(one.source(), two.source())
    assert drawn.passed == [
        "vm 'web' on kvm2: kvm1 has another VM of this name; rename one of them (`virsh domrename`)"
    ]
    adopts(files, one)


def test_what_is_declared_already_is_not_written_again() -> None:
    web = host(domain())
    _, files = imported(web.source())
    web.domains.append(domain("db", 2, DISK.replace("web", "db")))
    drawn, more = imported(web.source(declared=True), existing=files)
    assert [str(each.ref) for each in drawn.documents] == ["vm/db"]
    adopts(more, web)


@pytest.mark.parametrize(
    ("devices", "why"),
    [
        (DISK.replace("/srv/vms/", "/srv/other/"), "no active storage pool has /srv/other/web.qcow2"),
        (DISK.replace("web.qcow2", "gone.qcow2"), "no active storage pool has /srv/vms/gone.qcow2"),
        (NIC.format(mac(1)).replace("'lan'", "'idle'"), "idle is no network that can be named here"),
        (NIC.format(mac(1)) * 2, "another NIC has the MAC"),
    ],
)
def test_a_device_without_a_place_in_the_yaml_is_told_as_xml(devices: str, why: str) -> None:
    web = host(domain(devices=devices), networks=(LAN, network("idle", active=False)))
    _, files = imported(web.source())
    assert f"is told as XML: {why}" in files["vms/web.yaml"]
    assert "at: ./devices" in files["vms/web.yaml"]
    adopts(files, web)


def test_what_differs_until_the_next_boot_is_told_and_not_declared() -> None:
    now = domain().replace("<domain type='kvm'>", "<domain type='kvm' id='3'>")
    web = host(domain(memory=2048), live={"web": now})
    _, files = imported(web.source())
    assert "# memory: 1GiB now, 2GiB from the next boot; declare one of them" in files["vms/web.yaml"]
    assert "  memory:" not in files["vms/web.yaml"]
    adopts(files, web)


def test_a_disk_that_comes_with_the_next_boot_is_told_as_xml() -> None:
    now = domain(devices="").replace("<domain type='kvm'>", "<domain type='kvm' id='3'>")
    web = host(domain(), live={"web": now})
    _, files = imported(web.source())
    assert "disks[vda] is told as XML: it comes, or goes, with the next boot" in files["vms/web.yaml"]
    adopts(files, web)


def test_media_become_external_images() -> None:
    drive = (
        "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='/srv/vms/{}'/>"
        "<target dev='{}' bus='sata'/><readonly/></disk>"
    )
    devices = drive.format("tools.iso", "sda") + drive.format("gone.iso", "sdb")
    web = host(domain(devices=devices))
    _, files = imported(web.source())
    assert "spec: {type: iso, storageDomain: vms, external: true, volume: tools.iso}" in files["images/tools.yaml"]
    assert "- {name: sda, image: tools}\n    - {name: sdb}\n" in files["vms/web.yaml"]
    assert "cdroms[sdb] holds /srv/vms/gone.iso" in files["vms/web.yaml"]
    adopts(files, web)


def test_pools_that_are_off_or_no_folders_are_passed_over() -> None:
    odd = (
        pool("vg", "/dev/vg0", type="logical"),
        pool("off", "/srv/off", active=False),
        pool("ill", "/x", problem="gone"),
    )
    drawn, files = imported(host(domain(devices=""), pools=odd).source())
    assert [each.partition(":")[0] for each in drawn.passed] == [f"pool {each.name} on kvm1" for each in odd]
    assert not any(each.startswith("storage/") for each in files)


def test_a_pool_of_one_host_says_so_and_a_shared_folder_is_suspected() -> None:
    own = pool("own", "/srv/own", "x.img")
    one, two = host(domain(), pools=(VMS, own)), host(domain("db", 2), name="kvm2")
    _, files = imported(one.source(), two.source())
    assert "hosts: [kvm1]" in files["storage/own.yaml"]
    assert "hosts:" not in files["storage/vms.yaml"]
    assert "if it is one folder, write `type: posix`" in files["storage/vms.yaml"]
    adopts(files, one, two)


def test_networks_of_every_type_are_written_as_what_they_are() -> None:
    transit = network("transit", type="routed", subnet="10.1.0.0/24", address="10.1.0.1", uplink="eth1")
    office = network("office", type="ovs", bridge="ovsbr0", vlan=20)
    web = host(domain(devices=DISK + NIC.format(mac(1))), networks=(LAN, transit, office))
    _, files = imported(web.source())
    assert "type: routed" in files["networks/transit.yaml"]
    assert "uplink: eth1" in files["networks/transit.yaml"]
    assert "{type: ovs, bridge: ovsbr0, vlan: 20, external: true}" in files["networks/office.yaml"]
    adopts(files, web)


def test_a_network_that_one_host_lacks_is_not_declared() -> None:
    one = host(domain(devices=NIC.format(mac(1))))
    drawn, files = imported(one.source(), host(name="kvm2", networks=()).source())
    assert any("kvm2 has none of that name" in each for each in drawn.passed)
    assert "networks/lan.yaml" not in files
    assert "is told as XML" in files["vms/web.yaml"]


def test_a_cluster_and_a_pattern_narrow_the_import() -> None:
    there = host(domain(), domain("db", 2, DISK.replace("web", "db")))
    _, files = imported(there.source(), cluster="prod", names=("w*",))
    assert "vms/db.yaml" not in files
    assert all("cluster: prod" in files[each] for each in ("hosts/kvm1.yaml", "vms/web.yaml"))
    assert "clusters/prod.yaml" in files
    adopts(files, host(domain()))


def test_patches_are_kept_by_the_adoption_and_stay_true() -> None:
    sound = "<filesystem type='mount'><source dir='/srv'/><target dir='srv'/></filesystem>"
    web = host(domain(devices=DISK + sound))
    _, files = imported(web.source())
    assert '<target dir="srv"/>' in files["vms/web.yaml"]
    adopts(files, web)


def test_what_the_checks_refuse_is_taken_out_and_told() -> None:
    """512 bytes of serial number are more than a disk may declare; the host keeps it."""
    long = DISK.replace("</disk>", f"<serial>{'é' * 20}</serial></disk>")
    web = host(domain(devices=long))
    _, files = imported(web.source())
    assert (
        "disks[vda].serial is not declared here: `éééééééééééééééééééé` is not a serial number" in files["vms/web.yaml"]
    )
    adopts(files, web)


def test_a_vm_too_small_to_declare_keeps_its_memory_to_itself() -> None:
    web = host(domain(memory=1))
    _, files = imported(web.source())
    assert "# memory is not declared here: 1MiB is too little to boot" in files["vms/web.yaml"]
    adopts(files, web)


def test_control_characters_stay_in_comments_escaped() -> None:
    web = host(domain(devices=DISK.replace("web.qcow2", "a&#x85;b&#x2028;c.qcow2")))
    _, files = imported(web.source())
    assert "/srv/vms/a\\u0085b\\u2028c.qcow2" in files["vms/web.yaml"].splitlines()[0]
    adopts(files, web)


def test_files_that_the_repository_would_not_read_are_refused() -> None:
    existing = {"gitvirt.yaml": ROOT["gitvirt.yaml"] + "  include: [elsewhere]\n", "elsewhere/x.yaml": "# nothing\n"}
    with pytest.raises(ImportRefused, match="includes other folders only"):
        imported(host(domain()).source(), existing=existing)


def test_exported_files_name_what_they_mention() -> None:
    from reconciler.importing.hearsay import completed

    web = host(domain(devices=DISK + NIC.format(mac(1))), pools=(), networks=())
    source = completed(replace(web.source(), uri=""))
    _, files = imported(source)
    assert "spec: {external: true}" in files["networks/lan.yaml"]
    assert "path: /srv/vms" in files["storage/vms.yaml"]
    assert not any(each.startswith("hosts/") for each in files)
    connected = World(web.domains, pools=(VMS,), networks=(LAN,))
    drawn, files = imported(connected.source(), existing=files)
    assert [str(each.ref) for each in drawn.documents] == ["host/kvm1"]
    adopts(files, connected)


def test_a_vm_without_a_rest_is_imported_all_the_same() -> None:
    web = host(domain(devices=DISK.replace("/srv/vms", "/none")))
    _, files = imported(web.source(rests={identity(1): Rest()}))
    assert "disks[vda] is kept as it is: no active storage pool" in files["vms/web.yaml"]
    adopts(files, web)


def test_no_line_of_the_import_knows_a_field_by_name_that_the_model_tells() -> None:
    """New fields are imported by the model alone; what is named here is said differently in YAML and on hosts."""
    folder = Path(__file__).parents[4] / "reconciler/importing"
    told = "".join(each.read_text() for each in folder.glob("*.py"))
    assert not [each for each in ("discard", "bootOrder", "rng", "sound", "watchdog", "iotune") if f'"{each}"' in told]
