"""Images on the simulated datacenter: from URLs, shared, wanted again, wanted by nobody; faults and crashes."""

from __future__ import annotations

import contextlib
import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.errors import Unreachable
from drivers.memory.calls import Moment
from drivers.memory.faults import Crash
from reconciler.images import Images
from reconciler.plan.faces.text import text
from reconciler.settings import Settings
from tests.flow.site import ID, IMAGE, OTHER, Site, said, vm_yaml
from tests.imageserver import Request, Server, serving, sha256

DISK = os.urandom(300_000)
KEEP = 7 * 86400
MINE, THEIRS = ID[:8], OTHER[:8]


def image_yaml(name: str, spec: str) -> str:
    head = f"---\napiVersion: gitvirt/v1\nkind: Image\nmetadata: {{name: {name}}}\n"
    return f"{head}spec: {{{spec}, storageDomain: shared}}\n"


def from_url(server: Server, content: bytes = DISK, more: str = ", format: raw", name: str = "debian") -> str:
    return image_yaml(name, f"url: '{server.url('/debian.raw')}', checksum: '{sha256(content)}'{more}")


def on_image(name: str) -> str:
    return vm_yaml(name, "=cpu: 1, memory: 96MiB, nics: [lan], disks: [{name: root, image: debian, size: 1GiB}]")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        found.behaviour = lambda request: request.serve(DISK)
        yield found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return made(tmp_path)


def made(folder: Path) -> Site:
    found = Site(folder)
    use_urls(found)
    return found


def use_urls(site: Site) -> None:
    """Images are opened as on a real machine, with servers of this machine allowed."""
    settings = Settings(state=str(site.state), images={"hosts": ["127.0.0.1"]})  # type: ignore[arg-type]
    real = Images(locate=lambda file: site.repository / file, settings=settings, wait=lambda seconds: False)
    plain = site.open_image
    site.open_image = lambda call, told: (real.open_image if call.url else plain)(call, told)  # type: ignore[method-assign]


def volumes(site: Site) -> set[str]:
    """The names in the shared domain that have to do with images, the guest image of the site left out."""
    guest = volume(IMAGE, "qcow2")
    return {
        name
        for name in site.world.hosts["kvm1"].mounts["/srv/shared"].files
        if name.startswith("gv-img-") and not name.startswith(guest)
    }


def volume(content: bytes = DISK, format_: str = "raw") -> str:
    return f"gv-img-{sha256(content)[7:23]}.{format_}"


def test_an_image_from_a_url_is_planned_without_asking_and_fetched_once(site: Site, server: Server) -> None:
    site.vms(from_url(server), on_image("a"), on_image("b"))
    plan = site.plan()
    assert server.asked == []
    assert f"from {server.url('/debian.raw')}" in text(plan)
    site.settle()
    assert len(server.asked) == 1
    assert volumes(site) == {volume(), f"{volume()}.ready", f"{volume()}.by.{MINE}"}
    content = site.world.hosts["kvm1"].mounts["/srv/shared"].files[volume()].content
    assert content == DISK


def test_an_image_that_is_there_is_never_fetched(site: Site, server: Server) -> None:
    site.vms(from_url(server))
    site.settle()
    for path in (site.state / "images").iterdir():
        path.unlink()
    site.vms(from_url(server), on_image("a"))
    site.settle()
    assert len(server.asked) == 1


def test_a_server_that_fails_leaves_nothing_ready_and_the_next_pass_goes_on(site: Site, server: Server) -> None:
    server.behaviour = lambda request: request.serve(DISK, upto=100_000)
    site.vms(from_url(server), on_image("a"))
    run = site.apply()
    assert not run.good
    assert volumes(site) == set()
    assert any("are kept" in each.error for each in run.outcomes.values())
    server.behaviour = lambda request: request.serve(DISK)
    site.settle()
    assert server.asked[-1] == "bytes=100000-"


def lies(request: Request) -> None:
    request.serve(DISK[:-1] + b"?")


def bomb(request: Request) -> None:
    request.serve(gzip.compress(DISK))


@pytest.mark.parametrize("behaviour", [lies, bomb, lambda request: request.head(404, Content_Length=0)])
def test_what_is_not_the_pinned_image_never_becomes_ready(behaviour: object, site: Site, server: Server) -> None:
    server.behaviour = behaviour  # type: ignore[assignment]
    site.vms(from_url(server), on_image("a"))
    run = site.apply()
    assert not run.good
    assert volumes(site) == set()
    assert not any(vm.power == "running" for seen in site.world.observe().values() for vm in getattr(seen, "vms", ()))


def test_an_upload_that_was_interrupted_is_begun_anew(site: Site, server: Server) -> None:
    site.vms(from_url(server))
    site.world.faults.fail(
        1, Unreachable, effect=True, where=lambda call: call.method == "upload" and volume() in call.object
    )
    assert not site.apply().good
    assert f"{volume()}.ready" not in volumes(site)
    site.settle()
    assert f"{volume()}.ready" in volumes(site)


def test_an_image_that_nobody_wants_goes_to_the_trash_and_then_for_good(site: Site, server: Server) -> None:
    site.vms(from_url(server))
    site.settle()
    site.vms()
    assert f"delete image/{volume()}@shared kvm1" in said(site.plan())
    assert "nothing uses it" in text(site.plan())
    site.settle()
    assert volume() in volumes(site)
    site.clock.advance(KEEP - 10)
    assert site.plan().empty
    site.clock.advance(20)
    assert f"purge image/{volume()}@shared kvm1" in said(site.plan())
    site.settle()
    assert volumes(site) == set()


def test_an_image_in_the_trash_that_is_declared_again_is_as_new(site: Site, server: Server) -> None:
    site.vms(from_url(server))
    site.settle()
    site.vms()
    site.settle()
    site.vms(from_url(server))
    site.settle()
    assert volumes(site) == {volume(), f"{volume()}.ready", f"{volume()}.by.{MINE}"}
    assert len(server.asked) == 1
    site.clock.advance(2 * KEEP)
    assert site.plan().empty


def test_an_image_that_a_disk_still_stands_on_stays(site: Site, server: Server) -> None:
    site.vms(from_url(server), on_image("a"))
    site.settle()
    newer = os.urandom(1000)
    server.behaviour = lambda request: request.serve(newer)
    site.vms(from_url(server, newer), on_image("a"))
    site.settle()
    assert {volume(), volume(newer)} <= volumes(site)
    site.clock.advance(2 * KEEP)
    assert site.plan().empty
    site.vms(from_url(server, newer))
    site.settle()  # the VM goes to the trash, where it keeps its image
    assert f"{volume()}.ready" in volumes(site)
    site.clock.advance(KEEP + 1)
    site.apply()
    site.apply()
    assert any(name.startswith(f"{volume()}.trash.") for name in volumes(site))


def put(site: Site, *names: str) -> None:
    """Volumes that somebody else made."""
    host = site.world.host("kvm1")
    for name in names:
        host.volumes.upload("shared", name, iter((b"x",)), 1)


def test_an_image_of_another_repository_is_noted_and_left_to_it(site: Site, server: Server) -> None:
    site.settle()
    put(site, volume(), f"{volume()}.ready", f"{volume()}.by.{THEIRS}")
    assert site.plan().empty
    site.vms(from_url(server))
    assert "adopt image/debian" in said(site.plan())
    site.settle()
    assert server.asked == []
    assert f"{volume()}.by.{MINE}" in volumes(site)
    site.vms()
    site.settle()
    assert volumes(site) == {volume(), f"{volume()}.ready", f"{volume()}.by.{THEIRS}"}


def test_an_image_without_any_marker_is_used_and_never_removed(site: Site, server: Server) -> None:
    site.settle()
    put(site, volume(), f"{volume()}.ready")
    site.vms(from_url(server))
    assert site.plan().empty
    site.vms()
    assert site.plan().empty


def test_no_image_goes_while_a_host_is_unseen(site: Site, server: Server) -> None:
    site.vms(from_url(server))
    site.settle()
    site.vms()
    site.world.cut("kvm2")
    assert any("PartialView" in line for line in said(site.plan()) if line.startswith("delete image"))


def bring(site: Site, server: Server) -> Callable[[], None]:
    return lambda: site.vms(from_url(server))


def trash(site: Site, server: Server) -> Callable[[], None]:
    site.vms(from_url(server))
    site.settle()
    return lambda: site.vms()


def purge(site: Site, server: Server) -> Callable[[], None]:
    trash(site, server)()
    site.settle()
    return lambda: site.clock.advance(KEEP + 1)


def back(site: Site, server: Server) -> Callable[[], None]:
    trash(site, server)()
    site.settle()
    return lambda: site.vms(from_url(server))


@pytest.mark.parametrize("moment", ["before", "midway", "after"])
@pytest.mark.parametrize("scenario", [bring, trash, purge, back], ids=lambda each: each.__name__)
def test_killed_at_every_step_it_converges(
    scenario: Callable[[Site, Server], Callable[[], None]], moment: Moment, tmp_path: Path, server: Server
) -> None:
    smooth = made(tmp_path / "smooth")
    scenario(smooth, server)()
    smooth.settle()
    for number in range(1, 40):
        site = made(tmp_path / str(number))
        commit = scenario(site, server)
        commit()
        rule = site.world.faults.crash(number, moment)
        with contextlib.suppress(Crash):
            site.apply()
        site.world.faults.revive()
        site.settle()
        assert without_times(site) == without_times(smooth), number
        assert not site.world.damage
        if not rule.fired:
            break
    else:
        pytest.fail("the scenario never ended")
    assert number > 1 or moment == "midway"


def without_times(site: Site) -> set[str]:
    return {name.partition(".trash.")[0] for name in volumes(site)}
