"""The estimator that predicts a number."""

import dataclasses
from typing import Any, Literal, TypeVar

import numpy as np
from sklearn.base import RegressorMixin

from batchwright.data.encode.power import Transform
from batchwright.data.encode.several import SeveralTargets, Target
from batchwright.data.encode.targets import ValueTarget
from batchwright.errors import ConfigError
from batchwright.estimators.network import Kind, Perceptron
from batchwright.tasks import VALUE_LOSSES

R = TypeVar("R", bound="Regressor")


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class Regressor(RegressorMixin, Perceptron):  # type: ignore[misc]
    """A multi-layer perceptron that predicts a number, as a scikit-learn estimator; it minimises the squared error.

    The target is standardised in training, unless `standardize` is False, and predicted in its own unit. Arguments and
    attributes are the same as in `Classifier`, without `class_weight` and `classes_`; the score is R². With several
    numbers per row, y [rows, targets], each is standardised, and the loss is the mean over them.

    Args:
        target_transform: "log" or "power" learns the logarithm, or the power that makes it most normal, of a skewed
            target, "auto" takes either where it suits the rows; predictions are in the target's own unit. Not without
            `standardize`.
        clip_margin: at least 0, by which share of the training rows' range a prediction may be outside this range;
            "auto" is 0.25, but not below 0 if no training row is; "none" leaves predictions as they are.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = Regressor((16,), learning_rate=0.01, batch_size=32, random_state=0).fit(X, y)
    >>> bool(regressor.score(X, y) > 0.4)
    True
    """

    target_transform: Transform = "none"
    clip_margin: float | Literal["auto", "none"] = "auto"

    def partial_fit(self: R, X: Any, y: Any, sample_weight: Any = None) -> R:  # noqa: N803
        """Train one epoch over these rows, continuing from the last call, with a constant learning rate.

        The first call learns how rows and target are scaled, and later calls use the same scaling: give it rows that
        are typical of the later ones, or set `standardize=False`. Later calls with the same number of rows compile
        nothing. After `fit` it continues from the fitted parameters, with a new state of the optimizer. It ignores
        `schedule` and `epochs`.

        Args:
            X: [rows, columns], as for `fit`.
            y: [rows] or [rows, targets], numbers.
            sample_weight: [rows], as for `fit`.

        Raises:
            ValueError, TypeError: arrays that scikit-learn's own estimators refuse.
            ConfigError: an argument is out of range, or early stopping is on.
            DivergedError: a loss was not finite.
        """
        fitted: R = self._one_pass(X, y, sample_weight, None)
        return fitted

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The value of each row, float64 [rows], or [rows, targets]."""
        return self._predictions(X).answers

    def _know_labels(self, y: np.ndarray, *, going_on: bool, classes: Any = None, partial: bool = False) -> None:
        """Nothing: any number may be predicted."""

    def _targets(self, y: np.ndarray) -> np.ndarray:
        return y.astype(np.float64)

    def _transform(self) -> Transform:
        if self.target_transform != "none" and not self.standardize:
            raise ConfigError("target_transform needs standardize=True: give that, or leave target_transform out.")
        return self.target_transform

    def _clip_margin(self) -> float | Literal["auto", "none"]:
        return self.clip_margin

    @property
    def _kind(self) -> Kind:
        return Kind("regression", VALUE_LOSSES, "val_r2")

    def _target(self, found: Target, values: np.ndarray, *, more_to_come: bool) -> Target:
        if isinstance(found, SeveralTargets):
            columns = zip(found.parts, values.T, strict=True)
            return SeveralTargets(tuple(self._one(part, column, more_to_come=more_to_come) for part, column in columns))
        return self._one(found, values, more_to_come=more_to_come)

    def _one(self, found: Target, values: np.ndarray, *, more_to_come: bool) -> ValueTarget:
        assert isinstance(found, ValueTarget)
        if self.loss != "poisson" and not self.standardize:  # the means of counts are predicted by their logarithm
            return ValueTarget(found.name, 0.0, 1.0)
        if more_to_come and (values == values[0]).all():  # one value says nothing of how far others will be from it
            return ValueTarget(found.name, found.mean, abs(found.mean) or 1.0)
        return found

    @property
    def _out_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"
