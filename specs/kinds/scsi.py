"""The controller that the SCSI disks of a VM share."""

from specs.model import Count, Model, declared


class Scsi(Model):
    """The virtio-scsi controller."""

    queues: Count | None = declared("Request queues.", effect="restart")
    iothread: Count | None = declared("Number of the I/O thread that serves it.", effect="restart")
    commands_per_lun: Count | None = declared("Commands that wait on one disk at most.", effect="restart")
    max_sectors: Count | None = declared("Sectors that one command moves at most.", effect="restart")
