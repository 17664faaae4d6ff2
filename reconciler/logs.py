"""Logging: structlog set up once, lines for people on a terminal, JSON lines otherwise; secrets never come out.

In: where to write, how much. Out: `structlog.get_logger()` works everywhere after it. Called by reconciler/daemon and
by commands with `--log`. Events are named by words with dots (`step.done`), facts are keys: ref, host, revision.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog

from specs.fields import Secret

HIDDEN = "***"
LEVELS = ("debug", "info", "warning", "error")


def setup(level: str = "info", stream: TextIO | None = None) -> None:
    """Sends our log and that of the libraries we use to `stream` (stderr). The level is one of LEVELS."""
    out = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    on_terminal = out.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=not on_terminal),
        structlog.processors.StackInfoRenderer(),
    ]
    if not on_terminal:
        shared.append(structlog.processors.format_exc_info)
    shared.append(redact)
    renderer: Any = _for_people() if on_terminal else structlog.processors.JSONRenderer(default=str, sort_keys=True)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)


def redact(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: replaces Secret values, at any depth, by `***`."""
    del logger, method
    for key, value in event.items():
        event[key] = redacted(value)
    return event


def redacted(value: Any) -> Any:
    """`value` with every Secret in its mappings, lists, tuples and sets replaced."""
    if isinstance(value, Secret):
        return HIDDEN
    if isinstance(value, Mapping):
        return {redacted(key): redacted(each) for key, each in value.items()}
    if isinstance(value, list | set | frozenset) or type(value) is tuple:
        return [redacted(each) for each in value]
    return value


def _for_people() -> Any:
    from reconciler.cli.terminal import wants_colour

    return structlog.dev.ConsoleRenderer(
        colors=wants_colour(sys.stderr), exception_formatter=structlog.dev.plain_traceback
    )
