"""Faults on purpose: failing calls, hanging calls, cut hosts, and our own process killed at any call.

A test arms rules on `World.faults`; `drivers.memory.calls` asks them before, in the middle of and after each call.
The Nth call that a rule's `where` accepts is struck (changing calls only, unless it says otherwise). Each arming
method returns its Rule; `fired` tells whether its turn ever came, which ends "kill at every step" loops.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.errors import Busy, DriverError, Unknown, Unreachable
from drivers.memory.calls import Call, Moment
from specs.structs import Struct

Where = Callable[[Call], bool]


class Crash(BaseException):
    """gitvirt's own process was killed here. Not an Exception: no code under test may survive it by catching."""


def changing(call: Call) -> bool:
    """The default of every rule: calls that change something."""
    return call.changing


def every(call: Call) -> bool:
    """For rules that shall strike reads as well."""
    return True


class Rule(Struct, eq=False):
    """Strikes the `nth` call (from 1, counted since it was armed) that `where` accepts, at `moment`."""

    nth: int
    moment: Moment
    where: Where
    strike: Callable[[Call], None]
    phase: str = ""  # only there, in a call that has phases (a migration)
    seen: int = 0
    fired: bool = False


class Faults:
    """The rules of one world. `crashed` is true from a Crash until `revive`: a dead process makes no calls."""

    def __init__(self, cut: Callable[[str], None]) -> None:
        self._cut = cut
        self._rules: list[Rule] = []
        self.crashed = False

    def fail(
        self,
        nth: int = 1,
        error: type[DriverError] = Busy,
        *,
        effect: bool = False,
        where: Where = changing,
        detail: str = "failed on purpose",
    ) -> Rule:
        """The call raises `error`, having done its work or not."""

        def strike(call: Call) -> None:
            raise error(call.host, call.operation, detail)

        return self._arm(Rule(nth, "after" if effect else "before", where, strike))

    def hang(self, nth: int = 1, *, effect: bool = False, where: Where = changing) -> Rule:
        """The call passes its deadline: Unknown, and it took effect or not."""
        return self.fail(nth, Unknown, effect=effect, where=where, detail="abandoned at its deadline")

    def cut(self, nth: int = 1, *, effect: bool = False, where: Where = changing) -> Rule:
        """The host's line is cut during the call, and stays cut until `World.restore`."""

        def strike(call: Call) -> None:
            self._cut(call.host)
            raise Unreachable(call.host, call.operation, "connection closed due to keepalive timeout")

        return self._arm(Rule(nth, "after" if effect else "before", where, strike))

    def crash(self, nth: int = 1, moment: Moment = "before", *, where: Where = changing, phase: str = "") -> Rule:
        """gitvirt is killed before, after, or midway in the call (only where it has more than one effect)."""

        def strike(call: Call) -> None:
            self.crashed = True
            raise Crash(f"killed {moment} {call.host}: {call.operation}")

        return self._arm(Rule(nth, moment, where, strike, phase))

    def during(self, phase: str, action: Callable[[], None], *, nth: int = 1, where: Where = changing) -> Rule:
        """Something happens in that phase of a migration: the target dies, a line is cut, somebody cancels it."""
        return self._arm(Rule(nth, "midway", where, lambda call: action(), phase))

    def revive(self) -> None:
        """A new process: all rules are gone."""
        self.crashed = False
        self._rules.clear()

    def _arm(self, rule: Rule) -> Rule:
        self._rules.append(rule)
        return rule

    def begin(self, call: Call) -> None:
        """Counts the call for each rule and notes the rules whose turn it is."""
        if self.crashed:
            raise Crash(f"dead before {call.host}: {call.operation}")
        for rule in self._rules:
            if not rule.fired and rule.where(call):
                rule.seen += 1
                if rule.seen == rule.nth:
                    call.struck_by.append(rule)

    def strike(self, call: Call, moment: Moment) -> None:
        """Lets the noted rules of that moment happen."""
        for rule in call.struck_by:
            if rule.moment == moment and not rule.fired and rule.phase in ("", call.phase):
                rule.fired = True
                rule.strike(call)
