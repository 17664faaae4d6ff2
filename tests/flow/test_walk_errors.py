"""What becomes of running steps when another one raises an error that no driver raises: a fault of gitvirt's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler import cycle
from reconciler.apply.dispatch import Tools
from reconciler.apply.outcome import Outcome
from reconciler.apply.walk import Walker
from reconciler.images import FileSource
from reconciler.plan.plan import Step, UploadImage
from tests.flow.site import NoWait, Site

IMAGES = """---
apiVersion: gitvirt/v1
kind: Image
metadata: {name: broken}
spec: {file: broken.qcow2, storageDomain: shared}
"""


def test_steps_that_run_end_when_nobody_can_be_told_of_one_that_did(site: Site) -> None:
    (site.repository / "broken.qcow2").write_bytes((site.repository / "guest.qcow2").read_bytes() + b"2")
    site.write("images.yaml", IMAGES)
    both, stop = threading.Barrier(2), threading.Event()
    left: list[str] = []

    @contextmanager
    def opened(call: UploadImage, told: object) -> Iterator[FileSource]:
        both.wait(30)
        if call.file == "guest.qcow2":
            stop.wait(30)  # it is noticed while this one still runs
        with site.open_image(call, told) as source:
            yield source
        left.append(call.file)

    def tell(step: Step, outcome: Outcome | None) -> None:
        if outcome is not None and step.ref.name == "broken":
            raise BrokenPipeError(32, "Broken pipe")

    looked = site.look()
    tools = Tools(open_image=opened, pause=NoWait(site.clock))
    with pytest.raises(BrokenPipeError):
        cycle.act(looked, Walker(hosts=looked.hosts, tools=tools, tell=tell, stop=stop))
    assert left == ["broken.qcow2", "guest.qcow2"]


def test_steps_that_run_beside_one_that_raises_end_before_the_error_is_passed_on(site: Site) -> None:
    (site.repository / "broken.qcow2").write_bytes((site.repository / "guest.qcow2").read_bytes() + b"2")
    site.write("images.yaml", IMAGES)
    both, stop = threading.Barrier(2), threading.Event()
    ended: list[tuple[str, str]] = []

    @contextmanager
    def opened(call: UploadImage, told: object) -> Iterator[FileSource]:
        both.wait(30)  # both uploads run
        if call.file == "broken.qcow2":
            raise ValueError("a fault of ours")
        stop.wait(30)  # it is noticed while this one still runs
        with site.open_image(call, told) as source:
            yield source

    def tell(step: Step, outcome: Outcome | None) -> None:
        if outcome is not None:
            ended.append((step.ref.name, outcome.status))

    looked = site.look()
    tools = Tools(open_image=opened, pause=NoWait(site.clock))
    walker = Walker(hosts=looked.hosts, tools=tools, tell=tell, stop=stop)
    with pytest.raises(ValueError, match="a fault of ours"):
        cycle.act(looked, walker)
    assert ("guest", "done") in ended, ended
    assert stop.is_set()
