"""The other tools: how each is installed, what its user would keep in Git for the same VMs, what is run.

`TOOLS` is the table; a tool more is an entry more. Called by measure.py, which runs the commands and counts what the
tool flags. `missed` are facts about the versions of 2026, from runs by hand and the tools' sources.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from specs.structs import Struct, field


class Fleet(Struct, frozen=True):
    """What every tool shall make: VMs of 64 MiB with one disk, in the pool; `folder` is for the tool's own files."""

    names: Sequence[str]
    uri: str
    pool: str
    folder: Path
    venv: Path


Command = Sequence[str | Path]


class Tool(Struct, frozen=True, kw_only=True):
    """`files` are its inputs by name; `create` and `check` the commands; `flags` finds the names it calls different."""

    name: str
    packages: tuple[str, ...] = ()
    program: str = ""
    files: Callable[[Fleet], Mapping[str, str]] = lambda fleet: {}
    create: Callable[[Fleet], Command]
    check: Callable[[Fleet], Command]
    flags: re.Pattern[str]
    missed: str
    environment: Mapping[str, str] = field(default_factory=dict)


def _kcli_files(fleet: Fleet) -> Mapping[str, str]:
    client = {"host": "127.0.0.1", "type": "kvm", "url": fleet.uri, "pool": fleet.pool}
    default = {"client": "bench", "pool": fleet.pool, "keep_networks": False}
    plan = {
        name: {
            **{"virttype": "qemu", "machine": "pc", "memory": 64, "numcpus": 1, "pool": fleet.pool, "nets": []},
            **{"disks": [{"size": 1, "pool": fleet.pool}], "cloudinit": False, "start": False, "guestagent": False},
            **{"vnc": False, "rng": False, "cpumodel": "qemu64"},
        }
        for name in fleet.names
    }
    return {".kcli/config.yml": json.dumps({"default": default, "bench": client}), "plan.yml": json.dumps(plan)}


def _kcli(verb: str) -> Callable[[Fleet], Command]:
    return lambda fleet: [fleet.venv / "bin/kcli", verb, "plan", "-f", fleet.folder / "plan.yml", "bench"]


def _salt_files(fleet: Fleet) -> Mapping[str, str]:
    minion = {
        **{"id": "bench", "file_client": "local", "root_dir": str(fleet.folder / "root"), "log_level": "error"},
        **{"file_roots": {"base": [str(fleet.folder)]}, "state_output": "terse", "state_verbose": False},
        **{"enable_gpu_grains": False, "disable_grains": ["esxi", "metadata"]},
        **{"virt": {"connection": {"uri": fleet.uri}}},
    }
    disk = {"name": "system", "format": "qcow2", "size": 64, "pool": fleet.pool}
    states = {
        name: {
            "virt.defined": [
                *({"cpu": 1}, {"mem": 64}, {"vm_type": "qemu"}, {"arch": "x86_64"}, {"boot_dev": "hd"}),
                *({"disks": [disk]}, {"interfaces": []}, {"seed": False}, {"install": False}),
            ]
        }
        for name in fleet.names
    }
    return {"minion": json.dumps(minion), "fleet.sls": json.dumps(states)}


def _salt(*words: str) -> Callable[[Fleet], Command]:
    call = ("--local", "state.apply", "fleet", *words)
    return lambda fleet: [fleet.venv / "bin/salt-call", "-c", fleet.folder, *call]


_VOLUME = (
    "<volume><name>{name}.qcow2</name><capacity unit='MiB'>64</capacity>"
    "<target><format type='qcow2'/></target></volume>"
)
_DOMAIN = (
    "<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><currentMemory unit='MiB'>64</currentMemory>"
    "<vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os><features><acpi/></features>"
    "<devices><disk type='volume' device='disk'><driver name='qemu' type='qcow2'/>"
    "<source pool='{pool}' volume='{name}.qcow2'/><target dev='vda' bus='virtio'/></disk></devices></domain>"
)


def _ansible_files(fleet: Fleet) -> Mapping[str, str]:
    def loop(module: str, arguments: Mapping[str, str], template: str) -> object:
        xml = template.format(name="{{ item }}", pool=fleet.pool)
        action = {**arguments, "uri": fleet.uri, "xml": xml}
        return {"name": module, f"community.libvirt.{module}": action, "loop": list(fleet.names)}

    tasks = [
        loop("virt_volume", {"pool": fleet.pool, "state": "present"}, _VOLUME),
        loop("virt", {"command": "define"}, _DOMAIN),
    ]
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]
    settings = (
        f"[defaults]\ninterpreter_python = {fleet.venv}/bin/python\nlocalhost_warning = False\n"
        f"inventory_unparsed_warning = False\nhome = {fleet.folder}/home\n[connection]\npipelining = True\n"
    )
    return {"site.yml": json.dumps(play), "ansible.cfg": settings}


def _ansible(fleet: Fleet) -> Command:
    return [fleet.venv / "bin/ansible-playbook", fleet.folder / "site.yml"]


_VIRT_CREATE = """set -e
for name in {names}; do
  virsh -q -c '{uri}' vol-create-as {pool} $name.qcow2 64M --format qcow2 >/dev/null
  virt-install --connect '{uri}' --virt-type qemu --name $name --memory 64 --vcpus 1 --machine pc --osinfo generic \
    --disk vol={pool}/$name.qcow2,bus=virtio --import --network none --graphics none --print-xml > {folder}/vm.xml
  virsh -q -c '{uri}' define {folder}/vm.xml >/dev/null
done
"""
_VIRT_CHECK = """for name in {names}; do
  virt-xml --connect '{uri}' $name --edit --memory memory=64,currentMemory=64 --print-diff 2>/dev/null \
    | grep -q '^[-+] ' && echo "differs $name"
done
true
"""


def _virt_files(fleet: Fleet) -> Mapping[str, str]:
    words = {"names": " ".join(fleet.names), "uri": fleet.uri, "pool": fleet.pool, "folder": fleet.folder}
    return {"create.sh": _VIRT_CREATE.format(**words), "check.sh": _VIRT_CHECK.format(**words)}


TOOLS = (
    Tool(
        name="kcli",
        packages=("kcli",),
        files=_kcli_files,
        create=_kcli("create"),
        check=_kcli("update"),
        flags=re.compile(r"(?:Updating \w+|Adding Disks|Removing Disks|Removing Nics|Adding Nics) (?:of|to) (vm-\d+)"),
        missed="no plan: the check repairs at once; looks at memory, CPUs, number of disks and NICs only; "
        "does not see a change of a running VM; removes no VM",
    ),
    Tool(
        name="salt",
        packages=("salt", "libvirt-python", "saltext-virt"),
        files=_salt_files,
        create=_salt(),
        check=_salt("test=True"),
        flags=re.compile(r"Name: (vm-\d+) - Function: virt.defined - Result: (?:Differs|Changed)"),
        missed="its dry run makes missing disks; does not start stopped VMs unless told per VM; removes no VM",
    ),
    Tool(
        name="ansible",
        packages=("ansible", "libvirt-python", "lxml"),
        files=_ansible_files,
        create=_ansible,
        check=_ansible,
        flags=re.compile(r"changed: \[localhost\] => \(item=(vm-\d+)\)"),
        missed="no usable dry run (--check calls every VM changed), so it defines every VM anew on each run; "
        "running VMs keep the old values; removes no VM",
    ),
    Tool(
        name="virt-install",
        program="virt-xml",
        files=_virt_files,
        create=lambda fleet: ["bash", fleet.folder / "create.sh"],
        check=lambda fleet: ["bash", fleet.folder / "check.sh"],
        flags=re.compile(r"differs (vm-\d+)"),
        missed="nothing declared: compares only what is typed again, here the memory; removes no VM",
    ),
)
