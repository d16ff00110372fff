"""The model that is served: nothing is compiled by a request, and no request changes the answer to another."""

import json
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest
from tests.serve.served_run import COLOURS, table, train

import batchwright as bw
from batchwright.serve import batches
from batchwright.serve.answering import Alone, Typed, answer_alone, answer_together
from batchwright.serve.asked import Options, columns_of_rows
from batchwright.serve.limits import Limits
from batchwright.serve.media import ARROW, CSV, JSON, Content
from batchwright.serve.refusals import RefusedError
from batchwright.serve.replies import MOST_NOTES, NOTES, Answered, reply
from batchwright.serve.served import Served, serve_run

LARGEST = 8
PLAIN, WITH_INTERVAL = Options(), Options(interval=0.8)


@pytest.fixture(scope="module")
def served(run_path: Path) -> Served:
    return serve_run(bw.open_run(run_path), LARGEST)


def rows_of(frame: pl.DataFrame) -> list[dict[str, object]]:
    return frame.drop("bought").to_dicts()


def usual_rows(count: int) -> list[dict[str, object]]:
    return [
        {
            "first": n / 50,
            "second": n % 80,
            "colour": COLOURS[n % 3],
            "member": n % 2 == 0,
            "told": f"late {n % 7}",
            "day": f"2024-05-{n % 9 + 1:02}",
        }
        for n in range(count)
    ]


def as_json(rows: list[dict[str, object]]) -> bytes:
    return json.dumps(rows).encode()


def level(interval: float) -> Options:
    return Options(interval=interval)


def typed(served: Served, rows: list[dict[str, object]], options: Options = PLAIN) -> Typed:
    assert served.usual is not None
    cells = served.usual.type_cells(columns_of_rows(rows))
    assert cells is not None
    return Typed(served, options, cells, len(rows))


def probabilities(frame: pl.DataFrame) -> np.ndarray:
    return frame["probability_yes"].to_numpy()


@pytest.mark.parametrize("options", [PLAIN, WITH_INTERVAL], ids=["plain", "interval"])
def test_no_request_compiles(served: Served, options: Options) -> None:
    """Of any number of rows, by either way."""
    answer_together([typed(served, usual_rows(1), options)])
    compiled: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(lambda name, *_, **__: compiled.append(name))
    for count in (1, 2, 3, 5, 7, 8, 9, 21):
        rows = usual_rows(count)
        answer_together([typed(served, rows, options)])
        answer_alone(Alone(served, options, as_json(rows), Content(JSON)), Limits())
        answer_alone(Alone(served, options, pl.DataFrame(rows).write_csv().encode(), Content(CSV)), Limits())
    jax.monitoring.clear_event_listeners()
    assert compiled == []


@pytest.mark.parametrize("count", [1, 3, 8, 21])
def test_answers_are_those_of_predict(served: Served, run_path: Path, count: int) -> None:
    rows = usual_rows(count)
    wanted = bw.predict(bw.open_run(run_path), pl.DataFrame(rows), interval=0.8).frame()
    for found in (
        answer_together([typed(served, rows, WITH_INTERVAL)])[0],
        answer_alone(Alone(served, WITH_INTERVAL, as_json(rows), Content(JSON)), Limits()),
    ):
        assert found.frame.columns == wanted.columns
        assert found.frame["set_bought"].to_list() == wanted["set_bought"].to_list()
        np.testing.assert_allclose(probabilities(found.frame), probabilities(wanted), rtol=1e-5)
        told = [json.loads(line) for line in found.lines]
        assert [line["predicted_bought"] for line in told] == wanted["predicted_bought"].to_list()
        np.testing.assert_allclose([line["probability_yes"] for line in told], probabilities(wanted), rtol=1e-5)


def test_each_gets_its_own_rows(served: Served) -> None:
    requests = [usual_rows(21)[start:end] for start, end in ((0, 1), (1, 4), (4, 5), (5, 21))]
    together = answer_together([typed(served, rows) for rows in requests])
    for rows, found in zip(requests, together, strict=True):
        alone = answer_together([typed(served, rows)])[0]
        np.testing.assert_allclose(probabilities(found.frame), probabilities(alone.frame), rtol=1e-5)
        assert len(found.lines) == found.frame.height == len(rows)


def test_what_cannot_be_answered_hurts_no_other(served: Served) -> None:
    """Cells that no quick way would have typed so, in the midst of others."""
    good = typed(served, usual_rows(2))
    poison = Typed(served, PLAIN, [[object(), object()], *good.cells[1:]], 2)
    answers = batches._answer_each([good, poison, good])
    assert isinstance(answers[1], Exception)
    for found in (answers[0], answers[2]):
        assert not isinstance(found, Exception)
        np.testing.assert_array_equal(probabilities(found.frame), probabilities(answer_together([good])[0].frame))


def test_a_panic_is_an_error_of_its_own_request(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Polars may panic, which is no `Exception`, and would end what answers all others."""

    class Panic(BaseException):
        pass

    def panic(requests: list[Typed]) -> list[Answered]:
        if any(request.rows == 3 for request in requests):
            raise Panic("here")
        return answer_together(requests)

    monkeypatch.setattr(batches, "answer_together", panic)
    answers = batches._answer_each([typed(served, usual_rows(count)) for count in (2, 3, 1)])
    assert [type(answer).__name__ for answer in answers] == ["Answered", "RuntimeError", "Answered"]
    assert str(answers[1]) == "Panic: here"


def test_unusual_rows_are_answered_with_notes(served: Served) -> None:
    row = {"first": 99.0, "second": 1, "colour": "violet", "member": None, "told": "late", "day": "2024-05-06"}
    found = answer_alone(Alone(served, PLAIN, as_json([row]), Content(JSON)), Limits())
    assert found.frame.height == 1
    assert [note.partition(":")[0] for note in found.notes] == ["column 'colour'", "column 'member'", "column 'first'"]


def test_what_the_model_does_not_have_is_refused(served: Served) -> None:
    for options in (Options(uncertainty=True), *map(level, (0.99999, 0, 1.5, float("nan")))):
        with pytest.raises(RefusedError) as refused:
            answer_alone(Alone(served, options, as_json(usual_rows(1)), Content(JSON)), Limits())
        assert refused.value.status == 400


def test_many_rows_are_refused(served: Served) -> None:
    with pytest.raises(RefusedError, match="3 rows, and 2 are answered at most"):
        answer_alone(Alone(served, PLAIN, as_json(usual_rows(3)), Content(JSON)), Limits(rows=2))


def test_ensembles_tell_their_uncertainty(tmp_path: Path) -> None:
    run = bw.open_run(train(tmp_path / "run", ensemble=2))
    served = serve_run(run, 2)
    rows, options = rows_of(table(3, seed=5)), Options(uncertainty=True)
    found = answer_alone(Alone(served, options, as_json(rows), Content(JSON)), Limits()).frame
    wanted = bw.predict(run, pl.DataFrame(rows), uncertainty=True).frame()
    assert found.columns == wanted.columns
    np.testing.assert_allclose(found["uncertainty_bought"], wanted["uncertainty_bought"], rtol=1e-4, atol=1e-6)


def test_notes_in_a_header_are_json_however_many_there_are() -> None:
    frame = pl.DataFrame({"predicted_bought": ["yes"]})
    for count in (0, 1, 40, 41, 42, 500):
        notes = tuple(f"column 'c{number}' has \u201ccells\u201d {'x' * 60}" for number in range(count))
        for wanted in (CSV, ARROW):
            told = dict(reply(Answered(frame, 0, ("{}",), notes, "version"), wanted).headers)[NOTES]
            found = json.loads(told)
            assert len(told) <= MOST_NOTES
            if found != list(notes):
                left_out = int(found[-1].partition(" more")[0])
                assert found[:-1] == list(notes[: count - left_out]) and 0 < left_out < count
    one = Answered(frame, 0, ("{}",), ("x" * 5000,), "version")
    assert json.loads(dict(reply(one, CSV).headers)[NOTES]) == ["1 more, which an answer in JSON has"]
