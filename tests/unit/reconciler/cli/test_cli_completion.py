"""What the shell is offered: commands, kinds, and names of the YAML, without a word to any host."""

from __future__ import annotations

import pytest


@pytest.fixture
def completed(gitvirt, repository, monkeypatch):
    """The words for the last one of a command line, as bash would ask for them."""
    monkeypatch.chdir(repository)

    def ask(line: str) -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("_GITVIRT_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        ran = gitvirt()
        assert ran.err == ""
        return ran.out.split()

    return ask


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("gitvirt unh", ["unhold"]),
        ("gitvirt stop ", ["db", "web"]),
        ("gitvirt stop db w", ["web"]),
        ("gitvirt stop vm/w", ["vm/web"]),
        ("gitvirt migrate web --to ", ["nuc"]),
        ("gitvirt maintenance ", ["nuc"]),
        ("gitvirt maintenance nuc ", ["off", "on"]),
        ("gitvirt cluster stop ", ["default"]),
        ("gitvirt hold host/", ["host/nuc"]),
        ("gitvirt describe l", ["lan"]),
        ("gitvirt get netw", ["networks"]),
        ("gitvirt get hosts ", ["nuc"]),
        ("gitvirt wait web --for a", ["agent"]),
        ("gitvirt stop --repo /nowhere ", []),
        ("gitvirt undelete ", []),
    ],
)
def test_what_may_follow_is_offered(completed, line, words):
    assert sorted(completed(line)) == words


def test_a_repository_with_errors_completes_nothing_and_says_nothing(completed, repository):
    (repository / "broken.yaml").write_text("kind: [")
    assert completed("gitvirt stop ") == []
