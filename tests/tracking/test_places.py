"""How a place is written, and what is refused before anything is trained."""

from dataclasses import replace
from pathlib import Path

import pytest

import batchwright as bw
from batchwright.errors import ConfigError, UsageError
from batchwright.tracking import places_of
from batchwright.tracking.places import KINDS


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("tensorbord:logs", "unknown tracker 'tensorbord': did you mean 'tensorboard'"),
        ("tensorboard", "tensorboard needs a place: tensorboard:DIR"),
        ("csv: ", "csv needs a place: csv:FILE"),
        (["csv:a.csv", "csv:a.csv"], "csv:a.csv is given twice"),
        (["csv:a.csv", "csv:./a.csv"], "csv:a.csv is given twice"),
        (["tensorboard:logs", "tensorboard:logs/../logs"], "tensorboard:logs is given twice"),
        (3, "log_to takes texts such as 'tensorboard:logs', but is 3"),
        ([None], "log_to takes texts"),
        ("csv:missing/a.csv", "missing does not exist"),
        ("csv:there.csv", "there.csv exists already and is not overwritten"),
        ("tensorboard:there.csv/logs", "there.csv is not a folder"),
    ],
)
def test_what_cannot_be_is_refused(given: object, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.csv").write_text("name\nAnna\n")
    with pytest.raises(UsageError, match=said):
        places_of(given)
    assert [path.name for path in tmp_path.iterdir()] == ["there.csv"]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchwright.tracking.places.find_spec", lambda _: None)
    for name in ("mlflow", "trackio", "wandb"):
        with pytest.raises(UsageError, match=f"needs the package {name}: pip install {name}"):
            places_of(name)


def test_a_folder_that_has_the_name_of_a_package_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As wandb makes one where it runs."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "a_client").mkdir()
    kind = replace(KINDS[1], name="client", package="a_client")
    monkeypatch.setattr("batchwright.tracking.places.KINDS", (kind,))
    with pytest.raises(UsageError, match="pip install a_client"):
        places_of("client")


def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *, exist_ok: bool) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(UsageError, match="you may not write there"):
        places_of(f"tensorboard:{tmp_path / 'logs'}")


def test_an_address_keeps_its_colons_and_loses_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchwright.tracking.places._is_installed", lambda _: True)
    (place,) = places_of("MLflow:http://me:secret@127.0.0.1:5000/a")
    assert place.where == "http://me:secret@127.0.0.1:5000/a"
    assert str(place) == "mlflow:http://***@127.0.0.1:5000/a"


def test_a_search_has_no_file_of_epochs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="trials of a search"):
        places_of(f"csv:{tmp_path / 'a.csv'}", search=True)


def test_fit_refuses_before_it_trains(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown tracker 'mlfow'"):
        bw.fit(bw.load("iris"), log_to="mlfow", run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
