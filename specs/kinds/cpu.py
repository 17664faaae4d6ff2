"""Cpu: number, topology and model of virtual CPUs."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator

from specs.model import Count, Model, Unit, declared, matching

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


class Cpu(Model):
    """`cpu: 2` is short for `{count: 2}`. The topology describes the maximum, `count` those that are online."""

    shorthand: ClassVar[tuple[str, ...]] = ("count",)

    count: Count | None = declared("vCPUs that are online; without it, all.", effect="cpu-count")
    max: Count | None = declared("vCPUs that can be brought online without a restart.", effect="restart")
    sockets: Count | None = declared("Sockets of the maximum.", effect="restart")
    cores: Count | None = declared("Cores per socket.", effect="restart")
    threads: Count | None = declared("Threads per core.", effect="restart")
    model: CpuModel | None = declared("CPU model that the guest sees.", effect="restart")
