"""Objects: what the faces list and show, by kind, Kubernetes-shaped. Pure.

    {apiVersion, kind, metadata: {name, labels, uid, generation}, spec: {as declared}, status: {conditions, …}}

A new kind is a function in kinds/ and one line in `LISTINGS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from reconciler.errors import UsageError
from reconciler.status.kinds import affinity, cluster, declared, host, macpool, network, storage, volume
from reconciler.status.kinds.vm import vm
from reconciler.status.situation import VM, Situation
from reconciler.status.values import deed
from specs.catalog import Catalog
from specs.errors import BadReference, did_you_mean
from specs.kinds import API_VERSION
from specs.resource import SHORT_NAMES, kind_named
from specs.structs import Struct

Object = dict[str, Any]


class Listing(Struct, frozen=True, kw_only=True):
    """One kind that can be listed. `plural` is what people type; one of `look` (needs hosts) and `offline`."""

    kind: str
    plural: str
    look: Callable[[Situation], Iterable[Object]] | None = None
    offline: Callable[[Catalog], Iterable[Object]] | None = None

    @property
    def short(self) -> str:
        """As in `vm/web`; for what cannot be declared, the kind in lower case."""
        return SHORT_NAMES.get(self.kind, self.kind.lower())

    def objects(self, catalog: Catalog, situation: Situation | None) -> list[Object]:
        """All objects of this kind; `situation` may be None for kinds that need no hosts."""
        if self.offline is not None:
            found = self.offline(catalog)
        else:
            assert self.look is not None
            assert situation is not None
            found = self.look(situation)
        return [{"apiVersion": API_VERSION, "kind": self.kind, **each} for each in found]


def machines(situation: Situation) -> list[Object]:
    """Declared VMs and ours that are to be deleted."""
    return [vm(each, situation) for each in situation.machines]


def foreign(situation: Situation) -> list[Object]:
    """VMs that are not ours."""
    return [{"apiVersion": API_VERSION, "kind": VM, **vm(each, situation)} for each in situation.foreign]


LISTINGS: tuple[Listing, ...] = (
    Listing(kind="DataCenter", plural="dcs", offline=declared.datacenters),
    Listing(kind="Cluster", plural="clusters", look=cluster.clusters),
    Listing(kind="Host", plural="hosts", look=host.hosts),
    Listing(kind="MacPool", plural="macpools", look=macpool.mac_pools),
    Listing(kind="Network", plural="networks", look=network.networks),
    Listing(kind="StorageDomain", plural="sds", look=storage.domains),
    Listing(kind="Image", plural="images", look=storage.images),
    Listing(kind="InstanceType", plural="instancetypes", offline=declared.instance_types),
    Listing(kind=VM, plural="vms", look=machines),
    Listing(kind="SchedulingPolicy", plural="schedulingpolicies", offline=declared.scheduling_policies),
    Listing(kind="AffinityGroup", plural="affinitygroups", look=affinity.groups),
    Listing(kind="Volume", plural="volumes", look=volume.volumes),
    Listing(kind="Trash", plural="trash", look=volume.trash),
)
EVERYTHING = tuple(each for each in LISTINGS if each.kind not in ("Volume", "Trash"))
"""What `all` means."""

_BY_KIND = {each.kind: each for each in LISTINGS}
_WORDS = {"volume": "Volume", "volumes": "Volume", "trash": "Trash"}


def listing(word: str) -> Listing:
    """The kind that `vms`, `vm` or `VirtualMachine` means; UsageError with "did you mean" for anything else."""
    try:
        return _BY_KIND[_WORDS.get(word.lower()) or kind_named(word)]
    except (BadReference, KeyError):
        known = [each.plural for each in LISTINGS]
        hint = did_you_mean(word, [*known, *(each.short for each in LISTINGS), *_BY_KIND])
        text = f"there is no kind `{word}` to list; " + (hint or f"kinds are {', '.join(known)}, all")
        raise UsageError(text) from None


def is_kind(word: str) -> bool:
    """Whether the word is a kind that can be listed."""
    try:
        listing(word)
    except UsageError:
        return False
    return True


def name(item: Object) -> str:
    """`vm/web`."""
    found = _BY_KIND[str(item["kind"])]
    return str(item["status"]["ref"]) if found.kind == "Trash" else f"{found.short}/{item['metadata']['name']}"


def condition(item: Object, kind: str) -> dict[str, str]:
    """One condition of an object; {} if it has none of that type."""
    conditions: list[dict[str, str]] = item["status"].get("conditions", [])
    return next((each for each in conditions if each["type"] == kind), {})


def remarks(item: Object) -> list[str]:
    """What is to be known about an object, in a few words each: the conditions that are not as they should be."""
    status = item["status"]
    said = []
    if condition(item, "Ready").get("reason") in ("DefinedTwice", "NotDeclared"):
        said.append(
            {"DefinedTwice": "defined twice", "NotDeclared": "no longer declared"}[condition(item, "Ready")["reason"]]
        )
    told = (("OnHold", "on hold"), ("Held", "held"), ("Drifted", "drifted"), ("PendingRestart", "pending restart"))
    for kind, words in told:
        found = condition(item, kind)
        if found.get("status") == "True" and found["reason"] != "OnHold":
            said.append(f"{words} ({found['reason']})" if kind == "Held" else words)
    if condition(item, "InSync").get("reason", "").startswith("To"):
        said.append("change due")
    for each in status.get("overrides", ()):
        if each["kind"] != "hold":
            said.append(f"{deed(each)} by {each.get('author', 'an operator')}")
    return said
