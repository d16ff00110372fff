"""The server of a folder: what it tells, what it does when asked, and that nothing stops it."""

import http.client
import json
import shutil
import socket
import threading
import time
from contextlib import suppress

import pytest
from tests.dashboard.conftest import LOOK_EVERY
from tests.dashboard.folders import history, hold, write_comparison, write_run, write_search
from tests.pages.servers import served

from batchwright._asking import REQUEST, wish_of
from batchwright.dashboard import make_app
from batchwright.dashboard.ending import Ending
from batchwright.dashboard.reports import Reports


@pytest.fixture
def board(tmp_path):
    root = tmp_path / "runs"
    root.mkdir()
    reports = Reports()
    with served(make_app(root, reports)) as running:
        running.enter()
        running.root = root
        running.reports = reports
        yield running
    reports.end()


def ids(board):
    board.get("/api/table")
    time.sleep(2 * LOOK_EVERY)
    return {row["name"]: row["id"] for row in board.get("/api/table").json()["rows"]}


class Stream:
    """A stream of events, read by a thread of its own."""

    def __init__(self, board, query, **headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", board.port, timeout=30)
        self.connection.request("GET", f"/api/follow?{query}", headers={"Cookie": board.cookie, **headers})
        self.response = self.connection.getresponse()
        assert self.response.headers["content-type"].startswith("text/event-stream")
        self.events, self.last = [], ""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        kind = ""
        try:
            for line in self.response:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "id":
                    self.last = value
                elif name == "event":
                    kind = value
                elif name == "data":
                    self.events.append((kind, json.loads(value)))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass

    def wait(self, kind, where=lambda _: True, seconds=20):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = [event for of, event in list(self.events) if of == kind and where(event)]
            if found:
                return found[-1]
            time.sleep(0.02)
        raise AssertionError((kind, self.events))

    def close(self):
        """Go, so that nothing is read any more."""
        with suppress(OSError):
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.reader.join()
        self.response.close()
        self.connection.close()


def test_the_pages_open(board):
    write_run(board.root / "a")
    for path in ("/", "/machine", "/runs/x", "/searches/x", "/comparisons/x"):
        assert "/static/dashboard/main.js" in board.get(path).text
    assert board.get("/static/dashboard/main.js").headers["content-type"].startswith("text/javascript")


def test_a_run_is_told_by_its_id_alone(board, tmp_path):
    write_run(board.root / "a")
    write_run(tmp_path / "outside")
    found = ids(board)
    told = board.get(f"/api/runs/{found['a']}").json()
    assert told["status"] == "finished" and told["settings"]["optimizer.learning_rate"]["origin"] == "user"
    for path in ("a", "..", "../outside", "%2e%2e%2foutside", "0" * 16, f"{found['a']}/../x", ""):
        assert board.get(f"/api/runs/{path}").status == 404


def test_a_run_that_is_gone_is_said(board):
    write_run(board.root / "a")
    found = ids(board)
    shutil.rmtree(board.root / "a")
    time.sleep(2 * LOOK_EVERY)
    answer = board.get(f"/api/runs/{found['a']}")
    assert answer.status == 404 and "no such folder any more" in answer.text


def test_a_run_that_is_half_there_is_said(board):
    (write_run(board.root / "a") / "manifest.json").write_text("{")
    found = ids(board)
    answer = board.get(f"/api/runs/{found['a']}")
    assert answer.status == 409 and "manifest.json is damaged, or being written" in answer.text


def test_an_empty_or_missing_folder_is_an_empty_table(tmp_path):
    with served(make_app(tmp_path / "none")) as running:
        running.enter()
        assert running.get("/api/table").json()["rows"] == []


def test_a_search_is_told(board):
    write_search(board.root / "s")
    write_run(board.root / "s" / "best")
    found = ids(board)
    told = board.get(f"/api/searches/{found['s']}").json()
    assert told["best"] == found["s/best"]
    assert [one["ending"] for one in told["trials"]] == ["stopped", "finished", "diverged"]
    assert told["importance"]["fanova"][0]["share"] == 0.8
    assert board.get(f"/api/runs/{found['s']}").status == 404
    with (board.root / "s" / "trials.jsonl").open("a") as file:
        file.write('{"number": 3, "settings": {}, "end')
    assert len(board.get(f"/api/searches/{found['s']}").json()["trials"]) == 3


def test_a_comparison_is_told(board):
    write_comparison(board.root / "c")
    (board.root / "other").mkdir()
    (board.root / "other" / "comparison.json").write_text('{"plan": 3, "result": {"rows": [1, {"curve": "x"}]}}')
    found = ids(board)
    told = board.get(f"/api/comparisons/{found['c']}").json()
    assert told["verdict"] == "relu is better than tanh" and told["row"]["source"] == "rows.csv"
    assert told["variants"][1]["curves_by_seed"] == [[0.9, 0.2], [1.1, None]]
    assert told["variants"][0]["validation"] == {"mean": 0.12, "low": pytest.approx(0.11), "high": pytest.approx(0.13)}
    assert len(board.get(f"/api/comparisons/{found['other']}").json()["variants"]) == 2


def test_only_new_rows_are_sent(board):
    folder = write_run(board.root / "a", status="running", epochs=3)
    lock = hold(folder)
    run = ids(board)["a"]
    stream = Stream(board, f"runs={run}&column=epoch&column=loss")
    first = stream.wait("rows")
    assert first["anew"] and first["columns"] == {"epoch": [1, 2, 3], "loss": [1.0, 0.5, pytest.approx(1 / 3)]}
    assert first["upto"] == {"epoch": 3, "iteration": 30}
    with (folder / "history.jsonl").open("ab") as file:
        file.write(history(5).split(b"\n")[3] + b"\n")
    second = stream.wait("rows", lambda event: not event["anew"])
    assert second["columns"]["epoch"] == [4] and second["count"] == 1 and second["age"] < 5
    stream.close()
    with (folder / "history.jsonl").open("ab") as file:
        file.write(history(5).split(b"\n")[4] + b"\n")
    again = Stream(board, f"runs={run}&column=epoch&column=loss", **{"Last-Event-ID": stream.last})
    assert again.wait("rows")["columns"]["epoch"] == [5], "a page that comes back gets what it has missed"
    by_address = Stream(board, f"runs={stream.last}&column=epoch")
    assert by_address.wait("rows")["columns"]["epoch"] == [5]
    again.close()
    by_address.close()
    lock.release()


def test_progress_within_an_epoch_is_told(board):
    folder = write_run(board.root / "a", status="running", epochs=1)
    lock = hold(folder)
    (folder / "progress.json").write_text('{"epoch": 2, "iteration": 15, "loss": 0.5, "learning_rate": 0.1, "x": "y"}')
    stream = Stream(board, f"runs={ids(board)['a']}")
    told = stream.wait("progress")
    assert (told["epoch"], told["iteration"], told["loss"], told["x"]) == (2, 15, 0.5, None)
    for content in ("{", "[]", "x" * 10_000, ""):
        (folder / "progress.json").write_text(content)
    time.sleep(4 * LOOK_EVERY)
    (folder / "progress.json").write_text('{"epoch": 2, "iteration": 16}')
    stream.wait("progress", lambda event: event["iteration"] == 16)
    stream.close()
    lock.release()


def test_the_table_tells_changes_alone(board):
    write_run(board.root / "a")
    stream = Stream(board, "table=1")
    assert [row["name"] for row in stream.wait("table")["rows"]] == ["a"]
    write_run(board.root / "b", seed=1)
    assert [
        row["name"]
        for row in stream.wait("table", lambda event: len(event["rows"]) == 1 and event["rows"][0]["name"] == "b")[
            "rows"
        ]
    ] == ["b"]
    shutil.rmtree(board.root / "a")
    assert len(stream.wait("table", lambda event: event["gone"])["gone"]) == 1
    stream.close()


@pytest.mark.parametrize(
    "query", ["runs=nobody", "runs=,,,:,::", "runs=%00%ff", "column=,&column=&runs=a:b:c", f"runs={'a,' * 2000}", ""]
)
def test_any_stream_can_be_asked_for(board, query):
    stream = Stream(board, query)
    stream.wait("alive")
    stream.close()


def test_a_training_is_asked_to_stop(board):
    folder = write_run(board.root / "a", status="running")
    write_run(board.root / "b")
    lock = hold(folder)
    found = ids(board)
    assert board.post(f"/api/runs/{found['a']}/stop", {}).status == 200
    assert wish_of(folder) == "stop"
    assert board.post(f"/api/runs/{found['a']}/stop", {"now": True}).status == 200
    assert wish_of(folder) == "stop now"
    answer = board.post(f"/api/runs/{found['b']}/stop", {})
    assert answer.status == 409 and "not being trained" in answer.text
    assert not (board.root / "b" / REQUEST).exists()
    lock.release()


def test_notes_and_tags_are_kept_and_the_run_stays_whole(board):
    from batchwright.runs.run import open_run

    folder = write_run(board.root / "a")
    run = ids(board)["a"]
    kept = board.post(f"/api/folders/{run}/notes", {"note": "good <b>", "tags": ["one", " two  words ", "one", ""]})
    assert kept.json() == {"note": "good <b>", "tags": ["one", "two words"]}
    assert board.get("/api/table").json()["rows"][0]["tags"] == ["one", "two words"]
    opened = open_run(folder)
    assert opened.history[-1]["epoch"] == 20, "notes are no part of what is verified"


@pytest.mark.parametrize(
    "given",
    [{"note": 3}, {"tags": "x"}, {"tags": ["x" * 41]}, {"tags": [1]}, {"tags": ["x"] * 21}, {"note": "x" * 10_001}],
)
def test_notes_that_are_none_are_refused(board, given):
    write_run(board.root / "a")
    answer = board.post(f"/api/folders/{ids(board)['a']}/notes", given)
    assert answer.status == 400 and "at most" in answer.text
    assert not (board.root / "a" / "notes.json").exists()


def test_notes_do_not_follow_links(board, tmp_path):
    (tmp_path / "outside.json").write_text("{}")
    folder = write_run(board.root / "a")
    (folder / "notes.json").symlink_to(tmp_path / "outside.json")
    assert board.post(f"/api/folders/{ids(board)['a']}/notes", {"note": "x", "tags": []}).status == 200
    assert (tmp_path / "outside.json").read_text() == "{}"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'"x"'])
def test_what_is_no_object_does_not_act(board, body):
    run_id = "0" * 16
    answer = board.send("POST", f"/api/folders/{run_id}/notes", body, **board.acting())
    assert answer.status in (400, 404)


def test_a_report_that_cannot_be_made_says_why(board):
    (write_run(board.root / "a") / "manifest.json").write_text("{")
    run = ids(board)["a"]
    assert board.get(f"/api/folders/{run}/report").json()["state"] == "none"
    assert board.get(f"/api/folders/{run}/report.html").status == 404
    state = board.post(f"/api/folders/{run}/report", {}).json()["state"]
    while state == "making":
        time.sleep(0.1)
        state = board.get(f"/api/folders/{run}/report").json()["state"]
    told = board.get(f"/api/folders/{run}/report").json()
    assert told["state"] == "failed" and "manifest.json is damaged" in told["reason"]


def test_one_report_is_made_at_a_time(board):
    for name in "ab":
        write_run(board.root / name)
    found = ids(board)
    assert board.post(f"/api/folders/{found['a']}/report", {}).json()["state"] == "making"
    assert board.post(f"/api/folders/{found['a']}/report", {}).json()["state"] == "making"
    answer = board.post(f"/api/folders/{found['b']}/report", {})
    assert answer.status == 409 and "Another report is being made" in answer.text


def test_a_report_is_shown_without_rights(board):
    write_run(board.root / "a")
    run = ids(board)["a"]
    board.reports.folder = board.root.parent / "reports"
    board.reports.folder.mkdir()
    (board.reports.folder / f"{run}.html").write_text("<p>a report")
    assert board.get(f"/api/folders/{run}/report").json()["state"] == "ready"
    answer = board.get(f"/api/folders/{run}/report.html")
    assert answer.status == 200 and answer.headers["content-security-policy"].startswith(
        "sandbox allow-scripts; default-src 'none'"
    )
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"


def test_the_machine_is_told(board):
    told = board.get("/api/machine").json()
    assert told["cores"] >= 1 and told["memory"] > told["memory_free"] > 0 and told["running"] == []


def test_a_page_is_told_how_its_run_stands(board):
    folder = write_run(board.root / "a")
    stream = Stream(board, f"runs={ids(board)['a']}")
    assert stream.wait("state")["status"] == "finished"
    (folder / "history.jsonl").rename(folder / "aside")
    told = stream.wait("state", lambda event: event["status"] != "finished")
    assert (told["status"], told["reason"]) == ("unreadable", "history.jsonl is missing")
    (folder / "aside").rename(folder / "history.jsonl")
    (folder / "manifest.json").rename(folder / "aside")
    stream.wait("state", lambda event: event["reason"] == "manifest.json is missing")
    shutil.rmtree(folder)
    stream.wait("state", lambda event: event["status"] == "gone")
    write_run(folder)
    stream.events.clear()
    assert stream.wait("state")["status"] == "finished"
    stream.close()


def test_pages_are_told_the_end_and_all_before_it(tmp_path):
    ending = Ending("batchwright dashboard runs")
    root = tmp_path / "runs"
    folder = write_run(root / "a", epochs=3)
    with served(make_app(root, ending=ending)) as running:
        running.enter()
        assert running.get("/api/session").json()["again"] == "batchwright dashboard runs"
        run = running.get("/api/table").json()["rows"][0]["id"]
        streams = [Stream(running, "table=1"), Stream(running, f"runs={run}")]
        streams[0].wait("table")
        streams[1].wait("rows")
        shutil.rmtree(folder)
        write_run(root / "b")
        began = time.monotonic()
        ending.begin()
        assert time.monotonic() - began < 3
        table, run_page = ([kind for kind, _ in stream.events] for stream in streams)
        assert table[-1] == run_page[-1] == "ended"
        assert streams[0].wait("ended") == {"again": "batchwright dashboard runs"}
        assert [row["name"] for row in streams[0].wait("table")["rows"]] == ["b"]
        assert streams[1].wait("state")["status"] == "gone"
        for stream in streams:
            stream.close()


def test_an_end_that_nobody_sees_takes_no_time():
    began = time.monotonic()
    Ending().begin()
    assert time.monotonic() - began < 0.2
