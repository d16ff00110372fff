"""Messages in the wire format of Protocol Buffers, and those that TensorBoard reads, written field by field.

The numbers of the fields are those of TensorBoard's `compat/proto/event.proto`, `summary.proto`, `tensor.proto`,
`histogram.proto` and of `plugins/hparams/api.proto`.
"""

import struct
from collections.abc import Iterable, Mapping

from batchwright.tracking.tracker import Histogram

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
DT_STRING, DATA_CLASS_TENSOR, VERSION = 7, 2, "brain.Event:2"
RUN_START = 1
"""A session log that drops what an earlier file has from its step on."""
SESSION_START, SESSION_END = "session_start_info", "session_end_info"
_FIELD_OF = {SESSION_START: 3, SESSION_END: 4}


def varint(value: int) -> bytes:
    """A whole number >= 0, seven bits a byte.

    >>> varint(300).hex()
    'ac02'
    """
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def whole(number: int, value: int) -> bytes:
    """The field of this number with a whole number."""
    return varint(number << 3 | VARINT) + varint(value)


def double(number: int, value: float) -> bytes:
    """The field of this number with a float64."""
    return varint(number << 3 | FIXED64) + struct.pack("<d", value)


def single(number: int, value: float) -> bytes:
    """The field of this number with a float32; what is too large for one is infinite."""
    try:
        packed = struct.pack("<f", value)
    except OverflowError:
        packed = struct.pack("<f", float("inf") if value > 0 else float("-inf"))
    return varint(number << 3 | FIXED32) + packed


def part(number: int, value: bytes | str) -> bytes:
    """The field of this number with bytes, a text or a message."""
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | LENGTH) + varint(len(data)) + data


def doubles(number: int, values: Iterable[float]) -> bytes:
    """The field of this number with several float64."""
    found = list(values)
    return part(number, struct.pack(f"<{len(found)}d", *found))


def event(wall_time: float, step: int, what: bytes) -> bytes:
    """An event: a moment in seconds since 1970, a step, and one of the fields below."""
    return double(1, wall_time) + whole(2, step) + what


def file_version() -> bytes:
    """What the first event of a file says."""
    return part(3, VERSION)


def restart() -> bytes:
    """What says that the run goes on from the step of this event."""
    return part(7, whole(1, RUN_START))


def summary(values: Iterable[bytes]) -> bytes:
    """The values of a step."""
    return part(5, b"".join(part(1, value) for value in values))


def scalar(tag: str, value: float) -> bytes:
    """A number."""
    return part(1, tag) + single(2, value)


def image(tag: str, png: bytes, width: int, height: int) -> bytes:
    """An image, as the bytes of a PNG file with three or four channels."""
    return part(1, tag) + part(4, whole(1, height) + whole(2, width) + whole(3, 4) + part(4, png))


def weights(tag: str, found: Histogram) -> bytes:
    """A histogram: the upper edge of each bin, and how many are in it."""
    low, high = float(found.edges[0]), float(found.edges[-1])
    sums = double(3, float(found.counts.sum())) + double(4, found.total) + double(5, found.squares)
    bins = doubles(6, map(float, found.edges[1:])) + doubles(7, map(float, found.counts))
    return part(1, tag) + part(5, double(1, low) + double(2, high) + sums + bins)


def text(tag: str, words: str) -> bytes:
    """A text, which is shown as Markdown."""
    shape = part(2, part(2, whole(1, 1)))
    tensor = whole(1, DT_STRING) + shape + part(8, words)
    return part(1, tag) + part(9, part(1, part(1, "text")) + whole(4, DATA_CLASS_TENSOR)) + part(8, tensor)


def session_start(settings: Mapping[str, bool | float | str], seconds: float) -> bytes:
    """The settings of one run. TensorBoard itself finds which settings differ between runs."""
    entries = (part(1, part(1, name) + part(2, _value_of(value))) for name, value in settings.items())
    return _of_hyperparameters(SESSION_START, b"".join(entries) + double(5, seconds))


def session_end(*, success: bool, seconds: float) -> bytes:
    """How one run has ended."""
    return _of_hyperparameters(SESSION_END, whole(1, 1 if success else 2) + double(2, seconds))


def _of_hyperparameters(kind: str, content: bytes) -> bytes:
    """A value whose metadata has a message of the plugin for hyperparameters; the tensor beside it is empty."""
    plugin = part(1, "hparams") + part(2, part(_FIELD_OF[kind], content))
    empty = whole(1, 1) + part(2, part(2, whole(1, 0)))
    return part(1, f"_hparams_/{kind}") + part(9, part(1, plugin)) + part(8, empty)


def _value_of(value: bool | float | str) -> bytes:
    """A value of `google.protobuf.Value`."""
    if isinstance(value, bool):
        return whole(4, int(value))
    return part(3, value) if isinstance(value, str) else double(2, float(value))
