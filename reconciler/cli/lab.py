"""`gitvirt lab …`: real libvirt hosts on this machine. A thin face of drivers/lab; hooked in by cli/main.py.

Exit codes: 0 done or nothing to do, 1 refused or failed; `lab shell` ends with the code of what ran in the host.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from reconciler.cli import lab_storage

if TYPE_CHECKING:
    from drivers.lab.lab import Lab
    from drivers.lab.status import HostStatus, LabStatus

app = typer.Typer(
    name="lab", no_args_is_help=True, help="Real libvirt hosts on this machine, to try gitvirt out and to test it."
)
power = typer.Typer(no_args_is_help=True, help="The power button of a host.")
app.add_typer(power, name="power")
app.add_typer(lab_storage.app, name="storage")

HostName = Annotated[str, typer.Argument(metavar="HOST", help="A host of the lab: kvm1, kvm2 …")]


def _lab() -> Lab:
    """The lab of this machine. Its errors are fit for a user; cli/failures.py prints them."""
    from drivers.lab.lab import Lab

    return Lab(say=typer.echo)


@app.command()
def up(
    hosts: Annotated[int, typer.Option(help="How many hosts shall run at least.", min=1)] = 3,
    repo: Annotated[Path | None, typer.Option(help="Write a Git repository that declares this lab.")] = None,
    transport: Annotated[
        Literal["tls", "ssh", "libssh", "libssh2"], typer.Option(help="How that repository reaches the hosts.")
    ] = "tls",
    debian: Annotated[
        str | None, typer.Option(metavar="RELEASE", help="New hosts run the libvirt of that Debian release: trixie.")
    ] = None,
) -> None:
    """Bring up the lab. Running it again changes nothing; a higher number adds hosts."""
    from drivers.lab import repository

    lab = _lab()
    if repo is not None:
        repository.require_usable(repo)  # before anything is made
    if not lab.up(hosts, debian):
        typer.echo("All hosts are on already.")
    if repo is not None:
        for line in repository.write_repository(lab, repo, transport):
            typer.echo(line)


@app.command()
def down(
    keep_cache: Annotated[
        bool, typer.Option("--keep-cache", help="Keep the built guest image for the next lab.")
    ] = False,
) -> None:
    """Take the lab down, guests and disks included. Nothing is left."""
    typer.echo("The lab is gone." if _lab().down(keep_cache=keep_cache) else "There is no lab.")


@app.command()
def status(
    output: Annotated[Literal["text", "json"], typer.Option("-o", "--output", help="text or json.")] = "text",
) -> None:
    """Show the hosts and what this machine is like."""
    seen = _lab().status()
    typer.echo(json.dumps(_as_json(seen), indent=2) if output == "json" else _as_text(seen))


def _as_json(seen: LabStatus) -> object:
    from msgspec import to_builtins

    return to_builtins(seen, enc_hook=str)


def _as_text(seen: LabStatus) -> str:
    facts = seen.facts
    lines = [f"Lab in {seen.state}" if seen.hosts else f"No lab in {seen.state}. Make one: gitvirt lab up --hosts 3"]
    for host in seen.hosts:
        lines += _host_lines(host)
    lines.append(
        f"Machine: cgroup {facts.cgroup}, systemd {_yes(facts.systemd)}, AppArmor {_yes(facts.apparmor)}, "
        f"KVM {_yes(facts.kvm)} (the lab emulates in software either way)"
    )
    if facts.bridge_filter:
        lines.append(
            "Warning: the machine filters bridged traffic (net.bridge.bridge-nf-call-iptables=1) and drops what it "
            "does not know (iptables -P FORWARD DROP, as Docker sets it): the hosts do not reach each other. "
            "sysctl net.bridge.bridge-nf-call-iptables=0 helps."
        )
    return "\n".join(lines)


def _host_lines(host: HostStatus) -> list[str]:
    ill = f"   storage: {host.storage}" if host.storage not in ("", "well") else ""
    further = [each for each in (host.ssh, host.bmc) if each]
    other = f"   Debian {host.system}" if host.system else ""
    return [
        f"  {host.name:8} {host.power:10} {host.address:14} {host.uri}{other}{ill}",
        *(f"  {'':34} {each}" for each in further),
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


@power.command("on")
def power_on(host: HostName) -> None:
    """Switch a host on; its disk is as it was."""
    typer.echo(f"{host} is on." if _lab().power_on(host) else f"{host} is on already.")


@power.command("off")
def power_off(host: HostName) -> None:
    """Cut a host's power: silence on the wire, its guests are dead at once."""
    typer.echo(f"{host} is off." if _lab().power_off(host) else f"{host} is off already.")


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def shell(
    host: HostName,
    command: Annotated[list[str] | None, typer.Argument(metavar="[-- COMMAND]")] = None,
) -> None:
    """Enter a host as root, or run a command in it."""
    words = command or []
    words = words[1:] if words[:1] == ["--"] else words
    argv = _lab().inside(host, words or [os.environ.get("SHELL", "/bin/sh")])
    sys.stdout.flush()
    os.execvp(argv[0], argv)


@app.command("guest-image")
def guest_image(
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to put a copy.")] = None,
) -> None:
    """Build the tiny guest: a bootable qcow2, 16 MB."""
    typer.echo(str(_lab().guest_image(output)))
