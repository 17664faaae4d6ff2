"""Domain XML ↔ fields: everything gitvirt knows about a VM's hardware in libvirt's words.

One small module per device or aspect (`cpu`, `disks`, `graphics` …), listed in `table.py`: how it reads, how it is
written, how it changes live. `read` serves reader.py; `define` and `change` (definition.py) serve vms.py. No call
to libvirt is made here.
"""

from drivers.libvirt.domain.reading import Reading, read
from drivers.libvirt.domain.tree import CannotWrite, NotReadable

__all__ = ["CannotWrite", "NotReadable", "Reading", "read"]
