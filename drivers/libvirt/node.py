"""The Node protocol on libvirt: usage, devices, CPU baselines. See drivers/base.py."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import libvirt
from lxml import etree

from drivers.errors import DriverError, Missing, Refused, Unsupported
from drivers.libvirt.connect import Connections
from drivers.libvirt.reader import hostdevices, node
from drivers.node import CpuModel, NodeDevice, Usage, VmUsage

_ACTIVE = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE


class Node:
    """The machine under one host."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def usage(self) -> Usage:
        """CPU times come by `info`, which reads /proc: statistics in bulk would wait for a QEMU that hangs."""
        with self._connections.reads() as conn:
            operation = "read the usage"
            cpus, memory, cpu_time, domains = self._connections.call(operation, _figures, conn)
            answers = self._connections.gather(operation, _usage, domains)
        for each in answers:
            if isinstance(each, DriverError) and not isinstance(each, Missing):
                raise each
        found = (each for each in answers if isinstance(each, VmUsage))
        vms = tuple(sorted(found, key=lambda each: each.name))
        return Usage(cpu_time=cpu_time, cpus=cpus, memory=memory[0], memory_free=memory[1], vms=vms)

    def devices(self) -> tuple[NodeDevice, ...]:
        """PCI, USB and mediated devices; none where libvirt cannot tell."""
        with self._connections.reads() as conn:
            return hostdevices.devices(self._connections, conn)

    def baseline(self, models: Sequence[CpuModel], kvm: bool) -> CpuModel:
        """See drivers.base.Node.baseline."""
        operation = "compute the CPU baseline"
        xmls = [etree.tostring(_cpu(each), encoding="unicode") for each in models]
        with self._connections.reads() as conn:
            ask = partial(
                conn.baselineHypervisorCPU, None, None, None, "kvm" if kvm else "qemu", xmls,
                libvirt.VIR_CONNECT_BASELINE_CPU_MIGRATABLE,
            )  # fmt: skip
            try:
                return _model(self._connections.call(operation, ask))
            except Unsupported:
                raise
            except DriverError as error:
                if isinstance(error, Refused) or type(error) is DriverError:
                    raise Refused(error.host, operation, error.detail) from error
                raise


def _figures(conn: libvirt.virConnect) -> tuple[int, tuple[int, int], int, list[libvirt.virDomain]]:
    return conn.getInfo()[2], node.memory(conn), node.cpu_time(conn), conn.listAllDomains(_ACTIVE)


def _usage(domain: libvirt.virDomain) -> VmUsage:
    _, _, memory, cpus, cpu_time = domain.info()
    return VmUsage(
        name=domain.name(), uuid=domain.UUIDString(), cpu_time=cpu_time, memory=memory * node.KIBIBYTE, cpus=cpus
    )


def _cpu(model: CpuModel) -> etree._Element:
    cpu = etree.Element("cpu", mode="custom", match="exact")
    etree.SubElement(cpu, "model", fallback="forbid").text = model.name
    if model.vendor:
        etree.SubElement(cpu, "vendor").text = model.vendor
    for policy, names in (("require", model.requires), ("disable", model.disables)):
        for name in sorted(names):
            etree.SubElement(cpu, "feature", policy=policy, name=name)
    return cpu


def _model(xml: str) -> CpuModel:
    cpu = etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    features = {(each.get("policy", "require"), each.get("name", "")) for each in cpu.iterfind("feature")}
    return CpuModel(
        name=cpu.findtext("model", ""),
        vendor=cpu.findtext("vendor", ""),
        requires=frozenset(name for policy, name in features if policy == "require"),
        disables=frozenset(name for policy, name in features if policy == "disable"),
    )
