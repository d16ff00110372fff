"""Numbers that are scaled alike for all networks that are compared."""

from collections.abc import Iterable
from dataclasses import replace

from batchwright.config.document import Node
from batchwright.config.settings import with_value
from batchwright.nn import Linear
from batchwright.search.space import Space

NETWORK, SCALING = "network.name", "data.scaling"


def scale_alike(space: Space, networks: Iterable[str]) -> tuple[Space, tuple[str, ...]]:
    """The space with one scaling for these networks, which have the same rows, and what to say of it.

    What `auto` means to a linear network it does not mean to others. So where it is compared with others, `auto` is
    what it is to the linear network: any of them can be trained again by its settings.
    """
    mixed = {name == Linear.name for name in networks} == {True, False}
    if not mixed or space.settings({}).config.told_data_options.scaling != "auto":
        return space, ()
    document = with_value(space.document, SCALING, Node.of("standard"), [])
    said = (
        f"{SCALING} is standard for all networks, as it is for a linear one: all that are compared have the same rows"
    )
    return replace(space, document=document), (said,)


def networks_of(space: Space) -> tuple[str, ...]:
    """The names of the networks that the trials of a space may have."""
    return next((dimension.values for dimension in space.dimensions if dimension.key == NETWORK), ())
