"""A table that names images, from the command line: train, predict, evaluate, and search."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

QUICK = ("--network", "cnn", "--epochs", 12, "--batch-size", 8, "--set", "network.filters=[4]")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The value follows from the image and from the column x, neither of which suffices alone."""
    generator = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    with (tmp_path / "pets.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "x", "value"])
        for row in range(80):
            bright, x = int(generator.integers(2)), float(generator.normal())
            Image.fromarray(np.full((6, 6), 250 * bright, np.uint8)).save(tmp_path / f"photos/im{row}.jpg")
            writer.writerow([f"im{row}", x, 10 * bright + 5 * x])
    return tmp_path / "pets.csv"


def test_one_network_learns_from_image_and_columns(table, batchwright):
    trained = batchwright("train", table.name, "--target", "value", *QUICK, "--learning-rate", 0.01, "--run-dir", "run")
    assert trained.code == 0, trained.err
    assert "6 x 6 x 1 and 1 columns" in trained.err
    answer = batchwright("predict", "run", table.name)
    found = np.array([float(line.split(",")[0]) for line in answer.out.splitlines()[1:]])
    wanted = np.loadtxt(table, delimiter=",", skiprows=1, usecols=2)
    assert np.corrcoef(found, wanted)[0, 1] > 0.97, "above 0.9 it needs both"
    assert batchwright("evaluate", "run", table.name).code == 0


def test_checks_and_searches_run(table, batchwright):
    assert batchwright("check", table.name, "--target", "value", *QUICK).code == 0
    words = ("--target", "value", *QUICK, "--epochs", 1)
    found = batchwright(
        "search", table.name, *words, "--trials", 2, "--set", "optimizer.learning_rate={log: [0.001, 0.01]}"
    )
    assert found.code == 0, found.err
