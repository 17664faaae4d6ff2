"""`gitvirt status`: one screen: is all well, and if not, what is not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli.context import Output, OutputOption, RepoArgument, RepoOption, folder_of
from reconciler.cli.exits import Exit
from reconciler.cli.sight import ObservedOption, sight
from reconciler.cli.terminal import paint, wants_colour

if TYPE_CHECKING:
    from reconciler.lock import Holder

_CODES = {"ready": Exit.OK, "remarks": Exit.HELD, "errors": Exit.ERROR}
_SAID = {"ready": ("READY", "green"), "remarks": ("READY with remarks", "yellow"), "errors": ("NOT READY", "red")}
_MOST = 6  # objects that are named in one line
_PATIENCE = 3.0  # seconds that the daemon has to tell of its last pass


def status(
    repo: RepoArgument = None,
    repo_option: RepoOption = None,
    output: OutputOption = Output.text,
    observed: ObservedOption = None,
) -> Exit:
    """Show on one screen how the datacenter is.

    Exit 0 if all is as declared, 3 if there are remarks (held, drifted, waiting for a restart, on hold, changes due),
    1 if a host was not read or a VM is not in the state that it shall be in.
    """
    from reconciler import lock
    from reconciler.status.overview import overview

    with sight(folder_of(repo, repo_option), observed) as seen:
        identity = seen.situation.context.wanted.repository
        folder = seen.app.settings.state_folder
        found = overview(seen.situation, _daemon(lock.daemon(folder, identity)))
    if output in (Output.json, Output.yaml):
        from reconciler.cli.documents import show

        show(found, output)
    else:
        _print(found)
    return _CODES[found["status"]["level"]]


def _daemon(holder: Holder | None) -> dict[str, Any] | None:
    """What the daemon of this repository on this machine says of its last pass."""
    if holder is None:
        return None
    known: dict[str, Any] = {"pid": holder.pid, "since": int(holder.since)}
    if not holder.socket or not Path(holder.socket).exists():
        return known
    from reconciler.daemon.doorbell import ring

    try:
        told = ring(holder.socket, {"ask": "status"}, _PATIENCE)
    except (OSError, ValueError) as error:
        return {**known, "problem": f"it does not answer: {error}"}
    kept = ("revision", "done", "failed", "held", "problem")
    return {**known, **{key: told[key] for key in kept if told.get(key)}}


def _print(found: dict[str, Any]) -> None:
    from reconciler.plan.faces.words import plain, revision

    facts = found["status"]
    word, style = _SAID[facts["level"]]
    head = f"{plain(found['metadata']['name'])}  revision {revision(facts['revision'])}, observed {facts['observed']}"
    print(f"{head}   {paint(word, style, wants_colour(sys.stdout))}")
    rows = [
        ("daemon", _daemon_line(facts["daemon"])),
        ("hosts", _hosts_line(facts["hosts"])),
        ("vms", _vms_line(facts["vms"])),
        ("due", _due_line(facts["due"])),
        ("restart", _many(facts["pendingRestart"], lambda each: str(each["ref"]))),
        ("held", _many(facts["held"], lambda each: f"{each['ref']} ({each['reason']})")),
        ("drifted", _many(facts["drifted"], lambda each: f"{each['ref']} ({', '.join(each['fields'])})")),
        ("affinity", _many(facts["affinity"], lambda each: f"{each['ref']} broken by {each['message']}")),
        *_override_lines(facts["overrides"]),
        ("trash", _trash_line(facts["trash"])),
    ]
    for key, text in rows:
        if (key != "due" or facts["due"]["steps"]) and (key != "affinity" or facts["affinity"]):
            print(f"  {key:<9}  {plain(text)}")


def _due_line(due: dict[str, int]) -> str:
    steps, objects = due["steps"], due["objects"]
    return f"{steps} step{'s'[: steps != 1]} for {objects} object{'s'[: objects != 1]}; see `gitvirt plan`"


def _daemon_line(daemon: dict[str, Any]) -> str:
    if not daemon:
        return "none on this machine"
    from datetime import datetime

    since = datetime.fromtimestamp(daemon["since"]).astimezone().isoformat(sep=" ", timespec="seconds")
    text = f"pid {daemon['pid']} since {since}"
    if daemon.get("revision"):
        from reconciler.plan.faces.words import revision

        text += f", last pass {revision(daemon['revision'])}"
    counts = [f"{daemon[key]} {key}" for key in ("done", "failed", "held") if daemon.get(key)]
    text += f" ({', '.join(counts)})" if counts else ""
    return text + (f"; {daemon['problem']}" if daemon.get("problem") else "")


def _hosts_line(hosts: dict[str, Any]) -> str:
    counts = ", ".join(f"{number} {state}" for state, number in sorted(hosts["states"].items(), key=_up_first))
    remarks = "; ".join(f"{each['name']} {each['state']}: {each.get('reason', '')}" for each in hosts["remarks"])
    return (counts or "none declared") + (f"   {remarks}" if remarks else "")


def _up_first(item: tuple[str, int]) -> tuple[bool, str]:
    return item[0] not in ("up", "running"), item[0]


def _vms_line(vms: dict[str, Any]) -> str:
    counts = ", ".join(f"{number} {state}" for state, number in sorted(vms["states"].items(), key=_up_first))
    bad = [f"{each['ref']} {each.get('message') or each['reason']}" for each in vms["notReady"]]
    more = f" and {len(bad) - _MOST} more" if len(bad) > _MOST else ""
    text = (counts or "none declared") + (f"   {'; '.join(bad[:_MOST])}{more}" if bad else "")
    return text + (f"   ({vms['foreign']} not ours)" if vms["foreign"] else "")


def _many(items: list[dict[str, Any]], said: Any) -> str:
    """`2   vm/a (…), vm/b (…)`; `0` of nothing."""
    if not items:
        return "0"
    more = f" and {len(items) - _MOST} more" if len(items) > _MOST else ""
    return f"{len(items)}   {', '.join(map(said, items[:_MOST]))}{more}"


def _override_lines(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Each in a line of its own: who, since when and why make it long."""
    from reconciler.status.values import deed_told

    if not items:
        return [("overrides", "0")]
    said = [f"{each['ref']} {deed_told(each)}" for each in items[:_MOST]]
    said += [f"and {len(items) - _MOST} more"] if len(items) > _MOST else []
    count = str(len(items))
    return [("overrides", f"{count}   {said[0]}"), *(("", f"{' ' * len(count)}   {each}") for each in said[1:])]


def _trash_line(trash: dict[str, Any]) -> str:
    from reconciler.cli.columns import size

    return f"{trash['items']} in `gitvirt get trash`, {size(trash['space'])}" if trash["items"] else "empty"
