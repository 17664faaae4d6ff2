"""What lies in a VM's drive has to be there before the VM starts, however often its creation was interrupted."""

from __future__ import annotations

import pytest

from drivers.seen import Power
from tests.flow.site import Site

DOCUMENTS = """
apiVersion: gitvirt/v1
kind: StorageDomain
metadata: {name: isos}
spec: {type: %s, path: /srv/isos}
---
apiVersion: gitvirt/v1
kind: Image
metadata: {name: rescue}
spec: {file: rescue.iso, storageDomain: isos}
---
apiVersion: gitvirt/v1
kind: VirtualMachine
metadata: {name: web}
spec: {cpu: 1, memory: 96MiB, nics: [lan], cdroms: [{name: cd, image: rescue}]}
"""


@pytest.mark.parametrize("kind", ["posix", "local"])
def test_a_vm_starts_after_the_image_that_an_interrupted_creation_did_not_bring(site: Site, kind: str) -> None:
    if kind == "posix":
        site.world.add_directory("/srv/isos", hosts=site.names)
    site.write("web.yaml", DOCUMENTS % kind)
    (site.repository / "rescue.iso").write_bytes(b"\0" * 0x8000 + b"\1CD001" + b"\0" * 4096)
    rule = site.world.faults.fail(where=lambda call: call.method == "upload" and call.object.startswith("isos/"))
    site.apply()
    assert rule.fired
    assert site.domain("web")[1].power is Power.STOPPED
    site.settle()
    assert site.domain("web")[1].power is Power.RUNNING
