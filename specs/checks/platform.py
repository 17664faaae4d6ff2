"""Platform devices: UEFI, TPM, watchdog, random numbers and IOMMU have what they need."""

from __future__ import annotations

import re
from collections.abc import Iterator

from specs.checks.scope import wrong
from specs.errors import Finding
from specs.resource import Resource

_LIBVIRTS_OWN = re.compile(r"/nvram/[^/]+_VARS(\.ms)?\.(fd|qcow2)")


def findings(resource: Resource) -> Iterator[Finding]:
    """What is wrong with the platform of a VM or an instance type."""
    yield from _uefi(resource)
    yield from _tpm(resource)
    yield from _switches(resource)
    yield from _rng(resource)


def _is_old(resource: Resource) -> bool:
    machine = resource.spec.machine or ""
    return machine == "pc" or "i440fx" in machine


def _uefi(resource: Resource) -> Iterator[Finding]:
    uefi = resource.spec.uefi
    if uefi is None:
        return
    if resource.spec.firmware != "uefi":
        yield wrong(resource, "uefi", "there is no UEFI", "`firmware` is not uefi", "write `firmware: uefi`")
    if uefi.secure_boot and _is_old(resource):
        yield wrong(resource, "uefi.secureBoot", "machine pc has no secure boot", "it lacks SMM", "use machine q35")
    if uefi.enrolled_keys and not uefi.secure_boot and uefi.loader is None:
        why = "keys are what secure boot checks with"
        yield wrong(resource, "uefi.enrolledKeys", "keys without `secureBoot`", why, "write `secureBoot: true`")
    if uefi.enrolled_keys is not None and uefi.loader is not None:
        why = "the keys are in the variables that it begins with"
        yield wrong(
            resource, "uefi.enrolledKeys", "both `loader` and `enrolledKeys`", why, "choose the `nvramTemplate`"
        )
    if uefi.nvram_template is not None and uefi.loader is None:
        why = "libvirt takes the one that fits its loader"
        yield wrong(resource, "uefi.nvramTemplate", "`nvramTemplate` without `loader`", why, "take it away")
    if uefi.nvram is not None and _LIBVIRTS_OWN.search(uefi.nvram):
        why = "libvirt names this file itself"
        yield wrong(resource, "uefi.nvram", "this is the file that it gets anyway", why, "take it away")


def _tpm(resource: Resource) -> Iterator[Finding]:
    tpm = resource.spec.tpm
    if tpm is None:
        return
    given = [each for each in ("model", "version", "persistent") if getattr(tpm, each) is not None]
    if given and not tpm.enabled:
        yield wrong(resource, f"tpm.{given[0]}", "there is no TPM", fix="write `enabled: true`, or take it away")
    if tpm.model == "tpm-crb" and tpm.version == "1.2":
        yield wrong(resource, "tpm.version", "tpm-crb is of version 2.0", fix="use model tpm-tis")
    if tpm.model == "tpm-crb" and _is_old(resource):
        yield wrong(resource, "tpm.model", "machine pc has no tpm-crb", fix="use model tpm-tis")


def _switches(resource: Resource) -> Iterator[Finding]:
    """Properties of a device that is not there."""
    spec = resource.spec
    watchdog, iommu = spec.watchdog, spec.iommu
    if watchdog is not None and watchdog.action is not None and watchdog.model in (None, "none"):
        yield wrong(resource, "watchdog.action", "there is no watchdog", fix="write its model")
    if iommu is None:
        return
    names = {
        "interruptRemapping": iommu.interrupt_remapping, "cachingMode": iommu.caching_mode,
        "extendedInterrupts": iommu.extended_interrupts, "deviceCache": iommu.device_cache,
    }  # fmt: skip
    for name, value in names.items():
        if value is not None and iommu.model != "intel":
            yield wrong(resource, f"iommu.{name}", "only Intel's IOMMU has this", fix="write `model: intel`")
    if iommu.model == "intel" and _is_old(resource):
        yield wrong(resource, "iommu.model", "machine pc has no IOMMU of Intel's", fix="use machine q35")
    if iommu.extended_interrupts and not iommu.interrupt_remapping:
        why = "they go through it"
        yield wrong(
            resource, "iommu.extendedInterrupts", "interrupts are not remapped", why, "write `interruptRemapping: true`"
        )


def _rng(resource: Resource) -> Iterator[Finding]:
    options = resource.spec.rng_options
    if options is None:
        return
    if resource.spec.rng is False:
        yield wrong(resource, "rngOptions", "there is no random number generator", "`rng` is false", "take one away")
    if options.source is not None and options.backend == "builtin":
        yield wrong(resource, "rngOptions.source", "QEMU's own source reads no file", fix="use backend random")
    if options.period is not None and options.bytes is None:
        yield wrong(resource, "rngOptions.period", "a period without `bytes`", fix="write how many bytes")
