"""What is said of differences of columns that a network gets as numbers of their own."""

from collections.abc import Iterator

from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.nn.differences import WithDifferences
from batchwright.nn.embeddings import Columns
from batchwright.nn.networks import FeedForward
from batchwright.nn.protocols import Network


def difference_notes(network: Network, encoding: Encoding) -> Iterator[str]:
    """A sentence for each difference that the network gets."""
    made = encoding.preprocessing
    encoder = network.encoder if isinstance(network, FeedForward) else None
    takes = isinstance(encoder, Columns) and isinstance(encoder.numbers, WithDifferences)
    for one in (made.differences or ()) if takes and not isinstance(made, ImagePreprocessing) else ():
        first, second = map(repr, one.columns)
        yield (
            f"columns {first} and {second} move together, and what {first} says beyond {second} tells {one.gain:.0%} "
            "of the target that neither tells alone: it is a number of its own; `data.differences=false` leaves it out"
        )
