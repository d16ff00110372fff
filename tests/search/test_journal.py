"""A damaged or hostile journal is either opened, with all whole trials, or refused in one sentence."""

import json
import random
from pathlib import Path

import pytest

from batchwright.errors import BatchwrightError, RunError
from batchwright.search.journal import mend_journal
from batchwright.search.space import load_space
from batchwright.search.study import Outcome, Study, open_study

SPACE = load_space(
    None,
    [
        ("optimizer.name", "{choice: [sgd, adam]}", "--set"),
        ("optimizer.learning_rate", "{log: [1e-4, 1]}", "--set"),
        ("optimizer.momentum", "{one_minus_log: [0.5, 0.99]}", "--set"),
    ],
)
ENDS = [Outcome("finished", 0.5, (1.0, 0.5), (0.4, 0.6)), Outcome("diverged", float("inf"), (float("inf"),))]


def _opened(path: Path) -> Study:
    return open_study(SPACE, path, name="s", identity={"rows": "a"}, seed=0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("study") / "study.journal"
    study = _opened(path)
    study.begin(4, seed=0)
    for asked, outcome in zip(study.ask(3, SPACE), [*ENDS, Outcome("stopped", 0.7, (0.7,))], strict=True):
        study.tell(asked.number, outcome)
    study.close()
    return path.read_bytes()


def _finished(path: Path) -> int:
    """Open a journal, use all that a search uses, and count the trials that were trained."""
    study = _opened(path)
    try:
        study.reclaim()
        study.begin(4, seed=0)
        study.comparable_copy()
        return len(study.finished_trials())
    finally:
        study.close()


def test_a_whole_journal_is_left_alone(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "study.journal"
    path.write_bytes(whole)
    assert mend_journal(path) is None and path.read_bytes() == whole
    assert _finished(path) == 3


@pytest.mark.parametrize("tail", [b'{"op_code":4,"wor', b"\0" * 4096, b"\0" * 10 + b"\n" + b"\xff\n"])
def test_a_torn_end_is_cut_and_kept_beside(whole: bytes, tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "study.journal"
    path.write_bytes(whole + tail)
    said = mend_journal(path)
    assert said and f"last {len(tail):,} bytes" in said and "study.journal.damaged-1" in said
    assert path.read_bytes() == whole
    assert (tmp_path / "study.journal.damaged-1").read_bytes() == whole + tail
    assert _finished(path) == 3


def test_cut_anywhere_the_trials_before_are_kept(whole: bytes, tmp_path: Path) -> None:
    told = [at for at in range(len(whole)) if whole.startswith(b'"datetime_complete"', at)]
    generator = random.Random(0)
    for place, end in enumerate(sorted(generator.sample(range(1, len(whole)), 25))):
        path = tmp_path / str(place) / "study.journal"
        path.parent.mkdir()
        path.write_bytes(whole[:end])
        complete = sum(whole.index(b"\n", at) < end for at in told)
        assert _finished(path) == min(complete, 3)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b'"op_code":5', b'"op_code":77', "is not an operation"),
        (b'"trial_id":0', b'"trial_id":9000', "trial 9000, which was not begun"),
        (b'"param_value_internal":', b'"param_value_internal":NaN,"x":', "is not a line of JSON"),
        (b'"curve":[', b'"curve":["x",', "user_attr"),
        (b'"values":[', b'"values":[{},', "values"),
        (b'"worker_id":', b'"worker_id":3,"worker_id":', "given twice"),
        (b'"study_id":0', b'"study_id":' + b"9" * 5000, "is not a line of JSON"),
    ],
)
def test_an_edited_line_is_refused_by_number(
    whole: bytes, tmp_path: Path, before: bytes, after: bytes, said: str
) -> None:
    path, edited = tmp_path / "study.journal", whole.replace(before, after, 1)
    assert edited != whole
    path.write_bytes(edited)
    number = whole[: whole.index(before)].count(b"\n") + 1
    with pytest.raises(RunError, match=f"line {number}: .*{said}"):
        mend_journal(path)
    assert path.read_bytes() == edited and list(tmp_path.iterdir()) == [path]


VALUES = [None, True, -1, 0, 1.5, 10**400, 1e308, "x", "", [], {}, [[]], {"a": 1}, "9" * 3000, float("nan")]


def _mutated(whole: bytes, generator: random.Random) -> bytes:
    lines = whole.splitlines(keepends=True)
    first, second = generator.randrange(len(lines)), generator.randrange(len(lines))
    match generator.randrange(7):
        case 0:
            at = generator.randrange(len(whole))
            return whole[:at] + bytes([whole[at] ^ 1 << generator.randrange(8)]) + whole[at + 1 :]
        case 1:
            return b"".join(lines[:first] + lines[first + 1 :])
        case 2:
            lines[first], lines[second] = lines[second], lines[first]
        case 3:
            lines[first] = b"[" * 100_000 + b"\n"
        case 4:
            return whole + b"".join(lines[first:])
        case 5:
            lines[first] = bytes(generator.randrange(256) for _ in range(40)) + b"\n"
        case _:
            record = json.loads(lines[first])
            record[generator.choice(list(record))] = generator.choice(VALUES)
            lines[first] = json.dumps(record).encode() + b"\n"
    return b"".join(lines)


def test_any_damage_is_opened_or_refused_in_a_sentence(whole: bytes, tmp_path: Path) -> None:
    generator, said = random.Random(1), list[str]()
    for place in range(120):
        path = tmp_path / str(place) / "study.journal"
        path.parent.mkdir()
        path.write_bytes(_mutated(whole, generator))
        try:
            _finished(path)
        except BatchwrightError as error:
            said.append(str(error))
    assert 20 < len(said) < 115
    assert not [one for one in said if "\n" in one]
