"""A comparison tunes each variant in its range, trains it as it would be alone, and says what chance explains."""

from dataclasses import replace
from itertools import pairwise

import jax
import numpy as np
import pytest
from scipy import stats

from batchwright.comparison.compare import (
    Begun,
    Compared,
    ComparedVariant,
    CompareOptions,
    Comparing,
    _job_on_share,
    _possible_estimate,
    _rank_variants,
    _share,
    compare,
)
from batchwright.comparison.saved import _plan_of
from batchwright.errors import ConfigError, InterruptedRunError
from batchwright.search.space import load_space
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.events import EpochDone
from batchwright.training.fit import fit
from batchwright.training.state import initial_state
from batchwright.workflow import Estimate, estimate
from batchwright.workflow.preparing import example_of, job_on, prepare

EPOCHS, ROWS, BATCH = 3, 104, 16
UPDATES = 7  # ⌈104 / 16⌉
RATE = "optimizer.learning_rate"
LOW, HIGH = 1e-5, 0.1  # two decades to either side of Adam's 0.001


def _space(**changed):
    values = {
        "data.source": "iris",
        "network.name": "mlp",
        "network.hidden_layer_sizes": "[6]",
        "network.batch_normalization": "false",
        "training.epochs": str(EPOCHS),
        "training.batch_size": str(BATCH),
        "schedule.name": "constant",
        "optimizer.weight_decay": "1e-4",
    }
    return load_space(None, [(key, text, key) for key, text in (values | changed).items()])


@pytest.fixture(scope="module")
def space():
    return _space()


@pytest.fixture(scope="module")
def prepared(space):
    return prepare(space.settings({}))


@pytest.fixture(scope="module")
def events(space, prepared):
    """All that is said where two activations are compared."""
    return list(compare(space, "network.activation=relu,tanh", CompareOptions(trials=2, seeds=2), prepared.dataset))


@pytest.fixture(scope="module")
def shares(space, prepared):
    """What comes of shares of the rows."""
    *_, last = compare(space, "training.rows=1,0.25,0.5", CompareOptions(trials=1, seeds=1), prepared.dataset)
    return last


def _losses_alone(job, example):
    told = fit(job, first_checkpoint(initial_state(job.program, example, seed=job.seed)))
    return [event.row["val_loss"] for event in told if isinstance(event, EpochDone)]


def _row(name, curve, by_seed=(), *, updates=10, seconds=1.0):
    return ComparedVariant(
        name, {}, (), None, tuple(by_seed), tuple(curve), estimate(by_seed) if by_seed else None, updates, seconds
    )


def test_what_is_compared_is_said_first_then_each_variant_when_it_is_done_and_all_of_them_last(events):
    first, *between, last = events
    assert isinstance(first, Begun) and [one.name for one in first.variants] == ["relu", "tanh"]
    assert isinstance(last, Compared)
    epochs = [(one.name, one.number, one.doing, one.epoch) for one in between if isinstance(one, Comparing)]
    assert epochs == [
        (name, number, doing, epoch)
        for number, name in ((1, "relu"), (2, "tanh"))
        for doing in ("tuning", "seeds")
        for epoch in range(1, EPOCHS + 1)
    ]
    assert [one.name for one in between if isinstance(one, ComparedVariant)] == ["relu", "tanh"]
    assert last.learning_curve is None and last.seconds > 0


def test_rows_are_sorted_best_first_and_each_has_the_rate_that_was_tuned_for_it(events):
    rows = events[-1].rows
    means = [float(np.mean(row.by_seed)) for row in rows]
    assert means == sorted(means)
    for row, mean in zip(rows, means, strict=True):
        assert row.settings["network.activation"] == row.name
        assert set(row.settings) == {"network.activation", RATE} and LOW <= row.settings[RATE] <= HIGH
        low, high = row.stable_range
        assert LOW <= low <= high <= HIGH
        assert row.validation.mean == pytest.approx(mean)
        assert row.validation.low < mean < row.validation.high
        assert row.updates_per_epoch == UPDATES and len(row.curve) == EPOCHS


def test_each_seed_comes_out_as_trained_alone_with_the_same_settings(space, prepared, events):
    for row in events[-1].rows:
        jobs = [job_on(prepared, space.settings({"network.activation": row.name, **tuned})) for tuned in row.tuned]
        alone = [_losses_alone(replace(job, seed=seed), example_of(prepared.dataset)) for seed, job in enumerate(jobs)]
        np.testing.assert_allclose(row.by_seed, np.min(alone, axis=1), rtol=2e-4)
        best_so_far = np.minimum.accumulate(alone, axis=1).mean(axis=0)
        np.testing.assert_allclose(row.curve, best_so_far, rtol=2e-4)


def test_each_seed_has_the_best_of_points_tried_with_a_seed_that_is_not_compared(space, prepared, events):
    for row in events[-1].rows:
        assert len(row.tuned) == 2
        for seed, tuned in zip((2, 3), row.tuned, strict=True):  # 0 and 1 are compared
            shares = stats.qmc.Sobol(1, scramble=True, rng=seed).random_base2(1)[:, 0]
            rates = LOW * (HIGH / LOW) ** shares
            tried = [{"network.activation": row.name, RATE: float(rate)} for rate in rates]
            jobs = [replace(job_on(prepared, space.settings(chosen)), seed=seed) for chosen in tried]
            alone = [min(_losses_alone(job, example_of(prepared.dataset))) for job in jobs]
            assert tuned[RATE] == pytest.approx(rates[np.argmin(alone)], rel=1e-9)
        assert row.settings[RATE] == min(tuned[RATE] for tuned in row.tuned)  # the middle one of two is the lower


def test_what_diverges_with_every_rate_is_shown_and_the_others_are_compared(space, prepared):
    vary = "optimizer.weight_decay=1e38,0.1,1e-3"
    *_, last = compare(space, vary, CompareOptions(trials=2, seeds=2), prepared.dataset)
    *good, diverged = last.rows
    assert diverged.name == "1e+38" and diverged.settings["optimizer.weight_decay"] == 1e38
    assert (diverged.by_seed, diverged.curve, diverged.validation, diverged.stable_range) == ((), (), None, None)
    assert (diverged.at_equal_seconds, diverged.updates_to_target, diverged.seconds_to_target) == (None, None, None)
    assert {row.name for row in good} == {"0.1", "0.001"} and all(len(row.by_seed) == 2 for row in good)
    assert last.target == pytest.approx(np.mean([row.curve[-1] for row in good]))
    assert "1e+38" not in last.verdict


def test_shares_of_the_rows_have_a_learning_curve(shares):
    by_name = {row.name: row for row in shares.rows}
    assert shares.learning_curve.rows == (26, 52, 104) and shares.learning_curve.more_rows == 208
    names = ["25% of the rows", "50% of the rows", "100% of the rows"]
    expected = [np.mean(by_name[name].by_seed) for name in names]
    np.testing.assert_allclose(shares.learning_curve.losses, expected)
    assert shares.verdict == shares.learning_curve.verdict
    assert [by_name[name].updates_per_epoch for name in names] == [2, 4, 7]  # ⌈26 / 16⌉, ⌈52 / 16⌉, ⌈104 / 16⌉
    assert [len(by_name[name].curve) for name in names] == [10, 5, 3]  # 21 updates, in whole epochs


def test_a_share_of_the_rows_comes_out_as_trained_alone_on_them(space, prepared, shares):
    row = next(row for row in shares.rows if row.name.startswith("50%"))
    job = _job_on_share(job_on(prepared, space.settings(dict(row.settings))), _share(prepared.job.train, 0.5, 0))
    np.testing.assert_allclose(row.by_seed, [min(_losses_alone(job, example_of(prepared.dataset)))], rtol=2e-4)


def test_a_smaller_share_is_part_of_a_larger_one_and_no_row_is_drawn_twice(prepared):
    def drawn(share):
        some = _share(numbered, share, seed=3)
        assert some.length == len(jax.tree.leaves(some.inputs)[0]) == max(1, round(share * numbered.length))
        return set(np.asarray(some.targets).tolist())

    numbered = prepared.job.train._replace(targets=np.arange(ROWS, dtype=np.int32))
    shares = [0.001, 0.1, 0.25, 0.5, 0.9, 1.0]
    for smaller, larger in pairwise(shares):
        assert drawn(smaller) < drawn(larger)
        assert len(drawn(larger)) == max(1, round(larger * ROWS))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.77, 1.0])
def test_a_share_is_trained_with_about_as_many_updates(prepared, share):
    job = replace(prepared.job, plan=replace(prepared.job.plan, epochs=20))
    found = _job_on_share(job, _share(job.train, share, seed=0)).plan
    rows = max(1, round(share * ROWS))
    iterations = -(-rows // min(BATCH, rows))
    assert (found.training_rows, found.iterations_per_epoch) == (rows, iterations)
    assert abs(found.updates - 20 * UPDATES) <= iterations / 2


def test_target_is_the_median_and_what_it_takes_to_reach_it_is_counted():
    rows = [
        _row("slow", (2.0, 1.5, 1.2), (1.1, 1.3), updates=20, seconds=2.0),
        _row("cheap", (0.9, 0.8, 0.6), (0.5, 0.7), updates=5, seconds=0.5),
        _row("lost", ()),
        _row("good", (1.0, 0.5, 0.4), (0.3, 0.5), updates=10, seconds=1.0),
    ]
    done, target = _rank_variants(rows)
    assert target == 0.6
    assert [row.name for row in done] == ["good", "cheap", "slow", "lost"]
    found = {row.name: (row.updates_to_target, row.seconds_to_target, row.at_equal_seconds) for row in done}
    assert found == {
        "good": (20, 2.0, 1.0),  # below 0.6 after 2 epochs; in the 1.5 s of the fastest it has done one
        "cheap": (15, 1.5, 0.6),
        "slow": (None, None, None),  # an epoch takes longer than 1.5 s
        "lost": (None, None, None),
    }


def test_the_target_of_two_is_between_them():
    done, target = _rank_variants([_row("a", (0.8, 0.4), (0.4,)), _row("b", (0.9, 0.2), (0.2,))])
    assert target == pytest.approx(0.3)
    assert [(row.name, row.updates_to_target) for row in done] == [("b", 20), ("a", None)]


def test_where_all_have_diverged_nothing_is_reached():
    rows = [_row("a", ()), _row("b", ())]
    assert _rank_variants(rows) == (rows, None)


def test_an_interval_of_one_seed_is_its_loss(space, prepared):
    *_, last = compare(space, f"{RATE}=0.01,0.02", CompareOptions(trials=3, seeds=1), prepared.dataset)
    for row in last.rows:
        assert row.validation == Estimate(row.by_seed[0], row.by_seed[0], row.by_seed[0])
        assert row.stable_range is None and set(row.settings) == {RATE}
    assert "one seed cannot tell" in last.verdict


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({RATE: "{log: [1e-3, 1]}"}, "a space is for `search`"),
        ({"data.validation_split": "0"}, "above 0"),
        ({"training.batch_size": "{adaptive: {}}"}, "a batch size that stays as it is"),
    ],
)
def test_what_cannot_be_compared_is_said_before_anything_is_trained(changed, said):
    with pytest.raises(ConfigError) as error:
        next(compare(_space(**changed), None, CompareOptions()))
    assert said in str(error.value)


def test_a_value_that_its_key_does_not_take_is_refused(space, prepared):
    with pytest.raises(ConfigError, match="did you mean 'relu'"):
        list(compare(space, "network.activation=relv,relu", CompareOptions(trials=1, seeds=1), prepared.dataset))


def test_a_value_that_its_key_does_not_take_is_refused_before_anything_is_trained(space, prepared):
    with pytest.raises(ConfigError, match="did you mean 'relu'"):
        next(compare(space, "network.activation=relu,relv", CompareOptions(trials=1, seeds=1), prepared.dataset))


def test_an_interruption_ends_it_after_an_epoch(space, prepared):
    told = compare(
        space,
        "network.activation=relu,tanh",
        CompareOptions(trials=2, seeds=2),
        prepared.dataset,
        interrupted=lambda: True,
    )
    assert isinstance(next(told), Begun)
    assert next(told).epoch == 1
    with pytest.raises(InterruptedRunError, match="interrupted"):
        next(told)


def test_an_interval_of_losses_ends_where_losses_end():
    near = _possible_estimate((0.05, 0.25), 0.0)
    assert (near.low, near.high) == (0.0, estimate((0.05, 0.25)).high) and estimate((0.05, 0.25)).low < 0
    assert _possible_estimate((0.05, 0.25), -np.inf) == estimate((0.05, 0.25)), "a loss of the user's own"
    assert _possible_estimate((-0.05, 0.25), 0.0) == estimate((-0.05, 0.25)), "it has been below 0"


@pytest.mark.parametrize(
    ("vary", "own", "common"),
    [
        ("training.batch_size=16,64", "batch size", "epochs 250"),
        ("network.activation=relu,tanh", "patience", "batch size 26"),
        ("optimizer.name=sgd,adam", "weight decay", "batch size 26"),
        ("training.epochs=3,4", "epochs", "batch size 26"),
    ],
)
def test_notes_and_settings_are_of_what_all_variants_share(tmp_path, vary, own, common):
    space = load_space(None, [("data.source", "iris", "data.source")])
    begun = next(compare(space, vary, CompareOptions(trials=1, seeds=1)))
    [said] = [note for note in begun.notes if "for few rows" in note]
    numbers, _, reason = said.partition(" for few rows: ")
    assert own not in numbers and common in numbers and "patience" not in numbers
    assert reason.endswith(", in batches of 26") == vary.startswith("training.batch_size")
    settings = _plan_of(begun, space, vary, CompareOptions()).settings
    assert not {vary.partition("=")[0], RATE, "training.early_stopping.patience"} & set(settings)
    assert "training.seed" in settings
    assert ("optimizer.name" in settings) == (not vary.startswith("optimizer.name"))
    assert ("optimizer.beta_1" in settings) == (not vary.startswith("optimizer.name"))


def test_a_linear_network_and_others_are_compared_on_rows_scaled_alike(tmp_path):
    lines = [f"{x},{'ab'[x % 2]}" for x in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["x,y", *lines]))
    values = {"data.source": str(tmp_path / "rows.csv"), "data.target": "y"}
    space = load_space(None, [(key, text, key) for key, text in values.items()])
    begun = {vary: next(compare(space, vary, CompareOptions(trials=1, seeds=1))) for vary in NETWORKS}
    scaling = {vary: one.prepared.settings.config.data_options.scaling for vary, one in begun.items()}
    assert scaling == {"network.name=linear,mlp": "standard", "network.name=tabular,mlp": "auto"}
    said = {vary: [note for note in one.notes if note.startswith("data.scaling")] for vary, one in begun.items()}
    assert [len(notes) for notes in said.values()] == [1, 0]


NETWORKS = ("network.name=linear,mlp", "network.name=tabular,mlp")
