"""Custom properties, as YAML writes them (specs/properties.py has their canonical text)."""

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from specs import properties
from specs.model import Unit

_VALUE = {"type": "string", "maxLength": properties.LONGEST}
_MAPPING = {
    "type": "object",
    "maxProperties": properties.MOST,
    "propertyNames": {"pattern": f"^{properties.KEY}$"},
    "additionalProperties": _VALUE,
}

Properties = Annotated[
    str,
    BeforeValidator(properties.parse),
    Unit("mapping of name to text, such as `{purpose: test}`"),
    WithJsonSchema({"anyOf": [_MAPPING, {"type": "string"}]}),
]
