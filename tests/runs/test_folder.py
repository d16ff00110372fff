"""Where runs are made, who gets which folder, and what is listed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.children import Children

from batchwright.errors import RunError, UsageError
from batchwright.runs import create, list_runs, open_run

SRC = Path(__file__).resolve().parents[2] / "src"


def test_default_folders_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "adult-train-2").mkdir(parents=True)
    made = [create(None, "../data/adult-train.csv").path for _ in range(2)]
    assert made == [Path("runs/adult-train-1"), Path("runs/adult-train-3")]


@pytest.mark.parametrize(
    ("source", "name"),
    [("..", "run"), ("", "run"), ("a b/c;rm.csv", "c-rm"), ("/", "run"), ("数据.csv", "数据"), ("x" * 300, "x" * 50)],
)
def test_name_of_a_source_stays_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert create(None, source).path == Path(f"runs/{name}-1")


def processes(children: Children, code: str, where: Path) -> list[str]:
    """The standard outputs of three processes that run `code` at the same time."""
    code = f"import sys; sys.path.insert(0, {str(SRC)!r}); from batchwright.runs import create\n{code}"
    started = [children.start("-c", code, cwd=where) for _ in range(3)]
    assert [process.ended() for process in started] == [0, 0, 0], [process.err for process in started]
    return [process.out for process in started]


def test_processes_never_share_a_default_folder(tmp_path: Path, children: Children) -> None:
    made = processes(children, "for _ in range(30): print(create(None, 'digits').path)", tmp_path)
    names = [name for output in made for name in output.split()]
    assert sorted(names) == sorted(f"runs/digits-{number}" for number in range(1, 91))


def test_one_process_gets_a_named_folder(tmp_path: Path, children: Children) -> None:
    code = """
from batchwright.errors import UsageError
from pathlib import Path
for number in range(30):
    try:
        print(create(Path(f"named-{number}"), "digits").path)
    except UsageError:
        pass
"""
    names = [name for output in processes(children, code, tmp_path) for name in output.split()]
    assert sorted(names) == sorted(f"named-{number}" for number in range(30))


def test_existing_folders_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    create(tmp_path / "empty", "line")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    for name in ("empty", "file", "full"):
        with pytest.raises(RunError, match="exists already"):
            create(tmp_path / name, "line")
    for name in ("dangling", "file/inside"):
        with pytest.raises(UsageError):
            create(tmp_path / name, "line")
    assert (tmp_path / "full" / "notes.txt").read_text() == "mine"


def test_listing_is_sorted_and_survives_foreign_folders(tmp_path: Path) -> None:
    later, earlier = (create(tmp_path / name, "line").path for name in ("b", "a"))
    create(tmp_path / "c", "line").finish("finished", "done")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "manifest.json").write_text(json.dumps({"name": "a web page"}))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_bytes(b"\xff\xfe\0")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "nested").mkdir()
    (tmp_path / "nested" / "manifest.json").mkdir()
    listed = list_runs(tmp_path)
    assert [row.path.name for row in listed] == ["b", "a", "c", "broken", "foreign"]
    assert [row.run.manifest.status if row.run else "" for row in listed] == ["running", "running", "finished", "", ""]
    assert "is not a file that batchwright has written" in listed[-1].problem
    assert (later.name, earlier.name) == ("b", "a")


def test_runs_in_folders_below_are_listed_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for place in ("a", "group/b", "group/deeper/c", ".hidden/d", "group/.e"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        create(tmp_path / place, "line").finish("finished", "done")
    (tmp_path / "a" / "best").mkdir()
    (tmp_path / "a" / "best" / "manifest.json").write_bytes((tmp_path / "a" / "manifest.json").read_bytes())
    (tmp_path / "group" / "up").symlink_to(tmp_path)
    found = {str(row.path.relative_to(tmp_path)) for row in list_runs(tmp_path)}
    assert found == {"a", "group/b", "group/deeper/c"}


def test_listing_of_nothing(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "nowhere") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be listed"):
        list_runs(tmp_path / "file")


def test_opening_what_is_no_run(tmp_path: Path) -> None:
    create(tmp_path / "digits-1", "digits")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"Did you mean .*digits-1"):
        open_run(tmp_path / "digit-1")
    with pytest.raises(RunError, match="has no manifest"):
        open_run(tmp_path / "empty")


def test_opening_and_listing_need_no_jax() -> None:
    code = f"import sys; sys.path.insert(0, {str(SRC)!r}); import batchwright.runs; print('jax' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (KeyboardInterrupt(), "interrupted", "ended at once, by Ctrl-C or a second signal (KeyboardInterrupt)"),
        (GeneratorExit(), "interrupted", "ended by the program that followed the training"),
        (SystemExit(1), "interrupted", "ended by the program that ran the training"),
        (MemoryError("too much"), "failed", "memory ran out (MemoryError: too much)"),
        (ZeroDivisionError("division by zero"), "failed", "ended by an error (ZeroDivisionError: division by zero)"),
        (UsageError("the disk is full"), "failed", "the disk is full"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_run_that_an_exception_ends_says_which(
    tmp_path: Path, error: BaseException, status: str, reason: str
) -> None:
    with pytest.raises(type(error)), create(tmp_path / "run", "line"):
        raise error
    manifest = open_run(tmp_path / "run").manifest
    assert manifest.status == status and manifest.reason.startswith(reason)
