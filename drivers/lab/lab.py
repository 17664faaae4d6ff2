"""The lab as a whole: the one class that its users (the CLI, the live tests, the demo) work with.

Comes in: the state directory. Goes out: hosts, their addresses and URIs, a report for `status`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Interface
from pathlib import Path
from uuid import uuid4

from drivers.lab import machine, network, processes, state, status
from drivers.lab.atonce import for_each
from drivers.lab.bmc import process as bmc
from drivers.lab.command import run
from drivers.lab.credentials import pki, settings_entry, ssh
from drivers.lab.credentials.settings_entry import Transport
from drivers.lab.debian import release
from drivers.lab.errors import HostDown, LabConflict, LabError, PackagesNotHad, StateDamaged, UnknownHost
from drivers.lab.guest import image
from drivers.lab.host import boot, storage
from drivers.lab.paths import BRIDGE, LINK_PREFIX, MAX_HOSTS, LabPaths, host_index, host_name
from drivers.lab.state import LabRecord
from drivers.lab.status import HostStatus, LabStatus
from specs.structs import replace


class Lab:
    """One lab, given by its state directory ($GITVIRT_LAB, else /var/lib/gitvirt-lab). Holds nothing in memory."""

    def __init__(self, paths: LabPaths | None = None, say: Callable[[str], None] = lambda _: None) -> None:
        self.paths = paths or LabPaths.from_environment()
        self._say = say

    def up(self, hosts: int, debian: str | None = None) -> tuple[str, ...]:
        """Have `hosts` hosts run (more stay); gives the names of those that had to be booted.

        Hosts that are new run the libvirt and QEMU of that Debian release, if one is given.
        """
        machine.require_fit()
        if not 1 <= hosts <= MAX_HOSTS:
            raise LabConflict(f"A lab has 1 to {MAX_HOSTS} hosts, not {hosts}.")
        with state.changing(self.paths):
            network.require_alone(self.paths.state)
            if debian is not None:
                release.ensure(self.paths, debian)
            record = self._recorded(hosts, debian)
            network.ensure_bridge(self.paths.state, IPv4Interface(f"{record.gateway}/{record.subnet.prefixlen}"))
            pki.ensure_authority(self.paths.authority)
            pki.ensure_client(self.paths.authority, self.paths.client_pki)
            settings_entry.register(record.settings_file, self.paths.client_pki, self.paths.ssh)
            self._provide(record)
            with ThreadPoolExecutor(max_workers=1) as beside:
                bmcs = beside.submit(bmc.ensure, self.paths, record.gateway, list(record.hosts))
                booted = self._boot_all(record)
                bmcs.result()
            return booted

    def _recorded(self, hosts: int, debian: str | None) -> LabRecord:
        """The record with at least `hosts` hosts, on disk before anything of them is made."""
        record = state.load(self.paths)
        if record is None:
            self._require_no_remains()
            record = LabRecord(network.free_subnet(), settings_entry.default_file())
        names = [host_name(index) for index in range(1, hosts + 1)]
        wanted = {**record.hosts, **{name: str(uuid4()) for name in names if name not in record.hosts}}
        wanted = dict(sorted(wanted.items(), key=lambda item: host_index(item[0]) or 0))
        if wanted != record.hosts or not self.paths.record.exists():
            systems = {name: debian for name in wanted if name not in record.hosts} if debian else {}
            record = replace(record, hosts=wanted, systems={**record.systems, **systems})
            state.save(self.paths, record)
        return record

    def _provide(self, record: LabRecord) -> None:
        """What the hosts share and find when they boot."""
        self.paths.shared.mkdir(mode=0o755, exist_ok=True)
        self.paths.locks.mkdir(mode=0o755, exist_ok=True)
        ssh.ensure(self.paths, {name: record.address(name) for name in record.hosts})
        try:
            ssh.obtain_server(self.paths)
        except PackagesNotHad as error:
            self._say(f"There is no sshd on this machine, so the hosts have none: {error}")

    def _require_no_remains(self) -> None:
        remains = sorted({process.host for process in processes.host_processes(self.paths.state)})
        if remains:
            raise LabConflict(
                f"Hosts of a lab in {self.paths.state} are running ({', '.join(remains)}), but its record is lost. "
                "Run `gitvirt lab down`, then `gitvirt lab up` again."
            )

    def _boot_all(self, record: LabRecord) -> tuple[str, ...]:
        booted = self._boot(list(record.hosts), record)
        own = [name for name in booted if name not in record.systems]
        if own and not self.paths.capabilities.is_dir():
            self._probe_once(own[0], record)
        return tuple(booted)

    def _probe_once(self, prober: str, record: LabRecord) -> None:
        """Let one host find out what QEMU can do, and the others start with what it found.

        libvirtd probes when somebody first asks, for two seconds and more; it takes files of its cache as they are.
        """
        # Asked inside the host: whatever happens to us, what asks there dies with the host.
        run(self.inside(prober, ["virsh", "--connect", "qemu:///system", "version"]))
        found = self.paths.host(prober).capabilities
        if found.is_dir():
            draft = self.paths.capabilities.with_name(".capabilities.new")
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(found, draft)
            draft.rename(self.paths.capabilities)
            for name in record.hosts.keys() - record.systems.keys():
                boot.seed_capabilities(self.paths, name)

    def _boot(self, names: Sequence[str], record: LabRecord) -> list[str]:
        def power_on(name: str) -> bool:
            self._mend_paths(name, record)
            was_off = boot.power_on(boot.HostPlan(self.paths, record, name))
            if was_off:
                self._say(f"{name} is on: {self.uri(name, record)}")
            return was_off

        return [name for name, was_off in zip(names, for_each(power_on, names), strict=True) if was_off]

    def down(self, *, keep_cache: bool = False) -> bool:
        """Take everything away, with or without a record; True if there was anything."""
        machine.require_root()
        if not self._anything_left():
            return False
        with state.changing(self.paths):
            bmc.stop(self.paths)  # before the hosts, lest somebody switches one on again
            names = {process.host for process in processes.host_processes(self.paths.state)}
            names |= {link.removeprefix(LINK_PREFIX) for link in self._own_links() if link != BRIDGE}
            for_each(lambda name: boot.power_off(self.paths, name), sorted(names))
            network.remove(self._own_links())
            settings_entry.withdraw(self._settings_file(), self.paths.client_pki)
            self._remove_files(keep_cache)
        return True

    def _anything_left(self) -> bool:
        own_process = bool(processes.host_processes(self.paths.state) or bmc.find(self.paths))
        return own_process or self.paths.state.exists() or bool(self._own_links())

    def _own_links(self) -> list[str]:
        """Ours by their alias, and those that a crash left before they had one, unless another lab is up."""
        found = network.links()
        another = any(link.state not in (None, self.paths.state) for link in found)
        return [
            link.name
            for link in found
            if link.state == self.paths.state or (link.state is None and not link.foreign and not another)
        ]

    def _settings_file(self) -> Path:
        try:
            record = state.load(self.paths)
        except StateDamaged:
            record = None
        return record.settings_file if record else settings_entry.default_file()

    def _remove_files(self, keep_cache: bool) -> None:
        """The lock goes last: whoever waits for it sees that it is another file now."""
        last = {self.paths.lock, *([self.paths.cache] if keep_cache else [])}
        for entry in self.paths.state.iterdir():
            if entry not in last:
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        self.paths.lock.unlink()
        if not any(self.paths.state.iterdir()):
            self.paths.state.rmdir()

    def power_on(self, name: str) -> bool:
        """Press the power button of a host that is off; True if it was."""
        machine.require_fit()
        record = self._record_with(name)
        with state.changing(self.paths):
            self._provide(record)
            self._mend_paths(name, record)
            return boot.power_on(boot.HostPlan(self.paths, record, name))

    def power_off(self, name: str) -> bool:
        """Cut the host's power: its guests are gone without a farewell. True if it was on."""
        machine.require_fit()
        self._record_with(name)
        with state.changing(self.paths):
            return boot.power_off(self.paths, name)

    def set_cable(self, name: str, *, connected: bool) -> None:
        """Unplug or plug the network cable of a running host."""
        self.init_process(name)
        network.set_cable(name, connected=connected)

    def set_path(self, one: str, other: str | None = None, *, connected: bool) -> None:
        """Cut or mend the way between two running hosts, or between a host and this machine; all else stays as it is.

        Neither side sends a farewell. `up` and `power_on` mend the ways of their hosts.
        """
        record = self._record_with(one)
        there = str(record.address(other) if other else record.gateway)
        run(self.inside(one, network.divert(network.CARD, there, connected=connected)))
        back = str(record.address(one))
        if other:
            run(self.inside(other, network.divert(network.CARD, back, connected=connected)))
        else:
            run(network.divert(BRIDGE, back, connected=connected))

    def _mend_paths(self, name: str, record: LabRecord) -> None:
        """Mend every way of a host to the other hosts and to this machine, whatever was cut."""
        run(network.divert(BRIDGE, str(record.address(name)), connected=True))
        if boot.find(self.paths, name):
            run(self.inside(name, network.divert(network.CARD, str(record.subnet), connected=True)))

    def break_storage(self, name: str, fault: storage.Fault) -> str:
        """Make a running host's way to the shared storage ill; gives what `status` says of it from now on."""
        init = self.init_process(name)
        storage.inject(self.paths, init, fault)
        return storage.shown(init)

    def heal_storage(self, name: str) -> bool:
        """Make it well again; True if it was ill."""
        return storage.heal(self.init_process(name))

    def running(self) -> list[str]:
        """The hosts that are on, by number. Raises LabError if there is none."""
        names = [host.name for host in status.hosts(self.paths, self._record()) if host.power != "off"]
        if not names:
            raise HostDown(
                f"All hosts of the lab in {self.paths.state} are off. Switch one on: gitvirt lab power on kvm1"
            )
        return names

    def init_process(self, name: str) -> processes.HostProcess:
        """Process 1 of a running host. Raises UnknownHost, HostDown."""
        self._record_with(name)
        process = boot.find(self.paths, name)
        if process is None:
            raise HostDown(f"Host {name} is powered off. Switch it on first: gitvirt lab power on {name}")
        return process

    def inside(self, name: str, argv: Iterable[str]) -> list[str]:
        """The command line that runs `argv` inside the host, as root. Raises UnknownHost, HostDown."""
        return processes.inside(self.init_process(name), argv)

    def guest_image(self, output: Path | None = None) -> Path:
        """The tiny guest, built when it is not cached; with a copy at `output`, if given."""
        machine.require_fit()
        if output is not None and not output.absolute().parent.is_dir():
            raise LabError(f"There is no folder {output.absolute().parent} to put the guest image in. Make it first.")
        with state.changing(self.paths):
            built = image.ensure(self.paths.cache)
        if output is None:
            return built
        image.copy(built, output.absolute())
        return output.absolute()

    def uri(self, name: str, record: LabRecord | None = None, transport: Transport = "tls") -> str:
        """The libvirt URI that goes into a Host; PKI and keys are named as in the local settings."""
        record = record or self._record_with(name)
        return settings_entry.host_uri(str(record.address(name)), transport)

    def libvirt_uri(self, name: str) -> str:
        """The same with the real path, as virsh and libvirt-python need it."""
        return f"qemu+tls://{self._record_with(name).address(name)}/system?pkipath={self.paths.client_pki}"

    def status(self) -> LabStatus:
        machine.require_root()
        return LabStatus(self.paths.state, self.hosts(), machine.facts())

    def hosts(self) -> tuple[HostStatus, ...]:
        """All hosts of the lab, by number; none when there is no lab."""
        record = state.load(self.paths)
        return status.hosts(self.paths, record) if record else ()

    def _record(self) -> LabRecord:
        record = state.load(self.paths)
        if record is None:
            raise LabError(f"There is no lab in {self.paths.state}. Make one: gitvirt lab up --hosts 3")
        return record

    def _record_with(self, name: str) -> LabRecord:
        record = self._record()
        if name not in record.hosts:
            raise UnknownHost(f"This lab has no host {name!r}; it has {', '.join(record.hosts)}.")
        return record
