"""What happens on a host without gitvirt: other tools, administrators at the shell, guests, failures.

Tests call it as `world.outside("kvm1").kill("web")`. VMs are named by their libvirt name. Nothing here passes the
gate of driver calls: it works on hosts that are cut, is not journalled, and is never struck by faults.
"""

from __future__ import annotations

import posixpath
import uuid
from typing import TYPE_CHECKING, Any

from drivers.errors import Missing
from drivers.memory.model.defaults import complete, defined, device, random_mac
from drivers.memory.model.domain import Domain
from drivers.memory.model.files import Directory, File
from drivers.memory.model.places import HostState
from drivers.memory.model.said import Said
from drivers.memory.protocols import networks, pools
from drivers.memory.running import halt, launch, unplug
from drivers.node import NodeDevice
from drivers.seen import Link, Power
from specs.fields import Fields, Scalar, entries, entry, entry_of
from specs.structs import replace

if TYPE_CHECKING:
    from drivers.memory.world import World


class Outside:
    """The back door of one host."""

    def __init__(self, world: World, host: HostState) -> None:
        self._world, self._host = world, host

    def domain(self, name: str) -> Domain:
        """The domain's state itself, to look at or to bend."""
        found = next((each for each in self._host.domains.values() if each.name == name), None)
        if found is None:
            raise KeyError(f"{self._host.name} has no domain {name}")
        return found

    def refuse_xml(self, text: str) -> None:
        """From now on this host's libvirt refuses `xml:` patches that have the text."""
        self._host.refused_xml = text

    # Other tools.

    def define(self, name: str, fields: Fields, *, domain_id: str = "", persistent: bool = True) -> Domain:
        """A foreign domain: libvirt's own device names, no mark, few free slots."""
        config = defined(self._with_macs(fields), None, self._host.capabilities)
        for each in config.devices:
            each.alias = ""
        made = Domain(name, domain_id or str(self._new_uuid()), config, persistent=persistent, slots=3)
        self._host.domains[made.uuid] = made
        self._tell(f"vm/{name}")
        return made

    def _with_macs(self, fields: Fields) -> Fields:
        """libvirt makes up MACs, and gives an old model to NICs that have none."""
        given = dict(fields)
        for name in entries(fields, "nics"):
            given.setdefault(entry("nics", name, "mac"), random_mac(self._world.chance))
            given.setdefault(entry("nics", name, "model"), "rtl8139")
        return given

    def clone_domain(self, name: str, new_name: str) -> Domain:
        """As virt-clone: new uuid, MACs and name, but the metadata is copied, our mark with it. Disks are shared."""
        before = self.domain(name)
        made = Domain(new_name, str(self._new_uuid()), before.config.copy(), mark=before.mark, xml=before.xml)
        for each in made.config.devices:
            if each.kind == "nics":
                each.fields["mac"] = random_mac(self._world.chance)
        self._host.domains[made.uuid] = made
        self._tell(f"vm/{new_name}")
        return made

    def change(self, name: str, path: str, value: Scalar, *, live: bool = False) -> None:
        """`virsh edit` (config, no event) or `virsh … --live` of one field; None removes it."""
        domain = self.domain(name)
        hardware = domain.live if live else domain.config
        assert hardware is not None, f"{name} is not running"
        parts = entry_of(path)
        found = hardware.find(parts[0], parts[1], domain.mark) if parts else None
        assert not parts or found, f"{name} has no {path}"
        values = found.fields if found else hardware.scalars
        key = parts[2] if parts else path
        values.pop(key, None)
        if value is not None:
            values[key] = value
        if not live:
            complete(hardware, self._host.capabilities)

    def attach(self, name: str, path: str, fields: Fields) -> None:
        """Adds a foreign device to the definition: no alias, no place in any mark's table."""
        domain = self.domain(name)
        kind, entry_name, _ = entry_of(path) or ("", "", "")
        if kind == "nics":
            fields = {"model": "rtl8139", "mac": random_mac(self._world.chance), **fields}
        made = device(kind, entry_name, fields, None, [domain.config])
        made.alias = ""
        domain.config.devices.append(made)

    def rename(self, name: str, new_name: str) -> None:
        """`virsh domrename`."""
        self.domain(name).name = new_name
        self._tell(f"vm/{new_name}")

    def undefine(self, name: str) -> None:
        """`virsh undefine`; of a running domain: it becomes transient."""
        domain = self.domain(name)
        if domain.live is not None:
            domain.persistent = False
        else:
            del self._host.domains[domain.uuid]
        self._tell(f"vm/{name}")

    def damage_mark(self, name: str) -> None:
        """Somebody edited our metadata; it cannot be read any more."""
        domain = self.domain(name)
        domain.mark, domain.damaged = None, True

    def start(self, name: str) -> None:
        """`virsh start`; raises the model's Said where libvirt refuses."""
        launch(self._world, self._host, self.domain(name))
        self._world.deliver()

    def destroy(self, name: str) -> None:
        """`virsh destroy`."""
        self._end(name, "destroyed")

    # The guest.

    def guest(self, name: str, **behaviour: Any) -> None:
        """Changes how the guest behaves: agent=False, unplug=False, balloon=False … (see model.domain.Guest)."""
        for key, value in behaviour.items():
            getattr(self.domain(name).guest, key)
            setattr(self.domain(name).guest, key, value)

    def guest_shutdown(self, name: str) -> None:
        """Somebody shut the guest down from inside."""
        self._end(name, "shutdown")

    def guest_releases(self, name: str, path: str) -> None:
        """The guest at last gives up a device that it was asked for: it leaves the running domain."""
        domain = self.domain(name)
        kind, entry_name, _ = entry_of(path) or ("", "", "")
        found = domain.live.find(kind, entry_name, domain.mark) if domain.live else None
        assert domain.live
        assert found, f"{name} has no live {path}"
        unplug(self._host, domain, found)
        domain.live.devices.remove(found)
        self._tell(f"vm/{name}")

    def guest_writes(self, name: str, path: str, data: bytes) -> None:
        """The guest writes to a disk; a full directory pauses it, as libvirt's default error policy does."""
        domain = self.domain(name)
        kind, entry_name, _ = entry_of(path) or ("", "", "")
        found = domain.live.find(kind, entry_name, domain.mark) if domain.live else None
        assert found, f"{name} has no live {path}"
        directory, file = self._image(found.source)
        try:
            directory.reserve(len(data))
        except Said:
            domain.power, domain.reason = Power.PAUSED, "ioerror"
            self._tell(f"vm/{name}")
            return
        file.content += data
        file.allocation += len(data)
        directory.changed(file.name)

    def burn(self, name: str, seconds: float) -> None:
        """The guest used that much of the host's CPUs."""
        time = int(seconds * 1_000_000_000)
        self.domain(name).cpu_time += time
        self._host.cpu_time += time

    # Failures.

    def kill(self, name: str) -> None:
        """QEMU dies (kill -9)."""
        self._end(name, "crashed")

    def boot(self) -> None:
        """libvirtd's part of a host's boot: autostart of networks, pools, domains; what fails stays off."""
        for network in self._host.networks.values():
            if network.autostart and network.live is None:
                _try(lambda network=network: networks.start(self._host, network))
        for pool in self._host.pools.values():
            if pool.autostart:
                _try(lambda pool=pool: pools.start(self._host, pool))
        for domain in list(self._host.domains.values()):
            if domain.autostart and domain.live is None:
                _try(lambda domain=domain: launch(self._world, self._host, domain))

    def plug_device(self, device: NodeDevice) -> None:
        """The host has one device more that VMs can be given."""
        self._host.devices.append(device)
        able = self._host.capabilities
        self._host.capabilities = replace(able, devices=frozenset({*(able.devices or ()), device.address}))

    def plug_link(self, name: str, link: Link | None) -> None:
        """The host has this link; None takes it away."""
        self._host.links.pop(name, None)
        bridges = set(self._host.capabilities.bridges or ()) - {name}
        if link is not None:
            self._host.links[name] = link
            bridges |= {name} if link.type == "bridge" else set()
        self._host.capabilities = replace(self._host.capabilities, bridges=frozenset(bridges))

    def deny(self, denied: bool = True) -> None:
        """The host no longer accepts who we are."""
        self._host.denied = denied

    def fill(self, path: str, leave: int = 0) -> None:
        """Something else fills the directory; `leave` bytes stay free."""
        directory = self._directory(path)
        directory.ballast = max(0, directory.ballast + directory.available - leave)

    def vanish(self, path: str) -> None:
        """The directory is gone (unmounted); its files come back with `reappear`."""
        self._directory(path).exists = False

    def reappear(self, path: str) -> None:
        """The mount is back."""
        self._host.mounts[path].exists = True

    def remove_directory(self, path: str) -> None:
        """rm -rf: the directory and its files are gone for good."""
        directory = self._directory(path)
        names = list(directory.files)
        directory.files.clear()
        directory.changed(*names)
        directory.exists = False

    # Files.

    def file(self, path: str) -> File | None:
        """The image at this path, for "same bytes" assertions (`identity`, `content`)."""
        return self._host.file(path)

    def put_file(self, path: str, capacity: int = 0, format: str = "raw", content: bytes = b"") -> File:
        """Copies an image into a directory of this host, made if it is not there; pools see it after a refresh."""
        folder, name = posixpath.split(path)
        if self._host.directory(folder) is None:
            self._world.add_directory(folder, [self._host.name])
        made = self._world.new_file(name, capacity, format)
        if content:
            made.written(content)
        return self._directory(folder).add(made)

    def remove_file(self, path: str) -> None:
        """rm."""
        directory, file = self._image(path)
        del directory.files[file.name]
        directory.changed(file.name)

    def _image(self, path: str) -> tuple[Directory, File]:
        folder, name = posixpath.split(path)
        directory = self._directory(folder)
        return directory, directory.files[name]

    def _directory(self, path: str) -> Directory:
        found = self._host.directory(path)
        if found is None:
            raise Said(Missing, f"{self._host.name} has no directory {path}")
        return found

    def _end(self, name: str, reason: str) -> None:
        domain = self.domain(name)
        if domain.live is not None:
            halt(self._world, self._host, domain, reason)
        self._world.deliver()

    def _tell(self, ref: str) -> None:
        self._world.wake(self._host, ref)
        self._world.deliver()

    def _new_uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self._world.chance.getrandbits(128), version=4)


def _try(start: Any) -> None:
    try:
        start()
    except Said:
        return
