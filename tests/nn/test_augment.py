"""Augmentation against NumPy and SciPy, and that chance is the same on a second look, after a break and in a group."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage
from tests.builders import EVERY_ITERATION, end, events_of, same_bits, taken
from tests.population.test_fit import assert_as_alone

import batchwright as bw
from batchwright import nn, optim
from batchwright.config import load_config
from batchwright.errors import ConfigError
from batchwright.nn import Augment
from batchwright.nn.augment import Views, _turn, mix
from batchwright.optim import schedules
from batchwright.population.fit import fit_members
from batchwright.tasks import Classification
from batchwright.training.checkpoint import first_checkpoint
from batchwright.training.evaluate import evaluate, outputs
from batchwright.training.gradients import _gradients, _parts
from batchwright.training.job import Job
from batchwright.training.plan import make_plan
from batchwright.training.segment import compile_segment, epoch_without_change, no_losses
from batchwright.training.state import Model, Program, Rows, initial_state
from batchwright.workflow import Prepared, timing

ROWS, SIDE = 21, 6
KEY = jax.random.key(3)
EVERYTHING = Augment(shift=0.2, flip=True, rotation=20.0, erase=0.3, mixup=0.4)


def pictures(count: int = ROWS, height: int = SIDE, width: int = SIDE, channels: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, channels), np.uint8)


def shifted(image: np.ndarray, down: int, beside: int) -> np.ndarray:
    """Padding with the edge, then cropping."""
    h, w, _ = image.shape
    padded = np.pad(image, ((10, 10), (10, 10), (0, 0)), mode="edge")
    return padded[10 + down : 10 + down + h, 10 + beside : 10 + beside + w]


def test_shifts_are_crops_of_padded_images_and_all_are_as_likely() -> None:
    image = pictures(1, 7, 10)[0]
    found = np.asarray(jax.jit(Augment(shift=0.2).images)(KEY, np.repeat(image[None], 6_000, axis=0)))
    counts = {
        (down, beside): (found == shifted(image, down, beside)).all(axis=(1, 2, 3)).sum()
        for down in (-1, 0, 1)  # a fifth of 7 is 1, of 10 it is 2
        for beside in (-2, -1, 0, 1, 2)
    }
    assert sum(counts.values()) == 6_000
    assert min(counts.values()) > 400 - 5 * 20
    assert max(counts.values()) < 400 + 5 * 20


def test_half_of_the_images_are_mirrored() -> None:
    images = pictures(2_000, 3, 4)
    found = np.asarray(jax.jit(Augment(flip=True).images)(KEY, images))
    mirrored = (found == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (found == images)[~mirrored].all()
    assert 880 < mirrored.sum() < 1_120


@pytest.mark.parametrize("degrees", [0.0, 90.0, 180.0, 17.0, -63.0])
def test_turned_images_are_those_of_scipy(degrees: float) -> None:
    images, (h, w) = pictures(3, 7, 9), (7, 9)
    rows, columns = (jnp.broadcast_to(jnp.arange(side)[None, :], (3, side)) for side in (h, w))
    found = np.asarray(jax.jit(_turn)(images, rows, columns, jnp.full(3, np.deg2rad(degrees))))
    y, x = np.meshgrid(np.arange(h) - 3.0, np.arange(w) - 4.0, indexing="ij")
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    at = np.stack([cosine * y + sine * x + 3, cosine * x - sine * y + 4])
    for image, mine in zip(images, found, strict=True):
        for channel in range(2):
            whole = ndimage.map_coordinates(image[..., channel].astype(float), at, order=1, mode="nearest")
            assert np.abs(mine[..., channel] - whole).max() <= 0.51
    if degrees == 180.0:
        assert np.array_equal(found, images[:, ::-1, ::-1])


def test_angles_are_within_the_bound_to_either_side() -> None:
    angles = np.rad2deg(np.asarray(Augment(rotation=30.0)._angles(KEY, 5_000)))
    assert (-30 <= angles.min() < -29) and (29 < angles.max() <= 30)
    assert abs(angles.mean()) < 1


def test_what_is_erased_is_a_rectangle_in_the_mean_colour() -> None:
    images = pictures(300, 10, 10)
    found = np.asarray(jax.jit(Augment(erase=0.4).images)(KEY, images))
    mean = np.round(images.mean(axis=(1, 2), keepdims=True))
    gone = (found != images).any(axis=-1)
    assert (found == np.where(gone[..., None], mean, images)).all()
    for one in gone:
        rows, columns = np.flatnonzero(one.any(axis=1)), np.flatnonzero(one.any(axis=0))
        assert 0 < len(rows) <= 4
        assert 0 < len(columns) <= 4
        assert one[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() > 0.9  # a pixel may have that colour


def test_mixed_images_are_means_of_two_that_are_there() -> None:
    images = pictures()
    for count in (1, 2, 13, ROWS):
        mixed, others, share = jax.device_get(jax.jit(mix)(KEY, 0.4, images, count))
        assert sorted(others[:count]) == list(range(count))
        assert count == 1 or (others[:count] != np.arange(count)).all()
        exact = float(share) * images + (1 - float(share)) * images[others]
        assert np.abs(mixed - exact)[:count].max() <= 0.51
    keys, one = jax.random.split(KEY, 300), jnp.asarray(images[:1, :1, :1])
    shares = np.asarray(jax.jit(jax.vmap(lambda key: mix(key, 0.4, one, 1)[2]))(keys))
    assert abs(np.mean(shares) - 0.5) < 0.08
    assert np.var(shares) == pytest.approx(1 / (4 * 1.8), rel=0.2)  # of Beta(α, α): 1 / (4 (2 α + 1))


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 4, 1, 3)])
def test_single_pixels_and_one_colour_stay_what_they_are(shape: tuple[int, ...]) -> None:
    images = jnp.full(shape, 77, jnp.uint8)
    assert np.array_equal(jax.jit(replace(EVERYTHING, mixup=0.0).images)(KEY, images), images)


def image_rows(seed: int = 0, *, weighted: bool = False) -> Rows:
    targets = np.random.default_rng(seed + 9).integers(3, size=ROWS).astype(np.int32)
    weights = np.random.default_rng(1).uniform(0.2, 3, ROWS).astype(np.float32) if weighted else None
    return Rows(
        {"image": jnp.asarray(pictures(seed=seed))},
        jnp.asarray(targets),
        None if weights is None else jnp.asarray(weights),
    )


TRAIN, HELD_OUT = image_rows(weighted=True), image_rows(1)


def image_program(augment: Augment | None, *, rate: float = 0.1) -> Program:
    network = nn.CNN(filters=(3,), hidden_layer_sizes=()).build(nn.Features(image=(SIDE, SIDE, 2)), 3)
    return Program(Model(network, Classification(tuple("abc"))), optim.SGD(rate), augment=augment)


def image_job(augment: Augment | None, *, rate: float = 0.1, seed: int = 0) -> Job:
    plan = make_plan(ROWS, 8, 2)
    return Job(image_program(augment, rate=rate), TRAIN, HELD_OUT, plan, schedules.Constant(), seed=seed)


def test_training_goes_on_from_a_checkpoint_with_the_same_bits_and_validation_sees_images_as_they_are() -> None:
    job = replace(image_job(EVERYTHING), checkpoints=EVERY_ITERATION)
    first = first_checkpoint(initial_state(job.program, job.train.inputs, seed=1))  # type: ignore[union-attr]
    whole = events_of(job, first)
    for checkpoint in taken(whole)[1:5:2]:
        assert same_bits(end(events_of(job, checkpoint)).variables, end(whole).variables)
    row = next(event.row for event in whole if hasattr(event, "row"))
    after = next(one for one in taken(whole) if one.done == 0)
    plain = evaluate(image_program(None).model, after.state.variables, HELD_OUT)
    assert row["val_loss"] == plain["loss"]


def test_members_are_as_alone() -> None:
    jobs = [
        image_job(EVERYTHING),
        image_job(replace(EVERYTHING, shift=0.4, mixup=1.0), rate=0.02, seed=5),
    ]
    example = {"image": np.asarray(TRAIN.inputs["image"])}
    *_, runs = fit_members(jobs, example)
    for run, job in zip(runs, jobs, strict=True):
        assert_as_alone(run, job, example)


def test_the_loss_of_mixed_rows_is_that_of_both_targets_each_with_its_weight() -> None:
    program = image_program(Augment(mixup=0.7))
    state = initial_state(program, TRAIN.inputs, seed=1)
    batch = jnp.concatenate([jnp.arange(13), jnp.full(3, ROWS)])[None, :].astype(jnp.int32)
    present = batch < ROWS
    weights = jnp.where(present, TRAIN.weights[jnp.minimum(batch, ROWS - 1)], 0.0)  # type: ignore[index]
    part = jax.tree.map(lambda a: a[0], _parts(batch, present, weights, weights.sum()))
    found, _, _ = jax.jit(partial(_gradients, padded=True))(program, state.variables, TRAIN, part, KEY)

    _, key = jax.random.split(jax.random.fold_in(KEY, 0x6175676D))
    images = TRAIN.inputs["image"][jnp.minimum(batch[0], ROWS - 1)]
    mixed, others, share = jax.jit(mix)(key, 0.7, images, 13)
    apply = jax.jit(partial(program.model.network.apply, train=True, key=KEY, present=present[0]))
    outputs, _ = apply(state.variables, {"image": mixed})
    logs = np.asarray(outputs, np.float64)
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    own, heavy = np.asarray(TRAIN.targets)[:13], np.asarray(weights, np.float64)[0, :13]
    expected = 0.0
    for row, other in enumerate(np.asarray(others)[:13]):
        expected -= float(share) * heavy[row] * logs[row, own[row]]
        expected -= (1 - float(share)) * heavy[other] * logs[row, own[other]]
    assert float(found) == pytest.approx(expected / heavy.sum(), rel=1e-5)


def test_without_changes_the_program_draws_nothing_and_other_numbers_compile_nothing() -> None:
    rows, plan = TRAIN, make_plan(ROWS, 8, 1)
    state = initial_state(image_program(None), rows.inputs, seed=1)
    plain, off, some, others = (
        compile_segment(image_program(one), state, rows, plan)
        for one in (None, Augment(), Augment(shift=0.1), Augment(shift=0.3))
    )
    texts = (one.run.as_text() for one in (plain, off, some, others))  # type: ignore[attr-defined]
    instructions = [len(re.findall(r"^ +(?:ROOT )?%\S+ = ", text, re.MULTILINE)) for text in texts]
    assert 0 < instructions[0] == instructions[1] < instructions[2] == instructions[3]
    epoch = epoch_without_change(np.zeros((plan.iterations_per_epoch, 1, 8), np.int32), state)
    some(image_program(Augment(shift=0.3)), (state, no_losses(plan.iterations_per_epoch)), rows, epoch, (0, 1))


def test_an_integer_0_leaves_out_a_change_as_well() -> None:
    whole = Augment(flip=True, shift=0, rotation=0, erase=0, mixup=0, test_time=True)
    assert jax.tree.leaves(whole) == []
    assert not whole.mixes
    assert whole.views == Views(flip=True)
    np.testing.assert_array_equal(
        Augment(shift=0, rotation=0, erase=0).images(KEY, jnp.asarray(pictures())), pictures()
    )


def test_auto_moves_the_images_of_a_cnn_that_are_seen_often_and_says_so() -> None:
    small, large = (bw.load((pictures(60, side, 13), np.arange(60) % 2)) for side in (12, 13))

    def prepared(data: bw.Dataset = large, **arguments: object) -> Prepared:
        found = next(iter(bw.events(data, **arguments)))
        assert isinstance(found, Prepared)
        return found

    often, seldom = (prepared(network=nn.CNN(filters=(2,), hidden_layer_sizes=()), epochs=epochs) for epochs in (5, 4))
    assert often.job.program.augment == Augment(shift=0.08, test_time=True)
    assert any("moved by up to 0.08 of a side" in note for note in often.notes)
    assert often.settings.to_json()["training.augment.shift"]["origin"] == "rows"
    assert seldom.job.program.augment is None
    assert prepared(small, network=nn.CNN(filters=(2,), hidden_layer_sizes=()), epochs=5).job.program.augment is None
    assert prepared(epochs=5).job.program.augment is None
    chosen = prepared(epochs=2, augment=Augment(flip=True))
    assert chosen.job.program.augment == Augment(flip=True)


@pytest.mark.parametrize(("limit", "moves"), [(3, False), (20, True)])
def test_a_limit_of_time_that_leaves_few_epochs_leaves_images_as_they_are(
    limit: float, moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "compile_loop", lambda *_: None)
    monkeypatch.setattr(timing, "time_epoch", lambda *_: 1.0)
    data = bw.load((pictures(60, 13, 13), np.arange(60) % 2))
    found = next(iter(bw.events(data, network=nn.CNN(filters=(2,), hidden_layer_sizes=()), max_time=limit)))
    assert isinstance(found, Prepared)
    assert (found.job.program.augment == Augment(shift=0.08, test_time=True)) is moves
    assert any("moved by up to" in note for note in found.notes) is moves
    assert found.notes[-1].startswith(f"at most {found.plan.epochs} epochs")


def test_answers_are_means_over_views_also_when_the_model_is_opened_again(tmp_path: Path) -> None:
    digits = bw.load("digits")
    network, looks = nn.CNN(filters=(2,), hidden_layer_sizes=()), Augment(shift=0.13, flip=True, test_time=True)
    trained = bw.fit(digits, network=network, epochs=1, augment=looks, run_dir=tmp_path / "run", diagnostics=False)
    assert trained.prepared.notes[-1].endswith(
        "in validation they are as they are, and answers are means over 6 views of each"
    )
    model, variables = trained.model.model, trained.model.variables
    images = digits.test.inputs["image"][:8]  # type: ignore[union-attr]
    views = [
        np.stack([shifted(image, pixels, pixels) for image in mirrored])
        for mirrored in (images, images[:, :, ::-1])
        for pixels in (0, 1, -1)
    ]
    inputs = {"image": jnp.asarray(images)}
    each = [outputs(replace(model, views=None), variables, {"image": jnp.asarray(view)}) for view in views]
    found = outputs(model, variables, inputs)
    np.testing.assert_allclose(found, np.mean(np.asarray(each, np.float64), axis=0), rtol=1e-4, atol=1e-5)
    assert np.abs(np.asarray(found) - np.asarray(each[0])).max() > 1e-3
    plain = evaluate(replace(model, views=None), variables, trained.prepared.job.validation)  # type: ignore[arg-type]
    assert trained.history[-1]["val_loss"] == plain["loss"] != trained.metrics["validation"]["loss"]
    opened = bw.open_run(tmp_path / "run").load_model()
    assert opened.model.views == looks.views
    np.testing.assert_array_equal(outputs(opened.model, opened.variables, inputs), found)


def test_a_shift_of_no_pixel_is_refused_with_the_least_there_is() -> None:
    digits = bw.load("digits")
    with pytest.raises(ConfigError, match=r"0\.1 of 8 pixels is less than a pixel.*give 0\.125 or more"):
        next(iter(bw.events(digits, augment=Augment(shift=0.1))))
    assert next(iter(bw.events(digits, augment=Augment(shift=0.125)))).job.program.augment is not None


def test_columns_are_not_augmented() -> None:
    iris = bw.load("iris")
    assert next(iter(bw.events(iris, epochs=9))).job.program.augment is None
    with pytest.raises(ConfigError, match=r"training\.augment changes images, and the inputs are columns"):
        next(iter(bw.events(iris, augment=Augment(shift=0.1))))
    with pytest.raises(ConfigError, match=r"test_time looks at images mirrored or moved"):
        next(iter(bw.events(bw.load("digits"), augment=Augment(rotation=5.0, test_time=True))))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{shift: 1}", "training.augment.shift: must be a number >= 0 and < 1"),
        ("{turn: 3}", "training.augment.turn"),
        ("flip", "training.augment: must be"),
    ],
)
def test_what_augment_may_be_is_said(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(None, [("training.augment", text, f"--augment {text}")])
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("augment", "said"),
    [
        (Augment(shift=2), r"^augment\.shift: must be a number >= 0 and < 1, but is 2\."),
        (Augment(rotation=-1), r"^augment\.rotation: must be a number >= 0 and <= 180, but is -1\."),
        (Augment(test_time=True), "test_time looks at images mirrored or moved: give flip or shift"),
    ],
)
def test_what_means_nothing_is_refused_by_whoever_trains_with_it(augment: Augment, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        next(iter(bw.events(bw.load("digits"), network=nn.CNN(), augment=augment)))
