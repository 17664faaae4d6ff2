"""All documents of an import: which VMs can be taken over, and what they stand on. Pure.

In: what the sources have, what the repository declares already, the options. Out: `Drawn`, documents and everything
that was passed over with its reason. Called by reconciler/cli/import_.py; proof.py corrects the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase

from drivers.seen import SeenVm
from reconciler.importing.document import Document, Source, is_name
from reconciler.importing.known import Known
from reconciler.importing.machine import Surroundings, document
from reconciler.importing.networks import networks
from reconciler.importing.places import places
from specs.fields import entries
from specs.resource import Ref
from specs.structs import Struct, field


class Options(Struct, frozen=True, kw_only=True):
    """`names`: only VMs whose name matches one of these patterns. `cluster`: where hosts and VMs belong."""

    names: tuple[str, ...] = ()
    cluster: str = ""

    def selects(self, name: str) -> bool:
        """Whether a VM of that name is asked for."""
        return not self.names or any(fnmatchcase(name, each) for each in self.names)


class Drawn(Struct, kw_only=True):
    """What is to be written, and, in words, what is not and why (`vm/x on kvm1: …`)."""

    documents: list[Document] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)

    def without(self, gone: Document, why: str) -> None:
        """Leaves a document out."""
        self.documents.remove(gone)
        self.passed.append(f"{gone.ref}: {why}")


def draw_up(sources: Sequence[Source], known: Known, options: Options) -> Drawn:
    """The documents of everything that can be taken over."""
    drawn = Drawn(documents=_hosts(sources, known, options))
    storage = places(sources, known)
    own, passed = networks(sources, known.networks, options.cluster if known.clusters else "")
    chosen = _chosen(sources, known, options, drawn)
    around = Surroundings(
        places=storage,
        networks=known.networks | {each.ref.name for each in own},
        macs=known.macs | _twice(chosen),
        cluster=options.cluster,
    )
    machines = [document(source, vm, around) for source, vm in chosen]
    drawn.documents += [*own, *storage.documents, *machines]
    drawn.passed += [*passed, *storage.passed]
    return drawn


def _hosts(sources: Sequence[Source], known: Known, options: Options) -> list[Document]:
    cluster = {"cluster": options.cluster} if options.cluster else {}
    found = []
    if options.cluster and options.cluster not in known.clusters:
        found.append(Document(ref=Ref("Cluster", options.cluster), spec={}))
    return found + [
        Document(ref=Ref("Host", each.name), spec={"uri": each.uri, **cluster})
        for each in sources
        if each.uri and not each.declared
    ]


def _chosen(sources: Sequence[Source], known: Known, options: Options, drawn: Drawn) -> list[tuple[Source, SeenVm]]:
    uuids = Counter(vm.uuid for source in sources for vm in source.seen.vms)
    taken: dict[str, str] = {}
    chosen = []
    for source in sources:
        for vm in source.seen.vms:
            if not options.selects(vm.name):
                continue
            why = _unfit(vm, known, uuids[vm.uuid]) or _namesake(vm, taken)
            if why:
                drawn.passed.append(f"vm {vm.name!r} on {source.name}: {why}")
            else:
                taken[vm.name] = source.name
                chosen.append((source, vm))
    return chosen


def _namesake(vm: SeenVm, taken: dict[str, str]) -> str:
    if vm.name not in taken:
        return ""
    return f"{taken[vm.name]} has another VM of this name; rename one of them (`virsh domrename`)"


def _unfit(vm: SeenVm, known: Known, defined: int) -> str:
    """Why a VM cannot be taken over; "" if it can."""
    if vm.mark_damaged:
        return "it bears a mark that cannot be read; `virsh metadata` shows it"
    if vm.mark is not None and vm.mark.uuid == vm.uuid and vm.mark.repository == known.repository:
        return f"it is {vm.mark.ref} of this repository already"
    if vm.mark is not None:
        return f"it bears the mark of repository {vm.mark.repository} ({vm.mark.ref}); `gitvirt release` it there first"
    if not vm.persistent:
        return "it is transient: libvirt forgets it when it stops; define it first (`virsh define`)"
    if defined > 1:
        return "a VM of the same uuid is defined twice; undefine the copy that is not the real one"
    if vm.name in known.vms or vm.uuid in known.vms.values():
        return "the repository declares it already"
    if not is_name(vm.name):
        return (
            "gitvirt takes only letters, digits, `.`, `_` and `-` in a name, at most 64; rename it (`virsh domrename`)"
        )
    return ""


def _twice(chosen: Sequence[tuple[Source, SeenVm]]) -> frozenset[str]:
    """MACs that more than one NIC has."""
    macs = Counter(str(nic.get("mac")) for _, vm in chosen for nic in entries(vm.config, "nics").values())
    return frozenset(mac for mac, count in macs.items() if count > 1)
