"""Networks as scikit-learn estimators, for pipelines, cross-validation and searches over their arguments."""

from batchwright.estimators.classifier import Classifier
from batchwright.estimators.regressor import Regressor

__all__ = ["Classifier", "Regressor"]
