"""`gitvirt top`: what hosts and VMs use of CPU and memory now, from two samples."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import completion
from reconciler.cli.context import Output, OutputOption, RepoOption, repository_at
from reconciler.cli.exits import Exit

if TYPE_CHECKING:
    from drivers.base import Host
    from reconciler.app import App
    from reconciler.cycle import Revision
    from reconciler.observe.usage import Sampled
    from reconciler.status.usage import HostUsage, VmUsage


class What(StrEnum):
    """What is shown."""

    hosts = "hosts"
    vms = "vms"
    all = "all"


class Sort(StrEnum):
    """By what."""

    cpu = "cpu"
    memory = "memory"
    name = "name"


def top(
    what: Annotated[What, typer.Argument(metavar="[hosts|vms]", help="Only hosts, or only VMs.")] = What.all,
    sort: Annotated[Sort, typer.Option("--sort", help="By CPU, memory or name.")] = Sort.cpu,
    host: Annotated[
        list[str] | None,
        typer.Option("--host", metavar="HOST", help="Only these hosts.", autocompletion=completion.hosts),
    ] = None,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=0.1, max=3600, help="Time between the two samples.")
    ] = 1.0,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again and again, until Ctrl-C.")] = False,
    output: OutputOption = Output.text,
    repo: RepoOption = None,
) -> Exit:
    """Show what hosts and VMs use of CPU and memory now, the busiest first.

    A host's percentage is of all its CPUs, a VM's of its own vCPUs. Exit 1 if a host does not answer.
    """
    from reconciler.cli.passes import application, load_revision

    place = repository_at(None, repo)
    with application(place) as app:
        revision = load_revision(app, place, None)
        declared = frozenset(each.name for each in revision.catalog.of("VirtualMachine"))
        hosts = _hosts(app, revision, frozenset(host or ()))
        try:
            while True:
                code = _once(hosts, declared, (what, sort, interval), output)
                if not watch:
                    return code
                print(flush=True)
        except KeyboardInterrupt:
            if watch:
                return Exit.OK
            raise


def _hosts(app: App, revision: Revision, only: frozenset[str]) -> dict[str, Host]:
    from reconciler.desired.resolve import resolve
    from reconciler.errors import UsageError
    from reconciler.sources import unrevealed
    from specs.structs import replace

    wanted = resolve(revision.catalog, revision.name, replace(revision.sources, reveal=unrevealed))
    if missing := sorted(only - wanted.hosts.keys()):
        raise UsageError(f"there is no host {', '.join(missing)}; hosts are {', '.join(wanted.hosts) or 'none'}")
    connect = app.outside().connect
    return {name: connect(each) for name, each in wanted.hosts.items() if not only or name in only}


def _once(hosts: Mapping[str, Host], declared: frozenset[str], asked: tuple[What, Sort, float], output: Output) -> Exit:
    from reconciler.observe.usage import sample
    from reconciler.status import usage

    what, sort, interval = asked
    samples = sample(hosts, interval)
    machines = usage.hosts(samples, sort.value) if what is not What.vms else []
    vms = usage.vms(samples, declared, sort.value) if what is not What.hosts else []
    if output in (Output.json, Output.yaml):
        from reconciler.cli.documents import show

        show({"hosts": [each.data() for each in machines], "vms": [each.data() for each in vms]}, output)
    else:
        _tables(what, machines, vms)
    return _unread(samples)


def _unread(samples: Mapping[str, Sampled | str]) -> Exit:
    silent = {name: why for name, why in samples.items() if isinstance(why, str)}
    for name, why in silent.items():
        print(f"host/{name} was not read: {why}", file=sys.stderr)
    return Exit.ERROR if silent else Exit.OK


def _tables(what: What, hosts: list[HostUsage], vms: list[VmUsage]) -> None:
    from reconciler.cli import table
    from reconciler.cli.columns import size
    from reconciler.cli.table import Column

    if what is not What.vms:
        titles = ("CPU%", "CPUS", "VCPUS", "USED", "MEMORY", "OF VMS", "VMS")
        columns = [Column("HOST"), *(Column(each, right=True) for each in titles)]
        rows = [
            (
                each.name,
                each.cpu,
                each.cpus,
                each.vcpus,
                *map(size, (each.memory_used, each.memory, each.promised)),
                each.vms,
            )
            for each in hosts
        ]
        table.show(columns, rows)
    if what is What.all:
        print()
    if what is not What.hosts:
        columns = [Column("VM"), Column("HOST"), *(Column(each, right=True) for each in ("CPU%", "VCPUS", "MEMORY"))]
        columns.append(Column("REMARKS"))
        table.show(
            columns,
            [
                (each.name, each.host, each.cpu, each.cpus, size(each.memory), "" if each.managed else "not declared")
                for each in vms
            ],
        )
