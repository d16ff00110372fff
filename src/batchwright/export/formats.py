"""What a kind of exported file offers: its content, and how that compares with the model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from batchwright.export.checking import Checked
from batchwright.export.rounding import Precision
from batchwright.export.rows_to_check import CheckRows
from batchwright.runs.model import SavedModel

ALONE = (
    "it holds the network alone: `encode` and `decode` of a file of `format=numpy` make its inputs from rows, and the "
    "answers from its outputs"
)
"""What to know about a file that begins with encoded rows and ends with outputs."""


@dataclass(frozen=True)
class Options:
    """What is asked of a file besides its format.

    - interval: the level of intervals and sets; None: there are none
    - opset: the version of ONNX's operators; None: the oldest that will do
    - precision: how matrices are kept; the model is rounded before
    - about: what a file may say of itself, by name
    """

    interval: float | None = None
    opset: int | None = None
    precision: Precision = "float32"
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """A kind of file that answers as a model does.

    - name, suffix: what it is called, and the ending of such files
    - takes: the names of the options that it has
    - write: the content of the file
    - check: how a content compares with the model on some rows; raises BatchwrightError if it is not as it should be
    - hint: what to know about such a file, if anything
    """

    name: str
    suffix: str
    takes: tuple[str, ...]
    write: Callable[[SavedModel, Options], bytes]
    check: Callable[[bytes, SavedModel, CheckRows, Options], Checked]
    hint: str = ""
