"""`gitvirt describe`: everything about one object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.context import RepoOption, Target
from reconciler.cli.exits import Exit
from reconciler.cli.sight import ObservedOption, known, sight, tell_unseen
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.cli.sight import Sight
    from specs.resource import Ref

_RECENT = 5


def describe(
    target: Target,
    xml: Annotated[bool, typer.Option("--xml", help="The VM's XML as libvirt has it, without secrets.")] = False,
    repo: RepoOption = None,
    observed: ObservedOption = None,
) -> Exit:
    """Show all about one object: what is declared where, what there is, what is held and why, what is next."""
    from reconciler.cli.targets import resolve

    with sight(repo, observed) as seen:
        ref = resolve([target], [*known(seen.situation, foreign=True), *_hosts(seen)])[0]
        if xml:
            print(_xml(ref, seen), end="")
            return Exit.OK
        tell_unseen(seen.situation)
        _show(ref, seen)
    return Exit.OK


def _show(ref: Ref, seen: Sight) -> None:
    from reconciler import journal
    from reconciler.cli import sections
    from reconciler.cli.logs import line
    from reconciler.status.description import describe as described
    from reconciler.status.sections import Section

    machine = seen.situation.machine(ref)
    situation = seen.with_addresses((machine.found,)) if machine and machine.found else seen.situation
    situation = seen.with_baselines(situation) if ref.kind == "Cluster" else situation
    situation = seen.with_devices(situation, ref.name) if ref.kind == "Host" else situation
    found = described(ref, situation)
    entries = journal.read(seen.app.settings.state_folder, situation.context.wanted.repository)
    recent = [line(each) for each in entries if each.get("ref") == str(ref)][-_RECENT:]
    if recent:
        found.append(Section(title="Done lately", rows=[[each] for each in recent]))
    sections.show(found)


def _xml(ref: Ref, seen: Sight) -> str:
    machine = seen.situation.machine(ref)
    if machine is None:
        raise UsageError(f"{ref} has no XML; --xml is for VMs")
    if machine.vm is None:
        raise UsageError(f"{ref} is on no host that was read")
    host = seen.host(machine.host)
    if host is None:
        raise UsageError("XML is read from a host, not from an observation; leave out --observed")
    text = host.reader.xml(machine.vm.uuid)
    return text if text.endswith("\n") else text + "\n"


def _hosts(seen: Sight) -> list[Ref]:
    """Hosts that are declared no more but may still hold VMs of ours."""
    from specs.resource import Ref as Reference

    return [Reference("Host", name) for name in seen.situation.context.observed.unseen]
