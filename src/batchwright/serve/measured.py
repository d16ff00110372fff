"""What a server has done, in the text form of Prometheus.

The form: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

PREFIX = "batchwright_"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""The upper ends of the bins of both histograms."""


class Histogram:
    """How many measurements are at most as large as each end, and their sum."""

    def __init__(self, ends: tuple[float, ...]) -> None:
        self._ends, self._counts, self._sum = ends, [0] * (len(ends) + 1), 0.0

    def add(self, value: float) -> None:
        """Count a measurement."""
        self._counts[bisect_left(self._ends, value)] += 1
        self._sum += value

    def samples(self) -> "Samples":
        """The counts up to each end, the sum and the count, each with what follows the name of the histogram.

        >>> bins = Histogram((1.0, 2.0))
        >>> bins.add(1.5)
        >>> bins.samples()
        {'_bucket{le="1"}': 0, '_bucket{le="2"}': 1, '_bucket{le="+Inf"}': 1, '_sum': 1.5, '_count': 1}
        """
        total, found = 0, dict[str, float]()
        for end, count in zip((*(f"{end:g}" for end in self._ends), "+Inf"), self._counts, strict=True):
            total += count
            found[f'_bucket{{le="{end}"}}'] = total
        return {**found, "_sum": self._sum, "_count": total}


Samples = Mapping[str, float]


class _Family(NamedTuple):
    """A name, what kind of numbers they are, what they say, and the numbers by what follows the name."""

    name: str
    kind: str
    what: str
    samples: Samples

    def lines(self) -> Iterator[str]:
        yield f"# HELP {PREFIX}{self.name} {self.what}"
        yield f"# TYPE {PREFIX}{self.name} {self.kind}"
        for rest, value in self.samples.items():
            yield f"{PREFIX}{self.name}{rest} {value:.12g}"


class Measured:
    """Counts since the start."""

    def __init__(self) -> None:
        self.requests = Counter[int]()
        self.reloads = Counter({"loaded": 0, "refused": 0})
        self.rows = self.images = self.waiting = 0
        self.seconds, self.decoding, self.batches = Histogram(SECONDS), Histogram(SECONDS), Histogram(ROWS)

    def count(self, status: int, seconds: float) -> None:
        """Count a request for predictions that was answered with this status, after this time."""
        self.requests[status] += 1
        self.seconds.add(seconds)

    def count_images(self, images: int, seconds: float) -> None:
        """Count a request whose images were read, in this time."""
        self.images += images
        self.decoding.add(seconds)

    def text(self, run: str, version: str) -> str:
        """All of it; `run` and `version` are those of the model that answers."""
        errors = sum(count for status, count in self.requests.items() if status >= 400)
        model = f'{{run="{_escape(run)}",version="{_escape(version)}"}}'
        families = (
            _Family("requests_total", "counter", "requests for predictions", _labelled("status", self.requests)),
            _Family("errors_total", "counter", "requests for predictions that got none", {"": errors}),
            _Family("rows_total", "counter", "rows that were answered", {"": self.rows}),
            _Family("images_total", "counter", "images that were read", {"": self.images}),
            _Family("reloads_total", "counter", "other runs to take over", _labelled("outcome", self.reloads)),
            _Family("waiting", "gauge", "requests that are read or answered", {"": self.waiting}),
            _Family("request_seconds", "histogram", "from a request to its answer", self.seconds.samples()),
            _Family("decode_seconds", "histogram", "to read the images of a request", self.decoding.samples()),
            _Family("batch_rows", "histogram", "rows that were answered together", self.batches.samples()),
            _Family("model_info", "gauge", "the model that answers", {model: 1}),
        )
        return "\n".join(line for family in families for line in family.lines()) + "\n"


def _labelled(label: str, counts: Mapping[int, int] | Mapping[str, int]) -> Samples:
    return {f'{{{label}="{key}"}}': count for key, count in sorted(counts.items())}


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
