"""libvirt's errors → drivers.errors, once, by one table.

`translate` is called at the boundary (connect.py) with what libvirt raised, the host and the operation. First the
code decides; a few codes are mixed bags (internal error, operation failed, system error), where the text decides
and what it does not tell stays a plain DriverError that is tried again with backoff. Newer daemons may translate
their texts, so a text may only make the class more exact, never carry the meaning alone.
"""

from __future__ import annotations

import re

import libvirt

from drivers import errors
from drivers.libvirt.domain.tree import without_passwords

Kind = type[errors.DriverError]

RPC_DOMAINS = (libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_REMOTE)

BROKEN = {
    libvirt.VIR_ERR_INTERNAL_ERROR,
    libvirt.VIR_ERR_SYSTEM_ERROR,
    libvirt.VIR_ERR_NO_CONNECT,
    libvirt.VIR_ERR_INVALID_CONN,
    libvirt.VIR_ERR_RPC,
}
"""With the domains RPC and REMOTE these mean that the connection is gone."""

UNREACHABLE = ("UNKNOWN_HOST", "NO_CONNECT", "INVALID_CONN", "RPC", "GNUTLS_ERROR", "SSH", "LIBSSH", "NO_SERVER")
DENIED = ("OPERATION_DENIED", "AUTH_FAILED", "AUTH_CANCELLED", "AUTH_UNAVAILABLE", "ACCESS_DENIED")
MISSING = (
    "NO_DOMAIN",
    "NO_NETWORK",
    "NO_STORAGE_POOL",
    "NO_STORAGE_VOL",
    "NO_NODE_DEVICE",
    "NO_INTERFACE",
    "NO_NWFILTER",
    "NO_SECRET",
    "NO_DOMAIN_SNAPSHOT",
    "NO_DOMAIN_METADATA",
    "NO_CLIENT",
    "DEVICE_MISSING",
    "NO_NWFILTER_BINDING",
    "NO_DOMAIN_CHECKPOINT",
    "NO_DOMAIN_BACKUP",
    "NO_NETWORK_PORT",
    "NO_NETWORK_METADATA",
    "NO_HOSTNAME",
)
CONFLICT = (
    "DOM_EXIST",
    "NETWORK_EXIST",
    "OPERATION_INVALID",
    "STORAGE_VOL_EXIST",
    "STORAGE_POOL_BUILT",
    "NETWORK_PORT_EXIST",
    "CHECKPOINT_INCONSISTENT",
    "MULTIPLE_INTERFACES",
    "MULTIPLE_DOMAINS",
)
BUSY = (
    "OPERATION_TIMEOUT",
    "RESOURCE_BUSY",
    "BLOCK_COPY_ACTIVE",
    "AGENT_UNRESPONSIVE",
    "AGENT_UNSYNCED",
    "AGENT_COMMAND_TIMEOUT",
    "AGENT_COMMAND_FAILED",
    "OPERATION_ABORTED",
    "NO_MEMORY",
    "DBUS_SERVICE",
)
UNSUPPORTED = (
    "NO_SUPPORT",
    "CONFIG_UNSUPPORTED",
    "ARGUMENT_UNSUPPORTED",
    "OPERATION_UNSUPPORTED",
    "NO_SECURITY_MODEL",
    "CPU_INCOMPATIBLE",
)
REFUSED = (
    "INVALID_DOMAIN",
    "INVALID_ARG",
    "OS_TYPE",
    "NO_KERNEL",
    "NO_ROOT",
    "NO_SOURCE",
    "NO_TARGET",
    "NO_NAME",
    "NO_OS",
    "NO_DEVICE",
    "DRIVER_FULL",
    "XML_ERROR",
    "PARSE_FAILED",
    "CONF_SYNTAX",
    "XML_DETAIL",
    "INVALID_NETWORK",
    "INVALID_MAC",
    "INVALID_STORAGE_POOL",
    "INVALID_STORAGE_VOL",
    "INVALID_NODE_DEVICE",
    "INVALID_INTERFACE",
    "INVALID_NWFILTER",
    "INVALID_SECRET",
    "INVALID_DOMAIN_SNAPSHOT",
    "INVALID_STREAM",
    "SNAPSHOT_REVERT_RISKY",
    "MIGRATE_UNSAFE",
    "OVERFLOW",
    "XML_INVALID_SCHEMA",
    "INVALID_NWFILTER_BINDING",
    "INVALID_DOMAIN_CHECKPOINT",
    "INVALID_NETWORK_PORT",
    "HOOK_SCRIPT_FAILED",
)
PLAIN = (
    "OK",
    "INTERNAL_ERROR",
    "OPERATION_FAILED",
    "SYSTEM_ERROR",
    "GET_FAILED",
    "POST_FAILED",
    "HTTP_ERROR",
    "SEXPR_SERIAL",
    "NO_XEN",
    "XEN_CALL",
    "NO_XENSTORE",
    "CALL_FAILED",
    "OPEN_FAILED",
    "READ_FAILED",
    "WRITE_FAILED",
    "BUILD_FIREWALL",
    "STORAGE_PROBE_FAILED",
    "MIGRATE_PERSIST_FAILED",
    "MIGRATE_FINISH_OK",
)
"""Mixed bags and rarities: the text decides, else tried again with backoff."""


def _table() -> dict[int, Kind]:
    kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = (
        (errors.Unreachable, UNREACHABLE),
        (errors.Denied, DENIED),
        (errors.Missing, MISSING),
        (errors.Conflict, CONFLICT),
        (errors.Busy, BUSY),
        (errors.Unsupported, UNSUPPORTED),
        (errors.Refused, REFUSED),
        (errors.DriverError, PLAIN),
    )
    return {
        getattr(libvirt, f"VIR_ERR_{name}"): kind
        for kind, names in kinds
        for name in names
        if hasattr(libvirt, f"VIR_ERR_{name}")  # an older binding lacks the newest
    }


CODES: dict[int, Kind] = _table()

# Only for errors whose code tells nothing (PLAIN) or where the code is the transport's (UNREACHABLE).
TEXTS: tuple[tuple[re.Pattern[str], Kind], ...] = tuple(
    (re.compile(text, re.IGNORECASE), kind)
    for text, kind in (
        (r"host key verification failed|publickey|remote host identification has changed", errors.Denied),
        (r"certificate|authentication failed|access denied by policy|tls confirmation", errors.Denied),
        (r"failed to connect socket.*permission denied", errors.Denied),
        (r"no space left on device|disk quota exceeded|not enough (free )?space", errors.NoSpace),
        (r"asynchronous jobs? running|cannot acquire state change lock", errors.Busy),
        (r"client socket is closed|keepalive timeout|end of file while (reading|writing) data", errors.Unreachable),
        (r"failed to get .{0,20}lock|another process using the image|is locked|resource busy", errors.Conflict),
        (r"already (exists|defined|in use|active|running|being used)|storage source conflict", errors.Conflict),
        (r"active console session exists", errors.Conflict),
        (r"no more available pci slots|unplug request for not supported", errors.Refused),
    )
)


NOT_CONFIRMED = re.compile(r"unable to read tls confirmation", re.IGNORECASE)
"""All that a client hears when libvirtd takes the certificate's signature, and not its name."""


def translate(error: libvirt.libvirtError, host: str, operation: str) -> errors.DriverError:
    """The driver's error for what libvirt raised."""
    text = _plain(without_passwords((error.get_error_message() or str(error)).strip()))
    return classify(error.get_error_code(), error.get_error_domain(), text)(host, operation, text)


def _plain(text: str) -> str:
    """libvirt's text as an operator can use it: the ssh program's dozen lines as one, the silent refusal explained."""
    if NOT_CONFIRMED.search(text):
        why = "the host hung up when it had read our certificate; is its name in tls_allowed_dn_list of libvirtd.conf?"
        return f"{text}: {why}"
    if "@@@@@" not in text:
        return text
    lines = (line.strip() for line in text.splitlines())
    return " ".join(line for line in lines if line.startswith(("Offending", "Host key")))


def classify(code: int | None, domain: int | None, text: str) -> Kind:
    """The class of an error; `code` None (libvirt raised without an error record) is a plain DriverError."""
    kind = CODES.get(code, errors.DriverError) if code is not None else errors.DriverError
    if domain in RPC_DOMAINS and code in BROKEN:
        kind = errors.Unreachable
    if kind in (errors.DriverError, errors.Unreachable):
        return next((each for pattern, each in TEXTS if pattern.search(text)), kind)
    return kind


def is_code(error: BaseException | None, *names: str) -> bool:
    """Whether a libvirt error (or the libvirt error behind a DriverError) has one of these VIR_ERR_ names."""
    found = error if isinstance(error, libvirt.libvirtError) else getattr(error, "__cause__", None)
    if not isinstance(found, libvirt.libvirtError):
        return False
    return found.get_error_code() in {getattr(libvirt, f"VIR_ERR_{name}", None) for name in names}
