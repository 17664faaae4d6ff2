"""Cpu: number, topology and model of virtual CPUs."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, Strict

from specs.kinds.tuning import Assignments, Numbers, Switches
from specs.model import Count, Model, Percentage, Unit, Yes, declared, matching

CpuModel = Annotated[
    str,
    AfterValidator(
        matching(
            r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}",
            "a CPU model",
            "write `host-model`, `host-passthrough`, `maximum` or a model's name such as `Skylake-Server`",
        )
    ),
    Unit("`host-model`, `host-passthrough`, `maximum` or a model's name"),
]

Shares = Annotated[int, Strict(), Field(ge=2, le=262144), Unit("number")]


class Cpu(Model):
    """`cpu: 2` is short for `{count: 2}`. The topology describes the maximum, `count` those that are online."""

    shorthand: ClassVar[tuple[str, ...]] = ("count",)

    count: Count | None = declared("vCPUs that are online; without it, all.", effect="cpu-count")
    max: Count | None = declared("vCPUs that can be brought online without a restart.", effect="restart")
    sockets: Count | None = declared("Sockets of the maximum.", effect="restart")
    cores: Count | None = declared("Cores per socket.", effect="restart")
    threads: Count | None = declared("Threads per core.", effect="restart")
    model: CpuModel | None = declared("CPU model that the guest sees.", effect="restart")
    features: Switches | None = declared("CPU features required (`+aes`) or hidden (`-svm`).", effect="restart")
    migratable: Yes | None = declared(
        "With `host-passthrough` or `maximum`: leave out what cannot be migrated.", effect="restart"
    )
    cache: Literal["passthrough", "emulate", "disable"] | None = declared(
        "The cache that the guest sees: the host's, an emulated third level, or none.", effect="restart"
    )
    shares: Shares | None = declared("Weight against other VMs when host CPUs are short.", effect="live")
    limit: Percentage | None = declared(
        "Most host CPU time of the whole VM; `150%` is one and a half CPUs.", effect="live"
    )
    pins: Assignments | None = declared("Host CPUs of single vCPUs.", effect="live")
    emulator_pin: Numbers | None = declared("Host CPUs of QEMU's own threads.", effect="live")
    iothread_pins: Assignments | None = declared("Host CPUs of single I/O threads.", effect="live")
