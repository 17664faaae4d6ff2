"""A VM with a CD-ROM drive, and ISOs for it."""

from __future__ import annotations

import hashlib

from tests.flow.site import Site, vm_yaml

ISO = {name: f"CD001 {name}".encode() for name in ("setup", "tools")}
CD = "=cpu: 1, memory: 96MiB, disks: [{name: root, image: guest}], cdroms: [%s]"
SOURCE = "cdroms[cd].source"


def isos(site: Site) -> None:
    documents = []
    for name, content in ISO.items():
        (site.repository / f"{name}.iso").write_bytes(content)
        checksum = hashlib.sha256(content).hexdigest()
        documents.append(
            f"---\napiVersion: gitvirt/v1\nkind: Image\nmetadata: {{name: {name}}}\n"
            f'spec: {{type: iso, file: {name}.iso, checksum: "sha256:{checksum}", storageDomain: shared}}\n'
        )
    site.write("isos.yaml", "".join(documents))


def with_drive(site: Site, drive: str = "{name: cd, image: setup}") -> None:
    isos(site)
    site.vms(vm_yaml("web", CD % drive))
    site.settle()


def medium(site: Site) -> tuple[object, object]:
    vm = site.domain("web")[1]
    return vm.config[SOURCE], vm.live[SOURCE] if vm.live else None


def path_of(site: Site, name: str) -> str:
    image = site.look().context.wanted.images[name]
    return f"/srv/shared/{image.volume}"
