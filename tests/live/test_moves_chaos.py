"""Chaos on real hosts: VMs are sent about while gitvirt is killed, libvirtd dies, ways are cut and hands interfere.

A guest that counts and two VMs without a system travel; every host is watched for doubles all the time. Two short seeds
run in the tests; `make soak` runs more (GITVIRT_SEEDS). What happens is from the seed, when exactly it strikes is not.
"""

from __future__ import annotations

import os
import random
import subprocess
import time

import pytest

from drivers.lab.lab import Lab
from drivers.seen import Power
from tests.live import counting
from tests.live.command import Gitvirt
from tests.live.conftest import Guest
from tests.live.facts import inside, nothing_doubles, qemu, wait_until, wait_until_seen
from tests.live.site import LiveSite, machine, said

pytestmark = pytest.mark.live

SEEDS = int(os.environ.get("GITVIRT_SEEDS", "2"))
ROUNDS = 3
HOSTS = ("kvm1", "kvm2", "kvm3")
EMPTY = {"disks": [{"name": "data", "size": "8MiB"}], "nics": [], "memory": "64MiB", "agent": False}


class Chaos:
    """The site, and chance."""

    def __init__(self, site: LiveSite) -> None:
        self.site, self.lab, self.gitvirt = site, site.lab, Gitvirt(site)
        self.chance = random.Random()
        self.where = dict.fromkeys(("web", "one", "two"), "kvm1")
        self.declare()

    def declare(self) -> None:
        specs = {"web": {}, "one": EMPTY, "two": EMPTY}
        self.site.vms([machine(name, hosts=[host], **specs[name]) for name, host in self.where.items()])

    def edit(self) -> None:
        """Some VMs shall be elsewhere."""
        for name in self.chance.sample(sorted(self.where), 2):
            self.where[name] = self.chance.choice(HOSTS)
        self.declare()

    def strike(self, process: subprocess.Popen[str]) -> None:
        """One misfortune, at a random moment of the process."""
        time.sleep(self.chance.uniform(0.5, 4.0))
        self.chance.choice((self.kill, self.libvirtd, self.part, self.by_hand, self.cancel))(process)

    def kill(self, process: subprocess.Popen[str]) -> None:
        process.kill()

    def libvirtd(self, process: subprocess.Popen[str]) -> None:
        inside(self.lab, self.chance.choice(HOSTS), "kill -9 $(cat /run/libvirtd.pid) || true")

    def part(self, process: subprocess.Popen[str]) -> None:
        """Two hosts lose each other, or gitvirt loses one, for a short while or until it notices."""
        one, *others = self.chance.sample((*HOSTS, None), 2)
        pair = (one, others[0]) if one else (others[0], None)
        self.lab.set_path(*pair, connected=False)
        time.sleep(self.chance.choice((1, 12)))
        self.lab.set_path(*pair, connected=True)

    def by_hand(self, process: subprocess.Popen[str]) -> None:
        """`virsh migrate` of a VM, while gitvirt perhaps does the same."""
        name, target = self.chance.choice(sorted(self.where)), self.chance.choice(HOSTS)
        address = next(each.address for each in self.lab.hosts() if each.name == target)
        words = f"--live --p2p --persistent {self.chance.choice(('--undefinesource', ''))}"
        for source in HOSTS:
            migrate = f"migrate {name} qemu+tls://{address}/system --migrateuri tcp://{address} {words}"
            inside(self.lab, source, f"virsh -q domstate {name} | grep -q running && virsh -q {migrate} || true")

    def cancel(self, process: subprocess.Popen[str]) -> None:
        for host in HOSTS:
            inside(self.lab, host, "for each in $(virsh -q list --name); do virsh domjobabort $each; done || true")

    def round(self) -> None:
        self.edit()
        with self.gitvirt.start("apply", "--yes") as process:
            self.strike(process)
            process.communicate()

    def converged(self) -> bool:
        good, plan = self.site.apply().good, self.site.plan()
        return good and plan.empty and not plan.anything_held

    def assert_at_rest(self) -> None:
        """A few passes later each VM runs where it shall, once, and is known nowhere else."""
        wait_until_seen(self.site)
        wait_until(self.converged, what=lambda: said(self.site.plan()))
        for name, host in self.where.items():
            found, vm = self.site.vm(name)
            assert (found, vm.power, len(qemu(vm.uuid))) == (host, Power.RUNNING, 1), name


def test_whatever_happens_each_vm_runs_once_and_goes_on(site: LiveSite, lab: Lab) -> None:
    chaos = Chaos(site)
    chaos.assert_at_rest()
    Guest(lab, "kvm1", "web").wait_for_agent()
    count = counting.begin(Guest(lab, "kvm1", "web"))
    first = {name: qemu(site.vm(name)[1].uuid) for name in chaos.where}
    assert all(first.values())
    for seed in range(SEEDS):
        chaos.chance.seed(seed)
        with nothing_doubles(lab):
            for _ in range(ROUNDS):
                chaos.round()
            chaos.assert_at_rest()
        count = counting.assert_went_on(Guest(lab, chaos.where["web"], "web"), count)
