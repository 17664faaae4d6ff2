"""Runs the workflows of examples/ci as their forges do: the shell steps, in a clone, with the variables they are given.

Comes in: a clone of a repository and the forge's address. Goes out: what each step said. What installs gitvirt is left
out: it is there. An expression that is not known here is an error, not an empty string. Used by flow and live tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from ruamel.yaml import YAML

from specs.structs import Struct

EXAMPLES = Path(__file__).parents[1] / "examples" / "ci"
WORKFLOWS = {
    "github": EXAMPLES / "github" / ".github" / "workflows" / "plan.yaml",
    "gitea": EXAMPLES / "gitea" / ".gitea" / "workflows" / "plan.yaml",
    "gitlab": EXAMPLES / "gitlab" / ".gitlab-ci.yml",
}
NUMBER, TOKEN = "7", "tok-3n"
_EXPRESSIONS = {
    "${{ github.event.pull_request.number }}": NUMBER,
    "${{ github.token }}": TOKEN,
    "${{ secrets.GITVIRT_COMMENT_TOKEN }}": TOKEN,
}


class Step(Struct, frozen=True):
    shell: tuple[str, ...]
    script: str
    env: Mapping[str, str]


def steps(forge: str) -> list[Step]:
    """The shell steps of a workflow but those that install."""
    data: Any = YAML(typ="safe").load(WORKFLOWS[forge].read_text())
    (job,) = data["jobs"].values() if forge != "gitlab" else [data["plan"]]
    if forge == "gitlab":
        return [Step(("bash", "-eo", "pipefail", "-c"), each, {}) for each in job["script"]]
    return [
        Step(
            ("bash", "-e", "-c"), each["run"], {name: _EXPRESSIONS[text] for name, text in each.get("env", {}).items()}
        )
        for each in job["steps"]
        if "run" in each and each["name"] != "Install gitvirt"
    ]


def run(forge: str, clone: Path, work: Path, address: str) -> subprocess.CompletedProcess[str]:
    """The steps in order, until one fails; the outcome of the last that ran."""
    work.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **_variables(forge, work, address), **_own(work)}
    done = None
    for step in steps(forge):
        done = subprocess.run(
            [*step.shell, step.script], cwd=clone, env={**environment, **step.env},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if done.returncode:
            break
    assert done is not None
    return done


def _variables(forge: str, work: Path, address: str) -> dict[str, str]:
    if forge == "gitlab":
        return {
            "CI_BUILDS_DIR": str(work),
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "CI_API_V4_URL": f"{address}/api/v4",
            "CI_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_IID": NUMBER,
            "GITVIRT_NOTE_TOKEN": TOKEN,
        }
    return {
        "RUNNER_TEMP": str(work),
        "GITHUB_BASE_REF": "main",
        "GITHUB_STEP_SUMMARY": str(work / "summary.md"),
        "GITHUB_API_URL": address,
        "GITHUB_SERVER_URL": address,
        "GITHUB_REPOSITORY": "acme/site",
    }


def _own(work: Path) -> dict[str, str]:
    """gitvirt on the path; settings and state of a machine that has never seen it."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(work / "home"),
        "XDG_CONFIG_HOME": str(work / "home" / ".config"),
        "GITVIRT_CONFIG": "",
        "no_proxy": "127.0.0.1",
    }


class Comment(Struct, frozen=True):
    path: str
    token: str
    body: str


@contextmanager
def forge_at() -> Iterator[tuple[str, list[Comment]]]:
    """A server that takes comments as the three forges do; its address, and what it was sent."""
    comments: list[Comment] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"])).decode()
            is_json = self.headers["Content-Type"] == "application/json"
            body = json.loads(content)["body"] if is_json else parse_qs(content)["body"][0]
            token = (self.headers["Authorization"] or self.headers["PRIVATE-TOKEN"]).split()[-1]
            comments.append(Comment(self.path, token, body))
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Taker) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", comments
        finally:
            server.shutdown()
            thread.join()
