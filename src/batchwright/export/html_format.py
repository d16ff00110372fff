"""HTML pages: written from the graph of a model; the graph in the page is run to be checked.

No browser is needed for that: the operators of the page are those of the Python file, and tests hold them together.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from batchwright.export.checking import Answers, Checked, check
from batchwright.export.facts import plain_facts
from batchwright.export.formats import Format, Options
from batchwright.export.model_graph import graph_of
from batchwright.export.numpy_format import TOLERANCE
from batchwright.export.page import page
from batchwright.export.rows_to_check import CheckRows
from batchwright.export.runtime.graph import Model, run_graph, unpack
from batchwright.runs.model import SavedModel

MODEL = re.compile(r'<script type="application/json" id="model">(.*?)</script>', re.DOTALL)


def _write(model: SavedModel, options: Options) -> bytes:
    return page(graph_of(model, interval=options.interval), model.encoding, plain_facts(options.about)).encode()


def _check(content: bytes, model: SavedModel, rows: CheckRows, options: Options) -> Checked:
    return check(PageModel(content).answers, model, rows, interval=options.interval, tolerance=TOLERANCE)


class PageModel:
    """The model that a page holds."""

    def __init__(self, content: bytes) -> None:
        found = MODEL.search(content.decode())
        assert found is not None
        self._plain = json.loads(found[1])

    def answers(self, columns: Mapping[str, np.ndarray]) -> Answers:
        """The columns of the answers for typed columns."""
        plain = self._plain
        texts = {name: np.array(flat, object).reshape(shape) for name, (shape, flat) in plain["texts"].items()}
        inputs = [(name, _dtype_of(array), array.shape[1:]) for name, array in columns.items()]
        constants = unpack(plain["table"], {}, plain["packed"]) | texts
        nodes = [(op, given, made, _as_numbers(settings)) for op, given, made, settings in plain["nodes"]]
        return run_graph(Model((), inputs, constants, nodes, plain["outputs"]), columns)


def _dtype_of(array: np.ndarray) -> str:
    return "string" if array.dtype == object else array.dtype.name


def _as_numbers(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the number of a margin as such, which JSON has as a text where it is not finite."""
    return {name: float(setting) if name == "value" else setting for name, setting in settings.items()}


HTML = Format("html", ".html", ("interval",), _write, _check)
