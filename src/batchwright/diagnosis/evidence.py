"""What a diagnosis is made from: history, settings, plan and metrics of a training, from its folder or from memory."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from batchwright.data.dataset import Dataset
from batchwright.data.encode.encoding import Encoding
from batchwright.diagnosis.curves import Curve, curve_of

if TYPE_CHECKING:
    from batchwright.runs.run import Run

LAYERS = "layers/"
"""What the columns of layers begin with: `layers/<layer>/<figure>`."""


@dataclass(frozen=True)
class Evidence:
    """All that is known of a training that has ended.

    Args:
        history: a row for each epoch, as in the run's folder.
        status: "finished", "diverged", "interrupted", ...
        reason: how it ended, in a sentence.
        settings: values by dotted key.
        plan: rows, batch size, iterations per epoch, epochs, updates, parameters.
        metrics: by part ("train", "validation", "test") and name.
        confusion: by part, of a target that is one class: rows by true class (row) and answer (column).
        encoding: how the rows were encoded; None where that is not known.
        dataset: the rows, where they are at hand.
        has_members: whether an ensemble was trained, and the history is that of its first member.
        measured: the keys of settings that were `auto`, and measured.
    """

    history: Sequence[Mapping[str, float]]
    status: str = "finished"
    reason: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    confusion: Mapping[str, Float64[np.ndarray, "classes classes"]] = field(default_factory=dict)
    encoding: Encoding | None = None
    dataset: Dataset | None = None
    has_members: bool = False
    measured: frozenset[str] = frozenset()

    @cached_property
    def loss(self) -> Curve:
        """The training loss of each epoch."""
        return curve_of(self.history, "loss")

    @cached_property
    def validation(self) -> Curve:
        """The validation loss of each epoch, NaN without validation rows."""
        return curve_of(self.history, "val_loss")

    @cached_property
    def rates(self) -> Curve:
        """The learning rate at the end of each epoch."""
        return curve_of(self.history, "learning_rate")

    @cached_property
    def epochs(self) -> list[int]:
        """The number of each epoch, from 1."""
        return [int(row.get("epoch", place)) for place, row in enumerate(self.history, start=1)]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of a target that is one class; none for other targets."""
        target = None if self.encoding is None else self.encoding.target
        return target.classes if target is not None and target.task == "classification" else ()

    @property
    def batch_size(self) -> int:
        """Rows of a batch, of the first epoch; 0 if it is not known."""
        size = self.plan.get("batch_size", 0)
        return size if isinstance(size, int) else 0

    @property
    def is_linear(self) -> bool:
        """Whether the outputs of the network are linear in its inputs."""
        name, sizes = (self.settings.get(f"network.{key}") for key in ("name", "hidden_layer_sizes"))
        return name == "linear" or (name == "mlp" and sizes in ([], ()))

    def layers(self, figure: str) -> dict[str, Curve]:
        """A figure of each layer at the measured epochs, from the layer of the inputs to the last.

        Layers whose figure is never known are left out.
        """
        measured = [row for row in self.history if any(key.startswith(LAYERS) for key in row)]
        names = {key for row in measured for key in row if key.startswith(LAYERS) and key.endswith(f"/{figure}")}
        found = {name[len(LAYERS) : -len(figure) - 1]: curve_of(measured, name) for name in names}
        return {name: found[name] for name in sorted(found, key=_place) if np.isfinite(found[name]).any()}

    @property
    def best_kept(self) -> bool:
        """Whether early stopping kept the parameters of the best epoch, and not those of the last one."""
        stopping = "training.early_stopping"
        return self.settings.get(f"{stopping}.restore_best") is True

    def finite(self) -> bool:
        """Whether there is an epoch, and all its losses are finite where there are some."""
        bad = ~np.isfinite(self.loss) | ((~np.isfinite(self.validation)) & ~np.isnan(self.validation).all())
        return len(self.history) > 0 and not bad.any()


def evidence_of(run: "Run", dataset: Dataset | None = None) -> Evidence:
    """What the folder of a run knows; `dataset` has its rows, where they are at hand.

    Raises:
        RunError: a file of the run is not as it was written.
    """
    manifest = run.manifest
    written = manifest.files
    return Evidence(
        history=run.history,
        status=run.status,
        reason=manifest.reason,
        settings={key: setting.value for key, setting in run.settings.items()},
        plan=manifest.plan,
        metrics=run.metrics,
        confusion={part: np.array(found, np.float64) for part, found in manifest.confusion.items()},
        encoding=run.encoding if "schema.json" in written else None,
        dataset=dataset,
        has_members=run.has_members,
        measured=frozenset(key for key, setting in run.settings.items() if setting.origin == "measured"),
    )


def _place(name: str) -> tuple[bool, list[int], str]:
    """Sorts layers from the inputs on, and the parts of the body by their numbers."""
    return not name.startswith("inputs"), [int(number) for number in re.findall(r"\d+", name)], name
