"""An operator at a Site: does deeds as the commands do, each after a fresh look at all hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconciler.observe.holds import Holds
from reconciler.operations import perform
from reconciler.operations.hold import Holding
from reconciler.operations.perform import Outcome
from reconciler.operations.power import How
from reconciler.operations.scene import By, Scene
from specs.resource import Ref
from tests.flow.site import ID, NoWait, Site, said


class Operator:
    """`alice@desk`. `do` returns the outcome of one deed on one object."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.holding = Holding(holds=Holds(site.state, ID))

    def scene(self, lasts: int = 0, reason: str = "") -> Scene:
        now = int(self.site.clock.now)
        by = By(author="alice@desk", reason=reason, since=now, until=now + lasts if lasts else 0)
        return Scene(looked=self.site.look(), by=by, pause=NoWait(self.site.clock))

    def do(self, deed: Callable[..., str], target: str, lasts: int = 0, **options: Any) -> Outcome:
        """The outcome; `lasts` is `--for` in seconds, `options` go to the deed."""
        ref = Ref.parse(target)
        return perform.attempt(ref, self.scene(lasts), lambda ref, scene: deed(ref, scene, **options))

    def done(self, deed: Callable[..., str], target: str, lasts: int = 0, **options: Any) -> str:
        """The text of a deed that has to succeed, after which the plan has to be empty."""
        outcome = self.do(deed, target, lasts, **options)
        assert outcome.good, outcome
        plan = self.site.plan()
        assert plan.empty, said(plan)
        return outcome.text

    def declined(self, deed: Callable[..., str], target: str, **options: Any) -> str:
        """The text of a deed that has to be refused, and must not have touched anything."""
        before = len(self.site.world.journal)
        outcome = self.do(deed, target, **options)
        assert not outcome.good, outcome
        assert len(self.site.world.journal) == before, self.site.world.journal[before:]
        return outcome.text


PLAIN = How()
FORCE = How(force=True)
