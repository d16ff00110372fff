"""One peer trains one job as a whole process, and prints one line of JSON.

usage: peers.py PEER JOB SOURCE [--epochs N] [--rows N]

PEER is torch, torch-dataloader, keras or sklearn; JOB is a, b or c; SOURCE a folder with MNIST or the table. The line
holds `fit` and `compile` (seconds), `accuracy` (on the test rows), `parameters`, `updates` and `peak_mb`.
"""

import argparse
import json
import math
import os
import resource
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from data import Rows, load
from jobs import FILTERS, JOBS, PEERS, Job

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Trained:
    """Seconds in fit, seconds of compiling apart from it (0: nothing is compiled), test accuracy, trained numbers."""

    fit: float
    compile: float
    accuracy: float
    parameters: int


def train_torch(job: Job, rows: Rows, *, loader: bool) -> Trained:
    """PyTorch's usual loop; batches by indexing a tensor with a permutation, or from a DataLoader."""
    import torch

    torch.manual_seed(0)
    net = _torch_network(job, rows.x_train.shape[1], int(rows.y_train.max()) + 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=job.learning_rate, momentum=job.momentum)
    batches = _torch_batches(job, rows, loader=loader)
    started = time.perf_counter()
    for _ in range(job.epochs):
        for x, y in batches():
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
    seconds = time.perf_counter() - started
    net.eval()
    with torch.inference_mode():
        outputs = torch.cat([net(x) for x in torch.from_numpy(rows.x_test).split(1_000)])
    parameters = sum(p.numel() for p in net.parameters())
    return Trained(seconds, 0.0, _accuracy(outputs.numpy(), rows), parameters)


def _torch_network(job: Job, features: int, classes: int) -> "torch.nn.Module":
    from torch import nn

    if job.network == "mlp":
        return nn.Sequential(nn.Linear(features, job.hidden), nn.ReLU(), nn.Linear(job.hidden, classes))
    side = math.isqrt(features)
    layers: list[nn.Module] = [nn.Unflatten(1, (1, side, side))]
    for before, filters in zip((1, *FILTERS), FILTERS, strict=False):
        convolution = nn.Conv2d(before, filters, 3, padding="same", bias=False)
        layers += [convolution, nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(2)]
    flat = FILTERS[-1] * (side // 4) ** 2
    layers += [nn.Flatten(), nn.Linear(flat, job.hidden, bias=False), nn.BatchNorm1d(job.hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(job.hidden, classes))


def _torch_batches(
    job: Job, rows: Rows, *, loader: bool
) -> Callable[[], Iterator[tuple["torch.Tensor", "torch.Tensor"]]]:
    """A function that gives the batches of one epoch."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    x, y = torch.from_numpy(rows.x_train), torch.from_numpy(rows.y_train)
    if loader:
        batches = DataLoader(TensorDataset(x, y), batch_size=job.batch_size, shuffle=True)
        return lambda: iter(batches)
    return lambda: ((x[i], y[i]) for i in torch.randperm(len(x)).split(job.batch_size))


def train_keras(job: Job, rows: Rows) -> Trained:
    """Keras's fit on the JAX backend.

    Its step is compiled beforehand, by a fit of one whole and one partial batch whose effect is then taken back, so
    that compiling is told apart from training.
    """
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    keras.utils.set_random_seed(0)
    model = _keras_network(job, rows.x_train.shape[1], int(rows.y_train.max()) + 1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(job.learning_rate, momentum=job.momentum), loss)
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    untrained = [keras.ops.convert_to_numpy(variable) for variable in variables]
    shapes = job.batch_size + len(rows.x_train) % job.batch_size
    compiling = _keras_fit(model, job, rows.x_train[:shapes], rows.y_train[:shapes], epochs=1)
    for variable, value in zip(variables, untrained, strict=True):
        variable.assign(value)
    seconds = _keras_fit(model, job, rows.x_train, rows.y_train, epochs=job.epochs)
    outputs = np.asarray(model.predict(rows.x_test, batch_size=1_000, verbose=0))
    parameters = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return Trained(seconds, compiling, _accuracy(outputs, rows), parameters)


def _keras_fit(model: Any, job: Job, x: Any, y: Any, *, epochs: int) -> float:
    started = time.perf_counter()
    model.fit(x, y, batch_size=job.batch_size, epochs=epochs, verbose=0)
    return time.perf_counter() - started


def _keras_network(job: Job, features: int, classes: int) -> Any:
    import keras
    from keras import layers

    dense = [layers.Dense(job.hidden, activation="relu")]
    if job.network == "cnn":
        side = math.isqrt(features)
        dense = [layers.Reshape((side, side, 1))]
        for filters in FILTERS:
            dense += [layers.Conv2D(filters, 3, padding="same", use_bias=False), layers.BatchNormalization()]
            dense += [layers.ReLU(), layers.MaxPooling2D(2)]
        dense += [
            layers.Flatten(),
            layers.Dense(job.hidden, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
    return keras.Sequential([keras.Input((features,)), *dense, layers.Dense(classes)])


def train_sklearn(job: Job, rows: Rows) -> Trained:
    """scikit-learn's MLPClassifier; of two classes it makes one logistic output."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        (job.hidden,),
        solver="sgd",
        alpha=0,
        batch_size=job.batch_size,
        learning_rate_init=job.learning_rate,
        momentum=job.momentum,
        nesterovs_momentum=False,
        max_iter=job.epochs,
        tol=0,
        n_iter_no_change=10**6,
        random_state=0,
    )
    started = time.perf_counter()
    model.fit(rows.x_train, rows.y_train)
    seconds = time.perf_counter() - started
    parameters = sum(array.size for array in (*model.coefs_, *model.intercepts_))
    return Trained(seconds, 0.0, float(model.score(rows.x_test, rows.y_test)), parameters)


def _accuracy(outputs: Any, rows: Rows) -> float:
    return float((outputs.argmax(axis=1) == rows.y_test).mean())


TRAIN: Mapping[str, Callable[[Job, Rows], Trained]] = {
    "torch": lambda job, rows: train_torch(job, rows, loader=False),
    "torch-dataloader": lambda job, rows: train_torch(job, rows, loader=True),
    "keras": train_keras,
    "sklearn": train_sklearn,
}


def main() -> None:
    """Train as the command line says, and print the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("source", type=Path)
    parser.add_argument("--epochs", type=int, help="instead of the job's own")
    parser.add_argument("--rows", type=int, help="training rows; all of them if not given")
    given = parser.parse_args()
    job = replace(JOBS[given.job], epochs=given.epochs or JOBS[given.job].epochs)
    rows = load(given.source)
    rows = rows._replace(x_train=rows.x_train[: given.rows], y_train=rows.y_train[: given.rows])
    warnings.filterwarnings("ignore", category=UserWarning)  # scikit-learn: "maximum iterations reached", as wanted
    trained = TRAIN[given.peer](job, rows)
    updates = job.epochs * math.ceil(len(rows.x_train) / job.batch_size)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(asdict(trained) | {"updates": updates, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main()
