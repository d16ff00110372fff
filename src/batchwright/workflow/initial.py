"""Training that begins from a trained model rather than from random parameters."""

import hashlib
from dataclasses import replace

import jax

from batchwright.errors import ConfigError
from batchwright.nn import ARCHITECTURES
from batchwright.runs.model import SavedModel, dump_variables
from batchwright.runs.tensors import by_path
from batchwright.training.state import state_with
from batchwright.workflow.preparing import Prepared


def begun_from(prepared: Prepared, initial: SavedModel) -> Prepared:
    """What was prepared, with the variables of a trained model in place of random ones; the optimizer begins anew.

    Raises:
        ConfigError: the rows are encoded otherwise than those of the model, or its arrays are not those of the network.
    """
    if prepared.dataset.encoding != initial.encoding:
        raise ConfigError(
            "initial was trained on rows that are encoded otherwise (other columns, scaling or classes), so that its "
            "parameters mean nothing for these: give the rows that it was trained on."
        )
    given = {name: (array.shape, str(array.dtype)) for name, array in by_path(initial.variables).items()}
    needed = {name: (array.shape, str(array.dtype)) for name, array in by_path(prepared.state.variables).items()}
    for name in sorted(given.keys() | needed.keys()):
        if given.get(name) != needed.get(name):
            raise ConfigError(
                f"initial has {_said(given.get(name))} as {name}, and the network {_said(needed.get(name))}: give the "
                "network that initial has."
            )
    structure = jax.tree.structure(prepared.state.variables)
    variables = jax.tree.unflatten(structure, [jax.numpy.array(leaf) for leaf in jax.tree.leaves(initial.variables)])
    state = state_with(prepared.job.program, variables, seed=prepared.job.seed)
    note = "training begins from the parameters of a trained model"
    return replace(prepared, state=state, notes=(*prepared.notes, note))


def given_variables(prepared: Prepared, initial: SavedModel | None) -> str:
    """The SHA-256 of the first variables, where they were given; empty where they follow from the seed.

    A network of a user's own may bring them.
    """
    if initial is None and type(prepared.blueprint.architecture) in ARCHITECTURES:
        return ""
    return hashlib.sha256(dump_variables(prepared.state.variables)).hexdigest()


def _said(array: tuple[tuple[int, ...], str] | None) -> str:
    return "nothing" if array is None else f"{array[1]} {list(array[0])}"
