"""Training that begins from a trained model rather than from random parameters."""

import hashlib
from dataclasses import replace
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from batchwright.config import Settings
from batchwright.config.sections import NUMBERS
from batchwright.data.encode.several import without_range
from batchwright.errors import ConfigError
from batchwright.nn import ARCHITECTURES
from batchwright.nn.members import Members
from batchwright.optim.names import list_names
from batchwright.runs.manifest import Manifest
from batchwright.runs.model import Blueprint, SavedModel, dump_variables, shapes_of
from batchwright.runs.tensors import by_path
from batchwright.training.state import state_with
from batchwright.workflow.budget import budget_notes, without_decay
from batchwright.workflow.preparing import Prepared
from batchwright.workflow.refusals import asks_for_members

Shapes: TypeAlias = dict[str, tuple[tuple[int, ...], str]]
"""Shape and dtype of arrays by name."""


def begin_from(prepared: Prepared, initial: SavedModel) -> Prepared:
    """What was prepared, with the variables of a trained model in place of random ones; the optimizer begins anew.

    Where the target is another than the model's, or has another number of outputs, the last layer begins anew too.

    Raises:
        ConfigError: the rows are encoded differently from the model's, or the arrays do not fit the network.
    """
    if prepared.dataset.encoding.preprocessing != initial.encoding.preprocessing:
        raise ConfigError(
            "initial was trained on rows that are encoded otherwise (other columns, scaling or categories), so that "
            "its parameters mean nothing for these: give the rows that it was trained on, or load others by "
            "load(..., like=initial), which encodes them as these were."
        )
    new = set() if _same_outputs(prepared, initial) else _head(prepared.blueprint)
    own, given = by_path(prepared.state.variables), by_path(initial.variables)
    _refuse_others(_shapes(given), _shapes(own), new)
    prepared = _without_decay(prepared)
    arrays = [array if name in new else jnp.array(given[name]) for name, array in own.items()]
    variables = jax.tree.unflatten(jax.tree.structure(prepared.state.variables), arrays)
    state = state_with(prepared.job.program, variables, seed=prepared.job.seed)
    note = "training begins from the parameters of a trained model"
    if new:
        names = list_names([name.removeprefix("params/") for name in sorted(new)])
        note += f", except {names}: the outputs differ, and the last layer begins anew"
    measured = ("what is `auto` was measured on a network with random parameters",) if prepared.measure_seconds else ()
    return replace(prepared, state=state, notes=(*prepared.notes, note, *measured), begun=True)


def refuse_trials(settings: Settings, initial: SavedModel) -> None:
    """Raise a ConfigError if embeddings of numbers are to be tried: a trained model has one already."""
    if NUMBERS in settings.to_measure:
        numbers = getattr(initial.blueprint.architecture, "numbers", None)
        how = f"take that of the model, {numbers}" if numbers else "leave network.numbers out"
        raise ConfigError(f"network.numbers: auto does not go with initial, whose parameters are of one kind: {how}.")


def refuse_members_begun(settings: Settings, initial: SavedModel) -> None:
    """Raise a ConfigError if a training from a trained model has members, or if that model is made of some."""
    if isinstance(initial.blueprint.architecture, Members):
        raise ConfigError(
            "the model to begin from is an ensemble of members, and training begins from one network: give another."
        )
    if asks_for_members(settings):
        raise ConfigError(
            "members begin with random parameters of their own, and initial gives parameters: leave `members` out, or "
            "initial."
        )


def refuse_refit_begun(settings: Settings) -> None:
    """Raise a ConfigError if a training from a trained model asks for a refit."""
    if settings.config.training.refit:
        raise ConfigError(
            "training.refit: a refit begins from the seed, and this training from the parameters of a trained model: "
            "leave one of them out."
        )


def settings_like(settings: Settings, initial: SavedModel) -> Settings:
    """The settings with the network of a trained model, where nobody has chosen another."""
    chosen = any(said != "default" for key, said in settings.origins.items() if key.startswith("network."))
    return settings if chosen else settings.with_section("network", initial.blueprint.architecture, "initial")


def given_variables(prepared: Prepared, initial: SavedModel | None) -> str:
    """The SHA-256 of the first variables, where they were given; empty where they follow from the seed.

    A network of a user's own may bring them.
    """
    if initial is None and type(prepared.blueprint.architecture) in ARCHITECTURES:
        return ""
    return hashlib.sha256(dump_variables(prepared.state.variables)).hexdigest()


def has_begun_from(prepared: Prepared, manifest: Manifest) -> bool:
    """Whether a recorded training began from a trained model, rather than from what the user's own network brought."""
    own = type(prepared.blueprint.architecture) not in ARCHITECTURES
    return bool(manifest.begun_from or (manifest.initial and not own))


def _without_decay(prepared: Prepared) -> Prepared:
    """What was prepared, without a weight decay that nobody has asked for."""
    settings = without_decay(prepared.settings)
    program = replace(prepared.job.program, optimizer=settings.config.optimizer)
    said, now = tuple(budget_notes(prepared.settings)), tuple(budget_notes(settings))
    notes = (*(note for note in prepared.notes if note not in said), *now)
    return replace(prepared, settings=settings, job=replace(prepared.job, program=program), notes=notes)


def _same_outputs(prepared: Prepared, initial: SavedModel) -> bool:
    """Whether the outputs mean what they meant to the model."""
    outputs = prepared.blueprint.task.outputs == initial.blueprint.task.outputs
    return outputs and without_range(prepared.dataset.target) == without_range(initial.encoding.target)


def _head(blueprint: Blueprint) -> set[str]:
    """The names of the arrays that make the outputs: those whose shapes follow from their number.

    Raises:
        ConfigError: that is not known of a network of a user's own.
    """
    outputs, cause = blueprint.task.outputs, None
    try:
        now, wider = (shapes_of(blueprint, count) for count in (outputs, outputs + 1))
    except Exception as error:  # whatever a network of a user's own does with other outputs
        now, wider, cause = {}, {}, error
    found = {name for name, shape in now.items() if wider.get(name) != shape}
    if not found:
        raise ConfigError(
            "the target differs from the target of initial, and it is not known which layer of your own network makes "
            "the outputs: give a layer to which the last nn.Dense is added, such as nn.Sequential without it."
        ) from cause
    return found


def _refuse_others(given: Shapes, needed: Shapes, new: set[str]) -> None:
    for name in sorted((given.keys() | needed.keys()) - new):
        if given.get(name) != needed.get(name):
            raise ConfigError(
                f"initial has {_said(given.get(name))} as {name}, and the network {_said(needed.get(name))}: give the "
                "network that initial has."
            )


def _shapes(arrays: dict[str, Any]) -> Shapes:
    return {name: (tuple(array.shape), str(array.dtype)) for name, array in arrays.items()}


def _said(array: tuple[tuple[int, ...], str] | None) -> str:
    return "nothing" if array is None else f"{array[1]} {list(array[0])}"
