"""`batchwright serve` of models that take images, as processes, asked over HTTP."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from tests.children import Children
from tests.serve.served_images import form_of, in_base64, noise, pets, said_to_be, saved
from tests.serve.served_run import Reply, Server, ask, send

import batchwright as bw

OPTIONS = ("--port", 0, "--max-batch", 8, "--max-body", "200kB", "--max-pixels", 100_000)
CLOSE = 1e-5


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, folder_run: Path, table_run: Path) -> Iterator[list[Server]]:
    """Of a folder of images, and of a table with a column of images; both are started at once."""
    place = tmp_path_factory.mktemp("served")
    with Children() as children:
        started = [
            children.batchwright("serve", run, *OPTIONS, cwd=place, cache=place / run.parent.name)
            for run in (folder_run, table_run)
        ]
        yield list(map(Server, started))


@pytest.fixture(scope="module")
def server(servers: list[Server]) -> Server:
    return servers[0]


def post(server: Server, body: bytes, content_type: str, **headers: str) -> Reply:
    return send(server.port, "POST", "/predict", body, content_type=content_type, **headers)


def close(found: list[dict[str, object]], wanted: pl.DataFrame) -> bool:
    """Whether answers are those that `predict` has given."""
    frame = pl.DataFrame(found)
    same = frame["predicted_label"].to_list() == wanted["predicted_label"].to_list()
    return same and (frame["probability_cat"] - wanted["probability_cat"]).abs().max() < CLOSE


def test_images_are_answered_as_predict_does(server: Server, folder_run: Path, tmp_path: Path) -> None:
    """One alone, several in a form, and in base64; more than go through the network together, too."""
    files = {f"{n:02}.png": saved(noise(n + 50, (8 + n % 3, 6))) for n in range(20)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    wanted = bw.predict(bw.open_run(folder_run), tmp_path).frame()
    one = post(server, files["00.png"], "image/png").json()
    assert close(one["answers"], wanted[:1]) and one["notes"] == []
    body, content = form_of(*((f"field {name}", name, data) for name, data in files.items()))
    reply = post(server, body, content)
    told = reply.json()
    assert reply.status == 200 and close(told["answers"], wanted)
    assert [list(row.values())[:2] for row in told["answers"]] == [[f"field {name}", name] for name in files]
    assert told["notes"] == ["13 of 20 images resized to 8x6"]
    frame = pl.read_csv(post(server, body, content, accept="text/csv").body)
    assert frame.columns == ["field", "file", *wanted.drop("path").columns] and close(frame.to_dicts(), wanted)
    rows = [{"image": in_base64(data)} for data in files.values()]
    assert close(server.ask(rows).json()["answers"], wanted)


def test_rows_with_an_image_are_answered_as_predict_does(servers: list[Server], table_run: Path) -> None:
    home, server = table_run.parent, servers[1]
    frame = pets(5).drop("label")
    frame.write_csv(home / "some.csv")
    wanted = bw.predict(bw.open_run(table_run), home / "some.csv").frame()
    files = [(home / name).read_bytes() for name in frame["photo"]]
    rows = frame.with_columns(pl.Series("photo", list(map(in_base64, files))))
    assert close(server.ask(rows.to_dicts()).json()["answers"], wanted)
    reply = post(server, rows.write_csv().encode(), "text/csv; charset=utf-8")
    assert close(reply.json()["answers"], wanted)
    body, content = form_of(
        ("photo", "x.png", files[1]), ("size", None, b"0.14285714285714285"), ("colour", None, b"red")
    )
    told = post(server, body, content).json()
    assert close(told["answers"], wanted[1:2]) and "field" not in told["answers"][0]
    named = post(server, frame.write_csv().encode(), "text/csv")
    assert named.status == 422 and "not the name of its file" in named.json()["cells"][0]["reason"]


def test_what_is_refused(server: Server) -> None:
    """A damaged image, one of another kind, a huge one, one that says so, and other types."""
    good = saved(noise(1))
    for body, content, status, said in (
        (good[:70], "image/png", 422, "image file is truncated"),
        (b"<svg/>", "image/svg+xml", 422, "is no image of a format that can be read"),
        (b"", "image/png", 422, "is empty"),
        (said_to_be(20_000, 20_000), "image/png", 413, "at most 100,000 pixels"),
        (said_to_be(400, 300), "image/png", 413, "at most 100,000 pixels"),
        (b"x" * 300_000, "image/png", 413, "larger than the 200,000 bytes"),
        (good, "text/csv", 415, "image/*, multipart/form-data"),
        (good, "multipart/form-data; boundary=x", 400, "does not hold the boundary"),
        (good, "application/json", 400, "not UTF-8"),
        (b'[{"image": "/etc/passwd"}]', "application/json", 422, "is no image of a format"),
    ):
        reply = post(server, body, content)
        assert reply.status == status and said in reply.body.decode(), reply.body
    assert post(server, good, "image/png").status == 200


def test_many_clients_get_the_answers_to_their_own_images(server: Server, folder_run: Path, tmp_path: Path) -> None:
    """16 at once, with damaged images among good ones; some are answered together."""
    files = [saved(noise(n)) for n in range(48)]
    for number, data in enumerate(files):
        (tmp_path / f"{number:02}.png").write_bytes(data)
    wanted = bw.predict(bw.open_run(folder_run), tmp_path).frame()
    start = threading.Barrier(16)

    def client(number: int) -> None:
        start.wait()
        for place in range(number, 48, 16):
            bad = place % 5 == 0
            reply = post(server, files[place][: 60 if bad else None], "image/png")
            assert reply.status == (422 if bad else 200)
            if not bad:
                assert close(reply.json()["answers"], wanted[place : place + 1])

    def count() -> tuple[float, float]:
        lines = dict(line.rsplit(" ", 1) for line in server.get("/metrics").body.decode().splitlines())
        return float(lines["batchwright_images_total"]), float(lines["batchwright_decode_seconds_count"])

    before = count()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(client, range(16)))
    assert [now - then for now, then in zip(count(), before, strict=True)] == [38, 38]


def test_it_says_how_it_is_asked(servers: list[Server]) -> None:
    for server, column, form in ((servers[0], "image", "-F first=@one.png"), (servers[1], "photo", "-F 'photo=@")):
        described = server.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
        assert {"application/json", "image/*", "multipart/form-data"} <= set(described)
        asked = described["application/json"]
        assert asked["schema"]["oneOf"][0]["items"]["properties"][column]["contentEncoding"] == "base64"
        reply = ask(server.port, asked["example"])
        assert reply.status == 200 and reply.json()["notes"] == []
        page = server.get("/").body.decode()
        assert form.replace("'", "&#x27;") in page and f"<code>{column}</code>" in page and "8x6x3" in page


def test_it_ends_without_a_word(servers: list[Server]) -> None:
    """The last test of these servers."""
    for server in servers:
        server.child.send(signal.SIGTERM)
        assert server.child.ended() == 0 and server.child.err == ""
