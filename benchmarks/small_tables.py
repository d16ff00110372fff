"""The defaults on small tables beside scikit-learn's MLPs and linear models: `small_tables.py [SPLITS]`.

Each table is split 70 to 30 by each seed. Figures are means over the splits: R² of values, accuracy of classes.
scikit-learn gets standardised columns and targets; all have their defaults.
"""

import sys
import warnings
from collections.abc import Iterator

import numpy as np
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import batchwright as bw

Table = tuple[str, bool, np.ndarray, np.ndarray]


def tables() -> Iterator[Table]:
    """Name, whether the target is a class, columns and target."""
    for rows in (20, 60, 150, 300, 1_000):
        yield f"friedman {rows}", False, *datasets.make_friedman1(rows, random_state=0)
    yield "diabetes 442", False, *datasets.load_diabetes(return_X_y=True)
    for rows in (60, 150, 300):
        made = datasets.make_classification(rows, 6, n_informative=4, n_redundant=0, random_state=0)
        yield f"classes {rows}", True, *made
    yield "iris 150", True, *datasets.load_iris(return_X_y=True)
    yield "wine 178", True, *datasets.load_wine(return_X_y=True)
    yield "breast cancer 569", True, *datasets.load_breast_cancer(return_X_y=True)


def scores(table: Table, seed: int) -> list[float]:
    """The figures of `fit`, the estimator, scikit-learn's MLP and its linear model on one split."""
    _, classes, x, y = table
    split = train_test_split(x, y, test_size=0.3, random_state=seed, stratify=y if classes else None)
    x_train, x_test, y_train, y_test = split
    score = accuracy_score if classes else r2_score
    data = bw.load((x_train, y_train), task="classification" if classes else "regression", test_split=0.0, seed=seed)
    answers = np.asarray(bw.fit(data, seed=seed).predict(x_test).answers)
    own = bw.Classifier(random_state=seed) if classes else bw.Regressor(random_state=seed)
    peer = MLPClassifier(random_state=seed) if classes else MLPRegressor(random_state=seed)
    linear = LogisticRegression(max_iter=1_000) if classes else RidgeCV()
    scaled = [make_pipeline(StandardScaler(), model) for model in (peer, linear)]
    if not classes:
        scaled = [TransformedTargetRegressor(model, transformer=StandardScaler()) for model in scaled]
    predicted = [answers.astype(y.dtype), *(model.fit(x_train, y_train).predict(x_test) for model in (own, *scaled))]
    return [float(score(y_test, found)) for found in predicted]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    splits = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    print("| | `fit` | estimator | scikit-learn's MLP | linear |\n|---|---|---|---|---|")
    for table in tables():
        means = np.mean([scores(table, seed) for seed in range(splits)], axis=0)
        print(f"| {table[0]} | {' | '.join(f'{mean:.3f}' for mean in means)} |", flush=True)
