"""Standard output that is full, closed or no longer read."""

from pathlib import Path

import pytest
from tests.children import Children
from tests.cli.conftest import Batchwright

from batchwright._shown import figure_text
from batchwright.cli.flags import as_flags, message_for
from batchwright.cli.main import options_of
from batchwright.cli.show import training as display
from batchwright.errors import DataError, RunError
from batchwright.runs.run import open_run

MAIN = "from batchwright.cli.main import main; import sys; sys.argv = ['batchwright', *sys.argv[1:]]; "


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("verb", ["runs", "init", "schema", "--help"])
def test_a_full_output_is_one_sentence(verb: str, tmp_path: Path, children: Children) -> None:
    code = MAIN + "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1); main()"
    child = children.start("-c", code, verb, cwd=tmp_path)
    assert child.ended() == 1
    assert child.err == "batchwright: standard output cannot be written: No space left on device.\n"


def test_a_closed_output_is_one_sentence_before_anything_is_done(tmp_path: Path, children: Children) -> None:
    child = children.start("-c", MAIN + "sys.stdout = None; main()", "train", "iris", cwd=tmp_path)
    assert child.ended() == 1
    assert child.err.startswith("batchwright: standard output is closed: ") and child.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_reader_that_has_gone_ends_it_quietly(tmp_path: Path, children: Children) -> None:
    code = MAIN + "r, w = __import__('os').pipe(); os = __import__('os'); os.dup2(w, 1); os.close(r); main()"
    child = children.start("-c", code, "init", cwd=tmp_path)
    assert child.ended() == 1
    assert child.err == ""


def test_no_hidden_layers_and_lists_in_brackets(batchwright: Batchwright) -> None:
    for given, sizes in (("[]", []), ("4,3", [4, 3]), ("[4, 3]", [4, 3])):
        answer = batchwright("train", "iris", "--network", "mlp", "--hidden-layer-sizes", given, "--epochs", 1,
                             "--run-dir", given)  # fmt: skip
        assert answer.code == 0, answer.err
        assert list(open_run(given).settings["network.hidden_layer_sizes"].value) == sizes


@pytest.mark.parametrize(
    ("advised", "flag"),
    [
        ("`on_bad_rows=drop`", "--on-bad-rows drop"),
        ("`data.group=a b`", "--group 'a b'"),
        ("`header=false`", "--no-header"),
        ("`batch_normalization=true`", "--batch-normalization"),
        ("`training.checkpoints.iterations=5`", "--set training.checkpoints.iterations=5"),
        ("`study_name`", "--study-name"),
        ("`vary=KEY=[A, B]`", "--vary 'KEY=[A, B]'"),
        ("`batchwright resume run`", "`batchwright resume run`"),
        ("a `column` of theirs", "a `column` of theirs"),
    ],
)
def test_what_is_advised_is_shown_as_the_option_of_that_name(advised: str, flag: str) -> None:
    assert as_flags(advised) == flag


@pytest.mark.parametrize(
    ("verb", "advised"),
    [
        ("train", "--on-bad-rows drop leaves it out. --set 'data.kinds={a: text}' takes it."),
        ("check --config run.yaml", "--on-bad-rows drop leaves it out. --set 'data.kinds={a: text}' takes it."),
        ("data show", "--on-bad-rows drop leaves it out. --set 'data.kinds={a: text}' takes it."),
        ("predict run rows.csv", "--on-bad-rows drop leaves it out."),
        ("explain run rows.csv", ""),
        ("", ""),
    ],
)
def test_a_verb_is_advised_the_options_that_it_has(verb: str, advised: str) -> None:
    remedy = "`on_bad_rows=drop` leaves it out. `data.kinds={a: text}` takes it."
    said = message_for(DataError("line 3.", remedy), options_of(verb.split()))
    assert said == f"line 3. {advised}".strip()
    assert message_for(RunError("see `log_to=csv:a`"), options_of(verb.split())) == "see --log-to csv:a"


def test_the_command_line_advises_its_options(batchwright: Batchwright, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n" + "1,b\n2,c\n" * 20 + "x,b\n")
    answer = batchwright("train", "t.csv", "--target", "y", "--set", "data.kinds={a: numeric}")
    assert answer.code == 2 and "--on-bad-rows drop" in answer.err and "`on_bad_rows" not in answer.err
    (tmp_path / "run.yaml").write_text("data: {source: t.csv, target: y, kinds: {a: numeric}}\n")
    answer = batchwright("check", "--config", "run.yaml")
    assert "--on-bad-rows drop leaves it out (in run.yaml, data.on_bad_rows: drop). --set" in answer.err


@pytest.mark.parametrize(
    ("value", "shown"),
    [(3e50, "3e+50"), (-1.5e7, "-1.5e+07"), (123456.0, "123,456.0"), (0.5, "0.5000"), (float("inf"), "inf")],
)
def test_numbers_stay_short(value: float, shown: str) -> None:
    assert figure_text(value) == shown


def test_what_ends_the_display_is_what_the_run_says(batchwright: Batchwright, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(display, "figures_of", interrupted)
    answer = batchwright("train", "iris", "--network", "linear", "--epochs", 2, "--run-dir", "run")
    assert answer.code == 130
    assert "Ctrl-C" in open_run("run").manifest.reason
