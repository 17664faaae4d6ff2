"""`gitvirt lab storage …`: faults of the lab's shared storage, on demand. A thin face of drivers/lab/host/storage.py.

Hooked in by cli/lab.py. Exit codes: 0 done, 1 refused or failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from drivers.lab.host.storage import Fault
    from drivers.lab.lab import Lab

app = typer.Typer(no_args_is_help=True, help="Make the shared storage ill, and well again.")

HostNames = Annotated[
    list[str] | None, typer.Argument(metavar="[HOST…]", help="Hosts of the lab; all that are on, if none is named.")
]


@app.command()
def slow(
    hosts: HostNames = None,
    delay: Annotated[int, typer.Option(help="Milliseconds that each read and write waits.", min=1, max=60_000)] = 500,
) -> None:
    """Every read and write waits."""
    from drivers.lab.host.storage import Fault

    _inject(hosts, Fault("slow", delay=delay))


@app.command()
def fail(
    hosts: HostNames = None,
    what: Annotated[Literal["reads", "writes", "all"], typer.Option(help="all: names and folders too.")] = "all",
) -> None:
    """Input/output errors."""
    from drivers.lab.host.storage import Fault

    _inject(hosts, Fault("fail", what=what))


@app.command()
def full(hosts: HostNames = None) -> None:
    """No space is left, and the pools say so."""
    from drivers.lab.host.storage import Fault

    _inject(hosts, Fault("full"))


@app.command()
def hang(hosts: HostNames = None) -> None:
    """No answer until it is healed; then all that waited goes on."""
    from drivers.lab.host.storage import Fault

    _inject(hosts, Fault("hang"))


@app.command()
def lost(hosts: HostNames = None) -> None:
    """The server dies; open files stay dead after healing."""
    from drivers.lab.host.storage import Fault

    _inject(hosts, Fault("lost"))


@app.command()
def heal(hosts: HostNames = None) -> None:
    """Make it well."""
    lab = _lab()
    for name in hosts or lab.running():
        typer.echo(f"{name}: storage is well{' again' if lab.heal_storage(name) else ''}.")


def _inject(hosts: list[str] | None, fault: Fault) -> None:
    lab = _lab()
    for name in hosts or lab.running():
        typer.echo(f"{name}: storage is now {lab.break_storage(name, fault)}. Heal it: gitvirt lab storage heal")


def _lab() -> Lab:
    from drivers.lab.lab import Lab

    return Lab()
