"""XmlPatch: one change of libvirt's XML, for what has no field yet.

Only its form is checked here (bounded, well-formed, no document type, no entities); whether it fits is the driver's
and libvirt's to say.
"""

import re
from typing import ClassVar, Self

from pydantic import model_validator

from specs.errors import BadValue
from specs.model import Model, Yes, declared

LONGEST = 16 * 1024
_XPATH = re.compile(r"[A-Za-z0-9_./:@\[\]='\" *()|-]{1,300}", re.ASCII)


class XmlPatch(Model):
    """`{at: XPath, add: XML}`, `{at: XPath, set: text}` or `{at: XPath, remove: true}`."""

    leaf: ClassVar[bool] = True

    at: str = declared(
        "XPath of the element or attribute, from the domain: `./devices`.", effect="restart", required=True
    )
    add: str | None = declared("XML of an element to put there.", effect="restart")
    set: str | None = declared("New text of that element or attribute.", effect="restart")
    remove: Yes | None = declared("Take it away.", effect="restart")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        deeds = [self.add is not None, self.set is not None, self.remove is True]
        if sum(deeds) != 1 or self.remove is False:
            raise BadValue("a patch does one thing", fix="write one of `add:`, `set:` and `remove: true`")
        if not _XPATH.fullmatch(self.at) or not self.at.startswith((".", "@")):
            raise BadValue(f"`at: {self.at[:60]}` is no path in the domain", fix="begin with `./`, such as `./devices`")
        if self.at.split("/", 1)[0] == ".." or "/.." in self.at:
            raise BadValue("`at:` leads out of the domain", fix="begin with `./` and do not use `..`")
        if self.add is not None:
            _check_xml(self.add)
        if self.set is not None and re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", self.set):
            raise BadValue("`set:` has control characters", fix="take them away")
        return self


def _check_xml(text: str) -> None:
    if len(text) > LONGEST:
        raise BadValue(f"this XML has {len(text)} characters", f"the limit is {LONGEST}")
    if "<!" in text.replace("<!--", "") or "<?" in text:
        raise BadValue(
            "this XML has a declaration", "document types and processing instructions are refused", "take it away"
        )
    from xml.etree import ElementTree  # few repositories have patches

    try:
        ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        line, column = error.position
        why = str(error).split(":")[0]
        raise BadValue(
            "this is not well-formed XML", f"{why} in line {line}, column {column + 1}", "write one element"
        ) from None
    except ValueError as error:
        raise BadValue("this is not well-formed XML", str(error)) from None
