"""`batchwright serve` as a process, asked over HTTP."""

import base64
import http.client
import io
import json
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from tests.children import Children
from tests.serve.served_run import COLOURS, Reply, Server, send, table, train

import batchwright as bw
from batchwright.serve.media import ARROW

PROCESS = Path(__file__).with_name("process.py")
FEW = 20_000
"""The most bytes that the server of these tests takes."""
SECONDS = 2
"""Within which a request has to be sent to it."""
OPTIONS = ("--port", 0, "--max-batch", 16, "--max-body", f"{FEW}B", "--max-rows", 200, "--timeout", SECONDS)
TOKEN = "a-token-of-some-length"
ROW = {"first": 0.5, "second": 7, "colour": "red", "member": True, "told": "late and dear", "day": "2024-05-06"}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts servers, which end with the tests of this file; they share what they compile."""
    folder = tmp_path_factory.mktemp("served")
    programs = {"BATCHWRIGHT_CACHE": str(folder / "programs")}
    with Children() as children:
        yield lambda run, *words: Server(
            children.fork(PROCESS, "serve", run, *OPTIONS, *words, cwd=folder, env=programs)
        )


@pytest.fixture(scope="module")
def server(start: Callable[..., Server], run_path: Path) -> Server:
    return start(run_path)


@pytest.fixture(scope="module")
def wanted(run_path: Path) -> pl.DataFrame:
    """What `predict` answers for the rows of a table."""
    return bw.predict(bw.open_run(run_path), table(40, seed=1).drop("bought"), interval=0.8).frame()


def test_all_types_are_answered_as_predict_does(server: Server, wanted: pl.DataFrame) -> None:
    frame = table(40, seed=1).drop("bought")
    stream = io.BytesIO()
    frame.write_ipc_stream(stream)
    bodies = {
        "application/json": [json.dumps(frame.to_dicts()), json.dumps(frame.to_dict(as_series=False))],
        "text/csv": [frame.write_csv()],
        ARROW: [stream.getvalue()],
    }
    for content, sent in bodies.items():
        for body in sent:
            data = body.encode() if isinstance(body, str) else body
            for accept, read in (
                ("application/json", lambda reply: pl.DataFrame(reply.json()["answers"])),
                ("text/csv", lambda reply: pl.read_csv(reply.body)),
                (ARROW, lambda reply: pl.read_ipc_stream(reply.body)),
            ):
                reply = send(server.port, "POST", "/predict?interval=0.8", data, content_type=content, accept=accept)
                assert (reply.status, reply.headers["content-type"].partition(";")[0]) == (200, accept), reply.body
                found = read(reply)
                assert found.columns == wanted.columns
                assert found["predicted_bought"].to_list() == wanted["predicted_bought"].to_list()
                assert found["set_bought"].to_list() == wanted["set_bought"].to_list()
                assert (found["probability_yes"] - wanted["probability_yes"]).abs().max() < 1e-5


def test_what_is_unusual_is_noted(server: Server) -> None:
    reply = server.ask([ROW | {"colour": "violet"}])
    (note,) = reply.json()["notes"]
    assert note.startswith("column 'colour': 1 of 1 cells hold categories that training never saw (such as 'violet')")
    told = server.ask([ROW | {"colour": "violet"}], accept="text/csv").headers
    assert json.loads(told["batchwright-notes"]) == reply.json()["notes"]
    assert told["batchwright-model"] == reply.json()["model"]
    assert server.ask([ROW]).json()["notes"] == []


def test_bad_cells_are_listed_with_row_column_and_reason(server: Server) -> None:
    reply = server.ask([ROW, ROW | {"first": "tall"}, ROW | {"second": float("inf"), "member": "maybe"}])
    assert reply.status == 422
    assert reply.json() == {
        "error": "3 cells do not fit their columns: no row of this request is answered.",
        "count": 3,
        "cells": [
            {"row": 2, "column": "first", "value": "tall", "reason": "expected a finite number"},
            {"row": 3, "column": "second", "value": "inf", "reason": "expected a finite number"},
            {"row": 3, "column": "member", "value": "maybe", "reason": "expected true or false"},
        ],
    }
    (cell,) = server.ask([ROW | {"first": "tall " * 1000}]).json()["cells"]
    assert cell["value"] == ("tall " * 12)[:59] + "\u2026"
    text = b"first,second,colour,member,told,day\n1,2,red,true,late,2024-05-06\nx,2,red,true,late,2024-05-06\n1,2\n"
    reply = send(server.port, "POST", "/predict", text, content_type="text/csv")
    assert [(cell["line"], cell["column"]) for cell in reply.json()["cells"]] == [(3, "first"), (4, None)]
    assert (server.ask([ROW | {"first": 1e308}]).status, server.ask([ROW | {"first": None}]).status) == (200, 200)
    undefined = server.ask([ROW | {"first": float("nan")}])
    assert undefined.status == 200 and "1 of 1 cells are missing" in undefined.json()["notes"][0]
    lacking = server.ask([{"first": 1.0}])
    assert lacking.status == 422 and "lacks 5 columns that the training rows have" in lacking.json()["error"]
    assert server.ask([ROW | {"other": [1, {"a": 2}]}]).status == 200  # a column that the model does not take


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/none", {}, 404),
        ("GET", "/predict", {}, 405),
        ("POST", "/metrics", {}, 405),
        ("GET", "/", {"Host": "evil.example"}, 421),
        ("POST", "/predict", {"Content-Type": "text/plain"}, 415),
        ("POST", "/predict", {"Content-Type": "text/csv", "Content-Encoding": "gzip"}, 415),
        ("POST", "/predict", {"Content-Type": "text/csv", "Accept": "image/png"}, 406),
        ("POST", "/predict?intervall=1", {"Content-Type": "text/csv"}, 400),
        ("POST", "/predict?uncertainty=true", {"Content-Type": "text/csv"}, 400),
        ("POST", "/predict", {"Content-Type": ARROW}, 422),
        ("POST", "/predict", {"Content-Type": "text/csv"}, 422),
    ],
)
def test_what_is_refused(server: Server, method: str, path: str, headers: dict[str, str], status: int) -> None:
    reply = send(server.port, method, path, b"x" if method == "POST" else b"", **headers)
    assert reply.status == status, reply.body
    assert reply.json()["error"]
    assert ("allow" in reply.headers) == (status == 405)


def raw(server: Server, sent: bytes, *, wait: bool = True) -> bytes:
    """What comes back over a connection on which this is sent, until the server closes it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(sent)
        got = b""
        while wait and (part := connection.recv(1 << 16)):
            got += part
        return got


HEAD = b"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"


def test_what_is_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    got = raw(server, HEAD + b"content-length: 2000000000\r\n\r\n[")
    assert got.startswith(b"HTTP/1.1 413 ") and b"larger than the 20,000 bytes" in got and b"connection: close" in got
    piece = b"2710\r\n" + b" " * 10_000 + b"\r\n"
    assert raw(server, HEAD + b"transfer-encoding: chunked\r\n\r\n" + 3 * piece).startswith(b"HTTP/1.1 413 ")
    assert server.ask([{"first": 1}] * 201).status == 413


def test_who_sends_slowly_is_cut_off_and_holds_nobody(server: Server) -> None:
    """A body that does not come, a head that does not end, and nothing at all; others are answered meanwhile."""
    slow = [HEAD + b"content-length: 100\r\n\r\n[", HEAD, b""]
    with ThreadPoolExecutor(30) as pool:
        got = [pool.submit(raw, server, sent) for sent in 10 * slow]
        answered = 0
        while not all(one.done() for one in got):
            answered += server.ask([ROW]).status == 200
        assert answered > 10
        for one in got:
            assert one.result().startswith(b"HTTP/1.1 408 ")


def test_a_head_without_end_is_cut_off(server: Server) -> None:
    assert raw(server, HEAD + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 1000) for n in range(70)))[9:12] in (b"431", b"400")


def test_a_client_that_leaves_is_no_matter(server: Server) -> None:
    raw(server, HEAD + b"content-length: 100\r\n\r\n[", wait=False)
    raw(server, HEAD + b"content-length: 2\r\n\r\n[]", wait=False)
    assert server.ask([ROW]).status == 200


def test_what_is_no_http_is_refused(server: Server) -> None:
    assert raw(server, b"\x16\x03\x01\x02\x00\x01\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_many_clients_get_the_answers_to_their_own_rows(server: Server, run_path: Path) -> None:
    """64 at once, with good and bad rows among them."""
    rows = [
        ROW | {"first": n / 700 - 1, "second": n % 90, "colour": COLOURS[n % 3], "member": n % 2 == 0}
        for n in range(640)
    ]
    wanted = bw.predict(bw.open_run(run_path), pl.DataFrame(rows)).frame()["probability_yes"].to_list()
    start = threading.Barrier(64)

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        start.wait()
        for place in range(number, 640, 64):
            bad = place % 7 == 0
            body = json.dumps([rows[place] | ({"first": "tall"} if bad else {})])
            connection.request("POST", "/predict", body, {"content-type": "application/json"})
            response = connection.getresponse()
            told = json.loads(response.read())
            assert response.status == (422 if bad else 200)
            if not bad:
                assert told["answers"][0]["probability_yes"] == pytest.approx(wanted[place], rel=1e-4)
        connection.close()

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(client, range(64)))
    sizes = [line for line in server.get("/metrics").body.decode().splitlines() if "batch_rows_bucket" in line]
    assert int(sizes[0].split()[-1]) < int(sizes[-1].split()[-1])  # some were answered together


def test_what_has_been_done_is_counted(server: Server) -> None:
    def counts() -> dict[str, float]:
        lines = server.get("/metrics").body.decode().splitlines()
        return {name: float(value) for line in lines if line[0] != "#" for name, _, value in [line.rpartition(" ")]}

    server.ask([{}])
    before = counts()
    server.ask([ROW, ROW])
    server.ask([ROW | {"first": "tall"}])
    after = counts()
    grown = {name: value - before[name] for name, value in after.items() if value != before[name]}
    assert grown['batchwright_requests_total{status="200"}'] == 1
    assert grown['batchwright_requests_total{status="422"}'] == 1
    assert grown["batchwright_rows_total"] == 2 and grown["batchwright_errors_total"] == 1
    assert grown["batchwright_request_seconds_count"] == 2 and grown["batchwright_batch_rows_sum"] == 2
    assert grown['batchwright_request_seconds_bucket{le="+Inf"}'] == 2
    assert after["batchwright_waiting"] == 0


def test_it_says_how_it_is_asked(server: Server) -> None:
    assert server.get("/health").body == b"ok\n"
    version = server.get("/ready").json()["model"]
    described = server.get("/openapi.json").json()
    assert described["openapi"] == "3.1.0" and described["info"]["version"] == version
    asked = described["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    rows = asked["schema"]["oneOf"][0]["items"]
    assert rows["required"] == list(ROW)
    assert rows["properties"]["second"]["type"] == ["number", "null"]
    assert "training knows 'blue', 'green', 'red'" in rows["properties"]["colour"]["description"]
    answer = server.ask(asked["example"])
    assert answer.status == 200 and answer.json()["notes"] == []
    told = described["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert list(told["properties"]["answers"]["items"]["properties"]) == list(answer.json()["answers"][0])
    page = server.get("/").body.decode()
    assert (
        f"curl http://127.0.0.1:{server.port}/predict" in page
        and "<code>colour</code>" in page
        and "<script" not in page
        and version in page
    )


@pytest.fixture(scope="module")
def guarded(start: Callable[..., Server], run_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server with a token, at which one request at most may wait."""
    path = tmp_path_factory.mktemp("secret") / "token"
    path.write_text(f"{TOKEN}\n")
    return start(run_path, "--token", path, "--max-waiting", 1, "--max-body", "1MB", "--max-rows", 20_000)


def test_a_token_is_asked_for(guarded: Server) -> None:
    assert (guarded.get("/health").status, guarded.get("/ready").status) == (200, 200)
    for path in ("/", "/metrics", "/openapi.json"):
        assert guarded.get(path).status == 401
    assert guarded.ask([ROW]).headers["www-authenticate"].startswith("Basic")
    assert guarded.ask([ROW], Authorization=f"Bearer {TOKEN}x").status == 401
    assert guarded.ask([ROW], Authorization=f"Bearer {TOKEN}", Host="proxy.example").status == 200
    password = base64.b64encode(f":{TOKEN}".encode()).decode()
    assert guarded.get("/", Authorization=f"Basic {password}").status == 200
    assert guarded.get("/", Authorization="Basic ???").status == 401


def test_too_many_that_wait_are_told_to_come_again(guarded: Server) -> None:
    def ask(rows: object) -> Reply:
        return guarded.ask(rows, Authorization=f"Bearer {TOKEN}")

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(ask, [[ROW] * 5_000] * 8))
    assert {reply.status for reply in replies} == {200, 503}
    refused = next(reply for reply in replies if reply.status == 503)
    assert refused.headers["retry-after"] == "1"


def test_what_is_asked_before_its_end_is_answered(
    guarded: Server, start: Callable[..., Server], run_path: Path
) -> None:
    """SIGTERM comes while the half of a request is there; the port is free for another server at once."""
    body = json.dumps([ROW]).encode()
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=60) as connection:
        head = HEAD + f"authorization: bearer {TOKEN}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + body[:5])
        time.sleep(0.3)
        guarded.child.send(signal.SIGTERM)
        time.sleep(0.3)
        connection.sendall(body[5:])
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
    assert guarded.child.ended() == 0
    assert guarded.child.err == ""
    again = start(run_path, "--port", guarded.port)
    assert again.port == guarded.port and again.ask([ROW]).status == 200
    assert again.child.kill() == -signal.SIGKILL
    assert start(run_path, "--port", guarded.port).ask([ROW]).status == 200


def test_another_run_takes_over_without_a_lost_request(
    start: Callable[..., Server], run_path: Path, tmp_path: Path
) -> None:
    """The newest finished run of a folder, then a damaged one, which is refused."""
    shutil.copytree(run_path, tmp_path / "runs" / "a")
    server = start(tmp_path / "runs", "--watch")
    first, statuses, over = server.get("/ready").json()["model"], list[int](), threading.Event()

    def go_on_asking() -> None:
        while not over.is_set():
            statuses.append(server.ask([ROW]).status)

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(go_on_asking) for _ in range(4)]
        try:
            train(tmp_path / "made", seed=1).rename(tmp_path / "runs" / "b")
            server.child.wait_until(lambda: "answers from now on" in server.child.out)
            second = server.get("/ready").json()["model"]
            weights = tmp_path / "runs" / "b" / "model" / "weights.safetensors"
            weights.write_bytes(weights.read_bytes()[:-1] + b"x")
            server.child.wait_until(lambda: "is damaged" in server.child.out)
            assert f"goes on (model {second})" in server.child.out
        finally:
            over.set()
        for one in asking:
            one.result()
    assert server.get("/ready").json()["model"] == second != first
    assert set(statuses) == {200} and len(statuses) > 20
    server.child.send(signal.SIGHUP)
    server.child.wait_until(lambda: server.child.out.count("is damaged") == 2)
    assert 'batchwright_reloads_total{outcome="refused"} 2' in server.get("/metrics").body.decode()
    server.child.kill()
