"""What libvirt says when a migration fails, as an operator reads it."""

from __future__ import annotations

import libvirt
import pytest

from drivers.errors import Busy, Conflict, DriverError, NoSpace, Refused, Unreachable, Unsupported
from drivers.libvirt.errors import translate
from drivers.libvirt.migration.refusals import explain, is_about_the_peer


def failed(code: str, text: str, domain: int = libvirt.VIR_FROM_QEMU) -> DriverError:
    """As connect.py raises it."""
    number = getattr(libvirt, f"VIR_ERR_{code}")
    cause = libvirt.libvirtError("failed")
    cause.err = (number, domain, text, 2, text, "", "", -1, -1)
    found = translate(cause, "kvm1", "migrate vm/x")
    found.__cause__ = cause
    return found


@pytest.mark.parametrize(
    ("code", "text", "kind", "advice"),
    [
        ("OPERATION_ABORTED", "operation aborted: migration out job: canceled by client", Busy, "somebody cancelled"),
        ("MIGRATE_UNSAFE", "Unsafe migration: Migration without shared storage is unsafe", Refused, "copied along"),
        ("CPU_INCOMPATIBLE", "the CPU is incompatible with host CPU: missing features: avx2", Unsupported, "CPU model"),
        ("OPERATION_INVALID", "cannot migrate domain with 2 snapshots", Refused, "delete the snapshots"),
        ("OPERATION_INVALID", "domain has active block job", Busy, "wait"),
        ("OPERATION_INVALID", "cannot migrate a domain with <hostdev mode='subsystem'>", Refused, "device"),
        (
            "SYSTEM_ERROR",
            "unable to connect to server at '10.0.0.2:49152': Connection refused",
            Unreachable,
            "firewalls",
        ),
        ("INTERNAL_ERROR", "client socket is closed", Unreachable, "lost in mid-migration"),
        ("INTERNAL_ERROR", "Unable to find any port in port range 49152-49215", Busy, "ports"),
        ("OPERATION_FAILED", "Network not found: no network with matching name 'lan'", Conflict, "network"),
        ("OPERATION_FAILED", "migration: No space left on device", NoSpace, "room"),
        ("SYSTEM_ERROR", "Cannot access storage file '/iso/x.iso': No such file or directory", Conflict, "ISO"),
        ("INTERNAL_ERROR", "unsupported machine type 'pc-q35-9.2'", Unsupported, "too old"),
        ("INTERNAL_ERROR", "Unable to access credentials /etc/pki/qemu/ca-cert.pem", Refused, "/etc/pki/qemu"),
        ("INTERNAL_ERROR", "qemu: load of migration failed: Input/output error", DriverError, "log"),
        ("OPERATION_FAILED", "something that nobody has ever seen", DriverError, "nobody has ever seen"),
    ],
)
def test_each_failure_has_its_kind_and_says_what_to_do(
    code: str, text: str, kind: type[DriverError], advice: str
) -> None:
    found = explain(failed(code, text), "")
    assert type(found) is kind
    assert advice in found.detail
    assert found.__cause__ is not None


def test_an_abort_of_ours_says_why() -> None:
    found = explain(failed("OPERATION_ABORTED", "operation aborted"), "the guest never converged")
    assert isinstance(found, Busy)
    assert "the guest never converged" in found.detail


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("Failed to connect to remote libvirt URI qemu+ssh://kvm2/system: x", True),
        ("unable to connect to server at '10.0.0.2:16514': No route to host", True),
        ("Cannot recv data: Host key verification failed.: Connection reset by peer", True),
        ("authentication failed: Failed to verify peer's certificate", True),
        ("the CPU is incompatible with host CPU", False),
        ("Unsafe migration: Migration without shared storage is unsafe", False),
    ],
)
def test_only_a_peer_that_could_not_be_connected_to_is_worth_another_way(text: str, about: bool) -> None:
    assert is_about_the_peer(failed("OPERATION_FAILED", text)) is about
