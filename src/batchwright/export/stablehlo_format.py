"""The network of a model as StableHLO, JAX's own portable form: from encoded arrays to outputs, for any network."""

from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from batchwright.errors import BatchwrightError, UsageError
from batchwright.export.checking import REFUSED, REPORT, TOLERANCE, Checked, apart, counts_to_try
from batchwright.export.formats import Format, Options
from batchwright.export.rows_to_check import CheckRows, made_rows
from batchwright.runs.model import SavedModel
from batchwright.training.evaluate import outputs

PLATFORMS = ("cpu", "cuda", "tpu")
"""What the file is compiled for where it is run."""


def _write(model: SavedModel, _: Options) -> bytes:
    encoded = model.encoding.inputs(made_rows(model.encoding, 1).rows)
    (rows,) = jax.export.symbolic_shape("rows")
    shapes = {name: jax.ShapeDtypeStruct((rows, *array.shape[1:]), array.dtype) for name, array in encoded.items()}

    variables = jax.tree.map(jnp.asarray, model.variables)

    def network(inputs: dict[str, Any]) -> jax.Array:
        return model.model.outputs(variables, inputs)

    try:
        return bytes(jax.export.export(jax.jit(network), platforms=PLATFORMS)(shapes).serialize())
    except Exception as error:  # whatever error a network of a user's own causes in JAX
        raise UsageError(
            f"the network cannot be exported for any number of rows ({type(error).__name__}: {error!s:.300}). Its "
            "shapes have to follow from those of its inputs."
        ) from error


def _check(content: bytes, model: SavedModel, rows: CheckRows, _: Options) -> Checked:
    """Compare the outputs of the file with those of the network; `rows` are encoded as for it."""
    network = jax.export.deserialize(bytearray(content))
    encoded = {name: jnp.asarray(array) for name, array in model.encoding.inputs(rows.rows).items()}
    wanted, largest = outputs(model.model, model.variables, encoded).astype(np.float64), 0.0
    for count in counts_to_try(rows.rows.rows):
        found = np.asarray(network.call({name: array[:count] for name, array in encoded.items()}), np.float64)
        largest = max(largest, *(apart(*pair) for pair in zip(found.T, wanted.T, strict=True)))
    if largest > TOLERANCE:
        raise BatchwrightError(f"{REFUSED}: the outputs differ by {largest:.2g} on the {rows.what}. {REPORT}.")
    return Checked(largest, rows.rows.rows, rows.what)


STABLEHLO = Format("stablehlo", ".stablehlo", (), _write, _check)
