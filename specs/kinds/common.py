"""Parts that several kinds share: drift modes, secrets, limits, checked text."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, PlainValidator, WithJsonSchema, model_validator

from specs.errors import BadValue
from specs.fields import Secret
from specs.model import Model, Unit, declared
from specs.structs import Struct

DriftMode = Literal["enforce", "warn", "accept", "ignore"]


class Drift(Model):
    """What to do about a value that was changed outside of Git."""

    shorthand: ClassVar[tuple[str, ...]] = ("default",)

    default: DriftMode | None = declared("Mode of every field that `fields` does not name.", effect="policy")
    fields: Annotated[Mapping[str, DriftMode] | None, Unit("mapping of path to mode")] = declared(
        "Mode of single fields, by path: `{memory: ignore, 'disks[root].cache': warn}`.", effect="policy"
    )


def _secret(value: object) -> Secret:
    if not isinstance(value, str) or not value:
        raise BadValue("a secret must be text", fix="quote it")
    return Secret(value)


class SecretRef(Model):
    """Where a secret comes from. A plain text in its place is the secret itself, which earns a warning."""

    shorthand: ClassVar[tuple[str, ...]] = ("value",)
    leaf: ClassVar[bool] = True

    file: str | None = declared(
        "File with the secret: in the repository or in a folder allowed locally.", effect="policy"
    )
    env: str | None = declared("Environment variable of gitvirt that has the secret.", effect="policy")
    secret: str | None = declared(
        "NAME/KEY: a value of an encrypted file that the Repository names in `secrets:`.", effect="policy"
    )
    value: Annotated[Secret, PlainValidator(_secret), WithJsonSchema({"type": "string"}), Unit("text")] | None = (
        declared("The secret itself. Everybody who can read the repository can read it.", effect="policy")
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(each is not None for each in (self.file, self.env, self.secret, self.value)) != 1:
            raise BadValue(
                "a secret needs exactly one source", fix="write `{secret: NAME/KEY}`, `{file: …}` or `{env: …}`"
            )
        check_sources(self.env, self.secret)
        return self


def check_sources(env: str | None, secret: str | None) -> None:
    """Raises BadValue for what is no name of a variable, or no NAME/KEY."""
    if env is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", env):
        raise BadValue("this is no name of an environment variable")
    if secret is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}(/[^/\x00-\x1f]{1,200}){0,8}", secret):
        raise BadValue(f"`{secret[:60]}` is no reference to a secret", fix="write `NAME/KEY`, such as `bmc/kvm1`")


class Limit(Struct, frozen=True):
    """A number, or a share of the objects of a kind."""

    number: int
    percent: bool = False

    def __str__(self) -> str:
        return f"{self.number}%" if self.percent else str(self.number)

    def of(self, total: int) -> int:
        """How many of `total` it allows, rounded down."""
        return total * self.number // 100 if self.percent else self.number


def _limit(value: object) -> Limit:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**6:
        return Limit(value)
    found = re.fullmatch(r"([0-9]{1,3})%", value, re.ASCII) if isinstance(value, str) else None
    if found is None or int(found[1]) > 100:
        raise BadValue(f"`{str(value)[:40]}` is no limit", fix="write a number such as `3`, or a share such as `5%`")
    return Limit(int(found[1]), percent=True)


LimitText = Annotated[
    Limit,
    PlainValidator(_limit),
    Unit("number or percentage", str),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]{1,3}%$"}]}),
]

_CONTROL = re.compile("[\x00-\x1f\x7f]")


def _line(value: str) -> str:
    if _CONTROL.search(value):
        raise BadValue("this text has line breaks or control characters", fix="write one line")
    if len(value) > 1000:
        raise BadValue(f"this text has {len(value)} characters", "the limit is 1000")
    return value


Line = Annotated[str, AfterValidator(_line), Unit("text")]
"""One line of text."""

_PATH = re.compile(r"/(?:[^/\x00-\x1f]+/?)*")


def _path(value: str) -> str:
    parts = value.split("/")
    if not _PATH.fullmatch(value) or ".." in parts or "." in parts:
        raise BadValue(f"`{value[:80]}` is not an absolute path", fix="write it from `/`, without `.` and `..`")
    return value.rstrip("/") or "/"


AbsolutePath = Annotated[str, AfterValidator(_path), Unit("absolute path")]


def _mapping(value: Any) -> Any:
    if not isinstance(value, dict):
        raise BadValue("this must be a mapping", fix="write `key: value` lines below it")
    return value


FreeMapping = Annotated[Mapping[str, Any], BeforeValidator(_mapping), Unit("mapping")]
"""A mapping that is handed on as it is."""
