"""`logs`: what is told of the journal."""

from __future__ import annotations

import json

import pytest

from reconciler.cli.exits import Exit
from reconciler.journal import Journal
from tests.flow.site import ID


@pytest.fixture
def noted(lens):
    """A lens with three entries in the journal: one hour and one minute old, and new."""
    import time

    now = time.time()
    for age, ref, host in ((3600, "vm/web", "kvm1"), (60, "vm/db", "kvm1"), (0, "vm/web", "kvm2")):
        Journal(lens.state, ID, by="alice", clock=lambda age=age: now - age).note(
            "step.done", ref=ref, host=host, what="start", seconds=1.25
        )
    return lens


@pytest.mark.parametrize(
    ("arguments", "hosts"),
    [
        ([], ["kvm1", "kvm1", "kvm2"]),
        (["web"], ["kvm1", "kvm2"]),
        (["vm/db"], ["kvm1"]),
        (["host/kvm2"], ["kvm2"]),
        (["--since", "10m"], ["kvm1", "kvm2"]),
        (["-n", "1"], ["kvm2"]),
        (["-n", "0"], []),
    ],
)
def test_logs_are_filtered_by_target_age_and_number(noted, arguments, hosts):
    ran = noted("logs", *arguments, look=False)
    assert (ran.code, ran.err) == (Exit.OK, "")
    assert [line.split()[2] for line in ran.out.splitlines()] == hosts
    data = noted("logs", *arguments, "-o", "json", look=False).out
    assert [json.loads(line)["host"] for line in data.splitlines()] == hosts


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["wbe"], "nothing was noted of wbe on this machine; did you mean `web`?\n"),
        (["vm/wbe"], "nothing was noted of vm/wbe on this machine; did you mean `vm/web`?\n"),
        (["db", "--since", "1s"], "nothing was noted of db on this machine\n"),
    ],
)
def test_logs_of_nothing_say_so(noted, arguments, said):
    ran = noted("logs", *arguments, look=False)
    assert (ran.code, ran.out, ran.err) == (Exit.OK, "", said)


def test_a_log_line_says_when_where_what_how_and_by_whom(noted):
    line = noted("logs", "vm/db", look=False).out
    assert line.split("  ", 1)[1] == "kvm1  vm/db  start  done in 1.2 s  (alice)\n"


def test_a_wrong_age_or_target_is_an_error(noted):
    assert "is not a duration" in noted("logs", "--since", "yesterday", look=False).err
    assert "unknown kind" in noted("logs", "wm/web", look=False).err
