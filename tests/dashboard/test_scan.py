"""What is below a folder: found, told, read again only when it changes; what is damaged is a row with words."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dashboard.folders import hold, write_run, write_search

from batchwright.dashboard.plain import safe
from batchwright.dashboard.scan import Scanner
from batchwright.runs.manifest import EVIDENCE, HISTORY, LOCK, MANIFEST, PROGRESS, SEARCH
from batchwright.runs.run import open_run
from batchwright.runs.searches import RESULT, TRIALS


def rows(root):
    return {entry.row["name"]: entry.row for entry in Scanner(root).scan(now=True).entries.values()}


def test_all_that_is_below_a_folder_is_found(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "deep" / "er" / "b", seed=1)
    write_search(tmp_path / "s")
    write_run(tmp_path / "s" / "best")
    (tmp_path / "other").mkdir()
    found = rows(tmp_path)
    assert {name: row["kind"] for name, row in found.items()} == {
        "a": "run",
        "deep/er/b": "run",
        "s": "search",
        "s/best": "run",
    }
    assert found["a"]["metrics"]["test"]["accuracy"] == 0.9
    assert found["a"]["last"]["epoch"] == 20
    assert found["a"]["learning_rate"] == 0.01
    assert found["a"]["changed"] == {"data.scaling": "robust"}
    assert found["s"]["trials"] == 3


def test_a_run_itself_may_be_the_folder(tmp_path):
    write_run(tmp_path / "mine")
    assert list(rows(tmp_path / "mine")) == ["mine"]


def test_names_of_files_are_those_that_runs_have():
    """The dashboard has its own names, as it loads none of the modules that write them."""
    from batchwright.dashboard import scan

    assert scan.MARKS["manifest.json"] == "run" and MANIFEST == "manifest.json"
    assert scan.MARKS["search.json"] == "search" and SEARCH == "search.json"
    assert (scan.HISTORY, scan.LOCK, scan.TRIALS, scan.PROGRESS) == (HISTORY, LOCK, TRIALS, PROGRESS)
    assert (RESULT, scan.EVIDENCE) == ("result.json", EVIDENCE)


@pytest.mark.parametrize("status", ["finished", "running", "diverged", "interrupted", "failed"])
@pytest.mark.parametrize("held", [True, False])
def test_the_status_is_that_of_the_run(tmp_path, status, held):
    folder = write_run(tmp_path / "a", status=status)
    lock = hold(folder) if held else None
    assert rows(tmp_path)["a"]["status"] == open_run(folder).status
    if lock:
        lock.release()


def test_runs_that_differ_in_their_seed_are_a_group(tmp_path):
    for seed in range(3):
        write_run(tmp_path / f"a{seed}", seed=seed)
    write_run(tmp_path / "b", rate=0.1)
    write_run(tmp_path / "c", source="other.csv")
    for name in "de":
        write_run(tmp_path / name)
        (tmp_path / name / "manifest.json").write_text('{"status": "running", "source": "rows.csv"}')
    found = rows(tmp_path)
    assert len({found[f"a{seed}"]["group"] for seed in range(3)}) == 1
    assert len({row["group"] for row in found.values()}) == 5, "of a run without settings nothing is known"


def test_only_what_has_changed_is_read_again(tmp_path, monkeypatch):
    for number in range(5):
        write_run(tmp_path / f"a{number}")
    scanner = Scanner(tmp_path)
    before = scanner.scan(now=True).entries
    read = []
    original = json.loads
    monkeypatch.setattr("batchwright.dashboard.plain.json.loads", lambda data: read.append(1) or original(data))
    same = scanner.scan(now=True).entries
    assert read == [] and all(same[key] is before[key] for key in same)
    with (tmp_path / "a3" / "history.jsonl").open("ab") as file:
        file.write(b'{"epoch": 21, "iteration": 210, "loss": 0.01}\n')
    changed = scanner.scan(now=True).entries
    assert [one.row["name"] for key, one in changed.items() if one is not before[key]] == ["a3"]
    shutil.rmtree(tmp_path / "a0")
    assert len(scanner.scan(now=True).entries) == 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'"text"',
        b"{}",
        b"[" * 100_000,
        b'{"settings": []}',
        b'{"metrics": {"test": [1]}, "plan": 3}',
    ],
)
def test_a_damaged_manifest_is_a_row(tmp_path, content):
    write_run(tmp_path / "good")
    (write_run(tmp_path / "bad") / "manifest.json").write_bytes(content)
    found = rows(tmp_path)
    assert set(found) == {"good", "bad"}
    assert found["bad"]["status"] == "unreadable"


def test_links_and_other_files_are_not_followed(tmp_path):
    outside = write_run(tmp_path / "outside")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(outside, target_is_directory=True)
    for name in ("manifest.json", "history.jsonl"):
        (root / name.partition(".")[0]).mkdir()
        write_run(root / f"run-{name}")
        (root / f"run-{name}" / name).unlink()
        (root / f"run-{name}" / name).symlink_to(outside / name)
    pipe = write_run(root / "pipe")
    (pipe / "history.jsonl").unlink()
    os.mkfifo(pipe / "history.jsonl")
    found = rows(root)
    assert set(found) == {"run-manifest.json", "run-history.jsonl", "pipe"}
    assert found["run-manifest.json"]["status"] == "unreadable"
    assert found["run-history.jsonl"]["last"] == {} == found["pipe"]["last"]


def test_hostile_names_are_text(tmp_path):
    for name in ("<script>alert(1)<", "a'b\"c", "\N{RIGHT-TO-LEFT OVERRIDE}x", "%2e%2e", "-rf"):
        write_run(tmp_path / name)
    write_run(tmp_path / os.fsdecode(b"not-utf8-\xff"))
    found = [*Scanner(tmp_path).scan(now=True).entries.values()]
    assert len(found) == 6 == len({entry.id for entry in found})
    assert all(entry.id.isalnum() for entry in found)
    json.dumps([entry.row for entry in found], allow_nan=False).encode()


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_anything_becomes_what_can_be_sent(value):
    json.dumps(safe(value), allow_nan=False).encode()


@given(
    st.dictionaries(
        st.sampled_from(
            ["status", "reason", "created", "source", "seconds", "plan", "metrics", "settings", "files", "fingerprint"]
        ),
        plain,
    )
)
def test_any_manifest_becomes_a_row(tmp_path_factory, described):
    folder = tmp_path_factory.mktemp("any") / "run"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(described), encoding="utf-8", errors="replace")
    found = rows(folder.parent)
    json.dumps(found, allow_nan=False).encode()


def test_a_thousand_runs_are_found_in_a_second(tmp_path):
    write_run(tmp_path / "r0", epochs=200)
    for number in range(1, 1000):
        shutil.copytree(tmp_path / "r0", tmp_path / f"r{number}")
    scanner = Scanner(tmp_path)
    started = time.process_time()
    assert len(scanner.scan(now=True).entries) == 1000
    first = time.process_time() - started
    started = time.process_time()
    scanner.scan(now=True)
    again = time.process_time() - started
    assert first < 2, "processor time; alone on a machine it takes a fifth"
    assert again < 0.5


def test_the_dashboard_loads_nothing_heavy():
    code = "import sys, batchwright.dashboard.app, batchwright.cli.dashboard, batchwright.pages; "
    code += "print(*sorted({'jax', 'polars', 'numpy', 'sklearn', 'optuna', 'pydantic'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (["manifest.json"], "manifest.json is missing"),
        (["manifest.json", "history.jsonl"], "manifest.json is missing"),
        (["history.jsonl"], "history.jsonl is missing"),
    ],
)
@pytest.mark.parametrize("status", ["finished", "diverged", "running"])
def test_a_run_that_has_lost_a_file_is_unreadable(tmp_path, gone, said, status):
    for seed in range(3):
        (write_run(tmp_path / f"a{seed}", seed=seed, status=status) / "evidence.json").write_text("{}")
    for name in gone:
        (tmp_path / "a1" / name).unlink()
    found = rows(tmp_path)
    assert (found["a1"]["status"], found["a1"]["reason"]) == ("unreadable", said)
    assert found["a0"]["status"] == found["a2"]["status"] != "unreadable"
    assert found["a0"]["group"] == found["a2"]["group"] != found["a1"].get("group"), "it is no seed of the others"


def test_a_history_that_was_cut_is_unreadable_and_one_that_is_being_written_is_not(tmp_path):
    for name, status in (("done", "finished"), ("going", "running"), ("killed", "running")):
        folder = write_run(tmp_path / name, status=status)
        (folder / "history.jsonl").write_bytes((folder / "history.jsonl").read_bytes()[:-200])
    (write_run(tmp_path / "begins", status="running") / "history.jsonl").unlink()
    locks = [hold(tmp_path / name) for name in ("going", "begins")]
    found = rows(tmp_path)
    for lock in locks:
        lock.release()
    assert {name: row["status"] for name, row in found.items()} == {
        "done": "unreadable",
        "going": "running",
        "killed": "killed",
        "begins": "compiling",
    }
    assert "it was changed or cut" in found["done"]["reason"]


def test_a_search_that_has_lost_its_plan_is_unreadable(tmp_path):
    (write_search(tmp_path / "s") / "search.json").unlink()
    found = rows(tmp_path)["s"]
    assert (found["kind"], found["status"], found["reason"]) == ("search", "unreadable", "search.json is missing")


def test_runs_below_a_folder_with_a_foreign_manifest_are_found(tmp_path):
    (tmp_path / "manifest.json").write_text('{"name": "a page"}')
    write_run(tmp_path / "runs" / "a")
    assert rows(tmp_path)["runs/a"]["status"] == "finished"


def test_where_there_are_too_many_folders_the_near_ones_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr("batchwright.dashboard.scan.MOST_FOLDERS", 8)
    for name in ("0deep", "zdeep"):
        for number in range(20):
            (tmp_path / name / str(number)).mkdir(parents=True)
    write_run(tmp_path / "mine")
    scan = Scanner(tmp_path).scan(now=True)
    assert [entry.row["name"] for entry in scan.entries.values()] == ["mine"]
    assert scan.left_out == "only the first 8 folders were looked at"


def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path):
    scanner = Scanner(tmp_path / "later")
    assert scanner.scan(now=True).left_out == "" and not scanner.scan().entries
    write_run(tmp_path / "later" / "a")
    assert [entry.row["name"] for entry in scanner.scan(now=True).entries.values()] == ["a"]
