"""Random repositories of VMs, small and sound: for property tests on the simulated datacenter and on the lab.

The same seed gives the same repository. Every VM is small enough that hundreds can be defined on one machine.
"""

from __future__ import annotations

import random
from typing import Any

MIB = 1 << 20


def machines(seed: int, count: int, running: int) -> list[dict[str, Any]]:
    """`count` VirtualMachine documents, the first `running` of which shall run."""
    chance = random.Random(seed)
    return [machine(chance, number, number < running) for number in range(count)]


def machine(chance: random.Random, number: int, running: bool) -> dict[str, Any]:
    """One VM; those that run have what the tiny guest can boot from."""
    memory = chance.choice((96, 112, 128))
    spec: dict[str, Any] = {
        "memory": f"{memory}MiB",
        "cpu": chance.choice((1, 2, {"count": 1, "max": 4}, {"sockets": 1, "cores": 2, "threads": 1})),
        "disks": disks(chance, running),
        "nics": nics(chance),
        "state": "running" if running else chance.choice(("stopped", "manual")),
    }
    optional = {
        "memoryMax": f"{memory * 2}MiB",
        "description": chance.choice(("a <b> & 'c' \"d\"", "plain", "ünïcödé — 測試")),
        "firmware": "bios",
        "machine": chance.choice(("q35", "pc")),
        "serial": chance.choice((True, False)),
        "agent": True,
        "rng": chance.choice((True, False)),
        "graphics": chance.choice(
            ("none", {"type": "vnc", "listen": "127.0.0.1"}, {"type": "vnc", "password": "secret"})
        ),
        "cloudInit": {"hostname": f"vm-{number}"},
        "deleteProtection": chance.choice((True, False)),
        "stopTimeout": "30s",
        "restart": chance.choice(("onFailure", "always", "never")),
        "labels": None,
    }
    optional.pop("labels")
    for name in chance.sample(sorted(optional), chance.randint(0, len(optional))):
        spec[name] = optional[name]
    metadata = {"name": f"vm-{number}", "labels": {"tier": chance.choice(("web", "db"))}}
    return {"apiVersion": "gitvirt/v1", "kind": "VirtualMachine", "metadata": metadata, "spec": spec}


def disks(chance: random.Random, running: bool) -> list[dict[str, Any]]:
    """A root disk from the image, and up to two more."""
    root: dict[str, Any] = {"name": "root", "image": "guest"}
    if chance.random() < 0.3:
        root["size"] = "128MiB"
    if not running and chance.random() < 0.1:
        root["clone"] = "copy"
    found = [root]
    for number in range(chance.randint(0, 2)):
        disk: dict[str, Any] = {"name": f"data{number}", "size": f"{chance.choice((1, 8, 16))}MiB"}
        for key, values in (
            ("bus", ("virtio", "scsi")),
            ("cache", ("none", "writeback")),
            ("discard", ("unmap", "ignore")),
            ("io", ("threads",)),
            ("serial", (f"S{number}", f"disk {number}")),
            ("format", ("qcow2", "raw")),
        ):
            if chance.random() < 0.3:
                disk[key] = chance.choice(values)
        if running:
            disk.pop("cache", None)
        found.append(disk)
    if chance.random() < 0.3:
        for order, disk in enumerate(found, 1):
            disk["bootOrder"] = order
    return found


def nics(chance: random.Random) -> list[Any]:
    """None to two NICs on the network `lan`."""
    found: list[Any] = []
    for number in range(chance.randint(0, 2)):
        nic: dict[str, Any] = {"name": f"n{number}", "network": "lan"}
        if chance.random() < 0.3:
            nic["link"] = chance.choice(("up", "down"))
        if chance.random() < 0.3:
            nic["model"] = "virtio"
        found.append(nic)
    return found


def edited(seed: int, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same VMs with changes that can all be made while they run (or while they are off)."""
    chance = random.Random(seed)
    return [_edited(chance, each) for each in documents]


def _edited(chance: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    spec = dict(document["spec"])
    deed = chance.choice(("nothing", "description", "disk", "link", "protect"))
    if deed == "description":
        spec["description"] = f"edited {chance.randint(0, 99)}"
    elif deed == "disk":
        spec["disks"] = [*spec["disks"], {"name": f"more{chance.randint(0, 9)}", "size": "4MiB", "bus": "scsi"}]
        spec["disks"] = [{key: value for key, value in disk.items() if key != "bootOrder"} for disk in spec["disks"]]
    elif deed == "link" and spec["nics"]:
        spec["nics"] = [{**nic, "link": chance.choice(("up", "down"))} for nic in spec["nics"]]
    elif deed == "protect":
        spec["deleteProtection"] = not spec.get("deleteProtection", False)
    return {**document, "spec": spec}
