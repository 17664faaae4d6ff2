"""InstanceType: a hardware size. What it says lies under every VM that names it, above the defaults."""

from specs.kinds.common import Line
from specs.kinds.hardware import Hardware
from specs.model import declared


class InstanceType(Hardware):
    """A size that VMs refer to by `instanceType:`."""

    description: Line | None = declared("Text for people.", effect="policy")
