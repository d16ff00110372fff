"""The bar beside a training: where it is shown, what it says, and that it changes nothing."""

import contextlib
import inspect
import io
import sys
import types
from typing import Any

import pytest
import rich
from rich.console import Console

import batchwright as bw
from batchwright.errors import ConfigError
from batchwright.training.events import EpochDone
from batchwright.workflow.progress import show_progress

PLAN: dict[str, Any] = {"network": bw.nn.MLP((4,)), "epochs": 3, "batch_size": 26}


@pytest.fixture(scope="module")
def iris() -> bw.Dataset:
    return bw.load("iris")


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What rich takes for the terminal, the notebook or the file that output goes to."""

    def console(**chosen: Any) -> io.StringIO:
        text = io.StringIO()
        monkeypatch.setattr(rich, "_console", Console(file=text, width=100, **chosen))
        return text

    return console


def test_a_script_whose_output_is_no_terminal_stays_silent(
    iris: bw.Dataset, screen: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    text = screen(force_terminal=False)
    bw.fit(iris, **PLAN)
    assert text.getvalue() == "" and capsys.readouterr() == ("", "")


def test_asked_for_it_is_lines_where_nothing_can_be_drawn_over(iris: bw.Dataset, screen: Any) -> None:
    text = screen(force_terminal=False)
    trained = bw.fit(iris, **PLAN, progress=True)
    lines = text.getvalue().splitlines()
    assert lines[-1].startswith("epoch 3/3  loss ")
    row = trained.history[-1]
    assert f"val_loss {row['val_loss']:.4f}" in lines[-1] and f"val_accuracy {row['val_accuracy']:.4f}" in lines[-1]
    assert "\x1b" not in text.getvalue()


def test_on_a_terminal_a_bar_is_shown_and_false_shows_none(
    iris: bw.Dataset, screen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    text = screen(force_terminal=True)
    bw.fit(iris, **PLAN)
    assert "epoch 3/3" in text.getvalue() and "val_accuracy" in text.getvalue()
    text = screen(force_terminal=True)
    bw.fit(iris, **PLAN, progress=False)
    list(bw.events(iris, **PLAN))  # who follows the events shows them
    assert text.getvalue() == ""


def test_colours_that_are_forced_do_not_make_a_terminal(iris: bw.Dataset, screen: Any) -> None:
    """FORCE_COLOR makes rich call a file a terminal."""
    text = screen(force_terminal=True)
    with contextlib.redirect_stdout(io.StringIO()):
        bw.fit(iris, **PLAN)
    assert text.getvalue() == ""


class Cell:
    """What IPython gives for something that is displayed: it is replaced in place."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, what: Any, *, display_id: bool) -> "Cell":
        assert display_id
        self.update(what)
        return self

    def update(self, what: Any) -> None:
        self.shown.append(what._repr_mimebundle_((), ())["text/html"])


def test_in_a_notebook_it_is_replaced_in_place_some_times_a_second(
    iris: bw.Dataset, screen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = Cell()
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=cell.display))
    text = screen(force_jupyter=True)
    trained = bw.fit(iris, network=bw.nn.MLP((4,)), epochs=200, batch_size=8, early_stopping=None)
    assert 2 <= len(cell.shown) <= 2 + 4 * trained.seconds["total"]
    assert "preparing" in cell.shown[0] and "epoch 200/200" in cell.shown[-1] and "val_accuracy" in cell.shown[-1]
    assert text.getvalue() == ""


def test_the_bar_ends_where_a_training_is_left_or_fails(iris: bw.Dataset, screen: Any) -> None:
    text = screen(force_terminal=True)
    events = bw.events(iris, **PLAN, progress=True)
    next(event for event in events if isinstance(event, EpochDone))
    iter(events).close()  # type: ignore[attr-defined]
    with pytest.raises(bw.errors.DivergedError):
        bw.fit(iris, **PLAN, optimizer=bw.optim.SGD(learning_rate=1e38), progress=True)
    assert rich.get_console()._live_stack == []
    assert "diverged" in text.getvalue()


def test_it_changes_no_bit(iris: bw.Dataset, screen: Any) -> None:
    screen(force_terminal=True)
    one, other = (bw.fit(iris, **PLAN, progress=progress) for progress in (True, False))
    assert [row["loss"] for row in one.history] == [row["loss"] for row in other.history]


def test_anything_else_is_refused() -> None:
    with pytest.raises(ConfigError, match="progress takes True, False or None, but is 'bar'"):
        inspect.unwrap(show_progress)(iter(()), "bar")
