"""Held: what every reason for keeping a change back means, and what to do. docs/held.md is this table.

Pure. A plan says the reason with the facts of the case; where the case itself has no advice, the one here is shown.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.diff.change import Held, HeldReason

REASONS: Mapping[HeldReason, tuple[str, str]] = {
    HeldReason.HOST_UNSEEN: (
        "A declared host could not be read, so it may hold this VM: not seen is not absent. Nothing of the VM is "
        "created, defined, started or moved, nor is one that is off touched unless libvirt knows that it ended where "
        "it is (after a restart of libvirtd it does not).",
        "Bring the host back, or put right what keeps gitvirt from reading it.",
    ),
    HeldReason.PARTIAL_VIEW: (
        "Something would be deleted while not every host was read.",
        "Bring the unread hosts back; deletions go on in the next pass.",
    ),
    HeldReason.NAME_TAKEN: (
        "An object of this name exists that is not ours: unmarked, of another repository, or a clone with a copied "
        "mark.",
        "Rename one of them; to take over an unmarked VM, declare its `uuid` (a clone's copied mark has to be taken "
        "off first: the plan says how); to use a network, declare it `external: true`.",
    ),
    HeldReason.UUID_TAKEN: (
        "The VM with the declared `uuid` bears a mark already.",
        "Release it in the repository that owns it, then apply again; a copied or damaged mark is taken off by `virsh "
        "metadata`, as the plan says.",
    ),
    HeldReason.DEFINED_TWICE: (
        "Two hosts have the definition of this VM. gitvirt does not guess which one is real.",
        "Find the copy that does not run and has no newer data, and undefine it there.",
    ),
    HeldReason.BEHIND: (
        "The object was last changed at a revision that yours does not descend from: an older checkout, or a fork.",
        "Pull, merge and plan again; `--force-revision` if yours is meant to win.",
    ),
    HeldReason.PROTECTED: (
        "The object bears delete protection. It counts as it stands on the object, not in the YAML.",
        "Declare it again with `deleteProtection: false`, apply, then remove it: two revisions, on purpose.",
    ),
    HeldReason.BUDGET: (
        "This revision deletes more of a kind than its budget (`budgets.deletions`), so none of them is deleted. A "
        "storage domain has no budget: it is always asked for.",
        "Revert if it is a mistake; else `gitvirt apply --allow deletions=N`.",
    ),
    HeldReason.RENAME_SUSPECTED: (
        "One VM goes while another comes that is just like it: probably a rename.",
        "Write `renamedFrom: OLD` into the new one's metadata; or `--allow vm/OLD` to delete the old one.",
    ),
    HeldReason.WOULD_SHRINK: (
        "A disk would become smaller, which cuts off its data.",
        "Write the size that it has, or more. To use less, add a smaller disk and move the data.",
    ),
    HeldReason.UNSUPPORTED: (
        "libvirt or QEMU of the host cannot do what is declared; the text names what it lacks, or the version that "
        "can.",
        "Upgrade the host, move the VM to one that can, or take the field away.",
    ),
    HeldReason.IN_USE: (
        "A network would be removed or restarted while VMs use it.",
        "Move their NICs or stop them first; `--allow network/NAME` accepts the cut of a restart.",
    ),
    HeldReason.NO_HOST: (
        "No host of the VM's cluster can take it; each host is named with its reason.",
        "Free what is short, end a maintenance, or widen `hosts:`.",
    ),
    HeldReason.SOURCE_MISSING: (
        "An image's file cannot be read where gitvirt runs.",
        "Put it there, or correct `file:`.",
    ),
    HeldReason.STORAGE: (
        "A storage domain is not active, or its directory cannot be read.",
        "Repair the storage on the host: mount, rights, space.",
    ),
    HeldReason.NETWORK: (
        "The host lacks what the network needs: its bridge, the VXLAN device in it, its VLAN, its MTU.",
        "Make it on the host as the plan says, or name the bridge that it has under `bridge.hosts`.",
    ),
    HeldReason.MAC_TAKEN: (
        "Another VM, on any host and managed or not, has the declared MAC already.",
        "Declare another, leave `mac` out to get a free one, or set `allowDuplicates` on the MAC pool.",
    ),
    HeldReason.MAC_POOL: (
        "The MAC pool of the VM's cluster has no free address for a new NIC.",
        "Add a range to the pool, or declare the NIC's `mac`.",
    ),
    HeldReason.EXTERNAL_MISSING: (
        "Something that is declared `external`, so never made by gitvirt, is not there.",
        "Make or start it on the host, or correct the declaration.",
    ),
    HeldReason.ON_HOLD: (
        "An operator holds the object; the plan says who, and why.",
        "`gitvirt unhold REF` when the reason is over.",
    ),
    HeldReason.TRANSIENT: (
        "The domain is transient: libvirt forgets it when it stops, and with it the mark.",
        "Define it on its host (`virsh dumpxml`, `virsh define`), then apply.",
    ),
    HeldReason.HOLDS_DATA: (
        "Something that holds data is in the way: an orphaned disk of this VM, or a storage domain whose path changed.",
        "Name the volume in the YAML to use it, declare a new storage domain for a new path; or `--allow REF`.",
    ),
    HeldReason.NEEDS_STOP: (
        "libvirt can do this only while the VM is off.",
        "Stop the VM at a good time, then apply.",
    ),
    HeldReason.HOST_NOT_EMPTY: (
        "A host was removed from the repository, or put into another cluster, and VMs of this repository are on it.",
        "Wait until it is emptied, or put it into maintenance; put it back if it was a mistake.",
    ),
    HeldReason.NEEDS_MOVE: (
        "The VM has to be on another host first.",
        "Move it, then apply.",
    ),
    HeldReason.CANNOT_MOVE: (
        "The VM should leave its host and cannot: of the VM, or of each other host, the plan says what is in the way. "
        "It stays where it is.",
        "Remove what is in the way; or stop the VM, which lets more of them go.",
    ),
    HeldReason.IN_FLIGHT: (
        "The VM is on its way from one host to another, by gitvirt or by hand. Nothing of it is changed meanwhile. "
        "Also: its migration was interrupted, and a third host has it or was not read.",
        "Wait until it has arrived, or `gitvirt migrate NAME --cancel`; bring the third host back, or undefine the "
        "copy that is too many.",
    ),
    HeldReason.RUNS_TWICE: (
        "The VM runs on two hosts at once. If both write to the same disks, these are being destroyed. gitvirt touches "
        "neither, since only you can tell which one has the newer data.",
        "Cut the power of the wrong one at once (`virsh destroy` on its host), undefine it there, and check the disks.",
    ),
    HeldReason.PAUSED: (
        "The hypervisor paused the VM, mostly since its disk is full or gone. Resuming it blindly could lose data.",
        "Repair the cause on the host, then `gitvirt resume NAME`.",
    ),
    HeldReason.BACKING_OFF: (
        "The same step failed a short time ago; the daemon tries again later, and later each time.",
        "Read the error; `gitvirt sync --now` tries it at once.",
    ),
    HeldReason.SAVED_STATE: (
        "The VM is suspended to disk and will wake with the hardware that it had.",
        "Start it first; then its hardware can be changed.",
    ),
    HeldReason.DEPENDENCY: (
        "Something that this object needs is itself held or missing.",
        "See to that first; this follows by itself.",
    ),
    HeldReason.DISK_MISSING: (
        "The volume of a disk is in no storage pool that the host knows.",
        "Bring the volume or its pool back, or correct the declaration.",
    ),
    HeldReason.DRIFT: (
        "Something was changed outside of Git, and the drift mode says not to set it back.",
        "Set `drift: enforce` to have it set back, or commit the value that is seen.",
    ),
    HeldReason.XML_REFUSED: (
        "The host's libvirt, or its schema, does not take the VM's definition with its `xml:` patches.",
        "Correct the patch; the text says what libvirt has against it.",
    ),
}


def advice(held: Held) -> str:
    """What to do about this one: its own advice, or that of its reason."""
    return held.fix or REASONS[held.reason][1]


def table() -> str:
    """The table of docs/held.md."""
    rows = [f"| `{reason}` | {meaning} | {fix} |" for reason, (meaning, fix) in sorted(REASONS.items())]
    return "\n".join(["| reason | what it means | what to do |", "|---|---|---|", *rows, ""])
