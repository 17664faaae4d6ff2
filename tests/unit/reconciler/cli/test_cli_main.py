"""The frame: help, lazy loading, exit codes, errors in words."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys

import pytest

from drivers.errors import Unreachable
from reconciler.cli import commands, exits, main
from reconciler.cli.commands import COMMANDS, Command
from reconciler.cli.exits import Exit
from reconciler.errors import UsageError

HEAVY = ("pydantic", "ruamel", "libvirt", "lxml", "rich", "git", "deepdiff", "structlog", "watchfiles", "specs")


@pytest.fixture
def added(monkeypatch):
    """Adds a command that does what the function says."""

    def add(function) -> None:
        module = sys.modules[__name__]
        monkeypatch.setattr(module, "the_command", function, raising=False)
        monkeypatch.setitem(sys.modules, "reconciler.cli.under_test", module)
        monkeypatch.setitem(COMMANDS, "under-test", Command("under_test:the_command", "For a test.", commands.MORE))

    return add


def raising(error: BaseException):
    def function() -> None:
        raise error

    return function


def test_help_lists_every_command_with_its_line(gitvirt):
    ran = gitvirt("--help")
    assert (ran.code, ran.err) == (0, "")
    words = " ".join(ran.out.split())
    for name, command in COMMANDS.items():
        assert f" {name} {command.help}" in words


def test_without_arguments_there_is_help(gitvirt):
    assert gitvirt() == gitvirt("--help")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_of_the_table_exists_and_has_help(gitvirt, name):
    ran = gitvirt(name, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"Usage: gitvirt {name}" in ran.out


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_what_is_not_needed_is_not_imported(arguments):
    code = (
        "import sys\nfrom reconciler.cli.main import run\n"
        f"run({arguments!r})\nprint(sorted({HEAVY!r} & sys.modules.keys()), file=sys.stderr)"
    ).replace(f"{HEAVY!r} &", f"set({HEAVY!r}) &")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_validate_imports_neither_rich_nor_a_hypervisor(repository):
    heavy = {"libvirt", "lxml", "rich", "git", "deepdiff", "structlog", "watchfiles"}
    code = (
        "import sys\nfrom reconciler.cli.main import run\n"
        f"assert run(['validate', {str(repository)!r}]) == 0\nprint(sorted({heavy!r} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["valdate"], "No such command 'valdate'. Did you mean 'validate'?"),
        (["--nope"], "No such option: --nope"),
        (["validate", "--nope"], "gitvirt validate: No such option: --nope"),
        (["validate", "a", "b"], "unexpected extra argument"),
        (["validate", "-o", "xml"], "'xml' is not one of 'text'"),
        (["validate", "--rev"], "--rev"),
        (["validate", "a", "--repo", "b"], "REPO is a and --repo is b; give one of them"),
        (["set"], "Missing argument"),
        (["daemon", "--interval", "30"], "--interval 30: `30` is not a duration; write a number and a unit"),
        (["lab", "nope"], "gitvirt lab: No such command 'nope'"),
        (["lab"], "Usage: gitvirt lab"),
    ],
)
def test_a_usage_error_is_one_message_and_exit_code_1(gitvirt, arguments, said):
    ran = gitvirt(*arguments)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("words", [["cluster"], ["lab"], ["lab", "storage"], ["cdrom"]])
def test_a_group_lists_its_commands_by_whole_sentences(gitvirt, words):
    listed = gitvirt(*words, "--help").out.partition("Commands:")[2]
    assert "..." not in listed
    assert listed.rstrip().endswith(".")


def test_every_command_says_where_its_repository_is(gitvirt):
    told = " ".join(gitvirt("unhold", "--help").out.split())
    assert "--repo DIR Folder with gitvirt.yaml; here or above by default." in told


def test_a_usage_error_names_the_help(gitvirt):
    assert gitvirt("validate", "--nope").err.splitlines()[-1] == "Try `gitvirt validate --help`."


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UsageError("give one of them"), "gitvirt: give one of them\n"),
        (Unreachable("kvm1", "connect", "no route to host"), "gitvirt: kvm1: connect: no route to host\n"),
        (PermissionError(13, "Permission denied", "/srv/x"), "gitvirt: Permission denied: /srv/x\n"),
    ],
)
def test_a_designed_error_is_printed_as_it_is(gitvirt, added, error, said):
    added(raising(error))
    ran = gitvirt("under-test")
    assert (ran.code, ran.out, ran.err) == (1, "", said)


def test_a_bug_is_one_line_and_a_file_with_the_traceback(gitvirt, added):
    added(raising(KeyError("memory")))
    ran = gitvirt("under-test")
    first, second = ran.err.splitlines()
    assert ran.code == 1
    assert first == "gitvirt: internal error: KeyError: 'memory'"
    path = second.removeprefix("This is a bug in gitvirt; the traceback is in ")
    with open(path) as file:
        assert "Traceback (most recent call last)" in file.read()
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_a_bug_without_a_place_for_its_traceback_tells_how_to_see_it(gitvirt, added, monkeypatch):
    monkeypatch.setattr("tempfile.mkstemp", raising_os_error)
    added(raising(KeyError("memory")))
    assert "GITVIRT_DEBUG=1 shows the traceback" in gitvirt("under-test").err


def raising_os_error(**_named):
    raise OSError(28, "No space left on device")


def test_debug_shows_the_traceback_of_any_error(gitvirt, added, monkeypatch):
    monkeypatch.setenv("GITVIRT_DEBUG", "1")
    added(raising(UsageError("give one of them")))
    ran = gitvirt("under-test")
    assert "Traceback (most recent call last)" in ran.err
    assert ran.err.endswith("gitvirt: give one of them\n")


@pytest.mark.parametrize(
    ("result", "code"), [(None, 0), (Exit.CHANGES, 2), (Exit.HELD, 3), (Exit.INCOMPLETE, 4), (True, 1)]
)
def test_what_a_command_returns_is_its_exit_code(gitvirt, added, result, code):
    added(lambda: result)
    assert gitvirt("under-test").code == code


def test_ctrl_c_is_130_without_a_traceback(gitvirt, added):
    added(raising(KeyboardInterrupt()))
    ran = gitvirt("under-test")
    assert (ran.code, ran.err) == (130, "gitvirt: interrupted\n")


def test_a_second_ctrl_c_while_the_first_is_told_leaves_at_once(added, monkeypatch):
    added(raising(KeyboardInterrupt()))
    monkeypatch.setattr(sys, "stderr", _Pressed())
    assert main.run(["under-test"]) == 130


class _Pressed(io.StringIO):
    """Ctrl-C falls just when something is written."""

    def write(self, text):
        raise KeyboardInterrupt


def test_ctrl_c_in_a_real_process_is_130(repository):
    os.mkfifo(repository / "wait.txt")
    code = (
        "import os, signal, sys\nfrom reconciler.cli import main\nfrom reconciler.cli.commands import COMMANDS\n"
        "from reconciler.cli import version\n"
        "def wait() -> None:\n    print('ready', flush=True)\n    signal.pause()\n"
        "version.version = wait\nmain.main(['version'])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "gitvirt: interrupted\n")


@pytest.mark.parametrize("arguments", ["schema", "--help"])
def test_a_reader_that_goes_away_ends_the_command_quietly(arguments):
    command = [sys.executable, "-c", "from reconciler.cli.main import main; main()", arguments]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (Exit.BROKEN_PIPE, "")


def test_output_that_cannot_be_written_is_an_error():
    command = [sys.executable, "-c", "from reconciler.cli.main import main; main()", "--help"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "gitvirt: No space left on device\n")


def test_a_process_prints_and_exits_as_the_command_says(process, repository):
    done = process("validate", repository)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("home is valid")
    assert process("validate", repository / "nothing").returncode == 1


def test_version_is_that_of_the_package(gitvirt):
    ran = gitvirt("--version")
    assert ran.code == 0
    assert gitvirt("version").out.startswith(ran.out)


def test_completion_lists_the_commands(process):
    done = process(_GITVIRT_COMPLETE="complete_bash", COMP_WORDS="gitvirt val", COMP_CWORD="1")
    assert done.stdout.split() == ["validate"]


@pytest.mark.parametrize(("steps", "held", "code"), [(0, 0, 0), (1, 0, 2), (1, 1, 2), (0, 1, 3)])
def test_the_exit_code_of_a_plan(steps, held, code):
    assert exits.of_plan(steps=steps, held=held) == code


@pytest.mark.parametrize(
    ("done", "failed", "held", "code"),
    [(0, 0, 0, 0), (3, 0, 0, 0), (3, 0, 1, 3), (0, 0, 1, 3), (2, 1, 1, 4), (0, 2, 0, 1)],
)
def test_the_exit_code_of_an_apply(done, failed, held, code):
    assert exits.of_apply(done=done, failed=failed, held=held) == code


def test_no_error_of_a_command_is_ever_2(gitvirt, added):
    for error in (UsageError("x"), KeyError("x"), OSError(2, "x"), SystemExit("x"), EOFError()):
        added(raising(error))
        assert gitvirt("under-test").code == 1
    assert main.run(["--nope"]) == 1
