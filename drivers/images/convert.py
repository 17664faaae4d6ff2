"""The `qemu-img` program: from any format to qcow2 or raw. Called by store.py, after sniff.py found the file sound.

The file is somebody else's: its format is said (never probed), no backing file is opened, and the program has bounds of
memory, processor time and size of its output; one that reports no progress is ended.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import shutil
import subprocess
import time
from pathlib import Path
from typing import IO

from drivers.errors import DriverError, NoSpace, Refused, Unsupported
from drivers.images.rules import Rules, Stop, Tell

_MEMORY = 2 << 30
_PROCESSOR = 3600  # seconds
_SILENCE = 300.0  # seconds without any progress
_PATIENCE = 60.0  # seconds for a look at a header
_PROGRESS = re.compile(rb"\((\d+)\.\d+/100%\)")


def convert(source: Path, target: Path, formats: tuple[str, str], bounds: tuple[Rules, Stop, Tell]) -> None:
    """Writes `source` (of the first format) as `target` (of the second). Refused if qemu-img does not like it."""
    rules, stop, tell = bounds
    operation = f"convert {formats[0]} to {formats[1]}"
    size = _size(source, formats[0], rules, operation)
    words = ["convert", "-p", "-O", formats[1], _node(source, formats[0]), str(target)]
    try:
        with subprocess.Popen(
            _command(words, rules.largest), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=_environment(),
        ) as process:  # fmt: skip
            try:
                said = _follow(process, operation, stop, lambda percent: tell("convert", size * percent // 100, size))
            finally:
                if process.poll() is None:
                    process.kill()
        if process.returncode:
            raise _failed(operation, said, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _size(source: Path, kind: str, rules: Rules, operation: str) -> int:
    """Bytes of the disk as qemu-img sees it; Refused if it leads to other files or is too large."""
    words = ["info", "--output=json", _node(source, kind)]
    try:
        done = subprocess.run(
            _command(words, rules.largest), capture_output=True, stdin=subprocess.DEVNULL, env=_environment(),
            timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Refused("here", operation, f"qemu-img looked at it for {_PATIENCE:.0f} s without an end") from None
    if done.returncode:
        raise _failed(operation, done.stderr, source)
    told = json.loads(done.stdout)
    size = int(told["virtual-size"])
    data_file = (told.get("format-specific") or {}).get("data", {}).get("data-file")
    if told.get("backing-filename") or data_file:
        raise Refused("here", operation, "the image leads to another file")
    if size > rules.largest:
        raise Refused("here", operation, f"a disk of {size} bytes, more than {rules.largest} (`images.largest`)")
    return size


def _node(source: Path, kind: str) -> str:
    """The file as a block node: driver and protocol are said, and no backing file is opened."""
    node = {"driver": kind, "backing": None, "file": {"driver": "file", "filename": str(source)}}
    if kind in ("raw", "vpc", "vdi", "vhdx"):
        del node["backing"]
    return "json:" + json.dumps(node)


def _command(words: list[str], largest: int) -> list[str]:
    program, bounds = shutil.which("qemu-img"), shutil.which("prlimit")
    if program is None or bounds is None:
        raise Unsupported(
            "here", "convert", "needs the program qemu-img (and prlimit): `apt install qemu-utils util-linux`"
        )
    limits = [f"--as={_MEMORY}", f"--cpu={_PROCESSOR}", f"--fsize={largest}", "--core=0"]
    return [bounds, *limits, "--", program, *words]


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}


def _follow(process: subprocess.Popen[bytes], operation: str, stop: Stop, tell: object) -> bytes:
    """Reads both outputs until they end; what was said on the error output."""
    said, last, since = b"", -1, time.monotonic()
    assert process.stdout is not None
    assert process.stderr is not None
    with selectors.DefaultSelector() as both:
        for stream in (process.stdout, process.stderr):
            both.register(stream, selectors.EVENT_READ)
        while both.get_map():
            stop.check(operation)
            for key, _ in both.select(0.2):
                stream: IO[bytes] = key.fileobj  # type: ignore[no-redef]
                data = os.read(stream.fileno(), 65536)
                if not data:
                    both.unregister(stream)
                elif stream is process.stderr:
                    said = (said + data)[-4096:]
                elif (found := _PROGRESS.findall(data)) and int(found[-1]) != last:
                    last, since = int(found[-1]), time.monotonic()
                    tell(last)  # type: ignore[operator]
            if time.monotonic() - since > _SILENCE:
                raise Refused("here", operation, f"qemu-img came no further for {_SILENCE:.0f} s")
    process.wait()
    return said


def _failed(operation: str, said: bytes, target: Path) -> DriverError:
    text = said.decode(errors="replace").replace(str(target), "the image").strip()
    text = " ".join(text.removeprefix("qemu-img: ").split())[-500:]
    if "No space left" in text:
        return NoSpace("here", operation, f"{target.parent} is full")
    return Refused("here", operation, f"qemu-img: {text or 'ended without a word (a limit was reached)'}")
