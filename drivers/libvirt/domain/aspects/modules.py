"""Memory modules: DIMMs and virtio-mem, named entries of the list `memoryModules`, and the room kept for them.

`<devices><memory>` and `<maxMemory>`. libvirt counts modules into `<memory>`, and DIMMs into `<currentMemory>`; the
fields `memory` and `memoryMax` are of the machine without them. `exclude` takes them out of a definition before it is
changed, `include` adds them afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from drivers.libvirt.domain.aspect import Aspect, DeviceList, NotNow, Place, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.spots import NUMBER, SIZE, Spot, readers, writers
from drivers.libvirt.domain.tree import CannotWrite, Element, alias, ensure, new, number, put, put_text, size
from specs.fields import Fields, Scalar

DIMM, ELASTIC = "dimm", "virtio-mem"
_SPOTS = {
    "memoryHotplug.max": Spot("maxMemory", "", SIZE),
    "memoryHotplug.slots": Spot("maxMemory", "slots", NUMBER),
}
_SIZES = {"size": "target/size", "block": "target/block", "requested": "target/requested"}


def _modules(domain: Element) -> Iterator[Element]:
    return (each for each in domain.iterfind("devices/memory") if each.get("model") in (DIMM, ELASTIC))


def _amount(module: Element, path: str) -> int:
    found = module.find(path)
    return (size(found) or 0) if found is not None else 0


def exclude(domain: Element) -> None:
    """Makes `<memory>` and `<currentMemory>` those of the machine without its modules."""
    _shift(domain, -1)


def include(domain: Element) -> None:
    """The inverse, for the modules that there are now."""
    _shift(domain, 1)


def plugged(domain: Element) -> int:
    """Bytes of the DIMMs, over which the balloon reaches, too."""
    return sum(_amount(each, "target/size") for each in _modules(domain) if each.get("model") == DIMM)


def _shift(domain: Element, sign: int) -> None:
    modules = list(_modules(domain))
    if not modules:
        return
    everything = sum(_amount(each, "target/size") for each in modules)
    for tag, amount in (("memory", everything), ("currentMemory", plugged(domain))):
        element = domain.find(tag)
        if element is not None and (now := size(element)) is not None:
            element.set("unit", "KiB")
            element.text = str(max(now + sign * amount, 1024) // 1024)
    _clamp(domain)


def _clamp(domain: Element) -> None:
    most, now = domain.find("memory"), domain.find("currentMemory")
    if most is not None and now is not None and (size(now) or 0) > (size(most) or 0):
        now.text, unit = most.text, most.get("unit")
        put(now, "unit", unit)


def _read(element: Element, draft: Draft) -> None:
    model = element.get("model", "")
    if model not in (DIMM, ELASTIC):
        return
    key = alias(element) or f"{model}{_index(draft)}"
    path = draft.name("memoryModules", element, key, key)
    draft.fields[f"{path}.model"] = model
    for field, place in _SIZES.items():
        if element.find(place) is not None:
            draft.fields[f"{path}.{field}"] = _amount(element, place)
    if (node := number(element.findtext("target/node"))) is not None:
        draft.fields[f"{path}.node"] = node
    amount = _amount(element, "target/size")
    _less(draft, "memoryMax", amount)
    _less(draft, "memory", amount if model == DIMM else _amount(element, "target/current"))
    most, now = draft.fields.get("memoryMax"), draft.fields.get("memory")
    if isinstance(most, int) and isinstance(now, int):
        draft.fields["memory"] = min(now, most)


def _index(draft: Draft) -> int:
    return sum(1 for path in draft.elements if path.startswith("memoryModules["))


def _less(draft: Draft, path: str, amount: int) -> None:
    now = draft.fields.get(path)
    if isinstance(now, int):
        draft.fields[path] = max(now - amount, 0)


def key(module: Element) -> str:
    """Its alias: libvirt gives a module nothing else that stays."""
    return alias(module)


def _write_size(place: str, module: Element, value: Scalar) -> None:
    parent, _, tag = place.rpartition("/")
    put_text(ensure(module, parent), tag, None if value is None else int(str(value)) // 1024)
    if value is not None:
        ensure(module, place).set("unit", "KiB")


def _write_model(module: Element, value: Scalar) -> None:
    if module.get("model") == value:
        return
    module.set("model", str(value))
    for tag in ("address", "target/block", "target/requested"):
        found = module.find(tag)
        if found is not None:
            found.getparent().remove(found)  # type: ignore[union-attr]


def build(place: Place, fields: Fields) -> Element:
    """A new module, in cell 0 unless the fields say another."""
    if not fields.get("size"):
        raise CannotWrite("size", "a memory module needs one")
    module = new("memory", model=str(fields.get("model") or DIMM))
    for field in ("size", "node", "block", "requested"):
        value = fields.get(field)
        if field == "node":
            _write_node(module, value or 0)
        elif value is not None:
            _write_size(_SIZES[field], module, value)
    if module.get("model") == ELASTIC and fields.get("requested") is None:
        _write_size(_SIZES["requested"], module, fields["size"])
    module.append(new("alias", name=place.alias))
    return module


def _write_node(module: Element, value: Scalar) -> None:
    put_text(ensure(module, "target"), "node", value)


def _hotplug(live: Element, fields: Fields) -> None:
    if live.find("maxMemory") is None or live.find("cpu/numa/cell") is None:
        raise NotNow("the running VM was started without room for memory modules (`memoryHotplug`, `numa.cells`)")


def _live_requested(running: Running, path: str, value: Scalar) -> None:
    module = running.draft().elements.get(path.rpartition(".")[0])
    if module is None or module.get("model") != ELASTIC:
        raise NotNow("the running VM has no such virtio-mem module")
    _write_size(_SIZES["requested"], module, value)
    running.update(module)


def _check(domain: Element) -> None:
    room, cells = domain.find("maxMemory"), domain.find("cpu/numa/cell")
    if any(True for _ in _modules(domain)) and (room is None or cells is None):
        text = "memory modules need `memoryHotplug` (max, slots) and a NUMA cell (`numa.cells`)"
        raise CannotWrite("memoryModules", text)
    if room is not None and not number(room.get("slots")):
        raise CannotWrite("memoryHotplug.slots", "`memoryHotplug` needs both max and slots")


ASPECT = Aspect(domain=readers(_SPOTS), write=writers(_SPOTS), check=_check)
LIST = DeviceList(
    name="memoryModules",
    devices={"memory": _read},
    build=build,
    write={
        "model": _write_model,
        "node": _write_node,
        **{field: partial(_write_size, place) for field, place in _SIZES.items()},
    },
    hotplug=_hotplug,
    key=key,
    live={"requested": _live_requested},
)
