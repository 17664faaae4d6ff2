"""Media by hand, in whole passes."""

from __future__ import annotations

from reconciler.operations import media, power
from tests.flow.drives import CD, medium, path_of, with_drive
from tests.flow.operator import PLAIN, Operator
from tests.flow.site import Site, vm_yaml


def test_a_medium_put_in_by_hand_stays_until_git_names_another(site: Site, alice: Operator) -> None:
    with_drive(site)
    text = alice.done(media.insert, "vm/web", drive="", image="tools")
    assert text == "has tools in drive cd on kvm1 (stays until Git names another image; Git says setup)"
    assert medium(site) == (path_of(site, "tools"),) * 2
    assert not site.plan().changes
    site.vms(vm_yaml("web", CD % "{name: cd, image: null}"))
    site.settle()
    assert medium(site) == ("", "")


def test_the_declared_medium_comes_back_when_the_time_is_over(site: Site, alice: Operator) -> None:
    with_drive(site)
    assert "stays until 2023" in alice.done(media.eject, "vm/web", lasts=60, drive="cd")
    assert medium(site) == ("", "")
    site.clock.advance(61)
    site.settle()
    assert medium(site) == (path_of(site, "setup"),) * 2


def test_putting_the_declared_medium_back_ends_the_deed(site: Site, alice: Operator) -> None:
    with_drive(site)
    alice.done(media.eject, "vm/web", drive="cd")
    assert alice.done(media.insert, "vm/web", drive="cd", image="setup") == "has setup in drive cd on kvm1"
    assert not site.domain("web")[1].mark.overrides
    assert not site.plan().changes


def test_a_medium_stays_when_something_else_changes_meanwhile(site: Site, alice: Operator) -> None:
    with_drive(site)
    alice.done(media.insert, "vm/web", drive="cd", image="tools")
    site.vms(vm_yaml("web", CD % "{name: cd, image: setup}" + ", description: moved"))
    site.settle()
    assert medium(site) == (path_of(site, "tools"),) * 2
    site.vms(vm_yaml("web", CD % "{name: cd, image: tools}" + ", description: moved"))
    site.settle()
    assert medium(site) == (path_of(site, "tools"),) * 2


def test_a_drive_without_a_declared_medium_takes_any(site: Site, alice: Operator) -> None:
    with_drive(site, "{name: cd}")
    assert alice.done(media.insert, "vm/web", drive="", image="tools") == "has tools in drive cd on kvm1"
    text = alice.done(media.insert, "vm/web", lasts=60, drive="", image="tools")
    assert text == "has tools in drive cd on kvm1; --for has nothing to end"
    assert medium(site) == (path_of(site, "tools"),) * 2
    assert not site.domain("web")[1].mark.overrides


def test_media_of_a_vm_that_is_off_change_in_its_definition(site: Site, alice: Operator) -> None:
    with_drive(site)
    alice.done(power.stop, "vm/web", how=PLAIN)
    alice.done(media.insert, "vm/web", drive="cd", image="tools")
    alice.done(power.start, "vm/web", how=PLAIN)
    assert medium(site) == (path_of(site, "tools"),) * 2


def test_media_that_cannot_be_are_declined(site: Site, alice: Operator) -> None:
    with_drive(site, "{name: cd}, {name: other}")
    assert "cd, other; name one" in alice.declined(media.eject, "vm/web", drive="")
    assert "no CD-ROM drive `cdd`; did you mean `cd`?" in alice.declined(media.eject, "vm/web", drive="cdd")
    assert "no image `toolz`" in alice.declined(media.insert, "vm/web", drive="cd", image="toolz")
    assert "is a qcow2 disk image" in alice.declined(media.insert, "vm/web", drive="cd", image="guest")
    site.world.outside("kvm1").remove_file(path_of(site, "tools") + ".ready")
    site.world.host("kvm1").pools.refresh("shared")
    assert "is not on kvm1 yet" in alice.declined(media.insert, "vm/web", drive="cd", image="tools")
    alice.do(power.suspend, "vm/web")
    assert "suspended to disk" in alice.declined(media.eject, "vm/web", drive="cd")


def test_a_vm_without_drives_is_told_to_declare_one(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    assert "has no CD-ROM drive; declare one" in alice.declined(media.eject, "vm/web", drive="")
