"""What the benchmarks of the diagnosis plant: settings that a configuration takes, and rows as they are said to be."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from batchwright.config import load_config

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    import diagnosing
    import planting
    import published

PLANTS = (*planting.PLANTS, *published.FAULTS, published.SOUND)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
@pytest.mark.parametrize("seed", range(len(planting.HEALTHY)))
def test_a_planted_configuration_is_one(plant, seed):
    settings = plant.settings(planting.healthy(seed))
    load_config(None, [(key, json.dumps(value), key) for key, value in settings.items()])


def test_each_training_has_a_folder_of_its_own():
    planted = [*diagnosing.cases(planting.DATA, 3), *diagnosing.published_cases(3)]
    assert len({case.name for case in planted}) == len(planted)
    assert all(diagnosing.plant_of(case).name == case.plant for case in planted)


def test_classes_become_their_numbers_in_sorted_order():
    frame = pl.DataFrame({planting.TARGET: ["b", "a", "c", "a"]})
    assert published.codes(frame, np.random.default_rng(0))[planting.TARGET].to_list() == [1, 0, 2, 0]


def test_a_column_with_the_name_of_the_target_stays_a_column(tmp_path):
    (tmp_path / "stones.csv").write_text("price,x,y\n3,1,2\n5,4,6\n")
    read = planting.table("stones.csv", "price")(tmp_path)
    assert sorted(read.rows()) == [(3, 1, 2), (5, 4, 6)]
    assert read.columns == [planting.TARGET, "x", f"{planting.TARGET}_"]


def test_a_share_has_the_interval_of_wilson():
    """The figures of Brown, Cai and DasGupta's rule for 5 of 10."""
    low, high = diagnosing.wilson(5, 10)
    assert (round(low, 4), round(high, 4)) == (0.2366, 0.7634)
