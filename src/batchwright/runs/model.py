"""A trained model as data: the architecture of its network, its task, and its arrays.

Nothing is pickled, and nothing is imported by a name found in a file: the network is built by this version's own code
from the numbers in `model.json`, and the arrays must be the ones that such a network has.
"""

import json
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array

from batchwright import tasks
from batchwright._printed import printed_form
from batchwright.config import CUSTOM, NONE_GIVEN, Given, check_part, from_plain, to_plain, validate_component
from batchwright.config.components import FORMER_TAG
from batchwright.config.sections import FORMER_NUMBERS
from batchwright.data.encode.encoding import Encoding, ImagePreprocessing
from batchwright.data.encode.labels import LabelTarget
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.encode.several import SeveralTargets, Target
from batchwright.data.encode.targets import ClassTarget, ValueTarget, transforms_of
from batchwright.data.encode.texts import text_dtype
from batchwright.errors import ConfigError, RunError
from batchwright.nn import ARCHITECTURES, Architecture, Features, Tabular, Variables
from batchwright.nn.augment import Views
from batchwright.nn.members import Members
from batchwright.nn.protocols import Difference, Dtype, Inputs, Network
from batchwright.runs import reading
from batchwright.runs.tensors import HEADER_BYTES, Expected, by_path, dump, load
from batchwright.tasks.conformal import Conformal
from batchwright.tasks.smearing import curves_of
from batchwright.training.state import Model

EXAMPLE_ROWS = 2
"""Rows of the example inputs from which the shapes of a network's arrays are computed; no array depends on it."""

NETWORK_CHARACTERS = 10_000
"""Most characters that may describe an architecture: a few numbers, so that building it never takes long."""
MOST_MEMBERS, MOST_COUNT = 64, 64
"""The most members of an ensemble, and how often one may count."""


@dataclass(frozen=True)
class Blueprint:
    """What a model is built from, without its arrays and the encoding of its inputs.

    `views` are those of each image that its answers are means over; None: each image as it is.
    """

    architecture: Architecture
    features: Features
    task: tasks.Task
    dtype: Dtype = "float32"
    views: Views | None = None

    def __repr__(self) -> str:
        """The network, its inputs and its outputs."""
        inputs = self.features.numeric + len(self.features.cardinalities) + len(self.features.text)
        outputs = self.task.outputs
        shown = " and ".join((["images"] if self.features.image else []) + ([f"{inputs:,} inputs"] if inputs else []))
        return f"<Blueprint: {type(self.architecture).__name__} of {shown} and {outputs:,} outputs, {self.dtype}>"

    def build(self) -> Model:
        """The network for these inputs, and the task."""
        network = self.architecture.build(self.features, self.task.outputs, dtype=self.dtype)
        return Model(network, self.task, self.views)

    def _network(self) -> dict[str, Any]:
        """The architecture as plain data; for a user's own class, its printed form."""
        if type(self.architecture) in (*ARCHITECTURES, Members):
            return to_plain(self.architecture)
        return {"name": CUSTOM, "form": printed_form(self.architecture)}

    def _task(self) -> dict[str, Any]:
        """The task as plain data; for a user's own class, its printed form, whatever its name."""
        if type(self.task) in tasks.TASKS:
            return self.task.to_json()
        return {"name": CUSTOM, "form": printed_form(self.task)}

    def to_text(self) -> str:
        """The content of `model.json`."""
        plain = {
            "network": self._network(),
            "features": self.features._asdict(),
            "task": self._task(),
            "dtype": self.dtype,
            **({} if self.views is None else {"views": vars(self.views)}),
        }
        return json.dumps(reading.to_plain(plain), indent=1, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class SavedModel:
    """A trained model: `model` applied with `variables` to the inputs that `encoding` makes from new rows.

    Intervals and sets are made from what `conformal` holds, where there were validation rows.
    """

    blueprint: Blueprint
    model: Model
    variables: Variables
    encoding: Encoding
    conformal: Conformal | None = None

    def __repr__(self) -> str:
        """The network, its parameters, and what it predicts."""
        parameters = sum(leaf.size for leaf in jax.tree.leaves(self.variables.params))
        network = type(self.blueprint.architecture).__name__
        return f"<SavedModel: {network} of {parameters:,} parameters; {self.encoding.target!r}>"


def features_of(encoding: Encoding) -> Features:
    """The inputs that `encoding` makes, as a network sees them."""
    made = encoding.preprocessing
    image = made if isinstance(made, ImagePreprocessing) else made.image
    texts = () if isinstance(made, ImagePreprocessing) else made.texts
    shape = None if image is None else image.shape
    return Features(len(made.feature_names), made.cardinalities, shape, texts, _differences_of(made))


def _differences_of(made: Preprocessing | ImagePreprocessing) -> tuple[Difference, ...]:
    found = () if isinstance(made, ImagePreprocessing) else made.differences or ()
    return tuple(Difference(one.places[0], one.places[1], one.slope, one.center, one.scale, one.limit) for one in found)


def dump_variables(variables: Variables) -> bytes:
    """The content of `weights.safetensors`: each array under its path, such as `params/body/dense_0/kernel`."""
    return dump(by_path(variables))


def dump_conformal(conformal: Conformal) -> bytes:
    """The content of `conformal.json`."""
    return (json.dumps(reading.to_plain(asdict(conformal))) + "\n").encode()


def read_conformal(data: bytes, task: tasks.Task, where: Path) -> Conformal:
    """What is in the content of a `conformal.json`.

    Raises:
        RunError: it does not fit the task, or its scores do not ascend.
    """
    found = reading.parse(Conformal, reading.parse_json(data, where), where)
    targets = len(task.heads) if isinstance(task, tasks.Several) else getattr(task, "targets", 1)
    rows = {len(scores) for scores in found.scores}
    ascending = all(low <= high for scores in found.scores for low, high in pairwise(scores))
    if len(found.scores) != targets or len(rows) != 1 or 0 in rows or not ascending:
        raise RunError(f"{where} does not hold ascending scores of the same rows for each target. {reading.REMEDY}")
    return found


def read_encoding(data: bytes, where: Path) -> Encoding:
    """The encoding in the content of a `schema.json`.

    Raises:
        RunError: the content holds no encoding.
    """
    encoding = reading.parse(Encoding, reading.parse_json(data, where), where)
    if min(features_of(encoding).image or (1,)) < 1:
        raise RunError(f"{where} holds images without pixels. {reading.REMEDY}")
    return encoding


@dataclass(frozen=True)
class _Plain:
    network: dict[str, Any]
    features: Features
    task: dict[str, Any]
    dtype: Dtype
    views: Views | None = None


def read_blueprint(data: bytes, encoding: Encoding, where: Path, given: Given = NONE_GIVEN) -> Blueprint:
    """The blueprint in the content of a `model.json`, for the inputs and the target that `encoding` makes.

    Args:
        data: the content.
        encoding: the encoding of the same run.
        where: the file.
        given: objects that replace a user's own code, which the file only names. Loss and metrics may be left out; then
            they are not computed.

    Raises:
        RunError: there is none, or it does not fit the encoding, or a required object is not given.
    """
    plain = reading.parse(_Plain, reading.parse_json(data, where), where)
    if any(len(str(network)) > NETWORK_CHARACTERS for network in _networks(plain.network)):
        raise RunError(f"{where}: the network takes more than {NETWORK_CHARACTERS:,} characters. {reading.REMEDY}")
    try:
        architecture = _architecture(plain.network, given)
        task = _task(plain.task, given)
    except (ConfigError, TypeError, ValueError) as error:
        raise RunError(f"{where}: {error}") from error
    if plain.features != features_of(encoding) or not _same_target(task, encoding.target):
        raise RunError(f"{where} is of a model for other inputs or another target than the run's own. {reading.REMEDY}")
    if plain.views is not None and plain.features.image is None:
        raise RunError(f"{where} has views of images, and the inputs are columns. {reading.REMEDY}")
    return Blueprint(architecture, plain.features, task, plain.dtype, plain.views)


def _networks(plain: dict[str, Any]) -> list[Any]:
    """The members of a network that is made of some, or the network itself."""
    members = plain.get("members")
    return members[: MOST_MEMBERS + 1] if plain.get("name") == Members.name and isinstance(members, list) else [plain]


def _members(plain: dict[str, Any]) -> Members:
    """An ensemble of members, each of a network that this version has."""
    each, counts = _networks(plain), list[Any](plain.get("counts") or ())
    fits = len(counts) == len(each) <= MOST_MEMBERS and all(type(n) is int and 1 <= n <= MOST_COUNT for n in counts)
    if not fits or plain.keys() != {"name", "members", "counts"}:
        raise ConfigError(f"members: there is no ensemble of {len(each)} members with these counts")
    return Members(tuple(from_plain(dict(one), ARCHITECTURES) for one in each), tuple(counts))


def _architecture(plain: dict[str, Any], given: Given) -> Architecture:
    if CUSTOM in (plain.get("name"), plain.get(FORMER_TAG)):
        architecture: Architecture = check_part("network", str(plain.get("form")), given.network)
        return architecture
    if given.network is not None:
        raise ConfigError("the network of this run is one of batchwright's, and known: leave out network=.")
    if plain.get("name") == Tabular.name:
        plain = {"numbers": FORMER_NUMBERS, **plain}
    return _members(plain) if plain.get("name") == Members.name else from_plain(plain, ARCHITECTURES)


def _task(plain: dict[str, Any], given: Given) -> tasks.Task:
    """The task, with the given loss and metrics in place of the ones that are only named."""
    if plain.get("name") == CUSTOM:
        task: tasks.Task = check_part("task", str(plain.get("form")), given.task)
        return task
    if given.task is not None:
        raise ConfigError("the task of this run is one of batchwright's, and known: leave out task=.")
    read = tasks.from_json(plain)
    validate_component(replace(read, extra=()))  # metrics come from the table
    if given.loss is not None:
        form = read.loss.form if isinstance(read.loss, tasks.NotHere) else read.loss
        read = replace(read, loss=check_part("loss", str(form), given.loss))
    return replace(read, extra=(*read.extra, *given.metrics))


class Layout:
    """The arrays of a model, by path, with shapes and dtypes known before any is computed."""

    def __init__(self, blueprint: Blueprint, where: Path) -> None:
        try:
            self.model = blueprint.build()
            variables = _shapes(self.model.network, blueprint.features)
        except Exception as error:  # whatever error the numbers in an untrusted file cause in JAX
            raise RunError(f"{where} describes a network that cannot be built: {error}") from error
        self.structure = jax.tree.structure(variables)
        self.expected = {name: Expected(str(array.dtype), array.shape) for name, array in by_path(variables).items()}
        arrays = sum(array.size * array.dtype.itemsize for array in jax.tree.leaves(variables))
        self.most_bytes = arrays + HEADER_BYTES * (len(self.expected) + 1)

    def read(self, data: bytes, where: Path) -> Variables:
        """The variables in the content of a `weights.safetensors`.

        Raises:
            RunError: they do not belong to the model, or are not finite.
        """
        arrays = load(data, self.expected, where)
        placed = jax.device_put([arrays[name] for name in self.expected], may_alias=False)
        variables: Variables = jax.tree.unflatten(self.structure, placed)
        return variables


def shapes_of(blueprint: Blueprint, outputs: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays by path of a model like this one with another number of outputs; nothing is computed."""
    network = blueprint.architecture.build(blueprint.features, outputs, dtype=blueprint.dtype)
    return {name: tuple(array.shape) for name, array in by_path(_shapes(network, blueprint.features)).items()}


def _shapes(network: Network, features: Features) -> Variables:
    """The variables of a network as shapes; nothing is computed, the key neither, whose seed would be compiled for."""

    def init(seed: Array, example: Inputs) -> Variables:
        return network.init(jax.random.key(seed), example)

    shapes: Variables = jax.eval_shape(init, np.uint32(0), _example(features))
    return shapes


def _example(features: Features) -> dict[str, np.ndarray]:
    """Inputs of the right shapes, whose numbers all share one place in memory."""
    shapes: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
        "numeric": (np.float32, (features.numeric,)),
        "categorical": (np.int32, (len(features.cardinalities),)),
        "image": (np.uint8, features.image or (0,)),
        "text": (text_dtype(features.text) if features.text else np.int16, (sum(width for _, width in features.text),)),
    }
    return {
        name: np.broadcast_to(np.zeros((), dtype), (EXAMPLE_ROWS, *shape))
        for name, (dtype, shape) in shapes.items()
        if shape[0]
    }


def _same_target(task: tasks.Task, target: Target) -> bool:
    """Whether a task fits the encoded target: the same classes and weights, or the same means and deviations."""
    match task, target:
        case tasks.Classification(), ClassTarget():
            weights = np.ones(len(target.classes)) if task.class_weights is None else np.asarray(task.class_weights)
            usable = weights.shape == (len(target.classes),) and bool(np.all((weights > 0) & (weights < np.inf)))
            return usable and task.classes == target.classes
        case tasks.Regression(), ValueTarget():
            return _same_numbers(task, (target,)) and task.names == ()
        case tasks.Regression(), SeveralTargets():
            values = tuple(part for part in target.parts if isinstance(part, ValueTarget))
            return target.of_values and _same_numbers(task, values) and task.names == target.columns
        case tasks.Multilabel(), LabelTarget():
            return (task.classes, task.separator) == (target.classes, target.separator)
        case tasks.Several(), SeveralTargets():
            fits = len(task.heads) == len(target.parts) and task.names == target.columns
            return fits and all(map(_same_target, task.heads, target.parts))
    return type(task) not in tasks.TASKS


def _same_numbers(task: tasks.Regression, targets: tuple[ValueTarget, ...]) -> bool:
    means, deviations = tuple(target.mean for target in targets), tuple(target.std for target in targets)
    fits = (task.targets, task.mean, task.std) == (len(targets), means, deviations)
    each = [count for count in map(len, (task.residuals, task.lowest, task.highest)) if count]
    whole = set(each) <= {len(targets)} and len(task.lowest) == len(task.highest) and all(task.residuals)
    return fits and whole and task.transforms == curves_of(transforms_of(targets))
