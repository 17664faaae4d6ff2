"""Devices of hosts that VMs are given: which are free, which one a VM gets, and who has them.

Pure and deterministic. `settle` is called at the start of a pass for the VMs that exist: what a mark remembers stays,
what is new gets a free device of the VM's host. `why_not` and `assigned` serve the placement of new VMs. A device is
given to one VM alone, whether gitvirt manages it or not, also if that VM is off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from drivers.mark import kind_of
from drivers.node import NodeDevice
from drivers.seen import SeenHost, SeenVm
from reconciler.desired.hostdevices import DeviceChoice
from reconciler.desired.wanted import Wanted, WantedVm
from reconciler.observe.observed import Found, Observed
from reconciler.place.demand import Demand
from reconciler.place.hosts import gates
from reconciler.place.hosts.deviceledger import DeviceLedger
from reconciler.place.room import Room
from specs.fields import Fields, entries, entry
from specs.kinds.hostdevices import kind_of as form_of
from specs.structs import replace

LIST = "hostDevices"
Taken = Mapping[str, str]
"""Address → the VM that has it."""


def asking(wanted: Wanted) -> frozenset[str]:
    """The hosts whose devices have to be known: those of VMs that leave the choice to gitvirt."""
    return frozenset(host for vm in wanted.vms.values() if vm.device_choices for host in vm.hosts)


def settle(wanted: Wanted, observed: Observed) -> Wanted:
    """The same, with an address for every device of a VM that exists; what its host cannot give is a text in words."""
    settled: dict[str, WantedVm] = {}
    given: dict[str, dict[str, str]] = {}  # in this pass, by host
    for name, vm in sorted(wanted.vms.items()):
        there = _there(vm, observed) if vm.device_choices else ()
        if not there:
            continue
        found = min(there, key=lambda each: (not each.vm.running, each.host))
        seen = observed.seen[found.host]
        others = [each for each in seen.vms if each.uuid != found.vm.uuid]
        taken = {**_held(others), **given.get(found.host, {})}
        settled[name] = _with(vm, _choose(vm, seen, taken, _recorded(vm, found, seen)))
        for host in {each.host for each in there}:
            given.setdefault(host, {}).update(dict.fromkeys(_addresses(settled[name].fields), f"vm/{name}"))
    return replace(wanted, vms={**wanted.vms, **settled}) if settled else wanted


def _there(vm: WantedVm, observed: Observed) -> list[Found]:
    """Where it is: the VM that is ours, under its former name too, or the unmarked one that its uuid adopts."""
    unmarked = [each for each in observed.by_uuid.get(vm.uuid, ()) if each.vm.mark is None] if vm.uuid else []
    former = observed.owned.get(replace(vm.ref, name=vm.renamed_from), []) if vm.renamed_from else []
    return observed.owned.get(vm.ref) or former or unmarked


def told(seen: SeenHost) -> list[tuple[NodeDevice, str]]:
    """Every device of a host with what is to be said of it: who has it, or why nobody can; "" for a free one."""
    ledger = DeviceLedger(seen, _held(seen.vms))
    return [(each, ledger.why_not(each)) for each in ledger.single()]


def why_not(asked: Demand, host: str, room: Room) -> str | None:
    """Filter HostDevice: the devices are there and nobody else's; one that is kept off can wait for those it names."""
    seen, vm = room.seen[host], _unsettled(asked.vm)
    taken = _taken(asked, host, room)
    if vm.power != "stopped" and (gone := next(gates.absent(vm.fields, seen), None)):
        return gone[1]
    for device in entries(vm.fields, LIST).values():
        if owner := taken.get(str(device.get("address"))):
            return f"{device['address']} is given to {owner}"
    given = _choose(vm, seen, taken, {})
    return next((f"{gates.NO_FREE}{choice}" for name, choice in vm.device_choices.items() if name not in given), None)


def _unsettled(vm: WantedVm) -> WantedVm:
    """As it is declared: what it was given on one host says nothing about another."""
    settled = {entry(LIST, name, "address") for name in vm.device_choices}
    if not settled & vm.fields.keys():
        return vm
    return replace(vm, fields={path: value for path, value in vm.fields.items() if path not in settled})


def concerns(asked: Demand, room: Room) -> bool:
    """Whether it has devices of its host at all."""
    return bool(asked.vm.device_choices) or any(path.startswith(f"{LIST}[") for path in asked.vm.fields)


def assigned(asked: Demand, host: str, room: Room) -> WantedVm:
    """The VM with an address for each of its devices; the room remembers them for the rest of the plan."""
    if not asked.vm.device_choices:
        return asked.vm
    vm = _with(asked.vm, _choose(asked.vm, room.seen[host], _taken(asked, host, room), {}))
    room.taken[host].vms[asked.name] = replace(asked, vm=vm)
    return vm


def _with(vm: WantedVm, given: Mapping[str, str]) -> WantedVm:
    """With the addresses as declared fields; what could not be given is told in words, which the diff holds."""
    fields = {
        entry(LIST, name, "address"): given.get(name) or f"{gates.NO_FREE}{choice}"
        for name, choice in vm.device_choices.items()
    }
    return replace(vm, fields={**vm.fields, **fields})


def _choose(vm: WantedVm, seen: SeenHost, taken: Taken, recorded: Mapping[str, str]) -> dict[str, str]:
    """An address for each choice, in the order of the YAML: what is recorded while it fits, else the first free one."""
    there = {each.address: each for each in seen.devices or ()}
    given = {
        name: address
        for name, choice in vm.device_choices.items()
        if (address := recorded.get(name)) and address not in taken and _keeps(choice, address, there)
    }
    own = {str(device.get("address")): str(vm.ref) for device in entries(vm.fields, LIST).values()}
    for name, choice in vm.device_choices.items():
        if name not in given:
            used = {**taken, **own, **dict.fromkeys(given.values(), str(vm.ref))}
            if free := next(_free(choice, seen, used, str(vm.ref)), None):
                given[name] = free
    for name in vm.device_choices:
        if name not in given and recorded.get(name) and recorded[name] not in {*taken, *given.values()}:
            given[name] = recorded[name]  # nothing better is there: what it has is left to it
    return given


def _keeps(choice: DeviceChoice, address: str, there: Mapping[str, NodeDevice]) -> bool:
    """Whether a device that it has already is still what it asks for, as far as that is known."""
    return not there or (address in there and choice.fits(there[address], there))


def _free(choice: DeviceChoice, seen: SeenHost, used: Taken, asking: str) -> Iterator[str]:
    """The addresses that could be given to a VM, in their order."""
    ledger = DeviceLedger(seen, used, asking)
    fits = (each for each in ledger.single() if choice.fits(each, ledger.there))
    return (each.address for each in fits if not ledger.why_not(each))


def _recorded(vm: WantedVm, found: Found, seen: SeenHost) -> dict[str, str]:
    """What the mark remembers, else what the definition has, by name; of one that is adopted, what fits."""
    mark, has = found.vm.mark, entries(found.vm.config, LIST)
    devices = mark.devices if mark else {}
    known = {}
    for name in vm.device_choices:
        device = devices.get(f"{kind_of(LIST)}/{name}")
        remembered = device.target if device and form_of(device.target) else ""
        address = remembered or str(has.get(name, {}).get("address") or "")
        if address:
            known[name] = address
    there = {each.address: each for each in seen.devices or ()}
    for name, choice in vm.device_choices.items():
        free = (each for each in _addresses(found.vm.config) if each in there and each not in known.values())
        if name not in known and mark is None and (fits := [each for each in free if choice.fits(there[each], there)]):
            known[name] = fits[0]
    return known


def _taken(asked: Demand, host: str, room: Room) -> Taken:
    """Who has which device of a host, but for this VM."""
    name = asked.name
    planned = [each.vm for each in room.on(host).values() if each.name != name]
    return {
        **_held(each for each in room.seen[host].vms if each.name != name),
        **{address: f"vm/{vm.name}" for vm in planned for address in _addresses(vm.fields)},
    }


def _held(vms: Iterable[SeenVm]) -> Taken:
    """What VMs of a host have, in the definition or while they run; what lies in the trash holds nothing."""
    return {
        address: f"vm/{vm.name}"
        for vm in vms
        if vm.mark is None or not vm.mark.trashed
        for fields in (vm.config, vm.live or {})
        for address in _addresses(fields)
    }


def _addresses(fields: Fields) -> Iterator[str]:
    for device in entries(fields, LIST).values():
        if device.get("address"):
            yield str(device["address"])
