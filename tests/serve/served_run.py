"""A small run with a column of each kind, rows that it can be asked for, and a client that sends what it is told to."""

import http.client
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from tests.children import Child

import batchwright as bw

COLOURS = ("red", "green", "blue")
WORDS = ("late", "early", "cheap", "dear", "good", "bad")


def table(rows: int = 120, seed: int = 0) -> pl.DataFrame:
    """Numbers with and without gaps, categories, flags and texts, and which of two classes a row is of."""
    draw = np.random.default_rng(seed)
    first, second = draw.normal(size=rows).round(3), draw.integers(0, 90, rows)
    colour = draw.choice(COLOURS, rows)
    told = [" ".join(draw.choice(WORDS, 6)) + f" {number}" for number in range(rows)]
    return pl.DataFrame(
        {
            "first": first,
            "second": pl.Series(second).set(pl.Series(draw.random(rows) < 0.1), None),
            "colour": pl.Series(colour).set(pl.Series(draw.random(rows) < 0.1), None),
            "member": pl.Series(draw.random(rows) < 0.5),
            "told": told,
            "day": [f"2024-{1 + n % 12:02}-{1 + n % 28:02}" for n in range(rows)],
            "bought": np.where(first + (colour == "red") > 0.5, "yes", "no"),
        }
    )


def train(folder: Path, *, seed: int = 0, **settings: Any) -> Path:
    """The run of a network of few units, trained for one epoch."""
    data = bw.load(
        table(seed=seed), target="bought", kinds={"told": "text", "day": "date"}, text={"features": 64, "length": 8}
    )
    bw.fit(data, network=bw.nn.Tabular((4,), **settings), epochs=1, run_dir=folder, seed=seed)
    return folder


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def send(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
    """Send a request over a connection of its own; names of headers have "_" for "-"."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, given)
    response = connection.getresponse()
    reply = Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    connection.close()
    return reply


def ask(port: int, rows: object, query: str = "", **headers: str) -> Reply:
    """Send rows or columns as JSON."""
    body = json.dumps(rows).encode()
    return send(port, "POST", f"/predict{query}", body, content_type="application/json", **headers)


class Server:
    """A process that serves, and its port."""

    def __init__(self, child: Child) -> None:
        self.child = child
        child.wait_until(lambda: "says how to ask" in child.out)
        self.port = int(child.out.partition("http://127.0.0.1:")[2].partition("/")[0])

    def ask(self, rows: object, query: str = "", **headers: str) -> Reply:
        return ask(self.port, rows, query, **headers)

    def get(self, path: str, **headers: str) -> Reply:
        return send(self.port, "GET", path, **headers)
