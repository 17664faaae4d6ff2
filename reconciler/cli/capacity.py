"""`gitvirt capacity`: how many more VMs of a size fit, with all hosts and with one of them lost."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli import completion
from reconciler.cli.context import Output, OutputOption, Place, RepoOption
from reconciler.cli.exits import Exit
from reconciler.cli.sight import ObservedOption, Sight, sight, tell_unseen
from reconciler.errors import UsageError
from specs.structs import Struct, replace

if TYPE_CHECKING:
    from reconciler.desired.wanted import WantedVm
    from reconciler.place.headroom.capacity import Capacity
    from reconciler.status.situation import Situation
    from specs.tree import Tree, TreeFile

PROBE = "capacity-probe"


class Size(Struct, frozen=True, kw_only=True):
    """What is asked for: an instance type or a VM's like, CPUs and memory beside or instead of them; "" for unsaid."""

    cpu: int | None
    memory: str
    like: str
    instance_type: str

    def __post_init__(self) -> None:
        if self.like and (self.instance_type or self.cpu or self.memory):
            raise UsageError("--like says the whole size; leave the other options")
        if not self.like and not self.instance_type and (self.cpu is None or not self.memory):
            raise UsageError("say a size: --cpu N --memory SIZE, --instance-type NAME, or --like vm/NAME")
        if self.memory:
            from specs.errors import BadValue
            from specs.units import parse_size

            try:
                parse_size(self.memory)
            except BadValue as error:
                raise UsageError(f"--memory {self.memory}: {error}") from error

    def spec(self, cluster: str) -> dict[str, Any]:
        """As a VM's YAML says it."""
        said = {"cluster": cluster, "instanceType": self.instance_type, "cpu": self.cpu, "memory": self.memory}
        return {key: value for key, value in said.items() if value}


def capacity(
    cpu: Annotated[int | None, typer.Option("--cpu", metavar="N", min=1, help="vCPUs of one.")] = None,
    memory: Annotated[str, typer.Option("--memory", metavar="SIZE", help="Memory of one, such as 4GiB.")] = "",
    like: Annotated[
        str,
        typer.Option(
            "--like", metavar="VM", help="As this VM is declared: vm/NAME.", autocompletion=completion.machines
        ),
    ] = "",
    instance_type: Annotated[str, typer.Option("--instance-type", metavar="NAME", help="Of this type.")] = "",
    cluster: Annotated[
        str, typer.Option("--cluster", metavar="NAME", help="Only in this cluster.", autocompletion=completion.clusters)
    ] = "",
    output: OutputOption = Output.text,
    repo: RepoOption = None,
    observed: ObservedOption = None,
) -> Exit:
    """Tell how many more VMs of a size fit, per host and cluster, by what places VMs; and with one host lost.

    Counted with all that the plan is about to do. Space in storage domains is not looked at. Exit 1 if a host was not
    read: what it could take is not counted.
    """
    size = Size(cpu=cpu, memory=memory, like=like, instance_type=instance_type)
    with sight(repo, observed) as seen:
        probes = list(_probes(size, cluster, seen))
        found = {vm.cluster: _capacity(vm, seen.situation) for vm in probes}
        unread = tell_unseen(seen.situation)
    if output in (Output.json, Output.yaml):
        from reconciler.cli.documents import show

        show({"clusters": [_data(name, each) for name, each in found.items()]}, output)
    else:
        for number, (name, each) in enumerate(found.items()):
            print(end="\n" if number else "")
            _print(name, each)
    return Exit.ERROR if unread else Exit.OK


def _capacity(vm: WantedVm, situation: Situation) -> Capacity:
    from reconciler.place.demand import demand
    from reconciler.place.headroom.capacity import capacity as count
    from reconciler.status.placement import room_left

    return count(demand(vm), lambda: room_left(situation))


def _probes(size: Size, cluster: str, seen: Sight) -> Iterator[WantedVm]:
    """One VM of that size for each cluster that is asked about."""
    context = seen.situation.context
    known = sorted({host.cluster for host in context.wanted.hosts.values()})
    if cluster and cluster not in known:
        raise UsageError(f"no host is in a cluster {cluster}; clusters with hosts are {', '.join(known) or 'none'}")
    asked = [cluster] if cluster else known
    if not size.like:
        yield from _sized(size, asked, seen)
        return
    name = size.like.removeprefix("vm/")
    vm = context.wanted.vms.get(name)
    if vm is None:
        raise UsageError(f"no VM {name} is declared")
    for each in [cluster] if cluster else [vm.cluster]:
        hosts = tuple(sorted(host.name for host in context.wanted.hosts.values() if host.cluster == each))
        there = vm if each == vm.cluster else replace(vm, cluster=each, hosts=hosts)
        yield replace(there, name=PROBE, uuid="", power="running")


def _sized(size: Size, clusters: Iterable[str], seen: Sight) -> Iterator[WantedVm]:
    """Declared beside what the repository declares, so that all its defaults count."""
    from reconciler.desired.resolve import resolve
    from reconciler.sources import unrevealed
    from specs.load import load

    types = [each.name for each in seen.situation.catalog.of("InstanceType")]
    if size.instance_type and size.instance_type not in types:
        raise UsageError(f"no instance type {size.instance_type} is declared; types are {', '.join(types) or 'none'}")
    place: Place = seen.place
    catalog = load(Beside(place.repository.tree(), place.folder, size, tuple(clusters)), place.folder)
    revision = seen.app.revision(catalog, PROBE)
    wanted = resolve(catalog, PROBE, replace(revision.sources, reveal=unrevealed))
    for each in clusters:
        yield wanted.vms[f"{PROBE}-{each}"]


class Beside:
    """The repository's files, with one VM of the size for each cluster at the end of gitvirt.yaml."""

    def __init__(self, tree: Tree, folder: str, size: Size, clusters: tuple[str, ...]) -> None:
        import json
        import posixpath

        self._tree, self._root = tree, posixpath.normpath(posixpath.join(folder, "gitvirt.yaml"))
        documents = [
            {
                "apiVersion": "gitvirt/v1",
                "kind": "VirtualMachine",
                "metadata": {"name": f"{PROBE}-{each}"},
                "spec": size.spec(each),
            }
            for each in clusters
        ]
        self._more = "".join(f"\n---\n{json.dumps(each)}\n" for each in documents).encode()
        self.label = tree.label

    def files(self) -> Iterable[TreeFile]:
        """See specs.tree.Tree."""
        return self._tree.files()

    def read(self, path: str) -> bytes:
        """See specs.tree.Tree."""
        content = self._tree.read(path)
        return content + self._more if path == self._root else content


def _data(cluster: str, found: Capacity) -> dict[str, Any]:
    loss = found.loss
    lost = {"host": loss.host, "fits": loss.fits, "stranded": list(loss.stranded)} if loss else None
    hosts = [
        {"name": name, "fits": number, "limit": found.limits.get(name, "")} for name, number in found.hosts.items()
    ]
    return {"cluster": cluster, "fits": found.fits, "complete": found.all_counted, "hosts": hosts, "oneHostLost": lost}


def _print(cluster: str, found: Capacity) -> None:
    from reconciler.cli import table
    from reconciler.cli.table import Column

    count = f"{found.fits}" if found.all_counted else f"at least {found.fits}"
    print(f"cluster/{cluster}: {count} more {'fits' if found.fits == 1 else 'fit'}")
    if found.loss is None:
        print("  with one host lost: there is no other host")
    else:
        print(f"  with one host lost, at worst {found.loss.host}: {found.loss.fits} more")
    if found.loss and found.loss.stranded:
        names = found.loss.stranded
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        print(f"  {len(names)} of its VMs would find no place: {', '.join(names[:6])}{more}", file=sys.stdout)
    columns = [Column("HOST"), Column("FITS", right=True), Column("THEN")]
    table.show(columns, [(name, number, found.limits.get(name, "")) for name, number in found.hosts.items()])
