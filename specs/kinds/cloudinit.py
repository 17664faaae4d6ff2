"""CloudInit: what a guest is told at its first boot (NoCloud). Used when the VM is made; later edits are a note.

Keys have cloud-init's meaning, in camelCase. What has no field is written as `userData`, cloud-init's own text.
"""

import re
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, Field, Strict, WithJsonSchema, model_validator

from specs.errors import BadValue
from specs.kinds.common import AbsolutePath, FreeMapping, Line, SecretRef
from specs.kinds.content import Content
from specs.kinds.guestnetwork import GuestNic
from specs.kinds.network import DnsName
from specs.model import Model, Named, Unit, Yes, declared, matching


def _sudo(value: Any) -> Any:
    if not isinstance(value, bool | str) or value == "":
        raise BadValue("`sudo` takes a rule or true", fix="write `true`, or a rule such as `ALL=(ALL) NOPASSWD:ALL`")
    return value


def _mode(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"0?[0-7]{3,4}", value):
        fix = "write it in quotes, as four octal digits: `'0644'`"
        raise BadValue(f"`{str(value)[:20]}` is no file mode", fix=fix)
    return value if len(value) > 3 else f"0{value}"


def _public_key(value: str) -> str:
    """Options, a key type, and what looks like a key. A private key here would be a disaster."""
    if "PRIVATE KEY" in value:
        raise BadValue("this is a private key", fix="write the public key, the content of the `.pub` file")
    if "\n" in value.strip() or not re.search(r"(?:^|\s)(?:ssh-|ecdsa-|sk-ssh-|sk-ecdsa-)[a-z0-9@.-]+\s+\S+", value):
        fix = "write the one line of a `.pub` file: `ssh-ed25519 AAAA… you@there`"
        raise BadValue(f"`{value[:40]}` is no public key", fix=fix)
    return value.strip()


UserName = Annotated[
    str,
    AfterValidator(matching(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", "a user name", "use letters, digits, `_`, `.` and `-`")),
    Unit("name"),
]
PublicKey = Annotated[str, AfterValidator(_public_key), Unit("public key")]
TimeZone = Annotated[
    str,
    AfterValidator(matching(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", "a time zone", "write Europe/Vienna")),
    Unit("time zone"),
]
Owner = Annotated[
    str,
    AfterValidator(matching(r"[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+)?", "an owner", "write `user` or `user:group`")),
    Unit("user:group"),
]
Command = Annotated[str, AfterValidator(matching(r"(?s).*\S.*", "a command", "write one")), Unit("shell command")]


class User(Named):
    """A user that cloud-init makes."""

    shorthand: ClassVar[tuple[str, ...]] = ("name",)

    name: UserName = declared("Name of the user.", effect="creation", required=True)
    gecos: Line | None = declared("Full name.", effect="creation")
    groups: tuple[UserName, ...] | None = declared("More groups that the user is in.", effect="creation")
    primary_group: UserName | None = declared("First group; without it one of the user's own name.", effect="creation")
    uid: Annotated[int, Strict(), Field(ge=0, le=2**31), Unit("number")] | None = declared(
        "Number of the user.", effect="creation"
    )
    home: AbsolutePath | None = declared("Home directory.", effect="creation")
    system: Yes | None = declared("A system user, without home directory.", effect="creation")
    ssh_keys: tuple[PublicKey, ...] | None = declared("Public keys that may log in.", effect="creation")
    sudo: Annotated[
        bool | str | None,
        BeforeValidator(_sudo),
        WithJsonSchema({"type": ["boolean", "string"]}),
        Unit("true, false or a sudo rule"),
    ] = declared("Rights to become root.", effect="creation")
    shell: AbsolutePath | None = declared("Login shell.", effect="creation")
    password_hash: Annotated[SecretRef | None, Unit("secret")] = declared(
        "Hash of the password, as `mkpasswd` prints it.", effect="creation"
    )
    lock_password: Yes | None = declared(
        "No login by password; without it, locked unless there is a `passwordHash`.", effect="creation"
    )


class WriteFile(Model):
    """A file that cloud-init writes."""

    leaf: ClassVar[bool] = True

    path: AbsolutePath = declared("Where in the guest.", effect="creation", required=True)
    content: Content | None = declared("The text; without it an empty file.", effect="creation")
    file: str | None = declared("Short for `content: {file: …}`.", effect="creation")
    mode: Annotated[
        str | None, BeforeValidator(_mode), WithJsonSchema({"type": "string"}), Unit("octal, such as '0644'")
    ] = declared("Permissions.", effect="creation")
    owner: Owner | None = declared("`user:group`.", effect="creation")
    append: Yes | None = declared("Add to a file that is there.", effect="creation")
    defer: Yes | None = declared("Write it after users and packages are there.", effect="creation")

    @model_validator(mode="before")
    @classmethod
    def _short_content(cls, data: Any) -> Any:
        """A text in place of the mapping: lists of entries have no shorthands of their own."""
        if isinstance(data, dict) and isinstance(data.get("content"), str):
            return {**data, "content": {"text": data["content"]}}
        return data

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if self.content is not None and self.file is not None:
            raise BadValue("`file` beside `content`", "a file has one content", "take one of them away")
        return self

    @property
    def source(self) -> Content | None:
        """Its content, however it was written."""
        return Content(file=self.file) if self.file is not None else self.content


class CloudInit(Model):
    """Data of the NoCloud source."""

    hostname: DnsName | None = declared("Host name; without it the VM's name.", effect="creation")
    fqdn: DnsName | None = declared("Full name with domain.", effect="creation")
    timezone: TimeZone | None = declared("Time zone, such as Europe/Vienna.", effect="creation")
    locale: Line | None = declared("Locale, such as de_AT.UTF-8.", effect="creation")
    users: tuple[User, ...] | None = declared("Users to make.", effect="creation")
    default_user: Yes | None = declared("Keep the image's own user beside `users`.", effect="creation")
    ssh_password_login: Yes | None = declared("Whether ssh takes passwords.", effect="creation")
    package_update: Yes | None = declared("Fetch the lists of packages first.", effect="creation")
    package_upgrade: Yes | None = declared("Upgrade what is installed.", effect="creation")
    packages: tuple[str, ...] | None = declared("Packages to install.", effect="creation")
    write_files: Annotated[tuple[WriteFile, ...] | None, Unit("files")] = declared("Files to write.", effect="creation")
    boot_commands: tuple[Command, ...] | None = declared("Commands early in every boot.", effect="creation")
    run_commands: tuple[Command, ...] | None = declared("Commands of the first boot.", effect="creation")
    network: tuple[GuestNic, ...] | None = declared(
        "Addresses by NIC, in short; NICs that it does not name ask DHCP.", effect="creation"
    )
    user_data: Content | None = declared(
        "The whole user-data, in place of users, packages, files and commands.", effect="creation"
    )
    vendor_data: Content | None = declared("vendor-data, which user-data goes before.", effect="creation")
    network_config: FreeMapping | None = declared(
        "network-config of version 1 or 2, as cloud-init documents it, in place of `network`.", effect="creation"
    )
    meta_data: FreeMapping | None = declared("More of meta-data.", effect="creation")
