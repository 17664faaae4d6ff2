"""Images over HTTP on a real host: a guest boots from a packed raw disk, a vmdk keeps its bytes, a CD is in a drive."""

from __future__ import annotations

import lzma
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.lab.lab import Lab
from reconciler.apply import seed
from reconciler.diff.change import Verb
from reconciler.settings import Images
from tests.imageserver import Request, Server, serving, sha256
from tests.live.conftest import Guest
from tests.live.facts import wait_until
from tests.live.site import LiveSite, machine, said

pytestmark = pytest.mark.live


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Iterator[LiveSite]:
    found = LiveSite(lab, tmp_path)
    found.app.settings = found.settings.model_copy(update={"images": Images(hosts=("127.0.0.1",))})
    yield found
    found.close()


def convert(source: Path, kind: str, *options: str) -> bytes:
    target = source.with_suffix(f".{kind}")
    subprocess.run(["qemu-img", "convert", "-O", kind, *options, str(source), str(target)], check=True, timeout=240)
    return target.read_bytes()


def image(name: str, server: Server, content: bytes, **spec: Any) -> dict[str, Any]:
    where = {"url": server.url(f"/{name}"), "checksum": sha256(content), "storageDomain": "shared"}
    return {"apiVersion": "gitvirt/v1", "kind": "Image", "metadata": {"name": name}, "spec": {**where, **spec}}


def assert_what_nobody_uses_goes_and_comes_back(
    site: LiveSite, rest: list[dict[str, Any]], exported: dict[str, Any], volumes: dict[str, str]
) -> None:
    """The image that is taken out goes to the trash, the one with a disk on it does not; declared again it is back."""
    site.vms(rest)
    gone = {(change.verb, change.ref.name.partition("@")[0]) for change in site.plan().changes}
    assert (Verb.DELETE, f"{volumes['exported']}.qcow2") in gone, said(site.plan())
    assert not any(name.startswith(volumes["packed"]) for _, name in gone)
    site.settle()
    assert list(site.lab.paths.shared.rglob(f"{volumes['exported']}.qcow2.trash.*"))
    site.vms([*rest, exported])
    site.settle()
    assert not list(site.lab.paths.shared.rglob(f"{volumes['exported']}.qcow2.trash.*"))


def test_images_over_http_become_disks_and_media(site: LiveSite, tmp_path: Path) -> None:
    disk = tmp_path / "guest.qcow2"
    disk.write_bytes(site.lab.guest_image().read_bytes())
    served = {
        "packed": lzma.compress(convert(disk, "raw"), preset=0),
        "exported": convert(disk, "vmdk", "-o", "subformat=streamOptimized"),
        "tools.iso": seed.iso({"readme": "from the CD"}, "tools"),
    }
    broken: set[str] = set()

    def answer(request: Request) -> None:
        """Breaks off in the middle of every file, once."""
        content = served[request.path.strip("/")]
        first = request.path not in broken
        broken.add(request.path)
        request.serve(content, upto=len(content) // 2 if first else None)

    with serving() as server:
        server.behaviour = answer
        images = [image(name, server, content) for name, content in served.items()]
        cd = [{"name": "cd", "image": "tools.iso", "bus": "scsi"}]  # the tiny guest knows no other
        web = machine("web", disks=[{"name": "root", "image": "packed"}], cdroms=cd)
        off = machine("off", disks=[{"name": "root", "image": "exported", "clone": "copy"}], state="stopped")
        site.vms([*images, web, off])
        site.settle()
        assert sum(bool(each) for each in server.asked) == len(served)  # gone on with, not begun anew
        asked = len(server.asked)

        copy = Path(str(site.vm("off")[1].config["disks[root].source"])).name
        same = ["qemu-img", "compare", "-q", str(disk), str(next(site.lab.paths.shared.rglob(copy)))]
        subprocess.run(same, check=True, timeout=240)

        guest = Guest(site.lab, site.vm("web")[0], "web")
        guest.wait_for_agent()
        wait_until(lambda: guest.run("ls /dev/sr0 || true") == "/dev/sr0")
        assert guest.run("mount -o ro /dev/sr0 /mnt && cat /mnt/readme && umount /mnt") == "from the CD"

        for path in (site.settings.state_folder / "images").iterdir():
            path.unlink()
        site.vms([*images, web])  # the copy stands on nothing, the packed one has a disk on it
        site.settle()
        volumes = {name: f"gv-img-{sha256(content)[7:23]}" for name, content in served.items()}
        assert_what_nobody_uses_goes_and_comes_back(site, [images[0], images[2], web], images[1], volumes)
        assert len(server.asked) == asked
