"""The first boot of a VM, as far as it can be told without a host: cloud-init's NoCloud files, Ignition, sysprep.

Pure. Texts come with the catalog, secrets through `reveal`. What only a plan can know (the VM's UUID, the MACs of its
NICs) is laid in by `final`. All of it acts at the first boot only: `Seed.declaration` goes into the mark and tells a
later edit, which is a note.

Texts are written so that YAML 1.1, which cloud-init reads, and 1.2 take them for the same: `'yes'`, `'0644'`.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.desired.wanted import Seed
from specs import texts
from specs.catalog import Catalog
from specs.errors import SpecError
from specs.fields import Scalar, Secret
from specs.kinds.content import Content
from specs.resource import Location, Resource

Reveal = Callable[[object, Location], Any]

NO_CLOUD, ANSWERS, IGNITION = "cidata", "UNATTEND", "ignition"
"""Volume labels of the media; an Ignition config is a file by itself."""
_ANSWER_FILES = ("Autounattend.xml", "Unattend.xml")
"""Windows Setup from an ISO looks for the one, an image that was generalized for the other."""


class NotIgnition(SpecError):
    """The secret in the place of an Ignition config is none."""


def seed(resource: Resource, catalog: Catalog, reveal: Reveal) -> Seed | None:
    """The medium that the VM is given for its first boot; None if nothing is declared that needs one."""
    return _Writer(resource, catalog, reveal).seed()


def fingerprint(value: str) -> str:
    """How a mark remembers what is no secret."""
    return hashlib.sha256(value.encode()).hexdigest()


def final(seed: Seed, uuid: str, macs: Mapping[str, str]) -> dict[str, str]:
    """The files of the medium, for a VM of that UUID whose NICs have these MACs. Secrets are in clear."""
    files = {name: text.reveal() for name, text in seed.texts.items()}
    if seed.meta is not None:
        files["meta-data"] = _yaml({"instance-id": f"gitvirt-{uuid}", **seed.meta})
    if seed.nics is not None:
        ethernets = {
            name: {"match": {"macaddress": macs[name]}, **settings}
            for name, settings in seed.nics.items()
            if name in macs
        }
        files["network-config"] = _yaml({"version": 2, "ethernets": ethernets})
    return files


class _Writer:
    """Writes the files of one VM. `hidden` turns true when a secret goes into one of them."""

    def __init__(self, resource: Resource, catalog: Catalog, reveal: Reveal) -> None:
        self.resource, self.catalog, self.reveal = resource, catalog, reveal
        self.hidden = False

    def seed(self) -> Seed | None:
        if self.resource.spec.ignition is not None:
            return self._made(IGNITION, {"config": self._ignition()}, None, None)
        if self.resource.spec.sysprep is not None:
            text = self.text("sysprep", self.resource.spec.sysprep)
            return self._made(ANSWERS, {name: text for name in _ANSWER_FILES}, None, None)
        init = self.resource.spec.cloud_init
        if init is None:
            return None
        name = init.hostname or self.resource.name
        found = {"user-data": self._user_data(init, name)}
        if init.vendor_data is not None:
            found["vendor-data"] = self.text("cloudInit.vendorData", init.vendor_data)
        if init.network_config is not None:
            found["network-config"] = _yaml(dict(init.network_config))
        nics = _nics(init.network, self.resource) if init.network is not None else None
        return self._made(NO_CLOUD, found, {"local-hostname": name, **(init.meta_data or {})}, nics)

    def _made(
        self, label: str, found: Mapping[str, str], meta: dict[str, Any] | None, nics: dict[str, Any] | None
    ) -> Seed:
        content = json.dumps([label, found, meta, nics], sort_keys=True)
        declaration: Scalar = Secret(content) if self.hidden else fingerprint(content)
        files = {name: Secret(text) for name, text in found.items()}
        return Seed(label=label, texts=files, meta=meta, nics=nics, hidden=self.hidden, declaration=declaration)

    def text(self, path: str, content: Content) -> str:
        """The text of a Content, whatever its source."""
        if content.hidden:
            self.hidden = True
            return str(self.reveal(content, self.resource.where(path)).reveal())
        if content.text is not None:
            return content.text
        file = texts.file_of(self.resource, path, content)
        return self.catalog.contents[file or ""].decode()

    def _ignition(self) -> str:
        """The config as JSON on one line, however it was written."""
        declared = self.resource.spec.ignition
        try:
            config = declared.config if declared.source is None else json.loads(self.text("ignition", declared.source))
        except (ValueError, RecursionError):  # of a secret: what is no secret was checked when it was loaded
            where = self.resource.where("ignition")
            raise NotIgnition(f"{where}: the secret {declared.secret} is no JSON, so no Ignition config") from None
        return json.dumps(config, separators=(",", ":"))

    def _user_data(self, init: Any, name: str) -> str:
        if init.user_data is not None:
            return self.text("cloudInit.userData", init.user_data)
        data: dict[str, Any] = {"hostname": name}
        for key, value in (
            ("fqdn", init.fqdn),
            ("timezone", init.timezone),
            ("locale", init.locale),
            ("ssh_pwauth", init.ssh_password_login),
            ("package_update", init.package_update),
            ("package_upgrade", init.package_upgrade),
            ("packages", init.packages),
            ("bootcmd", init.boot_commands),
            ("runcmd", init.run_commands),
        ):
            if value is not None:
                data[key] = list(value) if isinstance(value, tuple) else value
        if init.users is not None:
            data["users"] = [*(["default"] if init.default_user else []), *map(self._user, init.users)]
        if init.write_files is not None:
            data["write_files"] = [self._file(each) for each in init.write_files]
        return "#cloud-config\n" + _yaml(data)

    def _user(self, user: Any) -> dict[str, Any]:
        found: dict[str, Any] = {"name": user.name}
        for key, value in (
            ("gecos", user.gecos),
            ("primary_group", user.primary_group),
            ("uid", user.uid),
            ("homedir", user.home),
            ("system", user.system),
            ("shell", user.shell),
            ("lock_passwd", user.lock_password),
        ):
            if value is not None:
                found[key] = value
        if user.groups:
            found["groups"] = list(user.groups)
        if user.ssh_keys:
            found["ssh_authorized_keys"] = list(user.ssh_keys)
        if user.sudo is not None:
            found["sudo"] = "ALL=(ALL) NOPASSWD:ALL" if user.sudo is True else user.sudo
        if user.password_hash is not None:
            where = self.resource.where(f"cloudInit.users[{user.name}].passwordHash")
            self.hidden = True
            found["passwd"] = self.reveal(user.password_hash, where).reveal()
            found.setdefault("lock_passwd", False)
        return found

    def _file(self, file: Any) -> dict[str, Any]:
        source = file.source
        found: dict[str, Any] = {
            "path": file.path,
            "content": self.text("cloudInit.writeFiles", source) if source is not None else "",
        }
        for key, value in (
            ("permissions", file.mode),
            ("owner", file.owner),
            ("append", file.append),
            ("defer", file.defer),
        ):
            if value is not None:
                found[key] = value
        return found


def _nics(declared: tuple[Any, ...], resource: Resource) -> dict[str, Any]:
    """netplan's settings by NIC. A NIC that is not named asks DHCP, and no boot waits for its answer."""
    told = {each.name: each for each in declared}
    return {
        nic.name: _nic(told[nic.name]) if nic.name in told else {"dhcp4": True, "optional": True}
        for nic in resource.spec.nics or ()
    }


def _nic(nic: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"dhcp4": nic.mode == "dhcp" or (nic.mode is None and not nic.addresses)}
    if nic.addresses:
        found["addresses"] = list(nic.addresses)
    routers = [str(each) for each in (nic.gateway, nic.gateway6) if each is not None]
    routes: list[dict[str, Any]] = [{"to": "::/0" if ":" in each else "0.0.0.0/0", "via": each} for each in routers]
    for each in nic.routes or ():
        default = "::/0" if ":" in str(each.via) else "0.0.0.0/0"
        to = default if each.to == "default" else each.to
        metric = {} if each.metric is None else {"metric": each.metric}
        routes.append({"to": to, "via": str(each.via), **metric})
    if routes:
        found["routes"] = routes
    if nic.dns or nic.search:
        servers = {"addresses": [str(each) for each in nic.dns]} if nic.dns else {}
        found["nameservers"] = {**servers, **({"search": list(nic.search)} if nic.search else {})}
    for key, value in (("mtu", nic.mtu), ("accept-ra", nic.accept_ra)):
        if value is not None:
            found[key] = value
    if nic.mode == "off":
        found["optional"] = True
    return found


_DIRECTIVE = "%YAML 1.1\n---\n"


def _yaml(data: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.version = (1, 1)
    writer.allow_unicode = False  # no reader stumbles over line separators of Unicode
    writer.width = 2**16  # no line is broken: what reads it may be a shell
    text = io.StringIO()
    writer.dump(data, text)
    return text.getvalue().removeprefix(_DIRECTIVE)
