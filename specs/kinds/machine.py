"""The machine around CPU and memory: clock, features, what it does at its end, how it boots."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from specs.kinds.common import AbsolutePath, Line
from specs.kinds.tuning import OPTIONS_SCHEMA, options_of
from specs.model import Model, Unit, Yes, declared, matching

_TIMERS = frozenset(("platform", "pit", "rtc", "hpet", "tsc", "kvmclock", "hypervclock"))
_ENLIGHTENMENTS = frozenset(
    (
        "relaxed", "vapic", "spinlocks", "vpindex", "runtime", "synic", "stimer", "reset", "vendor_id", "frequencies",
        "reenlightenment", "tlbflush", "ipi", "evmcs", "avic",
    )
)  # fmt: skip
_ZONE = r"utc|localtime|[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*"
Offset = Annotated[
    str,
    AfterValidator(matching(_ZONE, "an offset", "write `utc`, `localtime` or a time zone such as `Europe/Vienna`")),
    Unit("`utc`, `localtime` or a time zone such as `Europe/Vienna`"),
]
Timers = Annotated[
    str,
    BeforeValidator(options_of(_TIMERS, "timer")),
    Unit("mapping, such as `{hpet: false, rtc: catchup}`"),
    OPTIONS_SCHEMA,
]
Enlightenments = Annotated[
    str,
    BeforeValidator(options_of(_ENLIGHTENMENTS, "Hyper-V enlightenment")),
    Unit("list, such as `[relaxed, vapic, spinlocks=8191]`"),
    OPTIONS_SCHEMA,
]
Milliseconds = Annotated[int, Strict(), Field(ge=0, le=65535), Unit("milliseconds")]
OnPoweroff = Literal["destroy", "restart", "preserve"]
OnCrash = Literal["destroy", "restart", "preserve", "coredump-destroy", "coredump-restart"]


class Clock(Model):
    """The guest's hardware clock; `clock: localtime` is short for `{offset: localtime}`."""

    shorthand: ClassVar[tuple[str, ...]] = ("offset",)

    offset: Offset | None = declared("What it shows.", effect="restart")
    timers: Timers | None = declared(
        "Timers: whether they are there, or what becomes of missed ticks (delay, catchup, merge, discard).",
        effect="restart",
    )


class Features(Model):
    """Features of the machine."""

    acpi: Yes | None = declared("ACPI, which a clean shutdown by its button needs.", effect="restart")
    apic: Yes | None = declared("Interrupt controller with more than 16 lines.", effect="restart")
    pae: Yes | None = declared("Physical addresses beyond 4 GiB for 32-bit guests.", effect="restart")
    hap: Yes | None = declared("Paging by hardware.", effect="restart")
    pmu: Yes | None = declared("Performance counters.", effect="restart")
    vmport: Yes | None = declared("VMware's I/O port.", effect="restart")
    smm: Yes | None = declared("System management mode, which secure boot needs.", effect="restart")
    vmcoreinfo: Yes | None = declared("The guest's kernel can tell where its dump is.", effect="restart")
    pvspinlock: Yes | None = declared("Paravirtual spin locks.", effect="restart")
    kvm_hidden: Yes | None = declared("The guest does not see that it runs on KVM.", effect="restart")


class Kernel(Model):
    """A kernel that is booted directly; files of the host."""

    shorthand: ClassVar[tuple[str, ...]] = ("path",)

    path: AbsolutePath | None = declared("The kernel.", effect="restart")
    initrd: AbsolutePath | None = declared("Its initial RAM disk.", effect="restart")
    cmdline: Line | None = declared("Its command line.", effect="restart")


class Boot(Model):
    """What the firmware does before the guest's own boot loader."""

    order: Annotated[tuple[Literal["hd", "cdrom", "network", "fd"], ...] | None, Unit("hd, cdrom, network, fd")] = (
        declared("Classes of devices in their order; excludes `bootOrder` of devices.", effect="restart")
    )
    menu: Yes | None = declared("The firmware's boot menu.", effect="restart")
    menu_timeout: Milliseconds | None = declared("How long the menu waits.", effect="restart")
    retry_after: Milliseconds | None = declared("Pause before it tries again when nothing boots.", effect="restart")
    serial: Yes | None = declared("The BIOS talks on the serial console.", effect="restart")
