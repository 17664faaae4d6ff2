"""The table of all commands: name, one line of help, and where the code is, so that nothing is imported to list them.

A new command is a module beside this one and one line here. `target` is "module:name" below reconciler.cli; the name
is a function with Typer annotations that returns an `exits.Exit` (or None), or a `typer.Typer` with subcommands.
Read by reconciler/cli/main.
"""

from __future__ import annotations

from typing import NamedTuple

REPOSITORY = "Repository"
LOOK = "Look"
ACT = "Act"
MORE = "More"


class Command(NamedTuple):
    """One line of `gitvirt --help`. (A named tuple: dataclasses would cost more to import than all of this table.)"""

    target: str
    help: str
    panel: str


COMMANDS: dict[str, Command] = {
    "init": Command("init:init", "Make a folder a gitvirt repository: write gitvirt.yaml with a new id.", REPOSITORY),
    "validate": Command("validate:validate", "Check all YAML of a repository; no host is contacted.", REPOSITORY),
    "render": Command(
        "render:render", "Show what is declared in the end, and where each value comes from.", REPOSITORY
    ),
    "schema": Command(
        "schema:schema", "Print the JSON Schema for editors, or the reference of all fields.", REPOSITORY
    ),
    "import": Command("import_:import_", "Write YAML that adopts what hosts have, however it was made.", REPOSITORY),
    "plan": Command("plan:plan", "Show what would be done, and what is held back and why.", REPOSITORY),
    "apply": Command("apply:apply", "Make the plan true, after showing it and asking.", REPOSITORY),
    "observe": Command("observe:observe", "Write down what all hosts report, for plans elsewhere.", REPOSITORY),
    "daemon": Command("daemon:daemon", "Follow a Git branch or a folder, and keep the hosts as it says.", REPOSITORY),
    "sync": Command("daemon:sync", "Have the daemon look now, and wait for that pass.", REPOSITORY),
    "set": Command(
        "edit:set_values", "Change values in the YAML of an object, keeping comments and layout.", REPOSITORY
    ),
    "status": Command("status:status", "Show on one screen how the datacenter is.", LOOK),
    "get": Command("get:get", "List objects with their state: vms, hosts, networks, trash …", LOOK),
    "describe": Command("describe:describe", "Show all about one object, and what is next for it.", LOOK),
    "diff": Command("diff:diff", "Show where hosts differ from what is declared, field by field.", LOOK),
    "explain": Command("explain:explain", "Tell why an object is as it is; or what a field means.", LOOK),
    "top": Command("top:top", "Show what hosts and VMs use of CPU and memory now.", LOOK),
    "capacity": Command("capacity:capacity", "Tell how many more VMs of a size fit, also with a host lost.", LOOK),
    "logs": Command("logs:logs", "Show what gitvirt did: steps, deeds, what was held.", LOOK),
    "start": Command("deeds.power:start", "Start VMs where they are; takes back an operator's stop.", ACT),
    "stop": Command("deeds.power:stop", "Shut guests down; kept off although Git says running.", ACT),
    "reboot": Command("deeds.power:reboot", "Reboot guests; brings in changes that wait for a restart.", ACT),
    "reset": Command("deeds.power:reset", "Press the reset button of VMs.", ACT),
    "pause": Command("deeds.power:pause", "Stop the vCPUs of VMs.", ACT),
    "resume": Command("deeds.power:resume", "Let paused or suspended VMs go on.", ACT),
    "suspend": Command("deeds.power:suspend", "Save the memory of VMs to disk, and stop them.", ACT),
    "wait": Command("deeds.wait:wait", "Wait until VMs run, are off, have an agent, an address, or are gone.", ACT),
    "cdrom": Command("deeds.media:app", "Insert and eject media of CD-ROM drives.", ACT),
    "console": Command("deeds.console:console", "Open the serial console of a VM; Ctrl-] leaves.", ACT),
    "migrate": Command("deeds.migrate:migrate", "Move VMs to another host; running ones go on running.", ACT),
    "maintenance": Command("deeds.maintenance:maintenance", "Empty a host to work on it, and use it again.", ACT),
    "cluster": Command("deeds.cluster:app", "Upgrade a cluster's hosts in turn, power it down, start it again.", ACT),
    "hold": Command("deeds.hold:hold", "Stop reconciling an object, a host, a cluster, everything.", ACT),
    "unhold": Command("deeds.hold:unhold", "Take a hold back.", ACT),
    "undelete": Command("deeds.trash:undelete", "Take VMs out of the trash that are no longer declared.", ACT),
    "release": Command("deeds.trash:release", "Take gitvirt's mark off VMs or networks, for good.", ACT),
    "rotate-key": Command(
        "rotate:rotate_key", "Make a new key for the digests of secrets; only marks are rewritten.", MORE
    ),
    "host": Command("deeds.host:app", "Say that a removed host will not come back.", MORE),
    "lab": Command("lab:app", "Real libvirt hosts on this one machine, to try and to test.", MORE),
    "version": Command("version:version", "Print the versions of gitvirt and of the parts that it uses.", MORE),
}
