"""CPU: vCPUs online and at most, topology, model, features, cache.

`<vcpu current='2'>8</vcpu>` and `<cpu mode='…'><model>…</model><topology …/><feature …/></cpu>`. libvirt expands the
CPU of a running VM into a custom model with features; `as_defined` reads back what the definition said.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect, NotNow, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import (
    CannotWrite,
    Element,
    children,
    drop,
    ensure,
    new,
    number,
    put,
    put_text,
    remove,
    size,
)
from specs.compound import format_switches, switches
from specs.fields import Fields, Scalar

MODES = ("host-model", "host-passthrough", "maximum")
_SAFE_CACHE = 512 << 20  # bytes; measured: with 32 MiB the first vCPU added kills the VM
_MIGRATABLE = ("host-passthrough", "maximum")
_ON_OFF = {"on": True, "off": False}
_SIGNS = {"force": "+", "require": "+", "disable": "-", "forbid": "-"}  # "?": left to the host
_POLICIES = {"+": "require", "-": "disable"}
_TOPOLOGY = ("sockets", "cores", "threads")


def _read_vcpu(element: Element, draft: Draft) -> None:
    most = number(element.text)
    if most is not None:
        current = number(element.get("current"))
        draft.fields["cpu.count"] = most if current is None else current
        draft.fields["cpu.max"] = most


def _read_cpu(element: Element, draft: Draft) -> None:
    mode = element.get("mode", "custom")
    for child in element:
        if child.tag == "topology":
            for name in _TOPOLOGY:
                value = number(child.get(name))
                if value is not None:
                    draft.fields[f"cpu.{name}"] = value
        elif child.tag == "model" and mode == "custom" and child.text:
            draft.fields["cpu.model"] = child.text
        elif child.tag == "cache" and (cache := child.get("mode")):
            draft.fields["cpu.cache"] = cache
    if mode in MODES:
        draft.fields["cpu.model"] = mode
    if (migratable := _ON_OFF.get(element.get("migratable", ""))) is not None:
        draft.fields["cpu.migratable"] = migratable
    signs = {
        each.get("name", ""): _SIGNS.get(each.get("policy", "require"), "?") for each in children(element, "feature")
    }
    draft.fields["cpu.features"] = format_switches(signs)


def as_defined(config: Fields, live: dict[str, Scalar]) -> None:
    """Puts the expanded CPU of a running VM into the words of its definition; changes `live`.

    Of an expanded one, the features are those of the definition that it has or lacks as they say; the many others are
    the model's own.
    """
    model = live.get("cpu.model")
    if (found := live_model(config.get("cpu.model"), model)) is not None:
        live["cpu.model"] = found
    if model in MODES or "cpu.features" not in config or "cpu.features" not in live:
        return
    there = switches(str(live["cpu.features"]))
    wanted = switches(str(config["cpu.features"]))
    kept = {name: sign for name, sign in wanted.items() if (there.get(name, "-") == "-") == (sign == "-")}
    live["cpu.features"] = format_switches(kept)


def live_model(config: Scalar, live: Scalar) -> Scalar:
    """The model of a running VM in the words of the definition.

    Running, `host-model` shows as the custom model that it became; the other modes and a custom model keep their
    names, so whatever else differs from the definition is a change that waits for the next boot.
    """
    return config if config == "host-model" and live not in MODES else live


def _write_max(domain: Element, value: Scalar) -> None:
    vcpu = ensure(domain, "vcpu")
    current = vcpu.get("current") or vcpu.text
    vcpu.text = _positive("cpu.max", value)
    if current is not None and current != vcpu.text:
        vcpu.set("current", current)  # without it, every vCPU is online
    elif current == vcpu.text:
        put(vcpu, "current", None)


def _write_count(domain: Element, value: Scalar) -> None:
    vcpu = ensure(domain, "vcpu")
    count = _positive("cpu.count", value)
    if vcpu.text is None:
        vcpu.text = count
    put(vcpu, "current", None if vcpu.text == count else count)


def _positive(path: str, value: Scalar) -> str:
    if not isinstance(value, int) or value < 1:
        raise CannotWrite(path, f"must be a number of at least 1, not {value}")
    return str(value)


def _write_topology(name: str, domain: Element, value: Scalar) -> None:
    if value is None:
        if (cpu := domain.find("cpu")) is not None:
            drop(cpu, "topology")
        return
    topology = ensure(domain, "cpu/topology")
    topology.set(name, _positive(f"cpu.{name}", value))
    for other in _TOPOLOGY:
        topology.set(other, topology.get(other, "1"))


def _write_model(domain: Element, value: Scalar) -> None:
    cpu = ensure(domain, "cpu")
    drop(cpu, "model")
    drop(cpu, "vendor")
    for attribute in ("mode", "match", "check"):
        put(cpu, attribute, None)
    if value not in _MIGRATABLE:
        put(cpu, "migratable", None)
    if value is None:
        return
    if value in MODES:
        put(cpu, "mode", value)
        return
    cpu.attrib.update({"mode": "custom", "match": "exact", "check": "none"})
    put_text(cpu, "model", value)
    ensure(cpu, "model").set("fallback", "forbid")


def _write_features(domain: Element, value: Scalar) -> None:
    wanted = switches(str(value or ""))
    if domain.find("cpu") is None and not wanted:
        return
    cpu = ensure(domain, "cpu")
    for each in tuple(children(cpu, "feature")):
        sign = wanted.pop(each.get("name", ""), None)
        if sign is None:
            remove(each)
        elif _SIGNS.get(each.get("policy", "require")) != sign:
            each.set("policy", _POLICIES[sign])
    for name, sign in wanted.items():
        cpu.append(new("feature", policy=_POLICIES[sign], name=name))


def _write_migratable(domain: Element, value: Scalar) -> None:
    cpu = ensure(domain, "cpu")
    if value is not None and cpu.get("mode") not in _MIGRATABLE:
        raise CannotWrite("cpu.migratable", f"goes with the CPU models {' and '.join(_MIGRATABLE)} only")
    put(cpu, "migratable", None if value is None else "on" if value else "off")


def _write_cache(domain: Element, value: Scalar) -> None:
    cpu = ensure(domain, "cpu")
    drop(cpu, "cache")
    if value is not None:
        cpu.append(new("cache", mode=str(value), **({"level": "3"} if value == "emulate" else {})))


def _check(domain: Element) -> None:
    vcpu = domain.find("vcpu")
    most = number(vcpu.text) if vcpu is not None else None
    current = number(vcpu.get("current")) if vcpu is not None else None
    if most is not None and current is not None and current > most:
        raise CannotWrite("cpu.count", f"{current} vCPUs are more than cpu.max, {most}; raise cpu.max too")
    topology = domain.find("cpu/topology")
    if topology is None or most is None:
        return
    product = 1
    for name in ("sockets", "dies", "clusters", "cores", "threads"):
        product *= number(topology.get(name)) or 1
    if product != most:
        raise CannotWrite("cpu.max", f"the topology makes {product} vCPUs, not {most}; change both together")


def can_grow(domain: Element) -> bool:
    """Whether vCPUs can be brought online while the VM runs."""
    vcpu = domain.find("vcpu")
    return vcpu is not None and vcpu.get("current", vcpu.text) != vcpu.text


def _check_cache(live: Element) -> None:
    """QEMU aborts when an emulated vCPU comes online and its translation cache has no room left for it (7.2)."""
    cache = live.find("features/tcg/tb-cache")
    amount = size(cache) if cache is not None else None
    if live.get("type") == "qemu" and amount is not None and amount < _SAFE_CACHE:
        raise NotNow("QEMU may abort when a vCPU is added under emulation with so small a translation cache")


def _live_count(running: Running, path: str, value: Scalar) -> None:
    now = running.draft().fields.get("cpu.count")
    if not isinstance(value, int) or not isinstance(now, int):
        raise NotNow("the number of vCPUs online is not known")
    if value < now:
        raise NotNow(f"a running guest does not give vCPUs back ({now} are online)")
    if value > now:
        _check_cache(running.live())
        running.set_cpus(value)


ASPECT = Aspect(
    absent={"cpu.features": ""},
    domain={"vcpu": _read_vcpu, "cpu": _read_cpu},
    write={
        "cpu.max": _write_max,
        "cpu.count": _write_count,
        "cpu.model": _write_model,
        "cpu.sockets": lambda domain, value: _write_topology("sockets", domain, value),
        "cpu.cores": lambda domain, value: _write_topology("cores", domain, value),
        "cpu.threads": lambda domain, value: _write_topology("threads", domain, value),
        "cpu.features": _write_features,
        "cpu.migratable": _write_migratable,
        "cpu.cache": _write_cache,
    },
    live={"cpu.count": _live_count},
    check=_check,
)
