"""A trained model, how it came about, and how good it is."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from batchwright._shown import Drawings, Shown
from batchwright.data.encode.encoding import Encoding
from batchwright.data.formats.source import Source
from batchwright.runs.members import MembersRecord
from batchwright.runs.model import SavedModel
from batchwright.runs.predictions import Predictions, evaluate_on, predict
from batchwright.runs.run import LastWrong, Run
from batchwright.tasks.conformal import LEVEL
from batchwright.tasks.coverage import Coverage
from batchwright.tasks.per_class import PerClass
from batchwright.training.checkpoint import EpochRow
from batchwright.training.events import Stopped
from batchwright.workflow.preparing import Prepared

if TYPE_CHECKING:
    import polars as pl

    from batchwright.diagnosis import Diagnosis, Evidence, Verdict

Metrics: TypeAlias = dict[str, dict[str, float]]
"""By part ("train", "validation", "test") and name."""


@dataclass(frozen=True, repr=False)
class Trained(Shown):
    """A trained model, how it came about, and how good it is.

    `seconds` are the times to load, compile, fit, evaluate, and in all. `per_class` says by part how well each class is
    told from the others; `by_target` says it of several targets, and of labels, by name. `run` is the run's folder, if
    it was recorded. `last_wrong` says when each validation row was last answered wrongly, where that was kept. Of an
    ensemble, `members` tells what each member adds, and history and `last_wrong` are of the first member. With folds,
    `out_of_fold` has the answers to training and validation rows by the members that were not trained on them. `refit`
    is the history of the training on all rows, where there was one; all else of a history is of the first training.
    """

    prepared: Prepared
    model: SavedModel
    history: tuple[EpochRow, ...]
    metrics: Metrics
    seconds: dict[str, float]
    memory_bytes: int
    stopped: Stopped
    remarks: tuple[str, ...] = ()
    per_class: Mapping[str, PerClass] = field(default_factory=dict)
    by_target: Mapping[str, Mapping[str, PerClass]] = field(default_factory=dict)
    run: Run | None = None
    last_wrong: LastWrong | None = None
    members: MembersRecord | None = None
    out_of_fold: "pl.DataFrame | None" = None
    refit: tuple[EpochRow, ...] = ()

    _table = "metrics"

    def __repr__(self) -> str:
        """How it ended, and the metrics on the test rows."""
        figures = ", ".join(f"{name} {value:.4g}" for name, value in self.test_metrics.items())
        return f"<Trained: {self.stopped.reason}{f'; test: {figures}' if figures else ''}>"

    def drawings(self) -> Drawings:
        """What draws each figure, by name, or why there is none."""
        from batchwright.workflow.drawing import trained_drawings

        return trained_drawings(self)

    def frames(self) -> "dict[str, pl.DataFrame]":
        """All tables by name, each as a data frame: history, layers, metrics, classes, confusion, settings, seconds."""
        from batchwright.runs.frames import training_frames

        chosen, evidence = self.prepared.settings, self.prepared.settings.evidence
        settings = {
            key: (value, chosen.origins[key], evidence.get(key, {}).get("reason"))
            for key, value in chosen.values.items()
        }
        return training_frames(self.history, self.metrics, self.per_class, self.by_target, settings, self.seconds)

    @property
    def test_metrics(self) -> dict[str, float]:
        """Metrics on the test rows, by name; empty where there are none."""
        return self.metrics.get("test", {})

    @property
    def encoding(self) -> Encoding:
        """How the rows were encoded."""
        return self.model.encoding

    @property
    def verdict(self) -> "Verdict":
        """Whether it was trained too little, about right or too long, as the two loss curves say."""
        from batchwright.diagnosis import verdict

        return verdict(self.history)

    @property
    def evidence(self) -> "Evidence":
        """What a diagnosis is made from."""
        from batchwright.diagnosis import Evidence

        return Evidence(
            self.history,
            self.stopped.status,
            self.stopped.reason,
            self.prepared.settings.values,
            self.prepared.accounting(self.memory_bytes),
            self.metrics,
            {part: found.confusion for part, found in self.per_class.items()},
            self.encoding,
            self.prepared.dataset,
            has_members=self.members is not None,
            measured=frozenset(key for key, by in self.prepared.settings.origins.items() if by == "measured"),
        )

    @property
    def diagnosis(self) -> "tuple[Diagnosis, ...]":
        """What seems to be wrong with the training, what is surest first, with what may mend it."""
        from batchwright.diagnosis import diagnose

        return diagnose(self.evidence)

    def predict(
        self,
        source: Source,
        *,
        keep: str | Sequence[str] = (),
        on_bad_rows: Literal["stop", "drop"] = "stop",
        uncertainty: bool = False,
        interval: float | None = None,
    ) -> Predictions:
        """What the model says of the rows of a source: a path, arrays, or any data frame.

        Columns in `keep` come before the answers in `frame()`. With `on_bad_rows` "drop", rows whose cells do not fit
        their column stay, without an answer. `uncertainty` adds how much the members or submodels of an ensemble
        differ, `interval`, a level such as 0.9, intervals or sets that hold the true value with this probability.
        """
        return predict(
            self.model, source, keep=keep, on_bad_rows=on_bad_rows, uncertainty=uncertainty, interval=interval
        )

    def evaluate(
        self, source: Source, *, weights: str | None = None, on_bad_rows: Literal["stop", "drop"] = "stop"
    ) -> dict[str, float]:
        """The metrics of the model on the rows of a source, which have targets.

        `weights` is the column of the rows' weights; None takes the column of the training, if the source has it.
        `on_bad_rows` "drop" leaves out rows whose cells do not fit, and rows without a target. What you should know
        about the rows comes as warnings.
        """
        found = evaluate_on(self.model, source, weights=weights, on_bad_rows=on_bad_rows)
        for note in found.notes:
            warnings.warn(note, stacklevel=2)
        return found.metrics

    def coverage(
        self,
        source: Source,
        *,
        interval: float = LEVEL,
        weights: str | None = None,
        on_bad_rows: Literal["stop", "drop"] = "stop",
    ) -> tuple[Coverage, ...]:
        """How many rows of a source with targets the intervals or sets of a level hold, for each target.

        `weights` and `on_bad_rows` are as for `evaluate`.
        """
        return evaluate_on(self.model, source, weights=weights, on_bad_rows=on_bad_rows, interval=interval).intervals
