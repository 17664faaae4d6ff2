"""Writes observed.yaml of golden cases: applies the repository as it was before to a simulated datacenter, and looks.

    python -m tests.golden.observe [CASE…]      (all cases without a name)

What `since:` in case.yaml says is laid over the observation: mappings merge, `null` removes, everything else replaces.
Reading a case therefore takes its before/ and `since:`; observed.yaml follows from them. A case whose observation
is written by hand has `observed: by hand` in its case.yaml and is left alone.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drivers.memory.world import Clock, World
from drivers.snapshot import to_data
from reconciler import cycle
from reconciler.apply.dispatch import Tools
from reconciler.apply.limits import Limits
from reconciler.apply.walk import Walker
from reconciler.images import FileSource
from reconciler.observe.register import Register
from reconciler.plan.plan import UploadImage
from tests.flow.site import NoWait
from tests.golden.case import FOLDER, KEY, NOW, Case, before, cases, loaded, yaml_text


def observe(case: Case) -> str:
    """The text of observed.yaml."""
    world = _world(case)
    if (case.folder / "before").is_dir():
        with tempfile.TemporaryDirectory() as folder:
            _apply(world, before(case, Path(folder) / "repository"), Path(folder) / "state")
    data = to_data(world.observe(), KEY)
    return yaml_text(merged(data, {"hosts": case.options.get("since", {})}))


def _world(case: Case) -> World:
    catalog = loaded(case.folder / "desired", "r2", []).catalog
    world = World(clock=Clock(NOW))
    names = [each.name for each in catalog.of("Host")]
    for name in names:
        world.add_host(name)
    for each in catalog.of("StorageDomain"):
        together = [names] if each.spec.type != "local" else [[name] for name in names]
        for hosts in together:
            world.add_directory(each.spec.path, hosts)
    return world


def _apply(world: World, folder: Path, state: Path) -> None:
    state.mkdir()
    outside = cycle.Outside(
        connect=lambda host: world.host(host.name),
        now=lambda: int(world.clock()),
        digest=lambda secret: secret.digest(KEY),
        register=lambda repository: Register(state, repository),
    )
    looked = cycle.look(loaded(folder, "r1", ["r1"]), outside)
    assert isinstance(world.clock, Clock)
    tools = Tools(open_image=lambda call, told: _open(folder, call), pause=NoWait(world.clock))
    run = cycle.act(looked, Walker(hosts=looked.hosts, tools=tools, limits=Limits(host=1, total=1)))
    assert run.good, [str(each) for each in run.outcomes.values() if each.error]


@contextmanager
def _open(folder: Path, call: UploadImage) -> Iterator[FileSource]:
    with (folder / call.file).open("rb") as file:
        yield FileSource(file=file, checksum=call.checksum, name=call.file)


def merged(data: Any, patch: Any) -> Any:
    """RFC 7386: `patch` over `data`; a host that is not seen has nothing else."""
    if not isinstance(patch, dict) or "unseen" in patch:
        return patch
    found = dict(data) if isinstance(data, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


def main(names: list[str]) -> None:
    for folder in [FOLDER / name for name in names] or cases():
        case = Case(folder)
        if case.options.get("observed") != "by hand":
            (folder / "observed.yaml").write_text(observe(case))


if __name__ == "__main__":
    main(sys.argv[1:])
