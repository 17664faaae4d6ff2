"""Which NICs are plugged in again after a network was restarted."""

from __future__ import annotations

import pytest

from drivers.libvirt.domain.marks import write
from drivers.libvirt.domain.tree import parse_to_edit
from drivers.libvirt.domain.tree import write as as_text
from drivers.libvirt.network.replug import nics
from specs.structs import replace
from tests.strategies import mark_for

DOMAIN = """<domain type='kvm' id='3'><name>web</name><uuid>u</uuid><devices>
<interface type='network'><mac address='52:54:00:00:00:01'/><source network='lan' bridge='virbr0'/></interface>
<interface type='network'><mac address='52:54:00:00:00:02'/><source network='backup' bridge='virbr1'/></interface>
<interface type='bridge'><mac address='52:54:00:00:00:03'/><source bridge='virbr0'/></interface>
</devices></domain>"""


@pytest.mark.parametrize(("owner", "plugged"), [("ours", ["52:54:00:00:00:01"]), ("another", []), (None, [])], ids=str)
def test_only_nics_on_the_network_and_only_of_the_repositorys_own_vms(owner: str | None, plugged: list[str]) -> None:
    domain = parse_to_edit(DOMAIN)
    if owner is not None:
        write(domain, replace(mark_for("web", "u", {}), repository=owner))
    found = nics(as_text(domain), "lan", "ours")
    assert [each.find("mac").get("address") for each in found] == plugged  # type: ignore[union-attr]
