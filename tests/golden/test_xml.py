"""Golden XML, both ways: the domain that a sample VM is defined as, and the fields that this domain reads as.

The samples are those of the live field table (tests/live/samples). `pytest tests/golden --update` writes anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from drivers.base import NewVm
from drivers.libvirt.domain import read, schema
from drivers.libvirt.domain.definition import build
from drivers.libvirt.domain.visible import same
from reconciler.plan.plan import DefineVm
from specs.fields import Fields
from tests.flow.site import Site, said

SAMPLES = sorted((Path(__file__).parents[1] / "live" / "samples").glob("*.yaml"))
XML = Path(__file__).parent / "xml"
LIBVIRT = 9_000_000

pytestmark = pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)


def defined(sample: Path, folder: Path) -> Iterator[NewVm]:
    """What the plan of a new site with this sample alone defines."""
    site = Site(folder)
    site.vms(sample.read_text())
    plan = site.plan()
    assert not plan.anything_held, said(plan)
    return (step.call.vm for step in plan.steps if isinstance(step.call, DefineVm))


def agrees(file: Path, text: str, request: pytest.FixtureRequest) -> bool:
    if request.config.getoption("--update", default=False):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return text == file.read_text()


def test_a_sample_is_defined_as_written_and_reads_back(
    sample: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for new in defined(sample, tmp_path / "site"):
        xml = build(new, LIBVIRT)
        assert agrees(XML / f"{new.name}.xml", indented(xml), request)
        fields = read(xml, None).config
        assert agrees(XML / f"{new.name}.txt", lines(fields), request)
        lost = {path: value for path, value in new.fields.items() if not told(path, value, fields)}
        assert not lost


def indented(xml: str) -> str:
    root = ElementTree.fromstring(xml)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def lines(fields: Fields) -> str:
    return "".join(f"{path} = {value}\n" for path, value in sorted(fields.items()))


def told(path: str, value: object, fields: Fields) -> bool:
    return path.endswith(".size") or same(path, value, fields.get(path))  # type: ignore[arg-type]


def test_libvirt_s_schema_takes_the_sample(sample: Path, tmp_path: Path) -> None:
    if not schema.installed():
        pytest.skip("libvirt's schema is not installed here")
    for new in defined(sample, tmp_path / "site"):
        assert schema.refusal(build(new, LIBVIRT), 0) == ""
