"""Settings: what belongs to this machine and never to Git: keys and certificates by name, the state directory, limits.

In: `${GITVIRT_CONFIG:-~/.config/gitvirt/settings.yaml}` and the files of `settings.d/` beside it. Out: `Settings`,
plain values; a Host's URI names a PKI or a key (`pkipath=lab`), and `access` gives the paths that belong to the names.
Called by reconciler/app and the commands. Every fault is a SettingsError with its place.

    pki:
      lab: {path: /etc/gitvirt/pki/lab}                # cacert.pem, clientcert.pem, clientkey.pem
    ssh:
      ops: {keyfile: /etc/gitvirt/ops.key, known_hosts: /etc/gitvirt/known_hosts}
    git:
      acme: {url: https://git.acme.lan/, username: bot, token_file: /etc/gitvirt/git.token}
    folders: [/srv/images]                             # `file:` sources outside of the repository may be in here
    environment: [VNC_PASSWORD]                        # what `{env: …}` may name besides GITVIRT_SECRET_*
    age_keys: [/etc/gitvirt/age.key]                   # what opens the files of `secrets:`
    state: /var/lib/gitvirt
    timeouts: {connect: 10s, call: 30s, git: 60s}
    concurrency: {host: 8, total: 256}
    images: {hosts: [mirror.lan], proxy: "http://proxy.lan:3128", largest: 256GiB, keep: 7d}
"""

import os
import stat
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from reconciler.errors import SettingsError
from specs.structs import Struct
from specs.units import parse_duration, parse_size
from specs.yaml import Node, parse

VARIABLE = "GITVIRT_CONFIG"


def _absolute(text: str) -> str:
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return str(path)


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
Seconds = Annotated[int, BeforeValidator(parse_duration), Field(ge=1, le=86400)]
Limit = Annotated[int, Field(ge=1, le=4096, strict=True)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Pki(_Section):
    """A folder with cacert.pem, clientcert.pem and clientkey.pem."""

    path: AbsolutePath


class Ssh(_Section):
    """A private key, and the host keys to accept; what is left out is as the user's ssh has it."""

    keyfile: AbsolutePath | None = None
    known_hosts: AbsolutePath | None = None


class GitLogin(_Section):
    """How to log in to the Git servers whose URL begins with `url`."""

    url: str
    keyfile: AbsolutePath | None = None
    known_hosts: AbsolutePath | None = None
    username: str = ""
    token_file: AbsolutePath | None = None


class Images(_Section):
    """How images are fetched: servers that may have inner addresses, a proxy, more CAs, and bounds."""

    hosts: tuple[str, ...] = ()
    proxy: str = ""
    authorities: AbsolutePath | None = None
    stall: Seconds = 30
    largest: Annotated[int, BeforeValidator(parse_size), Field(ge=1 << 20)] = 256 << 30
    keep: Annotated[int, BeforeValidator(parse_duration), Field(ge=0)] = 7 * 86400


class Observations(_Section):
    """What an observation in a file has to be like: signed by one of `signers` (a file of ssh), how old."""

    signers: AbsolutePath | None = None
    max_age: Seconds | None = None


class Timeouts(_Section):
    """Seconds after which a connection, a call, or a fetch is given up."""

    connect: Seconds = 10
    call: Seconds = 30
    git: Seconds = 60


class Concurrency(_Section):
    """How many steps and calls may be under way at once."""

    host: Limit = 8
    total: Limit = 256
    storage: Limit = 2


class HostAccess(Struct, frozen=True, kw_only=True):
    """How to reach one host, as plain values; None where libvirt and ssh shall use their own places."""

    uri: str
    pki: Path | None
    keyfile: Path | None
    known_hosts: Path | None


class Settings(_Section):
    """All local settings. `files` are those that were read."""

    pki: dict[str, Pki] = {}
    ssh: dict[str, Ssh] = {}
    git: dict[str, GitLogin] = {}
    folders: tuple[AbsolutePath, ...] = ()
    environment: tuple[str, ...] = ()
    age_keys: tuple[AbsolutePath, ...] = ()
    state: AbsolutePath = "~/.local/state/gitvirt"
    timeouts: Timeouts = Timeouts()
    concurrency: Concurrency = Concurrency()
    images: Images = Images()
    observations: Observations = Observations()
    files: tuple[str, ...] = Field(default=(), exclude=True)

    @property
    def state_folder(self) -> Path:
        """Where the key, locks and the copies of remote repositories are; made on first use by who writes there."""
        return Path(self.state).expanduser()

    @property
    def age_key_files(self) -> tuple[Path, ...]:
        """The files with our age keys; without a word about them, those that the sops program uses."""
        if self.age_keys:
            return tuple(map(Path, self.age_keys))
        if named := os.environ.get("SOPS_AGE_KEY_FILE"):
            return (Path(named).expanduser(),)
        usual = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "sops" / "age" / "keys.txt"
        return (usual,) if usual.exists() else ()

    def access(self, uri: str) -> HostAccess:
        """The URI without what only this machine can know, and the paths that its names stand for."""
        base, _, query = uri.partition("?")
        named = dict(parse_qsl(query, keep_blank_values=True))
        pki = self._named("pki", self.pki, named.pop("pkipath", None), uri)
        keys = self._named("ssh", self.ssh, named.pop("keyfile", None), uri)
        hosts = self._named("ssh", self.ssh, named.pop("known_hosts", None), uri) or keys
        return HostAccess(
            uri=f"{base}?{urlencode(named)}" if named else base,
            pki=_path(pki.path if pki else None),
            keyfile=_path(keys.keyfile if keys else None),
            known_hosts=_path(hosts.known_hosts if hosts else None),
        )

    def git_login(self, url: str) -> GitLogin | None:
        """The entry for that repository: of those whose `url` it is or lies below, the longest."""
        found = [each for each in self.git.values() if url == each.url or url.startswith(each.url.rstrip("/") + "/")]
        return max(found, key=lambda each: len(each.url), default=None)

    def _named(self, section: str, entries: dict[str, Any], name: str | None, uri: str) -> Any:
        if name is None:
            return None
        if name not in entries:
            known = f"known: {', '.join(sorted(entries))}" if entries else f"there is no `{section}:` at all"
            raise SettingsError(
                f"{uri}: `{name}` is not in `{section}:` of the local settings ({known}); "
                f"add it to {self.files[-1] if self.files else config_file()}"
            )
        return entries[name]


def config_file() -> Path:
    """The main settings file, whether it exists or not."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "gitvirt" / "settings.yaml"


def load(file: Path | None = None) -> Settings:
    """Reads the settings; a missing default file means defaults, a missing named file is an error."""
    main = file or config_file()
    if not main.exists() and (file is not None or os.environ.get(VARIABLE)):
        raise SettingsError(f"{main}: there is no such file (named by {VARIABLE if file is None else 'the caller'})")
    paths = [main] if main.exists() else []
    paths += sorted(main.parent.glob("settings.d/*.yaml"))
    merged: dict[str, Node] = {}
    for path in paths:
        _merge(merged, _document(path))
    try:
        return Settings.model_validate(
            {**{key: _plain(node) for key, node in merged.items()}, "files": paths_of(paths)}
        )
    except ValidationError as error:
        raise SettingsError("\n".join(_fault(each, merged, main) for each in error.errors())) from None


def paths_of(paths: list[Path]) -> tuple[str, ...]:
    """As text, for messages."""
    return tuple(map(str, paths))


def _document(path: Path) -> dict[str, Node]:
    try:
        if path.stat().st_mode & stat.S_IWOTH:
            raise SettingsError(f"{path}: everybody can write to it, so it cannot be trusted; chmod o-w {path}")
        parsed = parse(str(path), path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    if parsed.findings:
        raise SettingsError("\n".join(map(str, parsed.findings)))
    if len(parsed.documents) > 1:
        raise SettingsError(f"{path}: has {len(parsed.documents)} documents; settings are one")
    content = parsed.documents[0].value if parsed.documents else {}
    if not isinstance(content, dict):
        raise SettingsError(f"{path}:1: must be a mapping, such as `state: /var/lib/gitvirt`")
    if "files" in content:
        raise SettingsError(f"{content['files'].place} files: unknown setting")
    return content


def _merge(into: dict[str, Node], more: dict[str, Node]) -> None:
    """Mappings merge, anything else is replaced: what comes later in the alphabet counts."""
    for key, node in more.items():
        before = into.get(key)
        if before is not None and isinstance(before.value, dict) and isinstance(node.value, dict):
            both = dict(before.value)
            _merge(both, node.value)
            into[key] = Node(both, node.place)
        else:
            into[key] = node


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain(each) for key, each in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(each) for each in node.value]
    return node.value


def _fault(error: Any, merged: dict[str, Node], main: Path) -> str:
    """`file:line:column path: what is wrong`, as for specifications."""
    place, content = str(main), merged
    for part in error["loc"]:
        if not isinstance(content, dict) or part not in content:
            break
        place, content = str(content[part].place), content[part].value  # type: ignore[assignment]
    path = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return f"{place} {path}: unknown setting"
    return f"{place} {path}: {error['msg'].removeprefix('Value error, ')}"


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
