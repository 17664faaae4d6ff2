"""Settings of NICs that do not go together are refused where they are written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from specs.attachment import is_network
from tests.unit.specs.test_specs_check import several

Faults = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("nic", "said"),
    [
        ("{network: 'bridge:br0', portgroup: blue}", "nics[n].portgroup: no `portgroup` on bridge:br0"),
        ("{network: lan, mode: vepa}", "nics[n].mode: no `mode` on lan"),
        ("{network: user, filter: clean-traffic}", "no `filter` on user"),
        ("{network: 'direct:eth0', vlan: {tags: [1]}}", "no `vlan` on direct:eth0"),
        ("{network: lan, vlan: {trunk: true}}", "nics[n].vlan.tags: a VLAN without tags"),
        ("{network: lan, vlan: {tags: [1, 2]}}", "`trunk` is missing"),
        ("{network: lan, vlan: {tags: [1, 2], trunk: true, native: 3}}", "3 is none of the tags"),
        ("{network: lan, filterParameters: ['IP=192.0.2.1']}", "parameters without `filter`"),
        ("{network: lan, model: e1000e, queues: 2}", "no `queues` on e1000e"),
        ("{network: lan, txMode: timer}", "`txMode` is of driver qemu"),
        ("{network: lan, bootOrder: 1, rom: {enabled: false}}", "a place in the boot order, and no ROM"),
        ("{network: lan, bandwidth: {inbound: {average: 100B}}}", "no whole KiB"),
        ("{network: 'hostdev:eth0'}", "is not a network"),
        ("{network: 'bridge:'}", "is not a network"),
    ],
)
def test_a_bad_combination_is_refused(nic: str, said: str, faults: Faults) -> None:
    written = nic.replace("{", "{name: n, ", 1)
    found = faults(several(("VirtualMachine", "x", f"{{nics: [{written}]}}")))
    assert any(said in each for each in found), found


@pytest.mark.parametrize("place", ["bridge:br0", "direct:eth0", "vdpa:/dev/vhost-vdpa-0", "user"])
def test_something_of_the_host_is_no_network_to_be_declared(place: str, faults: Faults) -> None:
    assert faults(several(("VirtualMachine", "x", f"{{nics: [{{name: n, network: '{place}'}}]}}"))) == []
    assert not is_network(place)


def test_user_cannot_be_a_network_s_name_and_no_network(faults: Faults) -> None:
    found = faults(several(("Network", "user", "{type: isolated}"), ("VirtualMachine", "x", "{nics: [user]}")))
    assert any("network/user cannot be told from it" in each for each in found), found
