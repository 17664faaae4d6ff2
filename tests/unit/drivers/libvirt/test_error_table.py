"""libvirt's errors → drivers.errors."""

import libvirt
import pytest

from drivers import errors
from drivers.libvirt import errors as table
from drivers.libvirt.errors import CODES, classify

LEVELS = {"VIR_ERR_NONE", "VIR_ERR_WARNING", "VIR_ERR_ERROR"}
LISTS = (
    table.UNREACHABLE,
    table.DENIED,
    table.MISSING,
    table.CONFLICT,
    table.BUSY,
    table.UNSUPPORTED,
    table.REFUSED,
    table.PLAIN,
)
KNOWN = {name for name in vars(libvirt) if name.startswith("VIR_ERR_")} - LEVELS


def test_every_code_that_libvirt_has_is_in_the_table() -> None:
    assert {name for name in KNOWN if getattr(libvirt, name) not in CODES} == set()


def test_no_code_is_mapped_twice() -> None:
    names = [name for each in LISTS for name in each]
    assert len(names) == len(set(names))


def test_the_table_names_no_code_that_libvirt_does_not_have() -> None:
    newest = {"VIR_ERR_NO_NETWORK_METADATA", "VIR_ERR_AGENT_COMMAND_TIMEOUT", "VIR_ERR_AGENT_COMMAND_FAILED"}
    assert {f"VIR_ERR_{name}" for each in LISTS for name in each} - KNOWN <= newest


@pytest.mark.parametrize(
    ("code", "domain", "text", "kind"),
    [
        (42, 10, "Domain not found", errors.Missing),
        (90, 18, "storage volume 'a' exists already", errors.Conflict),
        (55, 18, "Requested operation is not valid: already exists", errors.Conflict),
        (9, 18, "operation failed: Storage source conflict with pool: 'local'", errors.Conflict),
        (9, 10, "operation failed: Active console session exists for this domain", errors.Conflict),
        (9, 10, "operation failed: something else", errors.DriverError),
        (68, 10, "Timed out during operation: cannot acquire state change lock", errors.Busy),
        (1, 18, "internal error: pool 'p' has asynchronous jobs running.", errors.Busy),
        (86, 10, "Guest agent is not responding", errors.Busy),
        (1, 7, "internal error: client socket is closed", errors.Unreachable),
        (1, 7, "internal error: connection closed due to keepalive timeout", errors.Unreachable),
        (38, 7, "Cannot recv data: Connection reset by peer", errors.Unreachable),
        (38, 7, "Cannot recv data: Host key verification failed.: Connection reset by peer", errors.Denied),
        (38, 7, "Cannot recv data: root@kvm1: Permission denied (publickey).", errors.Denied),
        (98, 50, "SSH HOST KEY VERIFICATION FAILED", errors.Denied),
        (1, 7, "authentication failed: Failed to verify peer's certificate", errors.Denied),
        (38, 7, "Unable to read TLS confirmation: Input/output error", errors.Denied),
        (29, 20, "operation virDomainCreate forbidden for read only access", errors.Denied),
        (38, 18, "cannot fill file '/x': No space left on device", errors.NoSpace),
        (38, 18, "cannot open directory '/x': No such file or directory", errors.DriverError),
        (1, 10, 'internal error: process exited: Failed to get "write" lock', errors.Conflict),
        (1, 10, "internal error: No more available PCI slots", errors.Refused),
        (92, 20, "XML document failed to validate against schema", errors.Refused),
        (67, 10, "unsupported configuration: no vnc here", errors.Unsupported),
        (3, 19, "this function is not supported by the connection driver", errors.Unsupported),
        (None, None, "virDomainCreate() failed", errors.DriverError),
        (9999, 10, "from the future", errors.DriverError),
    ],
)
def test_an_error_gets_the_class_of_its_code_or_else_of_its_text(
    code: int | None, domain: int | None, text: str, kind: type[errors.DriverError]
) -> None:
    assert classify(code, domain, text) is kind


def test_a_text_does_not_change_the_class_of_a_code_that_means_one_thing() -> None:
    assert classify(42, 10, "Domain not found: no space left on device") is errors.Missing


def test_what_libvirt_said_is_kept_with_host_and_operation() -> None:
    connection = libvirt.open("test:///default")
    with pytest.raises(libvirt.libvirtError) as caught:
        connection.lookupByName("nobody")
    connection.close()
    found = table.translate(caught.value, "kvm1", "start vm/nobody")
    assert isinstance(found, errors.Missing)
    assert (found.host, found.operation) == ("kvm1", "start vm/nobody")
    assert "Domain not found" in found.detail
    assert table.is_code(caught.value, "NO_NETWORK", "NO_DOMAIN")
    assert not table.is_code(caught.value, "NO_NETWORK")


def test_what_ssh_prints_of_a_changed_host_key_becomes_one_line() -> None:
    banner = "@" * 59
    text = (
        f"Cannot recv data: {banner}\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n{banner}\n"
        "Someone could be eavesdropping on you right now (man-in-the-middle attack)!\n"
        "Offending ED25519 key in /known:1\n  remove with:\n  ssh-keygen -R kvm1\n"
        "Host key for kvm1 has changed and you have requested strict checking.\n"
        "Host key verification failed.: Connection reset by peer"
    )
    raised = libvirt.libvirtError("virConnectOpen() failed")
    raised.err = (38, 7, text, 2, None, None, None, -1, -1)
    found = table.translate(raised, "kvm1", "connect")
    assert isinstance(found, errors.Denied)
    assert found.detail == (
        "Offending ED25519 key in /known:1 Host key for kvm1 has changed and you have requested strict checking. "
        "Host key verification failed.: Connection reset by peer"
    )


def test_a_silent_refusal_of_our_certificate_says_where_to_look() -> None:
    raised = libvirt.libvirtError("virConnectOpen() failed")
    raised.err = (38, 7, "Unable to read TLS confirmation: Input/output error", 2, None, None, None, -1, -1)
    assert "tls_allowed_dn_list" in table.translate(raised, "kvm1", "connect").detail
