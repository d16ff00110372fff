"""Python files: written from the graphs of a model, and run to be checked."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from batchwright.export.checking import Answers, Checked, check
from batchwright.export.facts import facts_of
from batchwright.export.formats import Format, Options
from batchwright.export.numpy_file import numpy_file
from batchwright.export.parts import parts_of
from batchwright.export.rows_to_check import CheckRows
from batchwright.runs.model import SavedModel

TOLERANCE = 1e-5
"""The largest difference that a file may have from the model."""


def _write(model: SavedModel, options: Options) -> bytes:
    return numpy_file(parts_of(model, interval=options.interval), model.encoding, facts_of(options.about)).encode()


def _check(content: bytes, model: SavedModel, rows: CheckRows, options: Options) -> Checked:
    return check(PythonModel(content).answers, model, rows, interval=options.interval, tolerance=TOLERANCE)


class PythonModel:
    """A model in a Python file, which is run in names of its own."""

    def __init__(self, content: bytes) -> None:
        self._names: dict[str, Any] = {"__name__": "model"}
        exec(compile(content, "model.py", "exec"), self._names)

    def call(self, name: str, *given: Any) -> Any:
        """What a function of the file gives."""
        return self._names[name](*given)

    def answers(self, columns: Mapping[str, np.ndarray]) -> Answers:
        """The columns of the answers for typed columns, by what a user calls."""
        dates = {name: array.view("M8[us]") if array.dtype == np.int64 else array for name, array in columns.items()}
        found: Answers = self.call("predict", dates)
        return found


NUMPY = Format("numpy", ".py", ("interval",), _write, _check)
