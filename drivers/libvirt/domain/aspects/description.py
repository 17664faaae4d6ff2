"""Description: the text of `<description>`, changed live through the domain's metadata."""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element, put_text
from specs.fields import Scalar


def _read(element: Element, draft: Draft) -> None:
    if element.text:
        draft.fields["description"] = element.text


def _write(domain: Element, value: Scalar) -> None:
    put_text(domain, "description", value or None)


def _live(running: Running, path: str, value: Scalar) -> None:
    running.describe(str(value) if value else None)


ASPECT = Aspect(domain={"description": _read}, write={"description": _write}, live={"description": _live})
