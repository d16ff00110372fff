"""The peers, each with the defaults and the preprocessing that its users give it. Nothing is imported before use.

A peer gets an array with a column of numbers for each numeric column (NaN: missing), and then a column of codes for
each categorical one (NaN: missing). An estimator is made for the number of numeric columns and of categorical ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from batchwright._extras import is_installed

MOST_CATEGORIES = 254
"""scikit-learn's boosting takes 255 categories of a column at most; the rarest of more are merged."""
MISSING_CODE = -1
"""CatBoost's code of a missing category: it takes no NaN as one."""
Make = Callable[[int, int, bool, int], Any]
"""From the number of numeric and of categorical columns, whether the target is a class, and a seed."""


@dataclass(frozen=True)
class Peer:
    """A peer.

    Args:
        name: what it is called.
        make: makes the estimator.
        package: what has to be installed.
        boosting: whether it is gradient boosting.
        stops: whether validation rows choose its best iteration; otherwise it learns from them too.
    """

    name: str
    make: Make
    package: str = "sklearn"
    boosting: bool = False
    stops: bool = False

    @property
    def installed(self) -> bool:
        """Whether its package is there; it is not imported."""
        return is_installed(self.package)

    def fit(self, x: np.ndarray, y: np.ndarray, validation: tuple[np.ndarray, np.ndarray], model: Any) -> Any:
        """The trained model; the validation rows choose when it stops, or are further training rows."""
        if self.stops:
            chosen = {"eval_set": validation} if len(validation[1]) else {}
            return model.fit(x, y, **chosen)
        return model.fit(np.concatenate([x, validation[0]]), np.concatenate([y, validation[1]]))


def _boosting(numeric: int, categorical: int, classes: bool, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    make = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    model = make(categorical_features=range(categorical), random_state=seed)
    return _ordinal(numeric, categorical, model, most=MOST_CATEGORIES)


def _catboost(numeric: int, categorical: int, classes: bool, seed: int) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    make = CatBoostClassifier if classes else CatBoostRegressor
    places = list(range(numeric, numeric + categorical))
    model = make(cat_features=places, random_seed=seed, verbose=False, allow_writing_files=False)
    return _Objects(model, numeric)


class _Objects:
    """CatBoost behind what turns codes into whole numbers, as it takes no other categories in an array."""

    def __init__(self, model: Any, numeric: int) -> None:
        self._model, self._numeric = model, numeric

    def fit(self, x: np.ndarray, y: np.ndarray, eval_set: tuple[np.ndarray, np.ndarray] | None = None) -> Any:
        chosen = None if eval_set is None else (self._objects(eval_set[0]), eval_set[1])
        self._model.fit(self._objects(x), y, eval_set=chosen)
        return self

    @property
    def classes_(self) -> np.ndarray:
        found: np.ndarray = self._model.classes_
        return found

    def predict(self, x: np.ndarray) -> np.ndarray:
        found: np.ndarray = self._model.predict(self._objects(x))
        return found

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        found: np.ndarray = self._model.predict_proba(self._objects(x))
        return found

    def _objects(self, x: np.ndarray) -> np.ndarray:
        codes = np.where(np.isnan(x[:, self._numeric :]), MISSING_CODE, x[:, self._numeric :]).astype(np.int64)
        return np.concatenate([x[:, : self._numeric].astype(object), codes.astype(object)], axis=1)


def _lightgbm(numeric: int, categorical: int, classes: bool, seed: int) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    return _ordinal(numeric, categorical, (LGBMClassifier if classes else LGBMRegressor)(random_state=seed, verbose=-1))


def _xgboost(numeric: int, categorical: int, classes: bool, seed: int) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    return _ordinal(numeric, categorical, (XGBClassifier if classes else XGBRegressor)(random_state=seed))


def _mlp(numeric: int, categorical: int, classes: bool, seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    if classes:
        return _scaled(numeric, categorical, MLPClassifier(random_state=seed))
    return _scaled_values(numeric, categorical, MLPRegressor(random_state=seed))


def _linear(numeric: int, categorical: int, classes: bool, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    if classes:
        return _scaled(numeric, categorical, LogisticRegression(max_iter=1_000, random_state=seed))
    return _scaled_values(numeric, categorical, Ridge(random_state=seed))


def _neighbours(numeric: int, categorical: int, classes: bool, _seed: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    return _scaled(numeric, categorical, KNeighborsClassifier() if classes else KNeighborsRegressor())


def _scaled(numeric: int, categorical: int, model: Any) -> Any:
    """The model behind imputation by the median, standardisation and one-hot encoding."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore")
    parts = [("numbers", numbers, slice(0, numeric))] if numeric else []
    parts += [("categories", one_hot, slice(numeric, numeric + categorical))] if categorical else []
    return make_pipeline(ColumnTransformer(parts), model)


def _scaled_values(numeric: int, categorical: int, model: Any) -> Any:
    """The same, with a standardised target."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    return TransformedTargetRegressor(_scaled(numeric, categorical, model), transformer=StandardScaler())


def _ordinal(numeric: int, categorical: int, model: Any, *, most: int | None = None) -> Any:
    """The model behind codes of categories, which come first."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    nan = np.nan
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=nan, encoded_missing_value=nan, max_categories=most
    )
    parts = [("categories", encoder, slice(numeric, numeric + categorical))] if categorical else []
    return make_pipeline(ColumnTransformer(parts, remainder="passthrough"), model)


PEERS = (
    Peer("scikit-learn boosting", _boosting, boosting=True),
    Peer("CatBoost", _catboost, "catboost", boosting=True, stops=True),
    Peer("LightGBM", _lightgbm, "lightgbm", boosting=True),
    Peer("XGBoost", _xgboost, "xgboost", boosting=True),
    Peer("scikit-learn MLP", _mlp),
    Peer("linear", _linear),
    Peer("nearest neighbours", _neighbours),
)
