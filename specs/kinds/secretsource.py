"""SecretSource: an encrypted file of the repository that `{secret: NAME/KEY}` refers to.

The keys that open it belong to the local settings (`age_keys:`), never to Git.
"""

from typing import Self

from pydantic import model_validator

from specs.errors import BadValue
from specs.model import Named, declared


class SecretSource(Named):
    """One encrypted file; its path is relative to gitvirt.yaml."""

    sops: str | None = declared("YAML or JSON file that SOPS encrypted for age keys.", effect="policy")
    age: str | None = declared("File that age encrypted as a whole: one secret, or YAML with several.", effect="policy")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.sops is None) == (self.age is None):
            raise BadValue("a source of secrets is one file", fix="write `sops: FILE` or `age: FILE`")
        return self

    @property
    def path(self) -> str:
        """The file, as it is written."""
        return self.sops or self.age or ""
