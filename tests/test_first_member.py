"""Wherever the history of an ensemble is shown, it is said that it is that of the first member."""

import json
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Batchwright, batchwright  # noqa: F401
from tests.diagnosis.test_checks import FAULTS

import batchwright as bw
from batchwright import workflow
from batchwright.cli.main import main
from batchwright.cli.show.diagnosis import brief_lines
from batchwright.dashboard.diagnosing import diagnose_folder
from batchwright.dashboard.run_page import describe_run
from batchwright.diagnosis import Diagnosis, evidence_of, unseen
from batchwright.diagnosis.diagnose import OF_ROWS
from batchwright.report import write_report
from batchwright.runs.members import Member, MembersRecord
from batchwright.runs.run import Run, open_run
from batchwright.workflow import member_jobs
from batchwright.workflow.ensemble import _counted
from batchwright.workflow.events import MembersDone

SAID = "first member"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """A run of an ensemble, and one of a single network."""
    folder = tmp_path_factory.mktemp("first")
    words = ("train", "iris", "--hidden-layer-sizes", "4", "--epochs", "9")
    for name, more in (("ensemble", ("--ensemble", "2")), ("alone", ())):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["batchwright", *words, *more, "--run-dir", str(folder / name)])
            with pytest.raises(SystemExit):
                main()
    return open_run(folder / "ensemble"), open_run(folder / "alone")


def test_the_terminal_says_whose_curves_they_are(runs: tuple[Run, Run], batchwright: Batchwright) -> None:  # noqa: F811
    for verb in ("report", "diagnose"):
        of_members, alone = (batchwright(verb, run.path).out for run in runs)
        assert SAID in of_members and SAID not in alone, verb
    shown = batchwright("report", runs[0].path).out
    assert "losses of the first member:" in shown


def test_a_diagnosis_says_so_as_data(runs: tuple[Run, Run], batchwright: Batchwright) -> None:  # noqa: F811
    told = [json.loads(batchwright("diagnose", run.path, "--json").out)["not_seen"] for run in runs]
    assert [any(SAID in line for line in lines) for lines in told] == [True, False]
    assert [any(SAID in line for line in unseen(evidence_of(run))) for run in runs] == [True, False]
    trained = bw.fit(bw.load("iris"), network=bw.nn.MLP((4,)), members=2, epochs=2)
    assert any(SAID in line for line in unseen(trained.evidence))


def test_the_page_of_a_report_says_so_above_the_curves(runs: tuple[Run, Run], tmp_path: Path) -> None:
    of_members, alone = (write_report(run, tmp_path / f"{run.path.name}.html").read_text() for run in runs)
    curves = of_members[of_members.index("Learning curves</h2>") :]
    assert curves.index("The curves are those of the first member") < curves.index("<svg")
    assert "What the training of the first member shows" in of_members
    assert "The layers are those of the first member." in of_members
    assert SAID not in alone


def test_the_dashboard_knows_it_of_a_run_that_ended_and_of_one_that_has_not(
    runs: tuple[Run, Run], tmp_path: Path
) -> None:
    assert [describe_run(run.path)["has_members"] for run in runs] == [True, False]
    assert [any(SAID in line for line in diagnose_folder(str(run.path))["not_seen"]) for run in runs] == [True, False]
    events = workflow.train(workflow.recorded_settings(runs[0]), run_dir=tmp_path / "begun")
    list(islice((event for event in events if isinstance(event, MembersDone)), 1))
    assert describe_run(tmp_path / "begun")["has_members"]
    events.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("ended", "count", "said"),
    [
        (["finished"] * 3, 3, "3 of 3 members were trained, and 3 of them answer"),
        (
            ["finished", "interrupted"],
            3,
            "1 of 3 members was trained, 1 in part, 1 was not begun, and 2 of them answer",
        ),
        (["interrupted"] * 2, 2, "0 of 2 members were trained, 2 in part, and 2 of them answer"),
        (["finished", "diverged"], 2, "1 of 2 members was trained, 1 diverged, and 1 of them answers"),
    ],
)
def test_the_end_of_an_ensemble_counts_what_was_trained(ended: list[str], count: int, said: str) -> None:
    each = (Member(place, {}, how, "", 2, 2, {}, int(how != "diverged")) for place, how in enumerate(ended, start=1))
    assert _counted(MembersRecord(tuple(each), "all alike", ""), count) == said


@pytest.mark.parametrize(
    ("cores", "begun"),
    [(1, "1 in part, 1 was not begun, and 1 of them answers"), (2, "2 in part, and 1 of them answers")],
)
def test_an_interrupted_ensemble_does_not_say_that_all_were_trained(
    cores: int, begun: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_jobs, "cores", lambda: cores)
    overrides = {"data.source": "iris", "training.members": "2", "training.epochs": "50"}
    settings = bw.config.load_config(None, [(key, value, key) for key, value in overrides.items()])
    seen = iter([False, False, True])
    events = workflow.train(settings, run_dir=tmp_path / "run", interrupted=lambda: next(seen, True))
    reason = next(event.stopped.reason for event in events if isinstance(event, workflow.Trained))
    assert reason == f"interrupted: 0 of 2 members were trained, {begun}"


def test_check_counts_the_time_of_all_members() -> None:
    given = [("data.source", "iris", ""), ("training.epochs", "5", ""), ("training.members", "3", "")]
    checked = workflow.check(bw.config.load_config(None, given))
    assert checked.total_seconds == pytest.approx(np.prod([3, 5, checked.epoch_seconds]))


def test_what_is_seen_in_the_rows_is_no_members() -> None:
    found = [Diagnosis(kind, "warning", "likely", "seen", "do this") for kind in ("imbalance", "overfitting")]
    assert list(brief_lines(found, None, has_members=True)) == [
        "imbalance (likely): seen; do this",
        "the first member: overfitting (likely): seen; do this",
    ]


def test_kinds_that_are_no_members_are_kinds_of_checks() -> None:
    assert set(OF_ROWS) <= set(FAULTS) | {"validation unlike training"}
