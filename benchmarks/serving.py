"""How many predictions a second `batchwright serve` gives, and how long each takes, by the number of clients.

Client and server share this machine. Each client keeps one connection, sends one row, and sends the next once it has
the answer to the one before. The rows are those of a CSV file; a short training on it makes the model, if no run is
given.
Runs in batchwright's own environment; nothing else should run meanwhile.
"""

import argparse
import asyncio
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from report import replace_section, table

CLIENTS = (1, 4, 16, 64)
ROWS = 2_000
"""Different rows that are sent, in turn."""
WARM = 0.5
"""Seconds at the beginning of each measurement that do not count."""


class Figures(NamedTuple):
    """What some clients have got, in seconds; `processor` is what the server took of all cores for each row."""

    clients: int
    rate: float
    median: float
    p99: float
    longest: float
    processor: float
    failed: int


class Served(NamedTuple):
    """A server, and the seconds by the clock and of all cores that it took to answer."""

    pid: int
    port: int
    seconds: float
    processor: float


class Client(asyncio.Protocol):
    """Sends requests, one after the other, and notes how long each answer takes."""

    def __init__(self, requests: Iterator[bytes], until: float) -> None:
        self.requests, self.until = requests, until
        self.taken, self.failed = list[tuple[float, float]](), 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._got, self._sent = b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end or len(body) < length_of(head):
            return
        now = time.perf_counter()
        self.taken.append((now, now - self._sent))
        self.failed += not head.startswith(b"HTTP/1.1 200") or b'"answers":[{' not in body
        self._got = b""
        if now < self.until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self.failed += 1
        self.ended.set_result(None)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self.requests))


def length_of(head: bytes) -> int:
    """The length of a body, from the head of the answer."""
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])


async def measure(served: Served, bodies: Sequence[bytes], clients: int, seconds: float) -> Figures:
    """The figures of so many clients in so many seconds."""
    loop, began, processor = asyncio.get_running_loop(), time.perf_counter(), processor_seconds(served.pid)
    requests = [request_of(body) for body in bodies]
    made = []
    for number in range(clients):
        own = cycle(requests[number * len(requests) // clients :] + requests[: number * len(requests) // clients])
        client = Client(own, began + WARM + seconds)
        await loop.create_connection(lambda client=client: client, "127.0.0.1", served.port)  # type: ignore[misc]
        made.append(client)
    await asyncio.gather(*(client.ended for client in made))
    taken = np.array([took for client in made for at, took in client.taken if at >= began + WARM])
    answers, failed = sum(len(client.taken) for client in made), sum(client.failed for client in made)
    times = float(np.median(taken)), float(np.quantile(taken, 0.99)), float(taken.max())
    each = (processor_seconds(served.pid) - processor) / answers
    return Figures(clients, len(taken) / seconds, *times, each, failed)


def processor_seconds(pid: int) -> float:
    """The seconds that a process has taken of all cores; NaN where the system does not say (other than Linux)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def request_of(body: bytes) -> bytes:
    """A request for predictions."""
    head = f"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


@contextmanager
def server(run: Path) -> Iterator[Served]:
    """A server, until the end of the block."""
    began = time.perf_counter()
    words = [sys.executable, "-m", "batchwright", "serve", str(run), "--port", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        port = int(line.partition("http://127.0.0.1:")[2].partition("/")[0])
        yield Served(process.pid, port, time.perf_counter() - began, processor_seconds(process.pid))
    finally:
        process.terminate()
        process.wait()


def train(data: Path, target: str, folder: Path) -> Path:
    """A run of the default network, trained for three epochs."""
    run = folder / "run"
    words = ["train", str(data), "--target", target, "--epochs", "3", "--run-dir", str(run)]
    subprocess.run([sys.executable, "-m", "batchwright", *words], check=True, capture_output=True)
    return run


def bodies_of(data: Path, target: str) -> list[bytes]:
    """Rows of a file, without the target, as bodies of JSON."""
    rows = pl.read_csv(data, null_values=["?"]).drop(target).head(ROWS).to_dicts()
    return [json.dumps([row]).encode() for row in rows]


def row(one: Figures) -> tuple[str, ...]:
    """The figures as cells of a table."""
    times = (f"{1000 * seconds:.1f}" for seconds in (one.median, one.p99, one.longest))
    return str(one.clients), f"{one.rate:,.0f}", *times, f"{1000 * one.processor:.2f}", str(one.failed)


def markdown(found: Sequence[Figures], served: Served) -> str:
    """The figures as a table."""
    header = ("clients", "rows/s", "median ms", "p99 ms", "longest ms", "ms of processor per row", "failed")
    rows = [row(one) for one in found]
    parser = "httptools" if importlib.util.find_spec("httptools") else "h11"
    started = f"answered {served.seconds:.2f} s after its start, {served.processor:.2f} s of processor"
    load = f"load of the machine at the start {os.getloadavg()[0]:.1f}"
    return f"{table(header, rows)}\n\nThe server, with {parser}, {started}; {load}.\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="a CSV file")
    parser.add_argument("--target", default="income", help="its target (default income)")
    parser.add_argument("--run", type=Path, metavar="RUN", help="a run of it; else one is trained")
    parser.add_argument("--clients", default=",".join(map(str, CLIENTS)), help="how many clients at once, with commas")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each number of clients (default 5)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="replace the section `serving` of a file")
    given = parser.parse_args(arguments)
    bodies = bodies_of(given.data, given.target)
    with tempfile.TemporaryDirectory() as folder:
        run = given.run or train(given.data, given.target, Path(folder))
        with server(run):
            pass  # fills the cache of compiled programs
        with server(run) as served:
            counts = [min(256, int(text)) for text in given.clients.split(",")]
            found = [asyncio.run(measure(served, bodies, count, min(60.0, given.seconds))) for count in counts]
    text = markdown(found, served)
    print(text, end="")
    if given.markdown:
        replace_section(given.markdown, text, "serving")
    return 0


if __name__ == "__main__":
    sys.exit(main())
