"""Exported XML files read as a host: domains, networks and pools of `virsh dumpxml`, or of /etc/libvirt itself.

In: texts by label. Out: a SeenHost without anything running, the rest of each domain, and why a text was passed over.
Nothing is contacted. Called by reconciler/cli/import_sources.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml import etree

from drivers.libvirt.domain import read
from drivers.libvirt.domain.rest import rest
from drivers.libvirt.domain.tree import without_passwords
from drivers.libvirt.network.read import read as read_network
from drivers.libvirt.storage.document import read_pool
from drivers.seen import Power, Rest, SeenHost, SeenNetwork, SeenPool, SeenVm
from specs.structs import Struct, field

_HEAD = re.compile(r"\s*(?:<\?xml[^>]*\?>)?\s*(?:<!--.*?-->\s*)*<(?P<tag>[A-Za-z]+)(?P<rest>[^>]*)>", re.DOTALL)
_HEAD_LENGTH = 20_000
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")


class Exported(Struct, kw_only=True):
    """What the files hold. `passed`: label → why nothing was taken from it. `running`: uuids exported while running."""

    vms: list[SeenVm] = field(default_factory=list)
    networks: list[SeenNetwork] = field(default_factory=list)
    pools: list[SeenPool] = field(default_factory=list)
    rests: dict[str, Rest] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    passed: dict[str, str] = field(default_factory=dict)

    def host(self, name: str) -> SeenHost:
        """All of it as the reading of one host."""
        return SeenHost(name=name, uuid="", vms=tuple(self.vms), networks=tuple(self.networks), pools=tuple(self.pools))


def read_files(texts: Iterable[tuple[str, str]]) -> Exported:
    """Reads (label, text) pairs; whatever a text holds, it only ever ends up in `passed`."""
    found = Exported()
    for label, text in texts:
        head = _HEAD.match(text.lstrip()[:_HEAD_LENGTH])
        if head is None:
            found.passed[label] = "it is no XML"
            continue
        body = _DECLARATION.sub("", text, count=1).lstrip()
        try:
            _take(found, head["tag"], " id=" in head["rest"], body)
        except (ValueError, etree.LxmlError) as problem:
            found.passed[label] = without_passwords(str(problem))[:300]
        else:
            if head["tag"] not in ("domain", "network", "pool"):
                found.passed[label] = f"it describes a {head['tag']}, not a domain, network or pool"
    return found


def _take(found: Exported, tag: str, running: bool, text: str) -> None:
    if tag == "domain":
        seen = read(text, None)
        if not seen.uuid or not seen.name:
            raise ValueError("the domain has no name or no uuid; export it with `virsh dumpxml`")
        found.rests[seen.uuid] = rest(_bare(text))
        if running:
            found.running.add(seen.uuid)
        found.vms.append(
            SeenVm(
                name=seen.name, uuid=seen.uuid, power=Power.STOPPED, config=seen.config, mark=seen.mark,
                mark_damaged=seen.mark_damaged, unnamed=seen.unnamed, aliases=seen.aliases, targets=seen.targets,
                definition=seen.definition,
            )
        )  # fmt: skip
    elif tag == "network":
        view = read_network(text, None)
        found.networks.append(
            SeenNetwork(
                name=view.name, uuid=view.uuid, active=True, config=view.config, mark=view.mark,
                definition=view.definition,
            )
        )  # fmt: skip
    elif tag == "pool":
        found.pools.append(read_pool(text, active=True, autostart=True))


def _bare(text: str) -> str:
    """Without passwords: what an export with `--security-info` must not carry into a patch."""
    return re.sub(r"""\s+passwd=(?:"[^"]*"|'[^']*')""", "", text)
