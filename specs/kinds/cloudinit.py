"""CloudInit: what a guest is told at its first boot (NoCloud). Used when the VM is made; later edits are a note."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from specs.errors import BadValue
from specs.kinds.common import FreeMapping, SecretRef
from specs.kinds.network import DnsName
from specs.model import Model, Named, Unit, declared, matching


def _sudo(value: Any) -> Any:
    if not isinstance(value, bool | str) or value == "":
        raise BadValue("`sudo` takes a rule or true", fix="write `true`, or a rule such as `ALL=(ALL) NOPASSWD:ALL`")
    return value


class User(Named):
    """A user that cloud-init makes."""

    shorthand: ClassVar[tuple[str, ...]] = ("name",)

    name: Annotated[
        str,
        AfterValidator(
            matching(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", "a user name", "use letters, digits, `_`, `.` and `-`")
        ),
        Unit("name"),
    ] = declared("Name of the user.", effect="creation", required=True)
    ssh_keys: Annotated[tuple[str, ...] | None, Unit("public keys")] = declared(
        "Public keys that may log in.", effect="creation"
    )
    sudo: Annotated[
        bool | str | None,
        BeforeValidator(_sudo),
        WithJsonSchema({"type": ["boolean", "string"]}),
        Unit("true, false or a sudo rule"),
    ] = declared("Rights to become root.", effect="creation")
    shell: str | None = declared("Login shell.", effect="creation")
    password_hash: Annotated[SecretRef | None, Unit("secret")] = declared(
        "Hash of the password, as `mkpasswd` prints it.", effect="creation"
    )


class CloudInit(Model):
    """Data of the NoCloud source."""

    hostname: DnsName | None = declared("Host name; without it the VM's name.", effect="creation")
    users: tuple[User, ...] | None = declared("Users to make.", effect="creation")
    run_commands: tuple[str, ...] | None = declared("Commands of the first boot.", effect="creation")
    user_data: str | None = declared(
        "The whole user-data, in place of hostname, users and commands.", effect="creation"
    )
    network_config: FreeMapping | None = declared("network-config, as cloud-init documents it.", effect="creation")
    meta_data: FreeMapping | None = declared("More of meta-data.", effect="creation")
