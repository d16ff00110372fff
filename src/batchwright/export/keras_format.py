"""Files of Keras: the network alone, of Keras's own layers, so that `keras.models.load_model` needs no other code."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from batchwright._extras import import_optional
from batchwright.export.checking import Checked, check_outputs
from batchwright.export.formats import ALONE, Format, Options
from batchwright.export.keras_network import keras_model
from batchwright.export.rows_to_check import CheckRows, made_rows
from batchwright.runs.model import SavedModel

FILE = "network.keras"
AT_ONCE = 1024
"""Rows that are answered at a time."""


def _keras() -> Any:
    """The package, on JAX unless the environment names another of its backends."""
    if "keras" not in sys.modules:
        os.environ.setdefault("KERAS_BACKEND", "jax")
    return import_optional("keras", "batchwright[keras]", what="a .keras file")


def _write(model: SavedModel, _: Options) -> bytes:
    keras = _keras()
    inputs = model.encoding.inputs(made_rows(model.encoding, 1).rows)
    return content_of(keras_model(keras, model.model, model.variables, inputs))


def content_of(network: Any) -> bytes:
    """The file of a model of Keras."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        network.save(path)
        return path.read_bytes()


def _check(content: bytes, model: SavedModel, rows: CheckRows, _: Options) -> Checked:
    return check_outputs(KerasNetwork(content).outputs, model, rows)


class KerasNetwork:
    """The network in a .keras file, opened as a user opens it."""

    def __init__(self, content: bytes) -> None:
        keras = _keras()
        with TemporaryDirectory() as folder:
            path = Path(folder) / FILE
            path.write_bytes(content)
            self.network = keras.models.load_model(path, compile=False)

    def outputs(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """The outputs for encoded rows."""
        found: np.ndarray = self.network.predict(dict(inputs), batch_size=AT_ONCE, verbose=0)
        return found


KERAS = Format("keras", ".keras", (), _write, _check, ALONE)
"""The network of a model as a file of Keras."""
