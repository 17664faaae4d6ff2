"""The cloud-init NoCloud seed of a VM: its files as text, and the digest that names the volume.

Pure. The seed acts at the first boot only; its digest tells a later edit (a note, "no effect on an existing VM").
Secrets (password hashes) go into the files, never into the digest's visible form.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

from reconciler.desired.wanted import Seed
from specs.resource import Location, Resource


def seed(resource: Resource, reveal: Callable[[object, Location], Any]) -> Seed:
    """meta-data, user-data and, if declared, network-config."""
    spec = resource.spec.cloud_init
    name = spec.hostname or resource.name
    files = {
        "meta-data": _yaml(
            {"instance-id": f"gitvirt-{resource.name}", "local-hostname": name, **(spec.meta_data or {})}
        ),
        "user-data": spec.user_data if spec.user_data is not None else _user_data(resource, name, reveal),
    }
    if spec.network_config is not None:
        files["network-config"] = _yaml(dict(spec.network_config))
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    return Seed(files=files, digest=digest)


def _user_data(resource: Resource, hostname: str, reveal: Callable[[object, Location], Any]) -> str:
    spec = resource.spec.cloud_init
    data: dict[str, Any] = {"hostname": hostname}
    if spec.users:
        data["users"] = [_user(each, resource, reveal) for each in spec.users]
    if spec.run_commands:
        data["runcmd"] = list(spec.run_commands)
    return "#cloud-config\n" + _yaml(data)


def _user(user: Any, resource: Resource, reveal: Callable[[object, Location], Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": user.name}
    if user.ssh_keys:
        found["ssh_authorized_keys"] = list(user.ssh_keys)
    if user.sudo is not None:
        found["sudo"] = "ALL=(ALL) NOPASSWD:ALL" if user.sudo is True else user.sudo
    if user.shell:
        found["shell"] = user.shell
    if user.password_hash is not None:
        found["passwd"] = reveal(user.password_hash, resource.where("cloudInit.users")).reveal()
        found["lock_passwd"] = False
    return found


def _yaml(data: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    text = io.StringIO()
    writer.dump(data, text)
    return text.getvalue()
