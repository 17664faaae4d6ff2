"""Content: a text that is written in the YAML, taken from a file of the repository, or a secret.

Used by what a guest is told at its first boot. Files are read when the repository is loaded (specs/texts.py), so the
text is that of the revision; secrets are read when they are needed.
"""

from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, model_validator

from specs.errors import BadValue
from specs.kinds.common import check_sources
from specs.model import Model, Unit, declared


def _text(value: Any) -> Any:
    """Texts only: a number or a mapping in the place of a text is a slip."""
    if value is not None and not isinstance(value, str):
        raise BadValue("this is not text", fix="quote it, or write a block after `|`")
    return value


class Content(Model):
    """`TEXT`, `{file: PATH}`, `{secret: NAME/KEY}` or `{env: VARIABLE}`."""

    shorthand: ClassVar[tuple[str, ...]] = ("text",)
    leaf: ClassVar[bool] = True

    text: Annotated[str | None, BeforeValidator(_text), Unit("text")] = declared("The text itself.", effect="creation")
    file: str | None = declared("File of the repository with the text, relative to this document.", effect="creation")
    secret: str | None = declared(
        "NAME/KEY: a value of an encrypted file that the Repository names in `secrets:`.", effect="creation"
    )
    env: str | None = declared("Environment variable of gitvirt that has the text, a secret.", effect="creation")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(each is not None for each in (self.text, self.file, self.secret, self.env)) != 1:
            raise BadValue("this needs exactly one source", fix="write the text, `{file: …}` or `{secret: NAME/KEY}`")
        check_sources(self.env, self.secret)
        return self

    @property
    def hidden(self) -> bool:
        """Whether the text is a secret."""
        return self.secret is not None or self.env is not None
