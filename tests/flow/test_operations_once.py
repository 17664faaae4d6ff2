"""Run once: another boot order, medium or kernel for one run, which the reconciler leaves alone until it is over."""

from __future__ import annotations

import pytest

from drivers.seen import Power, SeenVm
from reconciler.operations import power
from reconciler.operations.once import Settings, start_once
from tests.flow.drives import isos, path_of
from tests.flow.operator import FORCE, PLAIN, Operator
from tests.flow.site import Site, vm_yaml

BASE = "=cpu: 1, memory: 96MiB, nics: [lan], cdroms: [{name: cd, image: %s}], disks: [{name: root, image: guest}], "
KERNEL = "kernel: {path: /boot/declared, cmdline: quiet}, "
MEDIUM = "cdroms[cd].source"


def declare(site: Site, more: str = "updatePolicy: {restart: now}", image: str = "setup") -> None:
    site.vms(vm_yaml("web", BASE % image + more))


@pytest.fixture
def off(site: Site, alice: Operator) -> Site:
    """A VM that an operator stopped although Git says running."""
    isos(site)
    declare(site, KERNEL + "updatePolicy: {restart: now}")
    site.settle()
    alice.done(power.stop, "vm/web", how=PLAIN)
    return site


def web(site: Site) -> SeenVm:
    found: SeenVm = site.domain("web")[1]
    return found


def live(site: Site) -> dict[str, object]:
    now = web(site).live
    assert now is not None
    return dict(now)


def once(alice: Operator, **settings: object) -> str:
    return alice.done(start_once, "vm/web", settings=Settings(**settings), how=PLAIN)  # type: ignore[arg-type]


def test_a_run_has_other_settings_and_the_next_one_those_declared(off: Site, alice: Operator) -> None:
    before = web(off)
    assert once(alice, boot="cdrom", image="tools") == "started once from cdrom, with tools on kvm1 (as Git says)"
    now = live(off)
    assert now[MEDIUM] == path_of(off, "tools")
    assert [now[f"{path}.bootOrder"] for path in ("cdroms[cd]", "disks[root]")] == [1, 2]
    assert "kernel.path" not in now
    assert web(off).config == before.config
    assert web(off).mark.declared == before.mark.declared  # type: ignore[union-attr]
    assert not off.plan().changes
    off.settle()
    assert live(off) == now
    alice.done(power.stop, "vm/web", how=FORCE)
    alice.done(power.start, "vm/web", how=PLAIN)
    assert web(off).once == frozenset()
    assert live(off) == web(off).config == before.config


def test_a_paused_run_waits_for_the_operator(off: Site, alice: Operator) -> None:
    text = once(alice, kernel="/boot/other", paused=True)
    assert text == (
        "started once with kernel /boot/other, paused on kvm1 (stays paused until `gitvirt resume web`; "
        "Git says running)"
    )
    off.settle()
    assert (web(off).power, live(off)["kernel.path"]) == (Power.PAUSED, "/boot/other")
    assert "kernel.cmdline" not in live(off)
    assert alice.done(power.resume, "vm/web", how=PLAIN) == "resumed on kvm1 (as Git says)"
    assert not web(off).mark.overrides  # type: ignore[union-attr]
    assert live(off)["kernel.path"] == "/boot/other"


def test_what_git_changes_of_it_meanwhile_comes_after_the_run(off: Site, alice: Operator) -> None:
    once(alice, image="tools", cmdline="single")
    declare(off, KERNEL + "description: moved", image="null")
    assert not any(each.live for change in off.plan().changes for each in change.fields if each.path == MEDIUM)
    off.settle()
    assert (live(off)[MEDIUM], web(off).config[MEDIUM]) == (path_of(off, "tools"), "")
    declare(off, "description: moved", image="null")
    off.settle()
    assert live(off)["kernel.cmdline"] == "single"
    assert web(off).config["kernel.cmdline"] == "quiet"


def test_a_guest_that_ends_such_a_run_is_started_again_as_declared(site: Site, alice: Operator) -> None:
    isos(site)
    declare(site, "restart: always")
    site.settle()
    alice.done(power.stop, "vm/web", how=PLAIN)
    once(alice, boot="network", image="tools")
    assert live(site)["nics[lan].bootOrder"] == 1
    site.world.outside("kvm1").guest_shutdown("web")
    site.settle()
    assert web(site).running
    assert live(site) == web(site).config


def test_a_vm_that_git_keeps_off_stays_on_for_the_run(site: Site, alice: Operator) -> None:
    isos(site)
    declare(site, "state: stopped")
    site.settle()
    assert "kept on until `gitvirt stop web`; Git says stopped" in once(alice, boot="disk")
    site.settle()
    assert web(site).power is Power.RUNNING


def test_a_suspended_run_wakes_as_it_was(off: Site, alice: Operator) -> None:
    once(alice, image="tools")
    alice.done(power.suspend, "vm/web")
    assert "suspended to disk" in alice.declined(start_once, "vm/web", settings=Settings(boot="disk"), how=PLAIN)
    alice.done(power.start, "vm/web", how=PLAIN)
    assert live(off)[MEDIUM] == path_of(off, "tools")
    assert not off.plan().changes


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (Settings(image="nothing"), "there is no image `nothing`"),
        (Settings(image="guest"), "not an ISO"),
        (Settings(image="tools", drive="dvd"), "has no CD-ROM drive `dvd`"),
        (Settings(boot="network"), "has no network to boot from"),
        (Settings(initrd="/boot/initrd"), "has no kernel"),
    ],
)
def test_what_cannot_be_is_declined_before_anything_is_done(
    site: Site, alice: Operator, settings: Settings, why: str
) -> None:
    isos(site)
    site.vms(vm_yaml("web", (BASE % "setup").replace("nics: [lan], ", "") + "state: stopped"))
    site.settle()
    assert why in alice.declined(start_once, "vm/web", settings=settings, how=PLAIN)


def test_a_vm_that_runs_is_not_started_once(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    text = alice.declined(start_once, "vm/web", settings=Settings(boot="disk"), how=PLAIN)
    assert "is running, and settings for one run come with a start" in text
