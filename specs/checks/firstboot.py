"""First boot: texts that are what they claim to be, NICs that exist, secrets that are named.

A fault inside a file is told with that file and its line; inside a text of the YAML, with the line within the text.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from specs import texts
from specs.checks.scope import Scope, doubtful, wrong
from specs.errors import Finding, Location, did_you_mean
from specs.kinds.common import SecretRef
from specs.kinds.content import Content
from specs.resource import Resource
from specs.tree import within
from specs.yaml import parse

_SCRIPTS = ("#!", "#include", "#cloud-boothook", "#part-handler", "#cloud-config-archive", "## template:", "Content-")
_PART_OF_USER_DATA: Mapping[str, str] = {
    "users": "users", "packages": "packages", "writeFiles": "write_files", "runCommands": "run_commands",
    "bootCommands": "boot_commands", "timezone": "timezone", "locale": "locale", "defaultUser": "default_user",
    "sshPasswordLogin": "ssh_password_login", "packageUpdate": "package_update", "fqdn": "fqdn",
    "packageUpgrade": "package_upgrade",
}  # fmt: skip


def findings(scope: Scope, vm: Resource) -> Iterator[Finding]:
    """What is wrong with the first boot of a VM, and with its references to secrets."""
    yield from _ways(vm)
    yield from _cloud_init(vm)
    if vm.spec.ignition is not None and isinstance(vm.spec.ignition.config, Mapping):
        yield from _ignition_config(vm, vm.spec.ignition.config)
    for place in texts.places(vm):
        yield from _text(scope, vm, place)
        yield from _named(scope, vm, place.path, place.content)


def secret(scope: Scope, vm: Resource, path: str, ref: SecretRef) -> Iterator[Finding]:
    """What is wrong with one reference to a secret."""
    if ref.value is not None:
        why = "everybody who can read the repository can read it"
        yield doubtful(vm, path, "a secret in plain text", why, "write `{secret: NAME/KEY}`, `{file: …}` or `{env: …}`")
    yield from _named(scope, vm, path, ref)
    if ref.file is None or ref.file.startswith("/"):
        return
    if within(posixpath.dirname(vm.where(path).file), ref.file) is None:
        why = "only files of the repository, or of folders allowed locally, are read"
        yield wrong(vm, path, "this file is outside of the repository", why, "use another file")


def _named(scope: Scope, vm: Resource, path: str, ref: SecretRef | Content) -> Iterator[Finding]:
    if ref.secret is None:
        return
    sources = {each.name: each for each in scope.catalog.repository.spec.secrets or ()}
    name, slash, _ = ref.secret.partition("/")
    if name not in sources:
        fix = did_you_mean(name, sources) or f"write it into gitvirt.yaml: `secrets: {{{name}: {{sops: FILE}}}}`"
        yield wrong(vm, path, f"there is no source of secrets `{name}`", "the Repository names them", fix)
    elif not slash and sources[name].sops is not None:
        yield wrong(vm, path, f"`{name}` has several secrets", "it is a SOPS file", f"write `{name}/KEY`")


def _ways(vm: Resource) -> Iterator[Finding]:
    ways = {"cloudInit": vm.spec.cloud_init, "ignition": vm.spec.ignition, "sysprep": vm.spec.sysprep}
    told = [name for name, value in ways.items() if value is not None]
    if len(told) > 1:
        yield wrong(vm, told[1], f"`{told[1]}` beside `{told[0]}`", "a guest is told in one way", "take one away")


def _cloud_init(vm: Resource) -> Iterator[Finding]:
    init = vm.spec.cloud_init
    if init is None:
        return
    for field, name in _PART_OF_USER_DATA.items() if init.user_data is not None else ():
        if getattr(init, name) is not None:
            path, why = f"cloudInit.{field}", "`userData` is the whole text"
            yield wrong(vm, path, f"`{field}` beside `userData`", why, "write it there, or take `userData` away")
    if init.network is not None and init.network_config is not None:
        why = "both say what network-config is"
        yield wrong(vm, "cloudInit.network", "`network` beside `networkConfig`", why, "take one away")
    if init.network_config is not None:
        yield from _network_config(vm, init.network_config)
    yield from _nics(vm, init.network or ())


def _network_config(vm: Resource, config: Mapping[str, Any]) -> Iterator[Finding]:
    path = "cloudInit.networkConfig"
    inner = config.get("network", config)
    version = inner.get("version") if isinstance(inner, Mapping) else None
    if version not in (1, 2):
        yield wrong(vm, path, "no `version: 1` or `version: 2`", "cloud-init knows these two", "write `version: 2`")
    elif version == 1 and not isinstance(inner.get("config"), list):
        yield wrong(vm, path, "version 1 without a list `config`", fix="write `config:` with a list of interfaces")
    elif version == 2:
        known = {"ethernets", "bonds", "bridges", "vlans", "renderer", "version"}
        for key in sorted(map(str, inner.keys() - known)):
            fix = did_you_mean(key, known)
            yield doubtful(vm, path, f"cloud-init does not know `{key[:40]}` here", fix=fix)


def _nics(vm: Resource, nics: tuple[Any, ...]) -> Iterator[Finding]:
    known = [each.name for each in vm.spec.nics or ()]
    for nic in nics:
        path = f"cloudInit.network[{nic.name}]"
        if nic.name not in known:
            fix = did_you_mean(nic.name, known) or f"NICs are: {', '.join(known) or 'none'}"
            yield wrong(vm, path, f"the VM has no NIC `{nic.name}`", "they are matched by name", fix)
        if nic.mode == "static" and not nic.addresses:
            yield wrong(vm, path, "a static NIC without addresses", fix="write `addresses: [192.168.150.20/24]`")
        if nic.mode == "off" and nic.addresses:
            yield wrong(vm, path, "addresses on a NIC that is off", fix="take one of them away")
        for name, version in (("gateway", 4), ("gateway6", 6)):
            value = getattr(nic, name)
            if value is not None and (":" in str(value)) != (version == 6):
                yield wrong(
                    vm, f"{path}.{name}", f"`{value}` is not IPv{version}", fix="use the other of the two fields"
                )


def _text(scope: Scope, vm: Resource, place: texts.Place) -> Iterator[Finding]:
    try:
        text = texts.text_of(place, scope.catalog.contents)
    except UnicodeDecodeError:
        yield wrong(vm, place.path, f"`{place.file}` is no text in UTF-8", fix="convert it")
        return
    if text is None:
        return
    if place.format == "user-data":
        yield from _user_data(vm, place, text)
    elif place.format == "json":
        yield from _ignition(vm, place, text)
    elif place.format == "xml":
        yield from _xml(vm, place, text)


def _user_data(vm: Resource, place: texts.Place, text: str) -> Iterator[Finding]:
    first = text.split("\n", 1)[0]
    if first.rstrip() != "#cloud-config":
        if not first.startswith(_SCRIPTS) and not text.startswith("MIME"):
            why = f"it begins with `{first[:30]}`"
            fix = "begin with `#cloud-config` for YAML, `#!/bin/sh` for a script"
            yield _at(vm, place, (1, 1), "cloud-init would not know what this is", why, fix)
        return
    parsed = parse(place.file or vm.where(place.path).file, text.encode())
    for each in parsed.findings:
        yield _at(vm, place, (each.where.line, each.where.column), each.what, each.why, each.fix)
    if not parsed.findings and (len(parsed.documents) != 1 or not isinstance(parsed.documents[0].value, dict)):
        yield _at(
            vm, place, (1, 1), "cloud-config is one mapping", fix="write `key: value` lines below `#cloud-config`"
        )


def _ignition(vm: Resource, place: texts.Place, text: str) -> Iterator[Finding]:
    try:
        config = json.loads(text)
    except ValueError as error:
        line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        fix = "Butane YAML is turned into it by `butane`"
        yield _at(vm, place, (line, column), "this is no JSON", getattr(error, "msg", ""), fix)
        return
    except RecursionError:
        yield _at(vm, place, (1, 1), "this JSON is nested too deeply")
        return
    yield from _ignition_config(vm, config)


def _ignition_config(vm: Resource, config: Any) -> Iterator[Finding]:
    """What is wrong with a config as a value."""
    version = config.get("ignition", {}) if isinstance(config, Mapping) else None
    if not isinstance(version, Mapping) or not isinstance(version.get("version"), str):
        fix = 'write `ignition: {version: "3.4.0"}` at its top'
        yield wrong(vm, "ignition", "an Ignition config says its version", fix=fix)


def _xml(vm: Resource, place: texts.Place, text: str) -> Iterator[Finding]:
    from xml.etree import ElementTree  # few repositories have answer files

    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        yield _at(vm, place, (1, 1), "an answer file has no document type", fix="take it away")
        return
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        line, column = error.position
        yield _at(vm, place, (line, column + 1), "this is not well-formed XML", str(error).split(":")[0])
        return
    except ValueError as error:
        yield _at(vm, place, (1, 1), "this is not well-formed XML", str(error))
        return
    if root.tag.rpartition("}")[2] != "unattend":
        yield _at(vm, place, (1, 1), f"this is `<{root.tag[:40]}>`, no answer file", fix="its root is `<unattend>`")


def _at(vm: Resource, place: texts.Place, at: tuple[int, int], what: str, why: str = "", fix: str = "") -> Finding:
    """At the line of the file; for a text in the YAML at that text, naming the line within."""
    if place.file is not None:
        return Finding(where=Location(place.file, *at), path=place.path, what=what, why=why, fix=fix)
    told = f"line {at[0]} of this text: {what}"
    return Finding(where=vm.where(place.path), path=place.path, what=told, why=why, fix=fix)
