"""The `gitvirt` command: finds the command in the table, loads only its module, runs it, and turns errors into words.

In: the arguments. Out: the exit code (`exits.Exit`). Commands raise designed errors (reconciler.errors,
drivers.errors, specs' load errors); they are printed as one message. Anything else is a bug in gitvirt: one line, and
the traceback goes to a file. `GITVIRT_DEBUG=1` shows every traceback instead.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from reconciler.cli.commands import COMMANDS
from reconciler.cli.exits import Exit
from reconciler.cli.failures import finish, report

THRESHOLD = (100_000, 20, 100)
"""When garbage is looked for: what is imported and read stays; looking for garbage in it took 5 % of a plan."""
_SETTINGS = {"help_option_names": ["-h", "--help"]}
_COMPLETE = "_GITVIRT_COMPLETE"
_COMPLETION_WORDS = frozenset(("-h", "--help", "--install-completion", "--show-completion"))


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the console script; leaves with the exit code.

    Taking the interpreter down in order would cost 25 ms, and could meet a thread that still is inside of libvirt.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names may hold bytes that are no UTF-8
            stream.reconfigure(errors="backslashreplace")
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for them took 4 ms of every command
    gc.set_threshold(*THRESHOLD)
    code = run(sys.argv[1:] if arguments is None else arguments)
    atexit._run_exitfuncs()
    code = finish(code)
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit code; everything that is printed goes to stdout and stderr."""
    try:
        code = _dispatch(arguments or ["--help"])
        sys.stdout.flush()  # here, where a reader that went away is still an error with a name
        return code
    except BaseException as error:
        try:
            return report(error)
        except KeyboardInterrupt:  # Ctrl-C again, while the first one is told
            return Exit.INTERRUPTED


def _dispatch(arguments: list[str]) -> int:
    root = Commands(completion=not _COMPLETION_WORDS.isdisjoint(arguments))
    if _COMPLETE in os.environ:
        root.main(arguments, prog_name="gitvirt", complete_var=_COMPLETE)
    with root.make_context("gitvirt", arguments) as context:
        result = root.invoke(context)
    return int(result) if isinstance(result, int) else Exit.OK


class _Ordered:
    """Names `-h` before `--help`; Typer keeps them in a set, so that help would differ from run to run."""

    def get_help_option_names(self, ctx: Any) -> list[str]:
        return sorted(super().get_help_option_names(ctx))  # type: ignore[misc]


class OrderedCommand(_Ordered, TyperCommand):
    """A command with stable help."""


class Commands(_Ordered, TyperGroup):
    """The root group: knows all commands by name and help, loads the one that is run."""

    def __init__(self, completion: bool) -> None:
        super().__init__(
            name="gitvirt",
            help="A KVM virtualization datacenter run from Git.",
            epilog="Run `gitvirt COMMAND --help` for the options of a command.",
            rich_markup_mode=_markup(),
            context_settings=_SETTINGS,
            no_args_is_help=True,
            commands={name: _listed(name) for name in COMMANDS},
            params=_root_options(completion),
        )

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Finds the command as Typer does (with "did you mean"), then replaces the listed one by the real one."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else load(name), rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Lists the commands by group, for output that is not a terminal (Rich does it by panels)."""
        width = max(map(len, COMMANDS))
        for panel in dict.fromkeys(command.panel for command in COMMANDS.values()):
            rows = [(name.ljust(width), each.help) for name, each in COMMANDS.items() if each.panel == panel]
            with formatter.section(panel):
                formatter.write_dl(rows)


def load(name: str) -> Any:
    """Imports a command's module and makes the Click command of its function or Typer."""
    module, _, attribute = COMMANDS[name].target.partition(":")
    found = getattr(import_module(f"reconciler.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        found.rich_markup_mode = _markup()
        return _in_full(typer.main.get_group(found))
    app = typer.Typer(add_completion=False, rich_markup_mode=_markup(), context_settings=_SETTINGS)
    app.command(name, cls=OrderedCommand, help=None if found.__doc__ else COMMANDS[name].help)(found)
    return typer.main.get_command(app)


def _in_full(group: Any) -> Any:
    """Has a group list its commands by whole sentences; it would cut them off after 45 characters."""
    for each in group.commands.values():
        each.short_help = each.short_help or " ".join((each.help or "").split()).partition(". ")[0].rstrip(".") + "."
        if isinstance(each, TyperGroup):
            _in_full(each)
    return group


def _listed(name: str) -> TyperCommand:
    command = COMMANDS[name]
    return TyperCommand(name, help=command.help, rich_help_panel=command.panel)


def _markup() -> Any:
    """Rich's help costs 100 ms: only where somebody looks at it."""
    return "rich" if sys.stdout.isatty() else None


def _root_options(completion: bool) -> list[Any]:
    """`--version`, and Typer's options for completion only if asked for: reading them imports pydantic."""
    app = typer.Typer(add_completion=completion)

    def options(
        version: bool = typer.Option(
            False, "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ) -> None:
        del version

    app.callback()(options)
    return list(typer.main.get_command(app).params)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"gitvirt {version('gitvirt')}")
        raise typer.Exit()
