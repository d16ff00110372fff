"""A peer with its defaults on a table: `quality_peers.py PEER TRAIN.csv TEST.csv TARGET TASK SEED` prints JSON.

It runs in an environment that has pandas, scikit-learn and the peer's own package. A peer gets what its users give it:
cells as pandas reads them; whatever is not a number is a category.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import accuracy_score, log_loss, r2_score, root_mean_squared_error
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

MOST_CATEGORIES = 254
"""scikit-learn's boosting takes 255 categories of a column at most; rarer ones are merged."""
Make = Callable[[pd.DataFrame, bool, int], Any]


def texts(x: pd.DataFrame) -> list[str]:
    """The columns that are not numbers."""
    return [name for name in x if not pd.api.types.is_numeric_dtype(x[name])]


def numbers(x: pd.DataFrame) -> list[str]:
    return [name for name in x if name not in texts(x)]


def scaled(x: pd.DataFrame, model: Any) -> Any:
    """The model behind imputation, standardisation and one-hot encoding."""
    encoder = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"), OneHotEncoder(handle_unknown="ignore")
    )
    scaler = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return make_pipeline(ColumnTransformer([("n", scaler, numbers(x)), ("c", encoder, texts(x))]), model)


def scaled_values(x: pd.DataFrame, model: Any) -> Any:
    """The same, with a standardised target."""
    return TransformedTargetRegressor(scaled(x, model), transformer=StandardScaler())


def mlp(x: pd.DataFrame, classes: bool, seed: int) -> Any:
    if classes:
        return scaled(x, MLPClassifier(random_state=seed))
    return scaled_values(x, MLPRegressor(random_state=seed))


def linear(x: pd.DataFrame, classes: bool, _seed: int) -> Any:
    return scaled(x, LogisticRegression(max_iter=1_000)) if classes else scaled_values(x, RidgeCV())


def neighbours(x: pd.DataFrame, classes: bool, _seed: int) -> Any:
    return scaled(x, KNeighborsClassifier()) if classes else scaled_values(x, KNeighborsRegressor())


def boosting(x: pd.DataFrame, classes: bool, seed: int) -> Any:
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MOST_CATEGORIES,
    )
    names = texts(x)
    columns = ColumnTransformer([("c", encoder, names)], remainder="passthrough")
    make = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return make_pipeline(columns, make(categorical_features=range(len(names)), random_state=seed))


def catboost(x: pd.DataFrame, classes: bool, seed: int) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    make = CatBoostClassifier if classes else CatBoostRegressor
    return make(cat_features=texts(x), random_seed=seed, verbose=False, allow_writing_files=False)


def lightgbm(x: pd.DataFrame, classes: bool, seed: int) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    return ordinal(x, (LGBMClassifier if classes else LGBMRegressor)(random_state=seed, verbose=-1))


def xgboost(x: pd.DataFrame, classes: bool, seed: int) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    return ordinal(x, (XGBClassifier if classes else XGBRegressor)(random_state=seed))


def ordinal(x: pd.DataFrame, model: Any) -> Any:
    """The model behind codes of categories, which it takes as numbers."""
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    return make_pipeline(ColumnTransformer([("c", encoder, texts(x))], remainder="passthrough"), model)


def realmlp(x: pd.DataFrame, classes: bool, seed: int) -> Any:
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    return imputed(x, (RealMLP_TD_Classifier if classes else RealMLP_TD_Regressor)(random_state=seed, device="cpu"))


def tabm(x: pd.DataFrame, classes: bool, seed: int) -> Any:
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor

    return imputed(x, (TabM_D_Classifier if classes else TabM_D_Regressor)(random_state=seed, device="cpu"))


def imputed(x: pd.DataFrame, model: Any) -> Any:
    """The model behind imputation of numbers; it sees a frame, whose texts are categories."""
    columns = ColumnTransformer(
        [("n", SimpleImputer(strategy="median"), numbers(x))], remainder="passthrough", verbose_feature_names_out=False
    )
    return make_pipeline(columns.set_output(transform="pandas"), model)


PEERS: Mapping[str, Make] = {
    one.__name__: one for one in (mlp, linear, neighbours, boosting, catboost, lightgbm, xgboost, realmlp, tabm)
}


def read(path: str, target: str, like: pd.DataFrame | None = None) -> tuple[pd.DataFrame, pd.Series]:
    """Columns and target; test rows get the types of the training rows. A missing category is a text of its own."""
    frame = pd.read_csv(path, low_memory=False)
    x, y = frame.drop(columns=target), frame[target]
    for name in texts(x) if like is None else texts(like):
        x[name] = x[name].astype(object).where(x[name].notna(), "missing").astype(str).astype(object)
    return (x if like is None else x[list(like)]), y


def main(peer: str, train: str, test: str, target: str, task: str, seed: str) -> None:
    warnings.simplefilter("ignore")
    classes = task == "classification"
    x, y = read(train, target)
    x_test, y_test = read(test, target, x)
    if classes:
        labels = sorted(y.astype(str).unique())
        y, y_test = (part.astype(str).map({label: code for code, label in enumerate(labels)}) for part in (y, y_test))
    else:
        y, y_test = y.astype(float), y_test.astype(float)
    started = time.perf_counter()
    model = PEERS[peer](x, classes, int(seed)).fit(x, y.to_numpy())
    seconds = time.perf_counter() - started
    if classes:
        found = model.predict_proba(x_test)
        score = accuracy_score(y_test, found.argmax(axis=1))
        loss = log_loss(y_test, found, labels=range(len(labels)))
    else:
        found = np.ravel(model.predict(x_test))
        score, loss = r2_score(y_test, found), root_mean_squared_error(y_test, found)
    print(json.dumps({"score": float(score), "loss": float(loss), "fit": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
