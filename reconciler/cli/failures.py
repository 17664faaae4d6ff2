"""How a command fails: any exception → words on stderr and an exit code.

Designed errors are shown as they are. An unexpected one is a bug: one line, and its traceback in a file that can be
attached to a report. In: the exception. Out: the exit code. Called by reconciler/cli/main.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import typer

from reconciler.cli.exits import Exit

DEBUG = "GITVIRT_DEBUG"


def report(error: BaseException) -> int:
    """Prints what is to be said about `error`, and returns the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else Exit.ERROR
    if isinstance(error, typer.Exit):
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        return _broken_pipe()
    if os.environ.get(DEBUG, "") not in ("", "0"):
        _traceback(error, sys.stderr.write)
    return _shown(error)


def _shown(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt | typer.Abort | EOFError):
        _say("gitvirt: interrupted" if isinstance(error, KeyboardInterrupt) else "gitvirt: no answer, nothing done")
        return Exit.INTERRUPTED if isinstance(error, KeyboardInterrupt) else Exit.ERROR
    if isinstance(error, typer.TyperException):
        _say(_usage(error))
    elif designed(error):
        _say(str(error) if hasattr(error, "findings") else f"gitvirt: {error}")
    elif isinstance(error, OSError) and error.strerror:
        _say(f"gitvirt: {error.strerror}" + (f": {error.filename}" if error.filename else ""))
    else:
        _say(f"gitvirt: internal error: {type(error).__name__}: {_first_line(error)}\n{_where_to_look(error)}")
    return Exit.ERROR


_TREES = {
    "reconciler.errors": "ReconcilerError",
    "drivers.errors": "DriverError",
    "drivers.lab.errors": "LabError",
    "specs.errors": "SpecError",
}
"""Module → root of its errors, whose messages are written for the operator."""


def designed(error: BaseException) -> bool:
    """Whether the error is of one of the trees. A module that is not loaded cannot have raised it."""
    roots = [getattr(sys.modules[module], root) for module, root in _TREES.items() if module in sys.modules]
    return isinstance(error, tuple(roots))


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    if context is None:
        return f"gitvirt: {error.format_message()}"
    if type(error).__name__ == "NoArgsIsHelpError":
        return error.format_message()
    message = error.format_message().replace(": Value error, ", ": ")
    return f"{context.command_path}: {message}\nTry `{context.command_path} --help`."


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]


def _where_to_look(error: BaseException) -> str:
    """Writes the traceback to a file and names it; without a place to write it, tells how to see it."""
    again = f"This is a bug in gitvirt; {DEBUG}=1 shows the traceback."
    import tempfile

    try:
        descriptor, path = tempfile.mkstemp(prefix="gitvirt-traceback-", suffix=".txt")
        with os.fdopen(descriptor, "w") as file:
            _traceback(error, file.write)
    except OSError:
        return again
    return f"This is a bug in gitvirt; the traceback is in {path}"


def _traceback(error: BaseException, write: Callable[[str], object]) -> None:
    import traceback

    for line in traceback.format_exception(error):
        write(line)


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr)
    except BrokenPipeError:
        _broken_pipe()


def _broken_pipe() -> int:
    """Whoever read our output went away; what is still to be written goes nowhere, quietly."""
    finish(Exit.BROKEN_PIPE)
    return Exit.BROKEN_PIPE


def finish(code: int) -> int:
    """Flushes both streams before the process ends; the code tells if nobody reads any more, or a disk is full."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
            code = Exit.BROKEN_PIPE if isinstance(error, BrokenPipeError) else code or Exit.ERROR
    return code
