"""gitvirt set: the value changes, nothing else does, and what would not load is not written."""

from __future__ import annotations

import difflib
import subprocess

import pytest

from reconciler.edit.path import Step, assignment
from reconciler.errors import UsageError

DOCUMENT = "apiVersion: gitvirt/v1\nkind: VirtualMachine\nmetadata: {name: app}\nspec:\n"


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line[0] in "+-"]


@pytest.fixture
def edit(gitvirt, repository):
    """Sets values of an object and returns the lines that changed in vms.yaml."""

    def run(*arguments: str) -> list[str]:
        before = (repository / "vms.yaml").read_text()
        ran = gitvirt("set", *arguments, "--repo", repository)
        assert (ran.code, ran.err) == (0, "")
        assert gitvirt("validate", repository).code == 0
        return changed_lines(before, (repository / "vms.yaml").read_text())

    return run


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["vm/web", "memory=4GiB"], ["-   memory: 1GiB      # enough", "+   memory: 4GiB      # enough"]),
        (["web", "spec.memory=4GiB"], ["-   memory: 1GiB      # enough", "+   memory: 4GiB      # enough"]),
        (["vm/web", "cpu=4"], ["-   cpu: 2            # cores", "+   cpu: 4            # cores"]),
        (["vm/web", "cpu.count=4"], ["-   cpu: 2            # cores", "+   cpu: 4            # cores"]),
        (
            ["vm/web", "cpu.max=4"],
            ["-   cpu: 2            # cores", "+   cpu: {count: 2, max: 4}            # cores"],
        ),
        (["vm/web", "disks[root].size=20GiB"], ["-       size: 10GiB", "+       size: 20GiB"]),
        (["vm/web", "disks[root].cache=none"], ["+       cache: none"]),
        (
            ["vm/web", "disks[data].size=2GiB"],
            ["-     - {name: data, size: 1GiB}", "+     - {name: data, size: 2GiB}"],
        ),
        (
            ["vm/web", "disks[data].cache=none"],
            ["-     - {name: data, size: 1GiB}", "+     - {name: data, size: 1GiB, cache: none}"],
        ),
        (["vm/web", "disks[new].size=3GiB"], ["+     - {name: new, size: 3GiB}"]),
        (["vm/web", "nics[lan].network=lan"], ["+   nics: [{name: lan, network: lan}]"]),
        (["vm/web", "nics=[lan]"], ["+   nics: [lan]"]),
        (
            ["vm/web", "metadata.labels.tier=web"],
            ["- metadata: {name: web}   # the web", "+ metadata: {name: web, labels: {tier: web}}   # the web"],
        ),
        (["vm/db", "metadata.labels.tier=db"], ["+     labels: {tier: db}"]),
        (["vm/db", "cpu=4"], ["-     cpu: {count: 2}", "+     cpu: 4"]),
        (["vm/db", "description=a: b # c"], ['+     description: "a: b # c"']),
        (["vm/db", "description=4"], None),
        (
            ["vm/web", "vm/db", "memory=4GiB"],
            [
                "-   memory: 1GiB      # enough",
                "+   memory: 4GiB      # enough",
                "-     memory: 2GiB",
                "+     memory: 4GiB",
            ],
        ),
        (["vm/web", "memory=1GiB"], []),
    ],
)
def test_only_the_value_changes(edit, gitvirt, repository, arguments, expected):
    if expected is None:
        assert gitvirt("set", *arguments, "--repo", repository).code == 1
    else:
        assert edit(*arguments) == expected


def test_what_was_changed_is_told(gitvirt, repository):
    ran = gitvirt("set", "vm/web", "memory=4GiB", "cpu.max=4", "--no-plan", "--repo", repository)
    assert ran.out == "vms.yaml  memory: 1GiB → 4GiB\nvms.yaml  cpu.max: (not set) → 4\n"
    assert gitvirt("set", "vm/web", "memory=4GiB", "--repo", repository).out.startswith("Nothing to change")


def test_the_plan_follows_what_was_changed(gitvirt, repository):
    ran = gitvirt("set", "vm/web", "memory=4GiB", "--repo", repository)
    assert "Plan for" in ran.out


LAYOUTS = [
    (
        ("  cpu:\n    count: 2  # two\n    # more to come\n  memory: 1GiB\n"),
        "cpu.max=4",
        ("  cpu:\n    count: 2  # two\n    max: 4\n    # more to come\n  memory: 1GiB\n"),
    ),
    (("  cpu:\n    count: 2\n    max: 4\n  memory: 1GiB\n"), "cpu=3", ("  cpu: 3\n  memory: 1GiB\n")),
    (
        ("  cpu: {count: 2,\n        max: 4}\n  memory: 1GiB\n"),
        "cpu.max=8",
        ("  cpu: {count: 2,\n        max: 8}\n  memory: 1GiB\n"),
    ),
    (
        ("  memory: 1GiB\n  nics: [lan]\n"),
        "nics[lan].link=down",
        ("  memory: 1GiB\n  nics: [{name: lan, network: lan, link: down}]\n"),
    ),
    (
        ("  memory: 1GiB\n  nics:\n  - lan  # office\n"),
        "nics[lan].link=down",
        ("  memory: 1GiB\n  nics:\n  - {name: lan, network: lan, link: down}  # office\n"),
    ),
    (
        ("  memory: 1GiB\n  disks:\n"),
        "disks[root].size=1GiB",
        ("  memory: 1GiB\n  disks: [{name: root, size: 1GiB}]\n"),
    ),
    (
        ("  memory: 1GiB\n  disks:\n    root: {size: 1GiB}\n"),
        "disks[root].size=2GiB",
        ("  memory: 1GiB\n  disks:\n    root: {size: 2GiB}\n"),
    ),
    (
        ("  memory: 1GiB\n  description: >-\n    one\n    two\n\n  cpu: 1\n"),
        "description=three",
        ("  memory: 1GiB\n  description: three\n\n  cpu: 1\n"),
    ),
    (("  memory: '1GiB'\n"), "memory=2GiB", ("  memory: 2GiB\n")),
    (("  memory: 1GiB"), "cpu=2", ("  memory: 1GiB\n  cpu: 2\n")),
    (("  memory: 1GiB\r\n"), "cpu=2", ("  memory: 1GiB\r\n  cpu: 2\r\n")),
    (("  {memory: 1GiB}\n"), "cpu=2", ("  {memory: 1GiB, cpu: 2}\n")),
    (
        ("  memory: 1GiB\n  description: äöü 🙂\n  cpu: 1\n"),
        "cpu=2",
        ("  memory: 1GiB\n  description: äöü 🙂\n  cpu: 2\n"),
    ),
    ("  memory: 1GiB\t# tab\n", "memory=2GiB", "  memory: 2GiB\t# tab\n"),
    ("  memory:   # how much\n    1GiB\n", "memory=2GiB", "  memory:   # how much\n    2GiB\n"),
    ("  {}\n", "memory=2GiB", "  {memory: 2GiB}\n"),
    ("  ~\n", "memory=2GiB", "  {memory: 2GiB}\n"),
    ("  memory: &m 1GiB\n  cpu: &m 1\n", "memory=2GiB", "  memory: &m 2GiB\n  cpu: &m 1\n"),
    ("  memory: 1GiB\n  disks: []\n", "disks[a].size=1GiB", "  memory: 1GiB\n  disks: [{name: a, size: 1GiB}]\n"),
    ("  graphics: {}\n", "graphics.type=vnc", "  graphics: {type: vnc}\n"),
    ("  memory: &m 1GiB # m\n", "memory=2GiB", "  memory: &m 2GiB # m\n"),
    ("  cpu: &c\n    count: 2\n  memory: 1GiB\n", "cpu=3", "  cpu: &c 3\n  memory: 1GiB\n"),
    ("  cpu: &c 2\n  memory: 1GiB\n", "cpu.count=3", "  cpu: &c 3\n  memory: 1GiB\n"),
    ("  cpu: &c 2\n  memory: 1GiB\n", "cpu.max=4", "  cpu: {count: &c 2, max: 4}\n  memory: 1GiB\n"),
    (
        "  disks: &d\n    - &a {name: a, size: 1GiB}\n  memory: 1GiB\n",
        "disks[b].size=1GiB",
        "  disks: &d\n    - &a {name: a, size: 1GiB}\n    - {name: b, size: 1GiB}\n  memory: 1GiB\n",
    ),
]


@pytest.mark.parametrize(("spec", "argument", "expected"), LAYOUTS)
def test_layouts_are_kept(gitvirt, repository, spec, argument, expected):
    file = repository / "app.yaml"
    file.write_bytes((DOCUMENT + spec).encode())
    ran = gitvirt("set", "vm/app", argument, "--repo", repository)
    assert (ran.code, ran.err) == (0, "")
    assert file.read_bytes().decode() == DOCUMENT + expected


@pytest.mark.parametrize("head", [DOCUMENT, DOCUMENT.removesuffix("spec:\n")])
@pytest.mark.parametrize("after", ["", "---\n" + DOCUMENT.replace("app", "next")])
def test_an_object_that_says_nothing_yet_can_be_set(gitvirt, repository, head, after):
    file = repository / "app.yaml"
    file.write_text(head + after)
    ran = gitvirt("set", "vm/app", "memory=2GiB", "--repo", repository)
    assert (ran.code, ran.err) == (0, "")
    added = "spec: {memory: 2GiB}\n"
    assert file.read_text() == head.removesuffix("spec:\n") + added + after


def test_a_byte_order_mark_is_kept(gitvirt, repository):
    file = repository / "app.yaml"
    file.write_text("\ufeff" + DOCUMENT + "  memory: 1GiB\n")
    assert gitvirt("set", "vm/app", "memory=2GiB", "--repo", repository).code == 0
    assert file.read_text() == "\ufeff" + DOCUMENT + "  memory: 2GiB\n"


def test_what_only_the_loader_can_read_is_left_to_an_editor(gitvirt, repository):
    file = repository / "app.yaml"
    text = DOCUMENT + "  memory: 1GiB\n...\n...\n"
    file.write_text(text)
    assert gitvirt("validate", repository).code == 0
    ran = gitvirt("set", "vm/app", "memory=2GiB", "--repo", repository)
    assert ran.code == 1
    assert "edit it by hand" in ran.err
    assert file.read_text() == text


def test_lists_are_told_as_lists(gitvirt, repository):
    (repository / "app.yaml").write_text(DOCUMENT + "  nics: [lan]\n")
    ran = gitvirt("set", "vm/app", "nics=[lan, {name: b, network: lan}]", "--no-plan", "--repo", repository)
    entry = "{name: lan, network: lan}"
    assert ran.out == f"app.yaml  nics: [{entry}] → [{entry}, {{name: b, network: lan}}]\n"
    ran = gitvirt("set", "vm/app", "nics=[]", "--no-plan", "--repo", repository)
    assert ran.out.endswith(" → []\n")


def test_a_label_is_text_whatever_it_looks_like(gitvirt, repository):
    ran = gitvirt("set", "vm/web", "metadata.labels.rack=7", "--no-plan", "--repo", repository)
    assert (ran.code, ran.out) == (0, 'vms.yaml  metadata.labels.rack: (not set) → "7"\n')


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("memory=3", "vms.yaml:7:3 memory"),
        ("memroy=3GiB", "did you mean `memory`"),
        ("nics[x].network=nope", "there is no network/nope"),
        ("cpu=[1, 2]", "vms.yaml:6:3 cpu"),
        ("memory.size=1GiB", "a single value there"),
        ("disks.size=1GiB", "a list there"),
        ("disks[root]=1GiB", "is a whole entry"),
        ("memory=", "memory=null"),
        ("memory", "name what to change and how"),
        ("=1", "is not of the form"),
        ("memory..x=1", "is not a path"),
        ("memory.=1", "is not a path"),
        ("spec=1", "is everything"),
        ("metadata.name=x", "cannot be set"),
        ("metadata.labels.a b=x", "label"),
    ],
)
def test_what_would_not_be_valid_is_not_written(gitvirt, repository, argument, said):
    before = (repository / "vms.yaml").read_text()
    ran = gitvirt("set", "vm/web", argument, "--repo", repository)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err
    assert (repository / "vms.yaml").read_text() == before
    assert sorted(each.name for each in repository.iterdir()) == ["gitvirt.yaml", "vms.yaml"]


@pytest.mark.parametrize("argument", ["graphics.password=hunter2", "graphics={type: vnc, password: hunter2}"])
def test_a_secret_is_not_shown(gitvirt, repository, argument):
    ran = gitvirt("set", "vm/web", argument, "--repo", repository)
    assert ran.code == 0
    assert "hunter2" in (repository / "vms.yaml").read_text()
    assert "***" in ran.out
    assert "hunter2" not in ran.out + ran.err
    ran = gitvirt("set", "vm/web", argument.replace("hunter2", "other"), "--repo", repository)
    assert "hunter2" not in ran.out + ran.err


def test_one_wrong_value_keeps_all_of_them_from_being_written(gitvirt, repository):
    before = (repository / "vms.yaml").read_text()
    assert gitvirt("set", "vm/web", "memory=4GiB", "cpu=-1", "--repo", repository).code == 1
    assert (repository / "vms.yaml").read_text() == before


@pytest.mark.parametrize(
    ("spec", "argument"),
    [
        ("  memory: &size 1GiB\n  memoryMax: *size\n", "memory=512MiB"),
        ("  memory: &size 1GiB\n  memoryMax: *size\n", "memoryMax=2GiB"),
    ],
)
def test_a_value_that_others_share_is_not_changed_silently(gitvirt, repository, spec, argument):
    file = repository / "app.yaml"
    file.write_text(DOCUMENT + spec)
    ran = gitvirt("set", "vm/app", argument, "--repo", repository)
    assert ran.code == 1
    assert "edit it by hand" in ran.err
    assert file.read_text() == DOCUMENT + spec


def test_a_bare_repository_has_no_files_to_edit(gitvirt, repository):
    for arguments in (
        ["init", "-q"],
        ["add", "--all"],
        ["commit", "-q", "-m", "x"],
        ["clone", "-q", "--bare", ".", "../b.git"],
    ):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=repository, check=True)
    ran = gitvirt("set", "vm/web", "memory=4GiB", "--repo", repository.parent / "b.git")
    assert ran.code == 1
    assert "b.git is a bare repository, it has no files to edit; use a clone of it" in ran.err


def test_an_object_that_no_file_declares_cannot_be_set(gitvirt, repository):
    assert "is implied" in gitvirt("set", "cluster/default", "description=x", "--repo", repository).err


def test_the_repository_itself_can_be_set(gitvirt, repository):
    assert gitvirt("set", "repository/home", "drift=warn", "--repo", repository).code == 0
    assert "  drift: warn\n" in (repository / "gitvirt.yaml").read_text()


def test_the_mode_of_the_file_is_kept(gitvirt, repository):
    (repository / "vms.yaml").chmod(0o640)
    gitvirt("set", "vm/web", "memory=4GiB", "--repo", repository)
    assert (repository / "vms.yaml").stat().st_mode & 0o777 == 0o640


def test_a_file_behind_a_link_is_not_replaced(gitvirt, repository, tmp_path):
    (repository / "vms.yaml").rename(repository / "real.txt")
    (repository / "vms.yaml").symlink_to("real.txt")
    before = (repository / "real.txt").read_text()
    assert gitvirt("set", "vm/web", "memory=4GiB", "--repo", repository).code == 1
    assert (repository / "vms.yaml").is_symlink()
    assert (repository / "real.txt").read_text() == before


@pytest.mark.parametrize(
    ("argument", "text", "value"),
    [
        ("a=1", "1", 1),
        ("a=yes", '"yes"', "yes"),
        ("a=true", "true", True),
        ("a=null", "null", None),
        ("a='1'", "'1'", "1"),
        ("a={b: 1}", "{b: 1}", {"b": 1}),
        ("a=b: 1", '"b: 1"', "b: 1"),
        ("a=[1, 2", '"[1, 2"', "[1, 2"),
        ("a=x # y", '"x # y"', "x # y"),
        ("a=#x", '"#x"', "#x"),
        ("a=b=c", '"b=c"', "b=c"),
        ("a=*x", '"*x"', "*x"),
        ("a=- x", '"- x"', "- x"),
        ("a=4GiB", "4GiB", "4GiB"),
    ],
)
def test_values_are_yaml_or_text(argument, text, value):
    found = assignment(argument)
    assert (found.text, found.value) == (text, value)


def test_paths_are_read_as_they_are_written_in_plans():
    assert assignment("disks[root].size=1").steps == (
        Step("spec"),
        Step("disks"),
        Step("root", entry=True),
        Step("size"),
    )
    assert assignment("metadata.labels.app.io/tier=1").steps[-1] == Step("app.io/tier")
    with pytest.raises(UsageError):
        assignment("disks[]=1")
