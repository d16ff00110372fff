"""Comparisons with peers: scores as scikit-learn's called directly, intervals, refusals, failures, and the folder."""

import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, log_loss, r2_score, root_mean_squared_error
from sklearn.preprocessing import StandardScaler

import batchwright as bw
from batchwright.comparison.peers import race, saved
from batchwright.comparison.peers.board import Contestant, Leaderboard
from batchwright.comparison.peers.columns import peer_columns
from batchwright.comparison.peers.known import PEERS, Peer
from batchwright.comparison.peers.race import _uses_of_rows, compare_with_peers
from batchwright.comparison.peers.running import run_peer
from batchwright.comparison.peers.scores import OURS, ContestantScores, Measured, score_all
from batchwright.data.load import encode_parts, read_parts
from batchwright.data.options import DataOptions
from batchwright.errors import ConfigError, InterruptedRunError, RunError
from batchwright.runs.manifest import LEADERBOARD
from batchwright.runs.reading import to_plain
from batchwright.runs.sealed import seal
from batchwright.search.brought import Parts, space_of

SMALL = {"network.name": "linear", "training.epochs": 3, "training.batch_size": 32}
BOOSTING, CATBOOST, LINEAR = (
    next(peer for peer in PEERS if peer.name == name) for name in ("scikit-learn boosting", "CatBoost", "linear")
)
COLOURS = ("blue", "green", "red")
WORDS = [f"{first}{second}" for first in ("river", "stone", "cloud", "green") for second in ("ward", "less", "side")]
MISSING = Peer("not there", LINEAR.make, "no_such_package")


def table(rows: int = 200) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    size, colour = rng.normal(size=rows), rng.choice(["red", "green", "blue"], rows)
    pay = 3 * size + 2 * (colour == "red") + 0.3 * rng.normal(size=rows)
    return pl.DataFrame(
        {
            "size": pl.Series(size).set(pl.Series(np.arange(rows) % 17 == 0), None),
            "colour": colour,
            "open": rng.random(rows) > 0.5,
            "day": pl.Series(np.datetime64("2024-01-01") + rng.integers(0, 300, rows)),
            "words": [" ".join(rng.choice(WORDS, 8)) for _ in range(rows)],
            "pay": pay,
            "kind": np.where(pay > 0, "rich", "poor"),
        }
    )


def compared(frame: pl.DataFrame, target: str, peers: tuple[Peer, ...], **space: object) -> Leaderboard:
    settings = space_of({"data.target": target, **SMALL, **space}, Parts()).settings({})
    events = compare_with_peers(settings, frame, time_limit=300.0, peers=peers)
    return next(event for event in events if isinstance(event, Leaderboard))


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    """Classes by boosting, by a peer that is not there, and by one whose library is broken."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("broken")
        (folder / "catboost.py").write_text("raise ImportError('this library is broken')\n")
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder), prepend=":")
        return compared(table().drop("pay"), "kind", (BOOSTING, CATBOOST, MISSING))


@pytest.fixture(scope="module")
def values() -> Leaderboard:
    return compared(table().drop("kind", "words"), "pay", (LINEAR,))


def parts_of(frame: pl.DataFrame, target: str) -> dict[str, pl.DataFrame]:
    parted = read_parts(frame, DataOptions(target=target), seed=0)
    return {name: part.frame for name, part in parted.rows.items()}


def numbers(frame: pl.DataFrame) -> np.ndarray:
    day = frame["day"].cast(pl.Date).cast(pl.Int32).to_numpy().astype(float)
    return np.stack([frame["size"].to_numpy().astype(float), frame["open"].to_numpy().astype(float), day], axis=1)


def test_classes_as_scikit_learn_called_directly(classes: Leaderboard) -> None:
    rows = parts_of(table().drop("pay"), "kind")
    train = pl.concat([rows["train"], rows["validation"]])
    code = {"blue": 0, "green": 1, "red": 2}
    x, x_test = (
        np.column_stack([part["colour"].replace_strict(code).to_numpy(), numbers(part)])
        for part in (train, rows["test"])
    )
    model = HistGradientBoostingClassifier(categorical_features=[0], random_state=0).fit(x, train["kind"].to_numpy())
    truth, found = rows["test"]["kind"].to_numpy(), model.predict_proba(x_test)
    scores = {one.name: one.scores for one in classes.contestants}[BOOSTING.name]
    assert scores is not None
    assert scores.score.value == accuracy_score(truth, model.predict(x_test))
    assert scores.loss.value == pytest.approx(log_loss(truth, found))


def test_values_as_scikit_learn_called_directly(values: Leaderboard) -> None:
    rows = parts_of(table().drop("kind", "words"), "pay")
    train, test = pl.concat([rows["train"], rows["validation"]]), rows["test"]
    x, x_test = numbers(train), numbers(test)
    middle = np.nanmedian(x[:, 0])
    for part in (x, x_test):
        part[:, 0] = np.where(np.isnan(part[:, 0]), middle, part[:, 0])
    scaler, y = StandardScaler().fit(x), train["pay"].to_numpy()
    wide, wide_test = (
        np.column_stack(
            [scaler.transform(of), *(part["colour"].to_numpy() == name for name in ("blue", "green", "red"))]
        )
        for of, part in ((x, train), (x_test, test))
    )
    model = Ridge().fit(wide, (y - y.mean()) / y.std())
    found = model.predict(wide_test) * y.std() + y.mean()
    scores = {one.name: one.scores for one in values.contestants}["linear"]
    assert scores is not None
    assert scores.score.value == pytest.approx(r2_score(test["pay"], found), abs=1e-5)
    assert scores.loss.value == pytest.approx(root_mean_squared_error(test["pay"], found), rel=1e-5)


@pytest.mark.parametrize(("target", "without"), [("kind", ("pay",)), ("pay", ("kind", "words"))])
def test_ours_has_the_metrics_of_fit(
    target: str, without: tuple[str, ...], classes: Leaderboard, values: Leaderboard
) -> None:
    found = classes if target == "kind" else values
    data = bw.load(table().drop(*without), target=target)
    metrics = bw.fit(data, network=bw.nn.Linear(), epochs=3, batch_size=32).test_metrics
    ours = next(one.scores for one in found.contestants if one.name == OURS)
    assert ours is not None and ours.difference is None
    score, loss = ("accuracy", "log_loss") if target == "kind" else ("r2", "rmse")
    assert ours.score.value == pytest.approx(metrics[score], rel=1e-5)
    assert ours.loss.value == pytest.approx(metrics[loss], rel=1e-5)


def test_failures_are_rows_with_their_reason_at_the_end(classes: Leaderboard) -> None:
    failures = {one.name: one.failure for one in classes.contestants if one.scores is None}
    assert [one.name for one in classes.contestants[-2:]] == list(failures) == ["CatBoost", "not there"]
    assert failures["CatBoost"] == "ImportError: this library is broken"
    assert failures["not there"] == "it needs no_such_package, which is not installed: pip install 'batchwright[peers]'"
    losses = [one.scores.loss.value for one in classes.contestants if one.scores]
    assert losses == sorted(losses) and len(losses) == 2


def test_columns_that_peers_do_not_get_are_named(classes: Leaderboard) -> None:
    assert "peers do not get texts, tags and images, which batchwright does: words" in "; ".join(classes.notes)
    assert "peers get dates as numbers of days: day" in "; ".join(classes.notes)


def test_rows_are_told(classes: Leaderboard) -> None:
    assert {one.name: one.rows for one in classes.contestants} == {
        OURS: "train; validation stops it",
        "CatBoost": "train; validation stops it",
        "scikit-learn boosting": "train and validation",
        "not there": "train and validation",
    }
    alone = bw.load("iris", validation_split=0.0)
    assert set(_uses_of_rows(alone, PEERS, trained_on(alone)).values()) == {"train"}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"refit": True}, "train and validation, which first stops it"),
        ({"folds": 2}, "train and validation, in folds"),
    ],
)
def test_a_refit_and_folds_learn_the_validation_rows(how: dict[str, object], said: str) -> None:
    data = bw.load("iris", validation_split=0.2)
    uses = _uses_of_rows(data, PEERS, trained_on(data, **how))
    assert uses == _uses_of_rows(data, PEERS, trained_on(data)) | {OURS: said}


def trained_on(data: bw.Dataset, **how: object) -> bw.Trained:
    chosen = {"network": bw.nn.Linear(), "epochs": 2, "progress": False, "diagnostics": False} | how
    return bw.fit(data, **chosen)  # type: ignore[arg-type]


def test_a_limit_of_time_and_an_interruption(tmp_path: Path) -> None:
    assert run_peer(LINEAR, tmp_path, 0.01, lambda: False) == "it took more than 0.01 s"
    with pytest.raises(InterruptedRunError):
        run_peer(LINEAR, tmp_path, 60.0, lambda: True)


def test_categories_have_the_same_code_in_all_parts() -> None:
    parted = read_parts(table(), DataOptions(target="pay"), seed=0)
    tables = parted.rows
    found = peer_columns(tables, encode_parts(parted).encoding)
    code = {
        (name, value)
        for part, rows in tables.items()
        for name, value in zip(rows.frame["colour"], found.parts[part][:, found.numeric], strict=True)
    }
    assert len(code) == 3
    assert np.isnan(found.parts["train"]).any()


def test_scores_as_of_scikit_learn_and_intervals() -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 3, 900)
    ours, other = (rng.dirichlet([1, 1, 1], 900) for _ in range(2))
    found = score_all({OURS: ours, "same": ours, "other": other}, targets, classes=True)
    assert found["other"].loss.value == pytest.approx(log_loss(targets, other))
    assert found["other"].score.value == accuracy_score(targets, other.argmax(axis=1))
    assert found["same"].difference == Measured(0.0, 0.0, 0.0)
    right = (ours.argmax(axis=1) == targets).mean()
    half = 1.96 * math.sqrt(right * (1 - right) / 900)
    assert found[OURS].score.high - right == pytest.approx(half, rel=0.2)
    assert right - found[OURS].score.low == pytest.approx(half, rel=0.2)
    y = rng.normal(size=500) + 1e6
    answers = {OURS: y + rng.normal(size=500), "worse": y + 2 * rng.normal(size=500)}
    values = score_all(answers, y, classes=False)
    assert values["worse"].score.value == pytest.approx(r2_score(y, answers["worse"]))
    assert values["worse"].loss.value == pytest.approx(root_mean_squared_error(y, answers["worse"]))
    assert values["worse"].difference is not None and values["worse"].difference.low > 0


def scored(name: str, loss: float, apart: tuple[float, float, float] | None, *, boosting: bool = False) -> Contestant:
    score, cost = Measured(0.8, 0.7, 0.9), Measured(loss, loss - 0.1, loss + 0.1)
    return Contestant(
        name, boosting, "train", ContestantScores(score, cost, None if apart is None else Measured(*apart)), 1.0
    )


def board(*contestants: Contestant) -> Leaderboard:
    return Leaderboard("t", "y", "accuracy", "log loss", {"test": 99}, contestants, ("a note",), 2.0)


def test_verdicts() -> None:
    ours = scored(OURS, 0.5, None)
    better, unsure, worse = (
        scored("CatBoost", 0.3, (-0.2, -0.3, -0.1), boosting=True),
        scored("linear", 0.48, (-0.02, -0.1, 0.1)),
        scored("MLP", 0.7, (0.2, 0.1, 0.3)),
    )
    assert board(better, unsure, ours, worse).verdict == (
        "CatBoost (gradient boosting) is better here: its log loss is lower than batchwright's by 0.2 (0.1 to 0.3), "
        "accuracy 0.8 against 0.8"
    )
    two = board(replace(better, name="kNN", boosting=False), better, ours)
    assert two.verdict.endswith("; also better: CatBoost (gradient boosting)")
    assert board(unsure, ours, worse).verdict == (
        "no peer is shown to be better; batchwright is not shown to be better than linear"
    )
    assert (
        board(ours, worse).verdict == "batchwright is better here: the log loss of each peer is higher, beyond chance"
    )
    assert "nothing to compare" in board(ours).verdict
    few = replace(board(better, ours), rows={"test": 4})
    assert few.verdict == "4 test rows are too few to say who is better: it takes 20 or more"


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # whether it has converged is not asked
@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.installed], ids=lambda peer: peer.name)
@pytest.mark.parametrize(("numeric", "categorical"), [(2, 0), (0, 2)])
def test_peers_take_columns_of_one_kind(peer: Peer, numeric: int, categorical: int) -> None:
    x = np.random.default_rng(0).integers(0, 3, (200, 2)).astype(np.float64)
    model = peer.make(numeric, categorical, True, 0)
    fitted = peer.fit(x, (x[:, 0] > 0).astype(np.int64), (x[:0], np.zeros(0, np.int64)), model)
    assert (fitted.predict(x) == (x[:, 0] > 0)).mean() > 0.9


@pytest.mark.parametrize(
    ("frame", "space", "words"),
    [
        (table(60).drop("words"), {"data.target": ["pay", "kind"]}, "2 targets"),
        (table(60).drop("words"), {"data.target": "pay", "data.test_split": 0.0}, "data.test_split above 0"),
        (
            table(60).drop("words").with_columns(w=pl.lit(1.5) + pl.col("open")),
            {"data.target": "pay", "data.weights": "w"},
            "data.weights",
        ),
        ("digits", {}, "images"),
    ],
)
def test_what_peers_cannot_take_is_refused_before_training(
    frame: object, space: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(race, "train", lambda *_, **__: pytest.fail("it was trained"))
    with pytest.raises(ConfigError, match=words):
        bw.compare_peers(frame, space)


def test_a_tiny_table_is_divided_as_ours_divides_it() -> None:
    frame, stopping = table(40), {"training.early_stopping": {"patience": 2}}
    for more, parts in (({}, {"train", "test"}), (stopping, {"train", "validation", "test"})):
        settings = space_of({"data.target": "kind", **SMALL, **more}, Parts()).settings({})
        assert set(race._read_table(settings, frame).rows) == parts


@pytest.mark.parametrize("limit", [0, -1.0, "soon", True, float("nan")])
def test_limits_that_are_none(limit: object) -> None:
    with pytest.raises(ConfigError, match="time limit"):
        saved.check_time_limit(limit)  # type: ignore[arg-type]


def test_the_folder_is_opened_again(tmp_path: Path, classes: Leaderboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "compare_with_peers", lambda *_, **__: iter([classes]))
    found = bw.compare_peers("iris", run_dir=tmp_path / "new")
    opened = bw.open_leaderboard(tmp_path / "new")
    assert opened == found == classes
    assert opened.frame().height == 4
    assert opened.figures == ("losses", "seconds")
    assert "log loss" in opened.figure("losses").text
    with pytest.raises(RunError):
        bw.compare_peers("iris", run_dir=tmp_path / "new")
    file = tmp_path / "new" / LEADERBOARD
    file.write_text(file.read_text().replace("train and validation", "train and validatiom", 1))
    with pytest.raises(RunError, match="changed or damaged"):
        bw.open_leaderboard(tmp_path / "new")


@pytest.mark.parametrize("names", [("linear",), (OURS, "linear", "linear")])
def test_a_folder_without_ours_or_with_a_name_twice_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    plain = to_plain(asdict(board(*(scored(name, 0.5, None) for name in names))))
    (tmp_path / LEADERBOARD).write_text(seal({"format": 1, "leaderboard": plain}))
    with pytest.raises(RunError, match="has not the scores"):
        bw.open_leaderboard(tmp_path)


def test_rows_that_are_encoded_already_are_refused() -> None:
    with pytest.raises(ConfigError, match="takes a source of rows"):
        bw.compare_peers(bw.load("iris"))


def test_nothing_is_left_where_it_fails(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        bw.compare_peers("digits", run_dir=tmp_path / "new")
    assert not (tmp_path / "new").exists()
