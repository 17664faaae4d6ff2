"""Plans built by hand, and changes with whatever text anybody may have written."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reconciler.diff.change import Change, FieldChange, Held, HeldReason, Verb
from reconciler.plan.plan import MarkVm, Plan, StartVm, Step, Warned
from specs.effects import Effect
from specs.errors import Location
from specs.fields import Secret
from specs.resource import Ref
from specs.structs import replace

GIB = 1 << 30
HOSTILE = (
    "\x1b[2J\x1b[31mgone",
    "a\r\nPlan: 0 to delete.",
    "</details><script>alert(1)</script>",
    "```\n@everyone # heading",
    "‮evil⁦",
    "![x](http://evil/x.png) [a](b) <!-- &amp; |",
    "\ud800 lone",
    "`" * 12,
    "x" * 5000,
)


def vm(name: str, verb: Verb = Verb.UPDATE, **more: Any) -> Change:
    """A change of a VM."""
    more.setdefault("host", "kvm1")
    more.setdefault("where", Location("vms.yaml", 3, 1))
    return Change(ref=Ref("VirtualMachine", name), verb=verb, **more)


def memory(before: int = 2 * GIB, after: int = 4 * GIB, **more: Any) -> FieldChange:
    """A change of memory, live unless said otherwise."""
    values: dict[str, Any] = {"effect": Effect.HOTPLUG, "config": True, "live": True, **more}
    return FieldChange(path="memory", before=before, after=after, **values)


def start(name: str, host: str = "kvm1", step_id: str = "", after: tuple[str, ...] = ()) -> Step:
    """A step that starts a VM."""
    call = StartVm(uuid="11111111-2222-4333-8444-555555555555")
    return Step(
        id=step_id or f"{host}-{name}", ref=Ref("VirtualMachine", name), host=host, what="start", call=call, after=after
    )


def plan(*changes: Change, steps: tuple[Step, ...] = (), **more: Any) -> Plan:
    """A plan of these changes, with a step for each that acts unless steps are given."""
    starts = (replace(start(each.ref.name, each.host), ref=each.ref) for each in changes if each.acts)
    steps = steps or tuple(starts)
    values: dict[str, Any] = {"hosts_seen": 3, "hosts_declared": 3, "digest": "d1", **more}
    return Plan(
        repository="6f1d2f0e-93c8-4b7e-9d57-0c4c2f6b7a10", name=values.pop("name", "acme"),
        revision=values.pop("revision", "a" * 40), taken=1_700_000_000, changes=changes, steps=steps, **values,
    )  # fmt: skip


texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40))
names = st.one_of(st.from_regex(r"[a-z]{1,3}-?[0-9]{0,3}", fullmatch=True), texts)
scalars = st.one_of(st.none(), st.booleans(), st.integers(0, 1 << 50), texts, st.builds(Secret, st.just("hunter2x")))
helds = st.builds(Held, reason=st.sampled_from(HeldReason), text=texts, fix=texts)
paths = st.one_of(
    st.sampled_from(("memory", "disks[root].size", "disks[data]", "nics[lan]", "state", "xml", "cdroms[a].source")),
    texts,
)
values = st.one_of(scalars, st.dictionaries(st.sampled_from(("size", "mac", "network", "source", "bus")), scalars))
places = st.one_of(st.none(), st.builds(Location, texts, st.integers(0, 99), st.integers(0, 9)))
fields = st.builds(
    FieldChange, path=paths, before=values, after=values, effect=st.sampled_from(Effect),
    kind=st.sampled_from(("change", "drift", "pending", "record", "release", "note")), config=st.booleans(),
    live=st.booleans(), where=places, note=texts, held=st.one_of(st.none(), helds),
)  # fmt: skip
kinds = st.sampled_from(("VirtualMachine", "Network", "StorageDomain", "Image", "Volume"))
changes = st.builds(
    Change, ref=st.builds(Ref, kinds, names), verb=st.sampled_from(Verb), host=names, reason=texts,
    fields=st.lists(fields, max_size=4).map(tuple), where=places, held=st.one_of(st.none(), st.none(), helds),
)  # fmt: skip
warnings = st.builds(Warned, text=texts, where=texts)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any plan, with hostile text wherever somebody may have written it."""
    made = draw(st.lists(changes, max_size=6))
    steps = tuple(start(each.ref.name, each.host, f"s{number}") for number, each in enumerate(made) if each.acts)
    more = draw(st.lists(warnings, max_size=3))
    return plan(*made, steps=steps, name=draw(texts), revision=draw(texts), warnings=tuple(more), base=draw(texts))


__all__ = ["GIB", "HOSTILE", "MarkVm", "memory", "plan", "plans", "start", "vm"]
