"""What can go wrong in the lab. Raised in this package, shown by reconciler/cli/lab.py.

LabError                    anything the lab refuses or fails at; the message says what, where, why, what to do
├── MachineUnfit            not Linux, not root, a program is missing, no free subnet
├── LabConflict             another lab is up, or something of a lost lab is in the way
├── StateDamaged            the state file cannot be read
├── UnknownHost             a host name that this lab does not have
├── HostDown                the host is powered off and the wish needs it running
├── HostFailed              a host did not boot, or would not die
├── CommandFailed           a program that the lab drives ended with an error
├── RepositoryRefused       the folder for the Git repository is not usable
├── PackagesNotHad          packages of Debian's archive could not be downloaded
├── StorageFaultFailed      a fault of the storage could not be made or healed
├── BmcFailed               the Redfish BMCs did not start
└── GuestBuildFailed        the parts of the guest image could not be had
"""

from __future__ import annotations

from collections.abc import Sequence


class LabError(Exception):
    """Base of all errors of the lab; `str()` is fit for a user."""

    designed = True


class MachineUnfit(LabError):
    """This machine cannot carry a lab as it is."""


class LabConflict(LabError):
    """Something that is there already does not go together with what was asked."""


class StateDamaged(LabError):
    """The state file is there but cannot be understood."""


class UnknownHost(LabError):
    """No host of that name in this lab."""


class HostDown(LabError):
    """The host exists and is powered off."""


class HostFailed(LabError):
    """A host did not come up in time, or did not go away."""


class RepositoryRefused(LabError):
    """The folder given for the Git repository cannot be used."""


class PackagesNotHad(LabError):
    """Debian's archive did not give the packages."""


class StorageFaultFailed(LabError):
    """The shared storage of a host could not be made slow, failing, full … or well again."""


class BmcFailed(LabError):
    """The process with the BMCs does not listen."""


class GuestBuildFailed(LabError):
    """A part of the guest image is not to be had."""


class CommandFailed(LabError):
    """A program ended with an error. The message carries the command line and what it said."""

    def __init__(self, argv: Sequence[str], code: int, said: str) -> None:
        self.argv = tuple(argv)
        self.code = code
        self.said = said.strip()
        super().__init__(f"`{' '.join(argv)}` ended with {code}: {self.said or '(it said nothing)'}")
