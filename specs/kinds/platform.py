"""Platform devices of a VM: UEFI, TPM, watchdog, random numbers, IOMMU, vsock."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from specs.errors import BadValue
from specs.model import Count, Model, Unit, Yes, declared, matching

_LEAST_CID = 3
_MOST_CID = 2**32 - 1

HostPath = Annotated[
    str,
    AfterValidator(matching(r"/[^\x00-\x1f]{1,4000}", "a path", "write the whole path on the host, from `/` on")),
    Unit("path on the host"),
]


def _cid(value: object) -> object:
    number = isinstance(value, int) and not isinstance(value, bool) and _LEAST_CID <= value < _MOST_CID
    if number or value in ("auto", "none"):
        return value
    raise BadValue(f"`{str(value)[:60]}` is not a CID", fix="write a number from 3 on, `auto` or `none`")


Vsock = Annotated[
    str | int,
    BeforeValidator(_cid),
    Unit("number, `auto` or `none`"),
    WithJsonSchema({"anyOf": [{"enum": ["auto", "none"]}, {"type": "integer", "minimum": _LEAST_CID}]}),
]


class Uefi(Model):
    """What UEFI firmware has beside itself; only with `firmware: uefi`."""

    secure_boot: Yes | None = declared("Only signed boot loaders are started.", effect="offline")
    enrolled_keys: Yes | None = declared(
        "The usual vendors' keys are in new variables; by itself as `secureBoot`.", effect="offline"
    )
    loader: HostPath | None = declared("Firmware image of the host, instead of libvirt's choice.", effect="offline")
    nvram: HostPath | None = declared("File with the VM's own variables, instead of libvirt's.", effect="offline")
    nvram_template: HostPath | None = declared(
        "What new variables are copied from; only with `loader`.", effect="offline"
    )


class Tpm(Model):
    """An emulated TPM; `tpm: true` is short for `{enabled: true}`."""

    shorthand: ClassVar[tuple[str, ...]] = ("enabled",)

    enabled: Yes | None = declared("There is one.", effect="restart")
    model: Literal["tpm-crb", "tpm-tis"] | None = declared("Interface that the guest sees.", effect="restart")
    version: Literal["2.0", "1.2"] | None = declared("Version of the standard.", effect="restart")
    persistent: Yes | None = declared("Its state outlives the definition of the VM.", effect="restart")


class Watchdog(Model):
    """A watchdog; `watchdog: i6300esb` is short for `{model: i6300esb}`."""

    shorthand: ClassVar[tuple[str, ...]] = ("model",)

    model: Literal["i6300esb", "ib700", "none"] | None = declared("Model that the guest sees.", effect="restart")
    action: Literal["reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"] | None = declared(
        "What happens when the guest does not feed it.", effect="restart"
    )


class RngOptions(Model):
    """Where random numbers come from, and how many."""

    model: Literal["virtio", "virtio-transitional", "virtio-non-transitional"] | None = declared(
        "Model that the guest sees.", effect="restart"
    )
    backend: Literal["random", "builtin"] | None = declared("A file of the host, or QEMU itself.", effect="restart")
    source: Literal["/dev/urandom", "/dev/random", "/dev/hwrng"] | None = declared("That file.", effect="restart")
    bytes: Annotated[Count | None, Unit("number")] = declared("At most as many bytes in a period.", effect="restart")
    period: Annotated[Count | None, Unit("milliseconds")] = declared("Length of a period.", effect="restart")


class Iommu(Model):
    """A virtual IOMMU; `iommu: intel` is short for `{model: intel}`."""

    shorthand: ClassVar[tuple[str, ...]] = ("model",)

    model: Literal["intel", "virtio", "none"] | None = declared("Model that the guest sees.", effect="restart")
    interrupt_remapping: Yes | None = declared("Interrupts are remapped.", effect="restart")
    caching_mode: Yes | None = declared("For devices of the host within the guest.", effect="restart")
    extended_interrupts: Yes | None = declared("For more than 255 vCPUs.", effect="restart")
    device_cache: Yes | None = declared("Devices keep translations themselves.", effect="restart")
