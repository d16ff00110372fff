"""What a server takes at most."""

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """How much is taken, and for how long.

    Attributes:
        body: bytes of a request.
        rows: rows of a request.
        batch: rows that go through the network together, a power of two.
        waiting: requests that are read or answered at once; further ones are told to come again.
        seconds: within which a request has to be sent, and its images have to be decoded.
        pixels: of all images of a request, as they are sent, and as the model takes them.
    """

    body: int = 16 * MB
    rows: int = 100_000
    batch: int = 256
    waiting: int = 256
    seconds: float = 30.0
    pixels: int = 50 * MB

    @property
    def held(self) -> int:
        """Bytes of all requests that are in memory at once, and of the arrays of a request that come packed."""
        return 8 * self.body
