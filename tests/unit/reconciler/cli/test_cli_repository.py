"""init, validate, render, schema: the commands about a repository that need no host."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

ID = re.compile(r"id: ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def test_what_init_writes_is_valid(gitvirt, tmp_path):
    ran = gitvirt("init", tmp_path / "new")
    assert ran.code == 0
    assert gitvirt("validate", tmp_path / "new").code == 0


def test_two_repositories_have_different_ids(gitvirt, tmp_path):
    found = set()
    for name in ("a", "b"):
        gitvirt("init", tmp_path / name)
        found.add(ID.search((tmp_path / name / "gitvirt.yaml").read_text())[1])
    assert len(found) == 2


def test_init_never_overwrites(gitvirt, repository):
    before = (repository / "gitvirt.yaml").read_text()
    ran = gitvirt("init", repository)
    assert ran.code == 1
    assert "is there already; nothing was written" in ran.err
    assert (repository / "gitvirt.yaml").read_text() == before


def test_a_fork_has_a_new_id_and_is_the_same_otherwise(gitvirt, repository):
    file = repository / "gitvirt.yaml"
    before = file.read_text()
    assert gitvirt("init", "--fork", repository).code == 0
    after = file.read_text()
    assert ID.search(after)[1] != ID.search(before)[1]
    assert ID.sub("", after) == ID.sub("", before)
    assert gitvirt("validate", repository).code == 0


def test_a_fork_of_a_repository_without_an_id_gets_one(gitvirt, tmp_path):
    file = tmp_path / "gitvirt.yaml"
    file.write_text("apiVersion: gitvirt/v1\nkind: Repository\nmetadata: {name: home}\t# tabbed\nspec: {}\n")
    assert gitvirt("init", "--fork", tmp_path).code == 0
    assert gitvirt("validate", tmp_path).code == 0
    assert "{name: home}\t# tabbed\nspec: {id: " in file.read_text()


def test_what_keeps_a_repository_from_being_forked_is_told(gitvirt, tmp_path):
    (tmp_path / "gitvirt.yaml").write_text("kind: [\n")
    ran = gitvirt("init", "--fork", tmp_path)
    assert ran.code == 1
    assert "gitvirt.yaml:2:1: not YAML" in ran.err


def test_nothing_can_be_forked_where_nothing_is(gitvirt, tmp_path):
    assert "without --fork it is made" in gitvirt("init", "--fork", tmp_path).err


def test_a_folder_name_that_is_no_name_is_made_one(gitvirt, tmp_path):
    ran = gitvirt("init", tmp_path / "my home & more")
    assert f"`gitvirt validate '{tmp_path}/my home & more'`" in ran.out
    assert "metadata: {name: my-home-more}" in (tmp_path / "my home & more" / "gitvirt.yaml").read_text()


def test_init_with_a_wrong_uri_writes_nothing(gitvirt, tmp_path):
    ran = gitvirt("init", tmp_path / "new", "--uri", "qemu+ssh://x/system?command=/bin/sh")
    assert ran.code == 1
    assert "command" in ran.err
    assert not (tmp_path / "new").exists()


def test_a_valid_repository_is_said_to_be_so(gitvirt, repository):
    ran = gitvirt("validate", repository)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "home is valid: 1 Host, 1 Network, 1 StorageDomain, 2 VirtualMachine\n"


def test_all_errors_are_told_with_their_places(gitvirt, repository):
    text = (repository / "vms.yaml").read_text()
    (repository / "vms.yaml").write_text(text.replace("memory: 1GiB", "memroy: 1GiB").replace("8GiB", "8GB"))
    ran = gitvirt("validate", repository)
    assert (ran.code, ran.out) == (1, "")
    assert "vms.yaml:7:3 memroy: unknown field; did you mean `memory`?" in ran.err
    assert "vms.yaml:21:26 disks[root].size" in ran.err
    assert ran.err.rstrip().endswith("2 errors, 0 warnings")


def test_findings_as_json(gitvirt, repository):
    (repository / "vms.yaml").write_text((repository / "vms.yaml").read_text().replace("memory: 1", "memroy: 1"))
    ran = gitvirt("validate", repository, "-o", "json")
    found = json.loads(ran.out)
    assert (ran.code, found["valid"]) == (1, False)
    (finding,) = found["findings"]
    assert (finding["file"], finding["line"], finding["column"], finding["path"]) == ("vms.yaml", 7, 3, "memroy")


def test_a_revision_can_be_validated(gitvirt, repository):
    git(repository, "init", "--quiet")
    git(repository, "add", "--all")
    git(repository, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "x")
    (repository / "vms.yaml").write_text("rubbish")
    assert gitvirt("validate", repository).code == 1
    assert gitvirt("validate", repository, "--rev", "HEAD").code == 0
    ran = gitvirt("validate", repository, "--rev", "nope")
    assert (ran.code, "there is no revision `nope` here" in ran.err) == (1, True)


def git(folder, *arguments):
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def test_the_nearest_repository_above_is_meant_without_a_word(gitvirt, repository, monkeypatch):
    (repository / "vms" / "deep").mkdir(parents=True)
    monkeypatch.chdir(repository / "vms" / "deep")
    assert gitvirt("validate").out.startswith("home is valid")


@pytest.mark.parametrize("arguments", [["{}"], ["--repo", "{}"], ["{}/gitvirt.yaml"], ["{}", "--repo", "{}"]])
def test_the_repository_can_be_given_in_every_way(gitvirt, repository, arguments):
    assert gitvirt("validate", *(each.format(repository) for each in arguments)).code == 0


def test_the_repository_can_be_given_by_the_environment(gitvirt, repository, monkeypatch):
    monkeypatch.setenv("GITVIRT_REPO", str(repository))
    assert gitvirt("validate").code == 0


def test_one_of_several_repositories_includes_its_neighbour(gitvirt, repository):
    git(repository, "init", "--quiet")
    (repository / "prod").mkdir()
    (repository / "base").mkdir()
    (repository / "vms.yaml").rename(repository / "base" / "vms.yaml")
    text = (repository / "gitvirt.yaml").read_text()
    (repository / "gitvirt.yaml").unlink()
    (repository / "prod" / "gitvirt.yaml").write_text(text.replace("spec:\n", "spec:\n  include: [., ../base]\n", 1))
    ran = gitvirt("validate", repository / "prod")
    assert (ran.code, ran.out.endswith("2 VirtualMachine\n")) == (0, True)


@pytest.mark.parametrize("target", ["web", "vm/web", "VirtualMachine/web"])
def test_render_shows_one_object_with_the_origin_of_its_values(gitvirt, repository, target):
    ran = gitvirt("render", target, "--repo", repository)
    assert ran.code == 0
    assert re.search(r"memory: 1GiB +# vms\.yaml:7:3", ran.out)


def test_what_render_shows_loads_again(gitvirt, repository, tmp_path):
    text = gitvirt("render", "--repo", repository).out
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "gitvirt.yaml").write_text(text)
    assert gitvirt("validate", tmp_path / "again").code == 0


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_render_gives_plain_data(gitvirt, repository, form):
    from ruamel.yaml import YAML

    text = gitvirt("render", "vm/web", "--repo", repository, "-o", form).out
    data = json.loads(text) if form == "json" else YAML(typ="safe").load(text)
    assert data["spec"]["memory"] == "1GiB"
    many = gitvirt("render", "--repo", repository, "-o", form).out
    data = json.loads(many) if form == "json" else YAML(typ="safe").load(many)
    assert {"web", "db"} < {each["metadata"]["name"] for each in data["items"]}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("wbe", "there is no object `wbe`; did you mean `web`?"),
        ("vm/wbe", "there is no vm/wbe; did you mean `vm/web`?"),
        ("vmm/web", "unknown kind `vmm`"),
        ("vm/", "is not a reference"),
    ],
)
def test_a_target_that_does_not_exist_is_told_with_the_nearest(gitvirt, repository, target, said):
    ran = gitvirt("render", target, "--repo", repository)
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err


def test_a_name_that_several_objects_have_must_be_told_apart(gitvirt, repository):
    with open(repository / "vms.yaml", "a") as file:
        file.write("---\napiVersion: gitvirt/v1\nkind: Network\nmetadata: {name: web}\nspec: {type: isolated}\n")
    assert "`web` may be network/web or vm/web" in gitvirt("render", "web", "--repo", repository).err


def test_the_schema_is_json_and_the_reference_is_markdown(gitvirt):
    assert json.loads(gitvirt("schema").out)["title"] == "gitvirt"
    assert gitvirt("schema", "--docs").out.startswith("# ")
