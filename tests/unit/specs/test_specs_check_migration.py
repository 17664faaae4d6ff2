"""Migration settings that do not go together are told where they are written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.specs.test_specs_check import several

Faults = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("cluster", "vm", "said"),
    [
        ("{policy: postCopy, parallel: 2}", "{}", "no post-copy over parallel connections"),
        ("{parallel: 2}", "{migration: {policy: postCopy}}", "no post-copy over parallel connections"),
        ("{compressed: true}", "{migration: {parallel: 4}}", "no compression over parallel connections"),
        ("{}", "{migration: never, onHostMaintenance: migrate}", "its host's maintenance would wait for it"),
    ],
)
def test_a_doubtful_combination_is_a_warning(cluster: str, vm: str, said: str, faults: Faults) -> None:
    found = faults(several(("Cluster", "default", f"{{migration: {cluster}}}"), ("VirtualMachine", "x", vm)))
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    ("cluster", "vm"),
    [
        ("{policy: postCopy}", "{migration: {policy: minimalDowntime, parallel: 2}}"),
        ("minimalDowntime", "{migration: never, onHostMaintenance: stop}"),
        ("{policy: veryLarge, parallel: 4, bandwidth: 1GiB, concurrent: 1, timeout: 5m}", "{migration: manual}"),
    ],
)
def test_what_goes_together_is_not_told(cluster: str, vm: str, faults: Faults) -> None:
    found = faults(several(("Cluster", "default", f"{{migration: {cluster}}}"), ("VirtualMachine", "x", vm)))
    assert not [each for each in found if "migration" in each or "Maintenance" in each], found


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{migration: {policy: fast}}", "policy"),
        ("{migration: {concurrent: 0}}", "concurrent"),
        ("{migration: {parallel: 256}}", "parallel"),
        ("{migration: {mode: never}}", "mode"),
    ],
)
def test_what_means_nothing_is_refused(spec: str, said: str, faults: Faults) -> None:
    found = faults(several(("Cluster", "c", spec)))
    assert any(said in each for each in found), found
