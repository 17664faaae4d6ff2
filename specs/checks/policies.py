"""Policies of one VM: hosts that can run it, autostart, drift modes, cloud-init, secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specs.checks import firstboot
from specs.checks.scope import Scope, wrong
from specs.errors import Finding, did_you_mean
from specs.fields import pattern
from specs.kinds import KINDS
from specs.resource import Resource

_LONGEST_VNC_PASSWORD = 8


def findings(scope: Scope, vm: Resource) -> Iterator[Finding]:
    """What is wrong with the policies of a VM."""
    yield from _hosts(scope, vm)
    yield from _autostart(scope, vm)
    yield from _drift(vm, ("VirtualMachine",))
    yield from firstboot.findings(scope, vm)
    yield from _secrets(scope, vm)


def of_repository(scope: Scope) -> Iterator[Finding]:
    """What is wrong with the drift modes of the repository and the networks."""
    yield from _drift(scope.catalog.repository, KINDS)
    for network in scope.of("Network"):
        yield from _drift(network, ("Network",))


def _hosts(scope: Scope, vm: Resource) -> Iterator[Finding]:
    if vm.spec.hosts == ():
        yield wrong(vm, "hosts", "no host may run it", "the list is empty", "name hosts, or take `hosts:` away")
    for name in vm.spec.hosts or ():
        host = scope.get("Host", name)
        if host is not None and host.spec.cluster != vm.spec.cluster:
            why = f"it is in cluster {host.spec.cluster}, the VM in {vm.spec.cluster}"
            yield wrong(vm, "hosts", f"{host.ref} cannot run it", why, "name hosts of the VM's cluster")


def _autostart(scope: Scope, vm: Resource) -> Iterator[Finding]:
    if vm.spec.autostart != "on":
        return
    for disk in vm.spec.disks or ():
        domain = scope.get("StorageDomain", disk.storage_domain)
        if domain is not None and domain.spec.type != "local" and not disk.read_only:
            what = f"disk `{disk.name}` is on {domain.ref}, which is shared"
            why = "two hosts that boot could start the VM twice and destroy its disk"
            yield wrong(vm, "autostart", what, why, "write `auto`; gitvirt starts it")


def _drift(resource: Resource, kinds: Iterable[str]) -> Iterator[Finding]:
    """`kinds` are those whose fields may be named; reading all their rules takes 20 ms, so only where one is."""
    drift = resource.spec.drift
    if drift is None or not drift.fields:
        return
    rules = [path for kind in kinds for path in KINDS[kind].rules]
    for path in drift.fields:
        if pattern(path) not in rules:
            fix = did_you_mean(pattern(path), rules)
            yield wrong(resource, "drift.fields", f"there is no field `{path[:80]}`", fix=fix)


def _secrets(scope: Scope, vm: Resource) -> Iterator[Finding]:
    graphics = vm.spec.graphics
    if graphics is not None and graphics.password is not None:
        yield from firstboot.secret(scope, vm, "graphics.password", graphics.password)
        value = graphics.password.value
        if value is not None and graphics.type != "spice" and len(value.reveal()) > _LONGEST_VNC_PASSWORD:
            why = f"VNC takes at most {_LONGEST_VNC_PASSWORD} characters"
            yield wrong(vm, "graphics.password", "this password is too long", why, "shorten it")
        if graphics.type == "none":
            yield wrong(
                vm, "graphics.password", "a password without a console", "`graphics.type` is none", "take it away"
            )
    for user in (vm.spec.cloud_init.users or ()) if vm.spec.cloud_init is not None else ():
        if user.password_hash is not None:
            yield from firstboot.secret(scope, vm, f"cloudInit.users[{user.name}].passwordHash", user.password_hash)
