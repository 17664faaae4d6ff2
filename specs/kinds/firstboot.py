"""Ignition: the first boot of systems made for containers. Used when the VM is made; later edits are a note."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, WithJsonSchema, model_validator

from specs.errors import BadValue
from specs.kinds.common import check_sources
from specs.kinds.content import Content
from specs.model import Model, Unit, declared


def _config(value: Any) -> Any:
    if value is not None and not isinstance(value, dict | str):
        raise BadValue("this is no Ignition config", fix="write a mapping, JSON as text, or `file:`")
    return value


class Ignition(Model):
    """Configuration of Fedora CoreOS, Flatcar and openSUSE MicroOS, handed over by QEMU's fw_cfg."""

    shorthand: ClassVar[tuple[str, ...]] = ("config",)
    leaf: ClassVar[bool] = True

    config: Annotated[
        Mapping[str, Any] | str | None,
        BeforeValidator(_config),
        WithJsonSchema({"type": ["object", "string"]}),
        Unit("mapping or JSON"),
    ] = declared("The config: a mapping, or JSON as text.", effect="creation")
    file: str | None = declared("File of the repository with the JSON.", effect="creation")
    secret: str | None = declared(
        "NAME/KEY: the JSON is a secret, of a source that the Repository names.", effect="creation"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.config, self.file, self.secret)) != 1:
            raise BadValue("Ignition needs exactly one config", fix="write `config:`, `file:` or `secret:`")
        check_sources(None, self.secret)
        return self

    @property
    def source(self) -> Content | None:
        """The config as text; None if it is written as a mapping."""
        if self.file is not None or self.secret is not None:
            return Content(file=self.file, secret=self.secret)
        return Content(text=self.config) if isinstance(self.config, str) else None
