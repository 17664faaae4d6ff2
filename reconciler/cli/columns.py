"""The tables of `get`: for each kind its columns, and how a cell is read from an object.

In: objects of reconciler/status. Out: columns and rows for reconciler/cli/table. Sizes are written in short
(`1.5GiB`), since these are figures to read; `-o json` has them exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.cli.table import Column
from reconciler.status.objects import name as name_of
from reconciler.status.objects import remarks

Object = Mapping[str, Any]
Cell = Callable[[Object], object]


def size(number: object) -> str | None:
    """Bytes for people: at most one decimal."""
    if not isinstance(number, int):
        return None
    value, unit = float(number), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1024 or unit == "PiB":
            break
        value /= 1024
    text = f"{value:.1f}".removesuffix(".0") if value < 100 else f"{value:.0f}"
    return text + unit


def at(*path: str) -> Cell:
    """The value at a path of keys, or None."""

    def cell(item: Object) -> object:
        found: Any = item
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return ",".join(map(str, found)) if isinstance(found, list) else found

    return cell


def sized(*path: str) -> Cell:
    """The same, as a size."""
    return lambda item: size(at(*path)(item))


def _day(*path: str) -> Cell:
    return lambda item: str(at(*path)(item) or "").replace("T", " ").removesuffix("Z")


def _name(item: Object) -> object:
    return item["metadata"]["name"]


def _remarks(item: Object) -> object:
    return ", ".join(remarks(dict(item)))


def _cpus(item: Object) -> object:
    cpu = item["status"].get("cpu") or {}
    return cpu.get("count")


def _disks(item: Object) -> object:
    disks = item["status"].get("disks", ())
    return ",".join(f"{each['name']}={size(each.get('size')) or '?'}" for each in disks)


def _images(item: Object) -> object:
    found = [each["image"] for each in item["spec"].get("disks", ()) if each.get("image")]
    return ",".join(dict.fromkeys(found))


def _revision(*path: str) -> Cell:
    from reconciler.plan.faces.words import revision

    return lambda item: revision(str(at(*path)(item) or ""))


def _hosts(item: Object) -> object:
    """`2/3`: on how many of its hosts it is active."""
    places = item["status"]["hosts"]
    return f"{sum(each['state'] == 'active' for each in places)}/{len(places)}"


def _problems(item: Object) -> object:
    return "; ".join(f"{each['name']}: {each['problem']}" for each in item["status"]["hosts"] if each.get("problem"))


def _users(item: Object) -> object:
    return ",".join(sorted({vm for each in item["status"]["hosts"] for vm in each.get("vms", ())}))


def _volume_users(item: Object) -> object:
    """VMs as they are, overlays by the name of their volume."""
    users = item["status"].get("usedBy", ())
    return ", ".join(each.rpartition("/")[2] if each.startswith("/") else each for each in users)


def _vm_host(item: Object) -> object:
    """`kvm1`; `kvm1 → kvm2` of a VM on its way."""
    host, way = item["status"].get("host", ""), item["status"].get("migration")
    return f"{way['from'] or '?'} → {way['to'] or '?'}" if way else host


def _in_trash(item: Object) -> object:
    return ",".join(each["name"] or each["volume"] for each in item["status"]["disks"])


Table = Sequence[tuple[Column, Cell]]

_VM: Table = (
    (Column("NAME"), _name),
    (Column("STATE"), at("status", "state")),
    (Column("HOST"), _vm_host),
    (Column("CPU", right=True), _cpus),
    (Column("MEMORY", right=True), sized("status", "memory")),
    (Column("ADDRESSES", wide=True), at("status", "addresses")),
    (Column("UID", wide=True), at("metadata", "uid")),
    (Column("DISKS", wide=True), _disks),
    (Column("IMAGE", wide=True), _images),
    (Column("REVISION", wide=True), _revision("status", "revision")),
    (Column("REASON", wide=True), at("status", "reason")),
    (Column("REMARKS"), _remarks),
)
_FOREIGN: Table = (*_VM[:-1], (Column("OWNER"), at("status", "owner")), _VM[-1])

TABLES: Mapping[str, Table] = {
    "VirtualMachine": _VM,
    "Host": (
        (Column("NAME"), _name),
        (Column("STATE"), at("status", "state")),
        (Column("VMS", right=True), at("status", "vms", "total")),
        (Column("RUNNING", right=True, wide=True), at("status", "vms", "running")),
        (Column("CPUS", right=True), at("status", "cpus")),
        (Column("MEMORY", right=True), sized("status", "memory")),
        (Column("FREE", right=True), sized("status", "memoryFree")),
        (Column("LIBVIRT"), at("status", "libvirt")),
        (Column("QEMU"), at("status", "qemu")),
        (Column("KVM", wide=True), lambda item: {True: "yes", False: "no"}.get(item["status"].get("kvm"))),
        (Column("CLUSTER", wide=True), at("spec", "cluster")),
        (Column("URI", wide=True), at("spec", "uri")),
        (Column("UID", wide=True), at("metadata", "uid")),
        (Column("REASON"), lambda item: at("status", "reason")(item) or _remarks(item)),
    ),
    "MacPool": (
        (Column("NAME"), _name),
        (Column("RANGES"), at("spec", "ranges")),
        (Column("ADDRESSES", right=True), at("status", "addresses")),
        (Column("FREE", right=True), at("status", "free")),
        (Column("CLUSTERS"), at("status", "clusters")),
    ),
    "Network": (
        (Column("NAME"), _name),
        (Column("STATE"), at("status", "state")),
        (Column("TYPE"), lambda item: at("spec", "type")(item) or "nat"),
        (Column("SUBNET"), at("spec", "subnet")),
        (Column("VLAN", right=True), at("spec", "vlan")),
        (Column("ROLES", wide=True), at("spec", "roles")),
        (Column("HOSTS", right=True), _hosts),
        (Column("UID", wide=True), at("metadata", "uid")),
        (Column("VMS", wide=True), _users),
        (Column("REMARKS"), _remarks),
    ),
    "StorageDomain": (
        (Column("NAME"), _name),
        (Column("STATE"), at("status", "state")),
        (Column("TYPE"), at("spec", "type")),
        (Column("CAPACITY", right=True), sized("status", "capacity")),
        (Column("FREE", right=True), sized("status", "available")),
        (Column("VOLUMES", right=True, wide=True), at("status", "volumes")),
        (Column("HOSTS", right=True), _hosts),
        (Column("PATH"), at("spec", "path")),
        (Column("PROBLEM", wide=True), _problems),
        (Column("REMARKS"), _remarks),
    ),
    "Image": (
        (Column("NAME"), _name),
        (Column("STATE"), at("status", "state")),
        (Column("DOMAIN"), at("status", "storageDomain")),
        (Column("FORMAT"), at("status", "format")),
        (Column("SIZE", right=True), sized("status", "size")),
        (Column("USERS", right=True), at("status", "usedBy")),
        (Column("VOLUME", wide=True), at("status", "volume")),
        (Column("FILE", wide=True), at("spec", "file")),
        (Column("REMARKS"), _remarks),
    ),
    "Cluster": (
        (Column("NAME"), _name),
        (Column("DATACENTER"), at("spec", "dataCenter")),
        (Column("EMULATION"), at("status", "emulation")),
        (Column("CPU"), lambda item: str(item["status"].get("cpu", "")).partition(" ")[0]),
        (Column("POLICY", wide=True), lambda item: at("spec", "schedulingPolicy", "policy")(item) or "none"),
        (Column("VMS", right=True), at("status", "vms")),
        (Column("HOSTS"), at("status", "hosts")),
        (Column("REMARKS"), _remarks),
    ),
    "DataCenter": (
        (Column("NAME"), _name),
        (Column("CLUSTERS"), at("status", "clusters")),
        (Column("NETWORKS"), at("status", "networks")),
        (Column("STORAGE"), at("status", "storageDomains")),
    ),
    "SchedulingPolicy": (
        (Column("NAME"), _name),
        (Column("BALANCER"), lambda item: at("spec", "balancer")(item) or "None"),
        (Column("CLUSTERS"), at("status", "clusters")),
        (Column("WEIGHTS", wide=True), lambda item: len(item["spec"].get("weights") or {}) or None),
    ),
    "InstanceType": (
        (Column("NAME"), _name),
        (Column("CPU", right=True), lambda item: (item["spec"].get("cpu") or {}).get("count")),
        (Column("MEMORY", right=True), at("spec", "memory")),
        (Column("MEMORYMAX", right=True, wide=True), at("spec", "memoryMax")),
        (Column("VMS"), at("status", "vms")),
    ),
    "AffinityGroup": (
        (Column("NAME"), _name),
        (Column("STATE"), at("status", "state")),
        (Column("VMS TO VMS"), at("status", "vmRule")),
        (Column("VMS TO HOSTS"), at("status", "hostRule")),
        (Column("VMS", right=True), lambda item: len(item["status"]["vms"])),
        (Column("HOSTS", wide=True), at("status", "onHosts")),
        (Column("CLUSTER", wide=True), at("spec", "cluster")),
        (Column("BROKEN BY"), at("status", "broken")),
    ),
    "Volume": (
        (Column("NAME"), _name),
        (Column("STATE"), at("status", "state")),
        (Column("DOMAIN"), at("status", "storageDomain")),
        (Column("FORMAT"), at("status", "format")),
        (Column("CAPACITY", right=True), sized("status", "capacity")),
        (Column("ALLOCATED", right=True), sized("status", "allocation")),
        (Column("USED BY"), _volume_users),
        (Column("BACKING", wide=True), at("status", "backing")),
        (Column("PATH", wide=True), at("status", "path")),
    ),
    "Trash": (
        (Column("REF"), at("status", "ref")),
        (Column("DISKS"), _in_trash),
        (Column("SINCE (UTC)"), _day("status", "since")),
        (Column("UNTIL (UTC)"), _day("status", "until")),
        (Column("SPACE", right=True), sized("status", "space")),
        (Column("REVISION"), _revision("status", "revision")),
        (Column("HOST", wide=True), at("status", "host")),
        (Column("UID", wide=True), at("metadata", "uid")),
    ),
}  # fmt: skip


def table(
    kind: str, items: Sequence[Object], *, owners: bool = False, prefix: bool = False
) -> tuple[list[Column], list[list[object]]]:
    """Columns and rows of objects of one kind; `prefix` writes names as `vm/web`, `owners` shows whose VMs they are."""
    found = _FOREIGN if owners and kind == "VirtualMachine" else TABLES[kind]
    rows = [[cell(item) for _, cell in found] for item in items]
    if prefix:
        for row, item in zip(rows, items, strict=True):
            row[0] = name_of(dict(item))
    return [column for column, _ in found], rows
