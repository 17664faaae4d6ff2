"""`gitvirt logs`: what gitvirt did on this machine: the steps of apply and the daemon, operators' deeds."""

from __future__ import annotations

import sys
import time
from collections import deque
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from reconciler.cli import completion
from reconciler.cli.context import Output, OutputOption, RepoOption, load, repository_at
from reconciler.cli.exits import Exit
from reconciler.errors import UsageError

Entry = dict[str, Any]

_PAUSE = 0.5  # seconds between looks for new lines


def logs(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[TARGET]",
            help="NAME or KIND/NAME, or host/NAME for all done there.",
            autocompletion=completion.objects,
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on, until Ctrl-C.")] = False,
    number: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the latest entries.")] = 50,
    since: Annotated[
        str | None, typer.Option("--since", metavar="AGE", help="Only what is younger: 15m, 1h, 2d.")
    ] = None,
    output: OutputOption = Output.text,
    repo: RepoOption = None,
) -> Exit:
    """Show what gitvirt did, the oldest first: steps with their outcomes, what was held, operators' deeds.

    It is kept on the machine where gitvirt ran, for a while. -o json prints the entries as JSON lines.
    """
    from reconciler import journal
    from reconciler.settings import load as load_settings

    if output not in (Output.text, Output.wide, Output.json):
        raise UsageError("logs are printed as text, or with -o json as JSON lines")
    matches = _matcher(target, _begin(since))
    state = load_settings().state_folder
    identity = str(load(repository_at(None, repo)).repository.spec.id)
    tail = _Tail(number, follow, output)
    seen: set[str] = set()
    for each in journal.read(state, identity, tail.pause):
        seen.add(str(each.get("ref", "")))
        if matches(each):
            tail.add(each)
    if tail.empty:
        _say_nothing(target, seen)
    return Exit.OK


def _say_nothing(target: str | None, seen: set[str]) -> None:
    """Nothing was done to it, or it has another name."""
    from specs.errors import did_you_mean

    if target is None:
        print("nothing was noted on this machine", file=sys.stderr)
        return
    known = seen if "/" in target else {each.rpartition("/")[2] for each in seen}
    hint = "" if target in known else did_you_mean(target, known)
    print(f"nothing was noted of {target} on this machine{hint and '; ' + hint}", file=sys.stderr)


class _Tail:
    """The latest entries; when they are all known they are printed, and from then on each as it comes."""

    def __init__(self, number: int, follow: bool, output: Output) -> None:
        self.follow, self.output = follow, output
        self._kept: deque[Entry] | None = deque(maxlen=number)
        self.empty = True

    def add(self, entry: Entry) -> None:
        self.empty = False
        if self._kept is None:
            _print(entry, self.output)
        else:
            self._kept.append(entry)

    def pause(self) -> bool:
        """Called at the end of what there is; True ends it."""
        for each in self._kept or ():
            _print(each, self.output)
        self._kept = None
        if self.follow:
            time.sleep(_PAUSE)
        return not self.follow


def _begin(since: str | None) -> float:
    from specs.errors import BadValue
    from specs.units import parse_duration

    try:
        return time.time() - parse_duration(since) if since else 0.0
    except BadValue as error:
        raise UsageError(f"--since: {error}") from None


def _matcher(target: str | None, begin: float) -> Any:
    """Entries since `begin` about the target. It need not be declared any more, so it is not looked up anywhere."""
    ref, host = target, ""
    if target and "/" in target:
        from specs.errors import BadReference
        from specs.resource import Ref

        try:
            found = Ref.parse(target)
        except BadReference as error:
            raise UsageError(str(error)) from None
        ref, host = str(found), found.name if found.kind == "Host" else ""

    def matches(entry: Entry) -> bool:
        if entry["time"] < begin:
            return False
        named = str(entry.get("ref", ""))
        about = ref is None or named == ref or ("/" not in ref and named.rpartition("/")[2] == ref)
        return about or bool(host and entry.get("host") == host)

    return matches


def _print(entry: Entry, output: Output) -> None:
    import json

    print(json.dumps(entry, ensure_ascii=False) if output is Output.json else line(entry), flush=True)


_SHOWN = frozenset({"time", "event", "by", "ref", "host", "what", "error", "notes", "why", "seconds", "revision"})


def line(entry: Entry) -> str:
    """`2026-11-28 12:01:07  kvm1  vm/web  start  done in 1.2 s  (alice)`."""
    from reconciler.plan.faces.words import plain

    when = datetime.fromtimestamp(entry["time"], UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    head = [when, *(str(entry[key]) for key in ("host", "ref", "what") if entry.get(key))]
    group, _, event = entry["event"].rpartition(".")
    said = event if group in ("step", "deed") else entry["event"]
    if entry.get("seconds") and event == "done":
        said += f" in {entry['seconds']:.1f} s"
    told = [str(entry[key]) for key in ("error", "why") if entry.get(key)] + [
        str(each) for each in entry.get("notes", ())
    ]
    told += [f"{key} {value}" for key, value in entry.items() if key not in _SHOWN]
    by = f"  ({entry['by']})" if entry.get("by") else ""
    return plain("  ".join([*head, said]) + (f": {'; '.join(told)}" if told else "") + by)
