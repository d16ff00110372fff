"""An ensemble of submodels is trained, recorded, measured, explained and searched like any other network."""

import json
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from tests.cli.conftest import Batchwright, batchwright  # noqa: F401
from tests.programs import programs  # noqa: F401

import batchwright as bw
from batchwright.cli.main import main
from batchwright.nn import MLP, Tabular
from batchwright.runs.run import Run, open_run
from batchwright.training.evaluate import outputs, outputs_of_submodels

K, ROWS = 4, 200


def table() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=ROWS), rng.normal(size=ROWS)
    kind = np.where(a + rng.normal(size=ROWS) > 0, "plus", np.where(b > 0, "minus", "zero"))
    return pl.DataFrame({"a": a, "b": b, "price": 50 + 10 * a + rng.normal(size=ROWS), "kind": kind})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("ensembles")
    table().write_csv(folder / "rows.csv")
    words = ["train", folder / "rows.csv", "--target", "price", "--set", "data.kinds.kind=identifier"]
    words += ["--network", "tabular", "--hidden-layer-sizes", 8, "--submodels", K, "--epochs", 4]
    words += ["--optimizer", "adamw", "--noise-scale", "--curvature", "--run-dir", folder / "run"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["batchwright", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
    assert not left.value.code
    return open_run(folder / "run")


@pytest.fixture(scope="module")
def both() -> bw.Trained:
    data = bw.load(table(), target=["price", "kind"])
    return bw.fit(data, network=MLP((8,), ensemble=K), epochs=2, diagnostics=False)


def test_it_is_recorded_and_opened_and_answers_with_the_mean(run: Run) -> None:
    model = run.load_model()
    assert model.blueprint.architecture == Tabular((8,), ensemble=K)
    inputs = {"numeric": jnp.asarray(np.random.default_rng(1).normal(size=(30, 2)), jnp.float32)}
    each = outputs_of_submodels(model.model, model.variables, inputs)
    assert each.shape == (30, K, 1)
    np.testing.assert_allclose(outputs(model.model, model.variables, inputs), each.mean(axis=1), rtol=1e-5, atol=1e-6)


def test_its_figures_are_in_the_history(run: Run) -> None:
    last = run.history[-1]
    assert np.isfinite([last["noise_scale"], last["val_loss"], last["curvature"]]).all()
    for layer in ("ensemble_dense_0", "ensemble_head_3"):
        assert last[f"layers/body/{layer}/gradient"] > 0
        assert last[f"layers/body/{layer}/update_ratio"] > 0


def test_uncertainty_is_the_deviation_of_the_submodels_in_the_unit_of_the_target(run: Run) -> None:
    plain, found = (bw.predict(run, table(), uncertainty=wanted) for wanted in (False, True))
    assert found.answers.tolist() == plain.answers.tolist()
    assert plain.uncertainty is None
    assert found.uncertainty is not None
    assert (found.uncertainty > 0).all()
    assert found.uncertainty.mean() < table()["price"].std()
    assert found.frame().columns == ["predicted_price", "uncertainty_price"]
    odd = table().head(3).with_columns(a=pl.Series(["0.1", "tall", "0.3"]))
    dropped = bw.predict(run, odd, on_bad_rows="drop", uncertainty=True)
    assert dropped.frame()["uncertainty_price"].is_null().to_list() == [False, True, False]
    none = bw.predict(run, odd.slice(1, 1), on_bad_rows="drop", uncertainty=True)
    assert none.frame()["uncertainty_price"].to_list() == [None]


def test_several_targets_have_an_uncertainty_each(both: bw.Trained) -> None:
    found = both.predict(table(), uncertainty=True)
    columns = [name for name in found.frame().columns if "uncertainty" in name]
    assert columns == ["uncertainty_price", "uncertainty_kind"]
    of_kind = found.parts[1].uncertainty
    assert of_kind is not None
    assert ((of_kind > 0) & (of_kind <= 0.5)).all()


def test_a_single_network_has_no_uncertainty() -> None:
    trained = bw.fit(bw.load(table(), target="price"), network=MLP((4,)), epochs=1, diagnostics=False)
    with pytest.raises(
        bw.errors.UsageError, match=r"this model answers by a single network: leave it out, or train with"
    ):
        trained.predict(table(), uncertainty=True)


def test_in_the_terminal(run: Run, batchwright: Batchwright) -> None:  # noqa: F811
    source = run.path.parent / "rows.csv"
    answer = batchwright("predict", run.path, source, "--uncertainty")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[0] == "predicted_price,uncertainty_price"
    said = json.loads(batchwright("predict", run.path, source, "--uncertainty", "--json").out)
    assert said["answers"][0]["uncertainty_price"] > 0
    for words in (["report", run.path, "--html", "report.html"], ["explain", run.path], ["diagnose", run.path]):
        answer = batchwright(*words)
        assert answer.code == 0, answer.err
    assert "ensemble_dense_0" in Path("report.html").read_text()
    assert batchwright("lab", "run", run.path, "--moments", 3, "--grid", 5).code == 0


def test_its_size_is_searched(batchwright: Batchwright) -> None:  # noqa: F811
    table().write_csv("rows.csv")
    answer = batchwright(
        *("search", "rows.csv", "--target", "price", "--network", "mlp", "--hidden-layer-sizes", 4),
        *("--epochs", 1, "--batch-size", 32),
        *("--set", "network.ensemble={choice: [0, 3]}", "--trials", 2, "--run-dir", "found"),
    )
    assert answer.code == 0, answer.err
    assert open_run("found").settings["network.ensemble"].value in (0, 3)
