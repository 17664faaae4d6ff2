"""`gitvirt lab storage …`: faults of the lab's shared storage, on demand. A thin face of drivers/lab/storage.py.

Hooked in by cli/lab.py. Exit codes: 0 done, 1 refused or failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from drivers.lab.lab import Lab
    from drivers.lab.storage import Fault

app = typer.Typer(no_args_is_help=True, help="Make the shared storage of a host slow, failing or full, and well again.")

HostNames = Annotated[
    list[str] | None, typer.Argument(metavar="[HOST…]", help="Hosts of the lab; all that are on, if none is named.")
]


@app.command()
def slow(
    hosts: HostNames = None,
    delay: Annotated[int, typer.Option(help="Milliseconds that each read and write waits.", min=1, max=60_000)] = 500,
) -> None:
    """Every read and write waits."""
    from drivers.lab.storage import Fault

    _inject(hosts, Fault("slow", delay=delay))


@app.command()
def fail(
    hosts: HostNames = None,
    what: Annotated[Literal["reads", "writes", "all"], typer.Option(help="all: names and folders too.")] = "all",
) -> None:
    """Input/output errors."""
    from drivers.lab.storage import Fault

    _inject(hosts, Fault("fail", what=what))


@app.command()
def full(hosts: HostNames = None) -> None:
    """No space is left, and the pools say so."""
    from drivers.lab.storage import Fault

    _inject(hosts, Fault("full"))


@app.command()
def hang(hosts: HostNames = None) -> None:
    """No answer until it is healed; then all that waited goes on."""
    from drivers.lab.storage import Fault

    _inject(hosts, Fault("hang"))


@app.command()
def lost(hosts: HostNames = None) -> None:
    """The server dies: open files are dead, for running guests even after healing."""
    from drivers.lab.storage import Fault

    _inject(hosts, Fault("lost"))


@app.command()
def heal(hosts: HostNames = None) -> None:
    """Make it well."""
    from drivers.lab import storage
    from drivers.lab.lab import Lab

    lab = Lab()
    for name in hosts or _running(lab):
        typer.echo(f"{name}: storage is well{' again' if storage.heal(lab, name) else ''}.")


def _inject(hosts: list[str] | None, fault: Fault) -> None:
    from drivers.lab import storage
    from drivers.lab.lab import Lab

    lab = Lab()
    for name in hosts or _running(lab):
        storage.inject(lab, name, fault)
        typer.echo(f"{name}: storage is now {storage.shown(lab.init_process(name))}. Heal it: gitvirt lab storage heal")


def _running(lab: Lab) -> list[str]:
    return [host.name for host in lab.hosts() if host.power != "off"]
