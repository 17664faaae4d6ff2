"""Devices of every list through whole passes: made, changed while the VM runs, taken away, adopted."""

from __future__ import annotations

from tests.flow.site import Site

VM = """
apiVersion: gitvirt/v1
kind: VirtualMachine
metadata: {name: web}
spec:
  cpu: 1
  memory: 1GiB
  disks: [%s]
  nics: [%s]
  channels: [%s]
"""
ROOT = "{name: root, size: 1GiB%s}"
SAN = "{name: san, device: /dev/san, bus: scsi}"


def document(disks: str = ROOT % "", nics: str = "lan", channels: str = "") -> str:
    return VM % (disks, nics, channels)


def test_a_channel_comes_and_goes_while_the_vm_runs(site: Site) -> None:
    site.vms(document())
    site.settle()
    site.vms(document(channels="{name: org-x}, {name: log, type: file, path: /srv/x}"))
    site.settle()
    config = site.domain("web")[1].config
    assert config["channels[org-x].target"] == "org-x"
    assert site.domain("web")[1].live == config
    site.vms(document(channels="{name: log, type: file, path: /srv/x}"))
    site.settle()
    assert not any(path.startswith("channels[org-x]") for path in site.domain("web")[1].config)
    assert not any(key == "channel/org-x" for key in site.domain("web")[1].mark.devices)  # type: ignore[union-attr]


def test_limits_are_set_and_lifted_without_a_restart(site: Site) -> None:
    site.vms(document())
    site.settle()
    for limit, seen in (("5MiB", 5 << 20), ("0B", None)):
        site.vms(document(disks=ROOT % f", iotune: {{totalBytes: {limit}}}"))
        site.settle()
        live = site.domain("web")[1].live
        assert live is not None
        assert (live.get("disks[root].iotune.totalBytes") or None) == seen


def test_a_block_device_of_the_host_is_used_and_never_made_or_removed(site: Site) -> None:
    for host in site.names:
        site.world.outside(host).put_file("/dev/san", capacity=1 << 30, content=b"precious")
    site.vms(document(disks=f"{ROOT % ''}, {SAN}"))
    run = site.settle()
    assert not any("san" in each.step.what for each in run.outcomes.values())
    assert site.domain("web")[1].config["disks[san].source"] == "/dev/san"
    site.vms(document())
    site.settle()
    assert not any("disks[san]" in path for path in site.domain("web")[1].config)
    site.vms("# none")
    site.settle(deletions=1)
    for host in site.names:
        assert site.world.outside(host).file("/dev/san").content == b"precious"  # type: ignore[union-attr]
