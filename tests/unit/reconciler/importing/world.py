"""A host made of XML texts, for tests of the import: read by the real driver's reading code, marked by its own too.

`World` holds domains (and pools, networks); `source` is what an import gets of it, `adopt` plans and writes the marks
into the XML as the driver does, so that a second plan reads them back.
"""

from __future__ import annotations

from typing import Any

from drivers.libvirt.domain import marks, read
from drivers.libvirt.domain.rest import rest
from drivers.libvirt.domain.tree import parse_to_edit, write
from drivers.seen import Power, SeenHost, SeenNetwork, SeenPool, SeenVm, SeenVolume
from reconciler.desired.resolve import Sources, resolve
from reconciler.diff.compare import compare
from reconciler.diff.context import Context
from reconciler.importing.document import Source
from reconciler.importing.documents import Drawn, Options, draw_up
from reconciler.importing.known import Known, known
from reconciler.importing.proof import Ground, prove
from reconciler.importing.text import root, text
from reconciler.observe.observed import Observed
from reconciler.plan import planner
from reconciler.plan.plan import MarkVm, Plan
from specs.fields import Fields, Secret
from specs.load import load
from specs.structs import Struct, field, replace
from specs.tree import TreeFile

ID = "9a3c2d1e-0000-4000-8000-000000000001"
ROOT = {"gitvirt.yaml": root("home", ID)}


class Files:
    """A tree in memory."""

    label = "here"

    def __init__(self, files: dict[str, str]) -> None:
        self.texts = files

    def files(self) -> list[TreeFile]:
        return [TreeFile(path=path, size=len(each.encode())) for path, each in self.texts.items()]

    def read(self, path: str) -> bytes:
        return self.texts[path].encode()


class World(Struct, dict=True):
    """One host. `live` maps a domain's name to its running XML."""

    domains: list[str] = field(default_factory=list)
    live: dict[str, str] = field(default_factory=dict)
    pools: tuple[SeenPool, ...] = ()
    networks: tuple[SeenNetwork, ...] = ()
    name: str = "kvm1"
    changed: dict[str, Any] = field(default_factory=dict)

    def vm(self, xml: str) -> SeenVm:
        told = read(xml, None)
        if told.name in self.live:
            told = read(xml, self.live[told.name])
        seen = SeenVm(
            name=told.name, uuid=told.uuid, power=Power.STOPPED if told.live is None else Power.RUNNING,
            config=self.sized(told.config), 
            live=None if told.live is None else self.sized(told.live),
            mark=told.mark, mark_damaged=told.mark_damaged, unnamed=told.unnamed,
            aliases=told.aliases, targets=told.targets, definition=told.definition,
        )  # fmt: skip
        return replace(seen, **self.changed.get(told.name, {}))

    def sized(self, fields: Fields) -> Fields:
        """With the capacity of the volumes, as the reader joins them."""
        sizes = {each.path: each.capacity for held in self.pools for each in held.volumes.values()}
        sources = {
            path: value for path, value in fields.items() if path.startswith("disks") and path.endswith("].source")
        }
        told = {
            path.removesuffix("source") + "size": sizes[str(value)] for path, value in sources.items() if value in sizes
        }
        return {**fields, **told}

    def seen(self) -> SeenHost:
        vms = tuple(self.vm(each) for each in self.domains)
        uuid = f"00000000-0000-4000-8000-{abs(hash(self.name)) % 10**12:012d}"
        return SeenHost(name=self.name, uuid=uuid, vms=vms, pools=self.pools, networks=self.networks)

    def source(self, **more: Any) -> Source:
        seen = self.seen()
        rests = {read(each, None).uuid: rest(each) for each in self.domains}
        return Source(
            **{"name": self.name, "uri": f"qemu+tls://{self.name}/system", "seen": seen, "rests": rests, **more}
        )

    def mark(self, plan: Plan) -> None:
        """Writes the marks of the plan's steps into the XML, config and live, and nothing else."""
        new = {each.call.uuid: each.call.mark for each in plan.steps if isinstance(each.call, MarkVm)}

        def marked(xml: str) -> str:
            domain = parse_to_edit(xml)
            mark = new.get(domain.findtext("uuid") or "")
            if mark is not None:
                marks.write(domain, mark)
            return write(domain)

        self.domains = [marked(each) for each in self.domains]
        self.live = {name: marked(each) for name, each in self.live.items()}


def pool(name: str, path: str, *volumes: str, **more: Any) -> SeenPool:
    held = {each: SeenVolume(name=each, path=f"{path}/{each}", capacity=1 << 30) for each in volumes}
    return SeenPool(**{"name": name, "uuid": "", "active": True, "path": path, "volumes": held, **more})


def network(name: str, active: bool = True, **fields: Any) -> SeenNetwork:
    config = {"type": "nat", **{key.replace("_", "."): value for key, value in fields.items()}}
    return SeenNetwork(name=name, uuid="", active=active, config=config)


def imported(*sources: Source, existing: dict[str, str] | None = None, **options: Any) -> tuple[Drawn, dict[str, str]]:
    """(what was drawn up, all files of the repository afterwards)."""
    files = dict(existing or ROOT)
    have = known(load(Files(files))) if existing else Known(repository=ID)
    drawn = draw_up(sources, have, Options(**options))
    prove(drawn, sources, Ground(tree=Files(files), root=".", folder=".", own={} if existing else ROOT))
    return drawn, files | {each.file: text(each) for each in drawn.documents}


def planned(files: dict[str, str], *worlds: World) -> Plan:
    """The plan of a repository for hosts, as a pass makes it."""
    secret = Secret("geheim")
    wanted = resolve(load(Files(files)), "r1", Sources(files={}, reveal=lambda reference, where: secret))
    observed = Observed(hosts={each.name: each.seen() for each in worlds}, taken=0, repository=ID)
    context = Context(wanted=wanted, observed=observed, now=0, digest=lambda each: each.digest(b"key"))
    return planner.make(compare(context), context)
