"""Exit codes: the one mapping from what happened to what the shell sees.

| code | plan | apply | everything else |
|---|---|---|---|
| 0 | nothing to do | all done, or nothing to do | done |
| 1 | usage or load error | the same, or no step could be done | usage or any other error |
| 2 | something to do (held besides or not) | – | – |
| 3 | only held changes | done, but something is held | – |
| 4 | – | some steps failed, or their outcome is unknown | – |
| 130 | interrupted | interrupted | interrupted by Ctrl-C |
| 141 | – | – | whoever read our output went away (`gitvirt get vms | head`) |

`diff` is 2 if anything differs, 3 if that is not known of every host. `status` is 0 if all is as declared, 3 with
remarks, 1 if a host was not read or a VM is not in the state that it shall be in.
A usage error is never 2: in scripts 2 means "there is something to do".
In: counts. Out: `Exit`. Used by the commands.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a command returns; `None` counts as OK."""

    OK = 0
    ERROR = 1
    CHANGES = 2
    HELD = 3
    INCOMPLETE = 4
    INTERRUPTED = 130
    BROKEN_PIPE = 141


def of_plan(*, steps: int, held: int) -> Exit:
    """The code of `plan` for a plan with that many steps and held changes."""
    if steps:
        return Exit.CHANGES
    return Exit.HELD if held else Exit.OK


def of_apply(*, done: int, failed: int, held: int) -> Exit:
    """The code of `apply`: `done` steps took effect, `failed` ones failed or are unknown."""
    if failed:
        return Exit.INCOMPLETE if done else Exit.ERROR
    return Exit.HELD if held else Exit.OK
