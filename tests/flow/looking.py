"""What tests of the verbs that look ask of a site: a situation, a VM's item, its conditions."""

from __future__ import annotations

from typing import Any

from drivers.mark import Override
from reconciler.status import objects
from reconciler.status.sections import Section
from reconciler.status.situation import Situation
from specs.resource import Ref
from tests.flow.site import Site


def situation(site: Site, **holds: Override) -> Situation:
    looked = site.look()
    return Situation(catalog=site.revision_now().catalog, context=looked.context, plan=looked.plan)


def machine(site: Site, name: str) -> dict[str, Any]:
    return next(each for each in objects.machines(situation(site)) if each["metadata"]["name"] == name)


def truth(item: dict[str, Any]) -> dict[str, str]:
    """Condition → status."""
    return {each["type"]: each["status"] for each in item["status"]["conditions"]}


def condition(item: dict[str, Any], kind: str) -> dict[str, str]:
    return objects.condition({"kind": "VirtualMachine", **item}, kind)


def text(sections: list[Section]) -> str:
    return "\n".join(" ".join(cell for cell in row) for each in sections for row in [[each.title], *each.rows])


def ref(name: str) -> Ref:
    return Ref.parse(f"vm/{name}")
