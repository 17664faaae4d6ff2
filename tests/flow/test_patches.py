"""`xml:` patches that a host would not take are held in the plan; whatever else was to be done goes on."""

from __future__ import annotations

from reconciler.diff.change import HeldReason
from tests.flow.site import Site, said, vm_yaml
from tests.flow.test_guards import change, held

PATCH = "xml: [{at: ./devices, add: '<hub type=\"usb\"/>'}]"


def test_a_new_vm_whose_patch_is_refused_is_held_whole(site: Site) -> None:
    for host in ("kvm1", "kvm2"):
        site.world.outside(host).refuse_xml("<hub")
    site.vms(vm_yaml("web", PATCH), vm_yaml("db"))
    plan = site.plan()
    assert held(plan) == {"vm/web": HeldReason.XML_REFUSED}
    assert "failed to validate" in str(change(plan, "vm/web").held)
    site.apply()
    assert site.domain("db")
    assert not [each for each in site.plan().steps if each.ref.name == "web"]


def test_a_refused_patch_holds_nothing_else_of_the_vm(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    site.world.outside("kvm1").refuse_xml("<hub")
    site.vms(vm_yaml("web", PATCH + ", description: new"))
    fields = {each.path: each for each in change(site.plan(), "vm/web").fields}
    assert fields["xml"].held is not None
    assert fields["xml"].held.reason is HeldReason.XML_REFUSED
    site.apply()
    web = site.domain("web")[1]
    assert web.config["description"] == "new"
    assert "xml" not in web.mark.declared


def test_a_patch_that_a_host_no_longer_takes_keeps_the_vm_as_it_is(site: Site) -> None:
    site.vms(vm_yaml("web", PATCH))
    site.settle()
    site.world.outside("kvm1").refuse_xml("<hub")
    site.vms(vm_yaml("web", PATCH + ", description: new"))
    plan = site.plan()
    assert plan.empty, said(plan)
    assert held(plan) == {"vm/web": HeldReason.XML_REFUSED}
