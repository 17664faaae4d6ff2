"""`gitvirt import` as a command: files that are written, files that are not, hostile XML."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.cli import main
from tests.domains import POOL, every, identity

WEB = dict(every(1))["virt-install-0"].replace("virt-install-0", "imported").replace(POOL, "/srv/vms")
NETWORK = "<network><name>lan</name><uuid>{}</uuid><ip address='10.1.0.1' netmask='255.255.0.0'/></network>"
POOL = "<pool type='dir'><name>vms</name><uuid>{}</uuid><target><path>/srv/vms</path></target></pool>"


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    folder = tmp_path / "exported"
    (folder / "networks").mkdir(parents=True)
    (folder / "imported.xml").write_text("<?xml version='1.0' encoding='UTF-8'?>\n<!-- do not edit -->\n" + WEB)
    (folder / "networks/lan.xml").write_text(NETWORK.format(identity(1)))
    (folder / "vms.xml").write_text(POOL.format(identity(2)))
    (folder / "notes.txt").write_text("not XML")
    return folder


def test_exported_files_become_a_repository_that_loads(gitvirt, exported, tmp_path) -> None:
    new = tmp_path / "new"
    ran = gitvirt("import", f"file:{exported}", "--repo", new)
    assert ran.code == 0, ran.err
    assert "Wrote 4 files" in ran.out
    assert {each.relative_to(new).as_posix() for each in new.rglob("*.yaml")} == {
        "gitvirt.yaml", "networks/lan.yaml", "storage/vms.yaml", "vms/imported.yaml",
    }  # fmt: skip
    assert gitvirt("validate", new).code == 0


def test_a_dry_run_prints_and_writes_nothing(gitvirt, exported, repository) -> None:
    before = sorted(repository.rglob("*"))
    ran = gitvirt("import", f"file:{exported}", "--repo", repository, "--dry-run")
    assert ran.code == 0
    assert "metadata: {name: imported}" in ran.out
    assert "nothing was written" in ran.err
    assert sorted(repository.rglob("*")) == before


def test_what_is_declared_is_used_and_a_second_import_writes_nothing(gitvirt, exported, repository) -> None:
    assert gitvirt("import", f"file:{exported}", "--repo", repository, "-o", "moved").code == 0
    assert (repository / "moved/vms/imported.yaml").is_file()
    assert not (repository / "moved/networks").exists(), "the repository has lan"
    assert not (repository / "moved/storage").exists(), "the repository has /srv/vms"
    again = gitvirt("import", f"file:{exported}", "--repo", repository)
    assert "the repository declares it already" in again.out
    assert "Wrote 0 files" in again.out


def test_no_file_is_overwritten_and_then_none_is_written(gitvirt, exported, repository) -> None:
    (repository / "vms").mkdir()
    (repository / "vms/imported.yaml").write_text("# mine\n")
    ran = gitvirt("import", f"file:{exported}", "--repo", repository)
    assert ran.code == 1
    assert "is there already; nothing was written" in ran.err
    assert (repository / "vms/imported.yaml").read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("file:/nowhere/at/all",), "is not there"),
        (("http://host/",), "the scheme `http` is not supported"),
        (("qemu+ssh://u:p@host/system",), "a password in a URI"),
        (("qemu+tls://host/system?command=/bin/sh",), "the parameter `command` is refused"),
        (("file:.", "-o", "../out"), "is outside of"),
    ],
)
def test_what_cannot_be_read_is_said(gitvirt, repository, monkeypatch, arguments, told) -> None:
    monkeypatch.chdir(repository)
    ran = gitvirt("import", *arguments, "--repo", repository)
    assert ran.code == 1
    assert told in ran.err
    assert "Traceback" not in ran.err


def test_files_that_are_no_domains_are_named(gitvirt, tmp_path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "dtd.xml").write_text("<!DOCTYPE domain [<!ENTITY a 'b'>]><domain><name>&a;</name></domain>")
    (folder / "latin.xml").write_bytes("<domain><name>h\xf6st</name></domain>".encode("latin-1"))
    (folder / "snapshot.xml").write_text("<domainsnapshot><name>s</name></domainsnapshot>")
    (folder / "half.xml").write_text(WEB[:400])
    (folder / "nameless.xml").write_text("<domain type='kvm'/>")
    (folder / "empty.xml").write_text("")
    ran = gitvirt("import", f"file:{folder}", "--repo", tmp_path / "new")
    assert ran.code == 0
    assert "Wrote 0 files" in ran.out
    assert sorted(line.split("/")[-1].partition(":")[0] for line in ran.err.splitlines() if "passed over" in line) == [
        "dtd.xml", "empty.xml", "half.xml", "latin.xml", "nameless.xml", "snapshot.xml",
    ]  # fmt: skip


def test_a_domain_exported_while_it_ran_says_so(gitvirt, tmp_path) -> None:
    file = tmp_path / "web.xml"
    file.write_text(WEB.replace("<domain type='kvm'>", "<domain type='kvm' id='7'>"))
    ran = gitvirt("import", f"file:{file}", "--repo", tmp_path / "new")
    assert ran.code == 0, ran.err
    assert "exported while it ran" in (tmp_path / "new/vms/imported.yaml").read_text()


def mutated(text: str, edits: list[tuple[int, str]]) -> str:
    for place, new in edits:
        cut = place % (len(text) + 1)
        text = text[:cut] + new + text[cut + place % 7 :]
    return text


PIECES = st.sampled_from(
    ["", "<", ">", "'", "&", "&#x1;", "&#x85;", "]", "[", "/", "-1", "9" * 30, "0", "\x00", "\u2028", "é", "name",
     "vda", "sata", "<disk/>", "<a:b/>", "<interface/>", "<x>" * 50, "{", ": ", "# ", "\n---\n", "!!python", "..",
     "scsi", "rbd", "none"]
)  # fmt: skip
WHICH = dict(every(9))


@given(
    name=st.sampled_from(sorted(WHICH)),
    edits=st.lists(st.tuples(st.integers(0, 4000), PIECES), min_size=1, max_size=4),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_xml_whatever_makes_a_traceback(capsys, tmp_path_factory, name, edits) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "x.xml").write_text(mutated(WHICH[name], edits), errors="surrogatepass")
    code = main.run(["import", f"file:{folder}", "--repo", str(folder / "new"), "--dry-run"])
    told = capsys.readouterr()
    assert code == 0, told.err
    assert "bug" not in told.err
