"""One domain of a simulated host, and the guest inside it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal

from drivers.mark import Mark, dumps
from drivers.memory.model.files import File
from drivers.memory.model.hardware import Hardware, Sizes, view
from drivers.seen import Power, SeenVm
from specs.fields import Secret
from specs.structs import Struct, field

MODES = ("host-model", "host-passthrough", "maximum")


class Guest(Struct):
    """How the guest behaves: does its agent answer, does it follow ACPI, the balloon, an unplug request.

    `shutdown_seconds` passes between the request and its end; `addresses` are told by the agent alone.
    A migration converges once `needs_downtime` ms are allowed (-1: never); one that nobody leads any more takes
    `migration_seconds`.
    """

    agent: bool = True
    acpi: bool = True
    balloon: bool = True
    unplug: bool = True
    shutdown_seconds: float = 0.0
    addresses: tuple[str, ...] = ()
    needs_downtime: int = 0
    migration_seconds: float = 0.0


class Domain(Struct, eq=False):
    """`saved` is the definition inside a managed-save image, which the next start brings back whatever `config` says.

    `slots` is the number of PCI slots for devices that can be plugged; `opened` are the images that QEMU has open;
    `xml` is the patches that the definition bears; `boots` counts starts of QEMU, `resets` those of the guest;
    `cpu_time` is in ns.
    `nvram` is what the firmware keeps on this host.
    """

    name: str
    uuid: str
    config: Hardware
    live: Hardware | None = None
    saved: Hardware | None = None
    power: Power = Power.STOPPED
    reason: str = "unknown"
    persistent: bool = True
    autostart: bool = False
    mark: Mark | None = None
    damaged: bool = False
    xml: str = ""
    snapshots: bool = False
    slots: int = 16
    guest: Guest = field(default_factory=Guest)
    opened: list[File] = field(default_factory=list)
    boots: int = 0
    cpu_time: int = 0
    resets: int = 0
    nvram: bytes = b""

    def seen(self, sizes: Sizes) -> SeenVm:
        """The domain as a reader reports it."""
        config = view(self.config, self.mark, sizes)
        live = view(self.live, self.mark, sizes) if self.live else None
        if live and config.fields["cpu.model"] == "host-model" and live.fields["cpu.model"] not in MODES:
            live.fields["cpu.model"] = "host-model"  # libvirt expands it while the VM runs
        return SeenVm(
            name=self.name,
            uuid=self.uuid,
            power=self.power,
            reason=self.reason,
            persistent=self.persistent,
            autostart=self.autostart,
            config=config.fields,
            live=live.fields if live else None,
            mark=self.mark,
            mark_damaged=self.damaged,
            unnamed=config.unnamed | (live.unnamed if live else frozenset()),
            aliases={**(live.aliases if live else {}), **config.aliases},
            targets={**(live.targets if live else {}), **config.targets},
            snapshots=self.snapshots,
            agent=self.answers(),
            definition=self.digest(),
            once=self.live.once if self.live else frozenset(),
            migrating=self.migrating,
        )

    @property
    def migrating(self) -> Literal["", "out", "in"]:
        """A shell has no definition yet; the source's keeps its own."""
        if self.power is not Power.PAUSED or self.reason != "migration":
            return ""
        return "out" if self.persistent else "in"

    def answers(self) -> bool:
        """Is the guest agent's channel connected?"""
        running = self.power is Power.RUNNING and self.live is not None
        return running and self.guest.agent and bool(self.live and self.live.scalars.get("agent"))

    def digest(self) -> str:
        """Changes with either definition, the mark and the patches; not with sizes, power or statistics."""
        parts = [self.name, self.uuid, self.xml, dumps(self.mark) if self.mark else str(self.damaged)]
        for hardware in (self.config, self.live):
            if hardware is None:
                parts.append("-")
                continue
            parts.append(_text(hardware.scalars))
            parts.extend(f"{each.kind} {each.alias} {each.target} {_text(each.fields)}" for each in hardware.devices)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _text(values: Mapping[str, object]) -> str:
    plain = {key: hash_of(value) if isinstance(value, Secret) else value for key, value in values.items()}
    return repr(sorted(plain.items(), key=lambda item: item[0]))


def hash_of(secret: Secret) -> str:
    """So that a changed password changes the digest without being in it."""
    return secret.digest(b"drivers.memory")
