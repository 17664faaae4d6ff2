"""One run with other settings: the XML that is started in place of the definition, and what it says of itself.

Pure. libvirt keeps the definition of a persistent domain that is started from other XML. Which fields are other ones
stands in that XML's metadata alone, so that it is gone with the run; marks.py reads it. Called by powers.py.
"""

from __future__ import annotations

import json

from drivers.base import Once
from drivers.libvirt.domain import definition as definitions
from drivers.libvirt.domain import marks
from drivers.libvirt.domain.reading import mark_of
from drivers.libvirt.domain.tree import parse_to_edit, write


def definition(inactive: str, once: Once) -> str:
    """The definition with the fields of this run. Raises CannotWrite and NotReadable."""
    domain = parse_to_edit(inactive)
    mark, _ = mark_of(domain)
    definitions.alter(domain, once.fields, mark.devices if mark is not None else {})
    marks.put(domain, marks.ONCE_TAG, marks.ONCE_PREFIX, marks.escaped(json.dumps(sorted(once.fields))))
    return write(domain)
