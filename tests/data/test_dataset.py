import dataclasses
import re
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.data.formats.examples import EXAMPLES
from batchwright.data.load import load, prepare
from batchwright.data.load_streamed import prepare_streamed
from batchwright.data.options import DataOptions
from batchwright.data.weights import divide_by_unit
from batchwright.errors import ConfigError, DataError

LABELS = ("007", "7", "07", "0", "00", "9007199254740992", "9007199254740993", "a", "red")
ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "../shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the folder ../shared/data is not there")

RNG = np.random.default_rng(0)
ROWS = 400
FRAME = pl.DataFrame(
    {
        "x": RNG.normal(50, 7, ROWS),
        "kind": RNG.choice(["a", "b", "c"], ROWS),
        "site": RNG.integers(0, 40, ROWS),
        "day": pl.datetime_range(
            pl.datetime(2020, 1, 1), pl.datetime(2020, 1, 1) + pl.duration(days=ROWS - 1), eager=True
        ),
        "weight": RNG.uniform(0, 2, ROWS),
        "y": RNG.normal(1000, 30, ROWS),
    }
)


def with_options(**values):
    """Options that a type checker would refuse, as an untyped configuration may hold them."""
    options = DataOptions()
    for name, value in values.items():
        object.__setattr__(options, name, value)
    return options


@pytest.mark.parametrize("name", [found.name for found in EXAMPLES])
def test_examples_are_split_and_encoded(name):
    data = load(name)
    rows = data.train.rows + data.validation.rows + data.test.rows
    assert len(np.unique(np.concatenate(dataclasses.astuple(data.indices)))) == rows
    assert data.test.rows == pytest.approx(0.15 * rows, abs=1)
    assert list(data.parts) == ["train", "validation", "test"]
    for part in data.parts.values():
        assert all(len(values) == part.rows for values in part.inputs.values())
        assert part.targets.dtype == (np.int32 if data.schema.classes else np.float32)


def test_only_training_rows_are_learned_from():
    data = load(FRAME, target="y")
    train = FRAME[data.indices.train]
    x = (FRAME["x"].to_numpy() - train["x"].mean()) / train["x"].std(ddof=0)
    column = data.preprocessing.feature_names.index("x")
    for name, part in data.parts.items():
        rows = getattr(data.indices, name)
        assert part.inputs["numeric"][:, column] == pytest.approx(x[rows], abs=1e-5)
        values = data.target.decode(part.targets)
        assert values == pytest.approx(FRAME["y"].to_numpy()[rows], abs=1e-2)
    assert data.train.targets.mean() == pytest.approx(0, abs=1e-6)
    changed = FRAME.with_columns(pl.when(pl.arange(ROWS).is_in(data.indices.test)).then(1e6).otherwise("x").alias("x"))
    assert load(changed, target="y").preprocessing == data.preprocessing


def test_the_same_seed_gives_the_same_data_and_another_other_parts():
    first, again, other = (load(FRAME, target="y", seed=seed) for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert np.array_equal(first.indices.test, again.indices.test)
    changed = FRAME.with_columns(pl.when(pl.arange(ROWS) == 7).then(50.0).otherwise("x").alias("x"))
    assert load(changed, target="y").fingerprint != first.fingerprint


def test_groups_stay_together_and_are_no_input():
    data = load(FRAME, target="y", group="site")
    sites = [set(FRAME["site"].to_numpy()[rows].tolist()) for rows in dataclasses.astuple(data.indices)]
    assert len(set.union(*sites)) == sum(map(len, sites))
    assert "site" not in data.schema.used
    assert any("groups of the split" in note for note in data.notes)


def test_the_last_rows_by_time_are_the_test():
    shuffled = FRAME.sample(ROWS, shuffle=True, seed=1)
    data = load(shuffled, target="y", time="day")
    days = [shuffled["day"][rows.tolist()] for rows in dataclasses.astuple(data.indices)]
    assert days[0].max() < days[1].min() <= days[1].max() < days[2].min()


def test_weights_are_kept_beside_the_rows_and_are_no_input():
    data = load(FRAME, target="y", weights="weight", test=FRAME[:50])
    for weights, rows in ((data.train.weights, data.indices.train), (data.test.weights, np.arange(50))):
        given = FRAME["weight"].to_numpy()[rows]
        assert weights / weights.mean() == pytest.approx(given / given.mean(), rel=1e-6)
        assert 0.5 <= weights.mean() < 1.0
    assert "weight" not in data.schema.used


@pytest.mark.parametrize("split", ["stratified", "shuffled", "group", "time"])
@pytest.mark.parametrize("streamed", [False, True])
def test_rows_of_weight_zero_are_as_if_they_were_not_there(tmp_path, split, streamed):
    """Wild values in them change neither parts, scales, categories, classes, arrays nor the fingerprint of the rows."""
    rows = 120
    rng = np.random.default_rng(5)
    counting = rng.random(rows) < 0.7
    frame = pl.DataFrame(
        {
            "x": np.where(counting, rng.normal(size=rows), rng.uniform(1e9, 1e10, rows)),
            "kind": np.where(counting, rng.choice(["a", "b"], rows), "never"),
            "site": rng.integers(0, 12, rows),
            "weight": np.where(counting, rng.uniform(1, 2, rows), 0.0),
            "y": np.where(counting, rng.choice(["yes", "no"], rows), "perhaps"),
            "number": np.where(counting, rng.normal(size=rows), rng.uniform(-1e30, -1e29, rows)),
        }
    )
    place = {"group": {"group": "site"}, "time": {"time": "site"}}.get(split, {"split": split})
    found = []
    for name, table in (("all", frame), ("some", frame.filter(counting))):
        for target in ("y", "number"):
            options = DataOptions(target=target, weights="weight", scaling="robust", **place)
            path = tmp_path / f"{name}.parquet"
            table.write_parquet(path)
            data = prepare_streamed(path, options) if streamed else prepare(path, options)
            found.append((data.encoding, {part: rows.read(0, rows.rows) if streamed else rows
                                          for part, rows in data.parts.items()}))  # fmt: skip
            assert any("rows weigh 0" in note for note in data.notes) == (name == "all")
    for (encoding, parts), (expected, expected_parts) in zip(found[:2], found[2:], strict=True):
        assert encoding == expected
        for name, part in parts.items():
            same = jax.tree.map(np.array_equal, dataclasses.asdict(part), dataclasses.asdict(expected_parts[name]))
            assert all(jax.tree.leaves(same)), name


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame", "streamed"])
@settings(max_examples=15, deadline=None)
@given(labels=st.sets(st.sampled_from(LABELS) | st.integers(0, 2**60).map(str), min_size=2, max_size=8))
def test_labels_that_were_told_apart_stay_apart(kind, labels):
    """Through reading, encoding and decoding, with every digit and zero that was written."""
    cells = sorted(labels) * 3
    frame = pl.DataFrame({"x": np.arange(len(cells)) % 5 * 0.5, "y": cells})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("t.csv" if kind == "csv" else "t.parquet")
        frame.write_csv(path, quote_style="non_numeric") if kind == "csv" else frame.write_parquet(path)
        options = DataOptions("y", "classification", validation_split=0.0, test_split=0.0)
        if kind == "streamed":
            data = prepare_streamed(path, options)
            codes = data.train.read(0, data.train.rows).targets
        else:
            data = prepare(frame if kind == "frame" else path, options)
            codes = data.train.targets
    decoded = data.encoding.target.decode(codes)
    assert set(data.encoding.schema.classes) == labels
    assert decoded.tolist() == cells


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_of_columns_match_in_any_normal_form(tmp_path, form):
    composed, other = "größe", unicodedata.normalize(form, "größe")
    path = tmp_path / "t.parquet"
    frame = FRAME.rename({"y": composed, "weight": "gewicht"})
    frame.rename({composed: other}).write_parquet(path)
    for data in (load(path, target=unicodedata.normalize("NFD", composed)), load(frame, target=other)):
        assert data.schema.target == composed
    assert prepare_streamed(path, DataOptions(target=other)).encoding.target.name == composed


def test_columns_are_named_by_whole_numbers_too():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)))
    data = load(frame, target=2, kinds={0: "numeric"})
    assert data.schema.target == "2"
    assert data.schema.used == ("0", "1")


@pytest.mark.parametrize("factor", [1e37, 1e-38, 1e300, 1e-300, 3.0])
def test_a_factor_of_all_weights_changes_nothing(factor):
    """Powers of two aside, weights are the same up to float32, however large or small they were given."""
    plain = load(FRAME, target="y", weights="weight")
    scaled = load(FRAME.with_columns(pl.col("weight") * factor), target="y", weights="weight")
    for name, part in plain.parts.items():
        ratio = scaled.parts[name].weights.astype(np.float64) / part.weights
        assert np.all(np.isfinite(ratio))
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
        assert 0.5 <= ratio[0] <= 2.0


def test_own_test_rows_take_the_place_of_the_split():
    data = load(FRAME[:300], target="kind", test=FRAME[300:].select("kind", "y", "weight", "day", "site", "x"))
    assert (data.train.rows, data.validation.rows, data.test.rows) == (255, 45, 100)
    assert len(data.indices.test) == 0
    x = data.preprocessing.feature_names.index("x")
    correlation = np.corrcoef(data.test.inputs["numeric"][:, x], FRAME["x"].to_numpy()[300:])[0, 1]
    assert correlation == pytest.approx(1)
    assert "the 100 test rows of table take the place of the test split" in data.notes


def test_own_test_part_of_arrays(tmp_path):
    np.savez(
        tmp_path / "t.npz", x_train=np.eye(20), y_train=np.arange(20) % 2, x_test=np.eye(20)[:4], y_test=np.zeros(4)
    )
    data = load(tmp_path / "t.npz", validation_split=0.0)
    assert (data.train.rows, data.validation, data.test.rows) == (20, None, 4)
    assert data.test.targets.tolist() == [0, 0, 0, 0]
    assert any(note.startswith("4 of 4 test rows have the same inputs as a row of train: ") for note in data.notes)
    assert "the 4 test rows say little: accuracy moves in steps of 25%" in data.notes


def test_own_test_rows_that_do_not_fit():
    with pytest.raises(DataError, match=r"lacks .*'x'"):
        load(FRAME, target="y", test=FRAME.drop("x"))
    with pytest.raises(DataError, match=r"lacks .*'y'"):
        load(FRAME, target="y", test=FRAME.drop("y"))
    with pytest.raises(DataError, match="training table lacks: d"):
        load(FRAME, target="kind", test=FRAME[:2].with_columns(kind=pl.Series(["a", "d"])))


def test_rows_that_parts_share_are_counted():
    twice = pl.concat([FRAME, FRAME])
    data = load(twice, target="y", seed=3)
    train = set(FRAME["x"].to_numpy()[data.indices.train % ROWS].tolist())
    shared = sum(x in train for x in FRAME["x"].to_numpy()[data.indices.test % ROWS].tolist())
    assert f"{shared} of 120 test rows have the same inputs as a row of train" in data.notes
    assert not any("same inputs" in note for note in load(FRAME, target="y").notes)


def test_notes_say_which_columns_are_left_out_and_which_classes_are_not_learned():
    frame = FRAME.with_columns(
        same=pl.lit(1), kind=pl.when(pl.arange(ROWS) < 390).then(pl.lit("a")).otherwise(pl.lit("z"))
    )
    notes = load(frame, target="kind", time="day").notes
    assert any(note.startswith("column 'same': left out") for note in notes)
    assert "no training row is of class z" in notes


def test_rows_without_a_target_are_dropped_if_asked(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{row},{'NA' if row % 10 == 0 else row * 1.5}\n" for row in range(100)))
    with pytest.raises(DataError, match="'y' is missing in 10"):
        load(path, target="y")
    data = load(path, target="y", on_bad_rows="drop")
    assert sum(part.rows for part in data.parts.values()) == 90
    assert any("10 rows dropped" in note for note in data.notes)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target": "yy"}, "did you mean 'y'"),
        ({}, "which column is to be predicted.*Its columns: x, kind"),
        ({"target": "y", "group": "sites"}, "did you mean 'site'"),
        ({"target": "y", "weights": "kind"}, "weights 'kind' holds categorical cells; weights are finite numbers"),
        ({"target": "y", "time": "kind"}, "needs dates or numbers"),
        ({"target": "gaps", "time": "holes"}, "time column 'holes' is missing in 1 rows"),
        ({"target": "y", "weights": "below"}, "at least 0"),
        ({"target": "lone"}, "single row: 'alone'"),
        ({"target": "same"}, "'only' in every row"),
    ],
)
def test_columns_that_cannot_play_their_part(options, said):
    lone = pl.when(pl.arange(ROWS) == 5).then(pl.lit("alone")).otherwise("kind")
    frame = FRAME.with_columns(
        holes=pl.when(pl.arange(ROWS) == 5).then(None).otherwise("x"),
        gaps=pl.col("kind"),
        below=pl.col("weight") - 1,
        lone=lone,
        same=pl.lit("only"),
    )
    with pytest.raises(DataError, match=said):
        load(frame, **options)


def test_images_have_no_columns():
    with pytest.raises(DataError, match="whose target is 'label'"):
        load("digits", target="digit")
    with pytest.raises(ConfigError, match="group, weights: names of columns"):
        load("digits", group="a", weights="b")
    with pytest.raises(DataError, match="has no labels"):
        load(np.zeros((3, 4, 4), np.uint8))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"validation_split": 1.0}, "validation_split must hold"),
        ({"validation_split": 0.6, "test_split": 0.4}, "below 1"),
        ({"split": "stratifed"}, "did you mean 'stratified'"),
        ({"split": "group"}, "needs the name of a column, as group"),
        ({"split": "shuffled", "time": "day"}, "does not go with a time column"),
        ({"group": "site", "time": "day"}, "two ways to split"),
        ({"on_bad_rows": "drp"}, "did you mean 'drop'"),
        ({"one_hot_max": -1}, "one_hot_max must hold"),
        ({"image_size": (0, 3)}, "image_size"),
        ({"scaling": "standart", "target": "y"}, "did you mean 'standard'"),
        ({"task": "clasification", "target": "y"}, "did you mean 'classification'"),
    ],
)
def test_options_that_cannot_be(values, said):
    options = with_options(**values)
    with pytest.raises(ConfigError, match=said):
        prepare(FRAME, options)


def test_several_wrong_options_are_told_at_once():
    with pytest.raises(ConfigError, match=r"one_hot_max(.|\n)*image_size"):
        with_options(one_hot_max=-1, image_size=(0, 1)).check()


@needs_shared
def test_mnist_is_read_in_place():
    data = load(SHARED / "mnist", validation_split=0.0)
    image = data.train.inputs["image"]
    assert (image.shape, image.dtype, image.base is not None) == ((60_000, 28, 28, 1), np.uint8, True)
    assert data.train.targets[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.test.targets[:5].tolist() == [7, 2, 1, 0, 4]
    assert data.schema.classes == tuple("0123456789")
    assert np.array_equal(data.indices.train, np.arange(60_000))


@needs_shared
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_loading_mnist_takes_little_memory_and_neither_jax_nor_scikit_learn():
    program = (
        "import sys; from batchwright.data.load import load;"
        f"data = load({str(SHARED / 'mnist')!r}, validation_split=0.0);"
        "peak = [line for line in open('/proc/self/status') if line.startswith('VmHWM')][0];"
        "print(int(peak.split()[1]) // 1024, 'jax' in sys.modules, 'sklearn' in sys.modules)"
    )
    environment = {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    megabytes, jax, sklearn = done.stdout.split()
    assert (jax, sklearn) == ("False", "False")
    assert int(megabytes) < 220


@needs_shared
def test_adult_with_its_own_test_file():
    tables = SHARED / "tables"
    data = load(tables / "adult-train.csv", target="income", test=tables / "adult-test.csv")
    assert (data.train.rows, data.validation.rows, data.test.rows) == (27_677, 4_884, 16_281)
    assert data.schema.classes == ("<=50K", ">50K")
    assert data.validation.targets.mean() == pytest.approx(data.train.targets.mean(), abs=1e-3)


TEXT = {"x": [i % 7 for i in range(60)], "y": [str(i) for i in range(60)]}
NAMED = TEXT | {"y": [str(i % 3) for i in range(60)]}


@pytest.mark.parametrize(
    ("columns", "options", "said"),
    [
        (TEXT, {"task": "regression"}, "`data.kinds={y: numeric}` reads its text as numbers."),
        (TEXT, {}, "`data.kinds={y: numeric}` reads its text as numbers."),
        (
            NAMED | {"t": [f"2024-01-{i % 28 + 1:02d}" for i in range(60)]},
            {"time": "t"},
            "`data.kinds={t: date}` reads",
        ),
        (NAMED | {"w": [f"0{i % 7 + 1}" for i in range(60)]}, {"weights": "w"}, "`data.kinds={w: numeric}` reads"),
        (NAMED, {"weights": "y"}, "weights and target both name the column 'y'"),
        (NAMED, {"group": "y"}, "group and target both name the column 'y'"),
    ],
)
def test_roles_that_a_column_cannot_play_are_said_with_what_helps(columns, options, said):
    with pytest.raises((DataError, ConfigError), match=re.escape(said)):
        load(pl.DataFrame(columns), target="y", **options)


def test_the_note_of_a_target_is_kept():
    data = load(pl.DataFrame(NAMED), target="y")
    assert "target 'y': text that looks like numbers stays text, unless `data.kinds={y: numeric}` is told" in data.notes


def test_parts_far_from_their_shares_are_noted():
    times = [*range(100), *[100] * 100]
    frame = {"x": list(range(200)), "t": times, "y": [i % 2 for i in range(200)]}
    data = load(frame, target="y", time="t")
    assert "50% of the rows are for test, not 15%: rows of the same time stay together" in data.notes
    even = load(frame | {"t": list(range(200))}, target="y", time="t")
    assert not any("stay together" in note for note in even.notes)


def test_a_target_may_be_named_by_a_whole_number_of_numpy():
    frame = pd.DataFrame({0: np.arange(30.0), 1: np.arange(30) % 2})
    assert load(frame, target=np.int64(1)).target.name == "1"


def test_complex_numbers_of_pandas_are_refused_in_a_sentence():
    frame = pd.DataFrame({"z": np.arange(30) * 1j, "y": np.arange(30) % 2})
    with pytest.raises(DataError, match=r"column 'z'.*complex numbers: give their real and imaginary parts"):
        load(frame, target="y")


def test_a_row_that_counts_little_stays_a_row():
    assert (divide_by_unit(np.array([1e300, 1e-300, 1.0]), 1e300) > 0).all()


def test_periods_and_ranges_of_pandas_are_dates_and_categories():
    y = np.arange(60.0) % 7
    months = pd.period_range("2020-01", periods=60, freq="M")
    frame = pd.DataFrame({"month": months, "range": pd.cut(y, 3, labels=None), "y": y})
    frame.loc[[3, 5], "month"] = pd.NaT
    frame.loc[4, "range"] = None
    data = load(frame, target="y")
    kinds = {column.name: column.kind for column in data.schema.columns}
    assert kinds == {"month": "date", "range": "categorical", "y": "numeric"}
    plain = frame.assign(
        month=frame["month"].dt.to_timestamp(), range=[None if pd.isna(one) else str(one) for one in frame["range"]]
    )
    for ours, plainly in zip(
        jax.tree.leaves(data.train.inputs), jax.tree.leaves(load(plain, target="y").train.inputs), strict=True
    ):
        assert np.array_equal(ours, plainly)
    told = load(frame, target="y", kinds={"month": "categorical"})
    assert told.schema.columns[0].kind == "categorical"


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (pd.date_range("2020", periods=40, name="day"), "the index 'day' of the data frame is not used"),
        ([f"n{row}" for row in range(40)], "the index ("),
        (pd.MultiIndex.from_product([range(20), ["u", "v"]], names=["a", "b"]), "the index 'a', 'b' of the data frame"),
        (range(5, 45), ""),
        (np.random.default_rng(0).permutation(40), ""),
    ],
)
def test_an_index_of_pandas_that_is_left_out_is_told(index, said):
    frame = pd.DataFrame({"x": np.arange(40.0) ** 2, "y": np.arange(40.0)}, index=index)
    notes = [note for note in load(frame, target="y").notes if "index" in note]
    assert len(notes) == bool(said) and all(note.startswith(said) for note in notes)
    assert [note for note in load((frame[["x"]], frame["y"])).notes if "index" in note] == notes
