"""What tests of an operator's power deeds ask of a site with the VM web."""

from __future__ import annotations

from drivers.seen import Power
from tests.flow.site import Site, vm_yaml


def made(site: Site, spec: str = "") -> None:
    site.vms(vm_yaml("web", spec))
    site.settle()


def state(site: Site) -> Power:
    return site.domain("web")[1].power


def override(site: Site):  # type: ignore[no-untyped-def]
    return site.domain("web")[1].mark.override("power")
