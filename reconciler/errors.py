"""What the reconciler and its faces refuse, as one clear message: what, where, why, and what to do.

ReconcilerError             anything below; the message is written for the operator and shown as it is
├── UsageError              the command line asks for something that makes no sense (reconciler/cli)
├── SettingsError           the local settings file, a name in it, or the state directory (reconciler/settings)
└── LockedError             another process writes to this repository's hosts now (reconciler/lock)

Errors of reading YAML come from specs, errors of the world from drivers/errors.
"""

from __future__ import annotations


class ReconcilerError(Exception):
    """`str()` is the message for the operator: one or a few lines, no traceback needed to act on it."""


class UsageError(ReconcilerError):
    """The arguments cannot be understood or contradict each other."""


class SettingsError(ReconcilerError):
    """The local settings or the state directory cannot be used as they are."""


class LockedError(ReconcilerError):
    """Another process holds the repository; the message names it."""
