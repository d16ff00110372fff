"""The network of a model as StableHLO, JAX's own portable form: from encoded arrays to outputs, for any network."""

from typing import Any

import jax
import jax.export
import jax.numpy as jnp

from batchwright.errors import UsageError
from batchwright.export.checking import Checked, check_outputs
from batchwright.export.formats import ALONE, Format, Options
from batchwright.export.rows_to_check import CheckRows, made_rows
from batchwright.runs.model import SavedModel

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
    return check_outputs(jax.export.deserialize(bytearray(content)).call, model, rows)


STABLEHLO = Format("stablehlo", ".stablehlo", (), _write, _check, ALONE)
