"""Python files whose network is a module of PyTorch: written from the graphs of a model, and run to be checked."""

from importlib.util import find_spec

from batchwright.errors import UsageError
from batchwright.export.checking import Checked, check
from batchwright.export.facts import facts_of
from batchwright.export.formats import Format, Options
from batchwright.export.numpy_format import TOLERANCE, PythonModel
from batchwright.export.parts import parts_of
from batchwright.export.rows_to_check import CheckRows
from batchwright.export.torch_file import torch_file
from batchwright.runs.model import SavedModel


def _write(model: SavedModel, options: Options) -> bytes:
    if find_spec("torch") is None:
        raise UsageError(
            "a file for PyTorch is run before it is kept, and the package torch is not installed: pip install torch; "
            "`format=numpy` needs NumPy alone."
        )
    return torch_file(parts_of(model, interval=options.interval), model.encoding, facts_of(options.about)).encode()


def _check(content: bytes, model: SavedModel, rows: CheckRows, options: Options) -> Checked:
    return check(PythonModel(content).answers, model, rows, interval=options.interval, tolerance=TOLERANCE)


TORCH = Format("torch", ".torch.py", ("interval",), _write, _check)
