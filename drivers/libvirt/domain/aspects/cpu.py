"""CPU: vCPUs online and at most, topology, model.

`<vcpu current='2'>8</vcpu>` and `<cpu mode='…'><model>…</model><topology …/></cpu>`. libvirt expands the CPU of a
running VM into a custom model with features; `live_model` reads back which mode that was.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect, NotNow, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import CannotWrite, Element, drop, ensure, number, put, put_text, size
from specs.fields import Scalar

MODES = ("host-model", "host-passthrough", "maximum")
_SAFE_CACHE = 512 << 20  # bytes; measured: with 32 MiB the first vCPU added kills the VM
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
    if mode in MODES:
        draft.fields["cpu.model"] = mode


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
    for attribute in ("mode", "match", "check", "migratable"):
        put(cpu, attribute, None)
    if value is None:
        return
    if value in MODES:
        put(cpu, "mode", value)
        return
    cpu.attrib.update({"mode": "custom", "match": "exact", "check": "none"})
    put_text(cpu, "model", value)
    ensure(cpu, "model").set("fallback", "forbid")


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
    domain={"vcpu": _read_vcpu, "cpu": _read_cpu},
    write={
        "cpu.max": _write_max,
        "cpu.count": _write_count,
        "cpu.model": _write_model,
        "cpu.sockets": lambda domain, value: _write_topology("sockets", domain, value),
        "cpu.cores": lambda domain, value: _write_topology("cores", domain, value),
        "cpu.threads": lambda domain, value: _write_topology("threads", domain, value),
    },
    live={"cpu.count": _live_count},
    check=_check,
)
