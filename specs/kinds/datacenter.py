"""DataCenter: the outermost container. `default` is implied when none is declared."""

from specs.kinds.common import FreeMapping, Line
from specs.model import Model, Name, declared


class DataCenter(Model):
    """Clusters with their networks and storage domains."""

    description: Line | None = declared("Text for people.", effect="policy")
    mac_pool: Name | None = declared("MacPool of its clusters that name none.", effect="policy")
    defaults: FreeMapping | None = declared(
        "Partial specs by kind, under every object of this data center.", effect="policy"
    )
