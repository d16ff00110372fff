"""What a page is told while it is open: rows of the table that have changed, and new rows of the runs it draws.

The events are a stream of server-sent events. Each names the places up to which the histories were read, and a browser
sends the last of them when it comes back: so nothing is sent twice, whether a laptop was closed or the page was hidden.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from batchwright.dashboard.ending import Ending
from batchwright.dashboard.plain import Unreadable, read_mapping
from batchwright.dashboard.scan import HISTORY, PROGRESS, Scan, Scanner, short_row
from batchwright.dashboard.tail import News, Place, is_known, read_news, to_columns

EVERY = 1.0
"""Seconds between two looks at the histories that a page draws."""
TABLE_EVERY = 1.0
"""Seconds between two looks at the table."""
RETRY = 1000
"""Milliseconds after which a page comes back that has lost the server."""
QUIET = 5.0
"""Seconds after which a page is told that the server is still there."""
MOST_PROGRESS = 1 << 12
"""Bytes of a note of how far an epoch is."""
MOST_RUNS = 200
"""Runs that a page draws at once."""


@dataclass
class Followed:
    """What a page wants to know.

    Args:
        runs: the place up to which it knows the history of each run, by id.
        columns: the columns of histories that it wants; None for all.
        table: whether it shows the table.
        known: the rows of the table that it has, by id.
        progress: when the progress that it knows of each run was written, in nanoseconds.
        states: what it knows of how each run stands.
        left_out: what it knows not to be looked at.
        table_at: when the table was looked at.
        more: whether more of a history is there to be read at once.
    """

    runs: dict[str, Place]
    columns: frozenset[str] | None = None
    table: bool = False
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    progress: dict[str, int] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: str = ""
    table_at: float = float("-inf")
    more: bool = False


def parse_places(given: str) -> dict[str, Place]:
    """Places by the id of their run, as `id:place,id:place`; a run without a place is wanted from the beginning."""
    found = {}
    for part in given.split(",")[:MOST_RUNS]:
        identifier, _, place = part.partition(":")
        if identifier.isalnum() and len(identifier) <= 64:
            found[identifier] = Place.parse(place)
    return found


def format_places(places: Mapping[str, Place]) -> str:
    """The text that `parse_places` reads."""
    return ",".join(f"{identifier}:{place}" for identifier, place in places.items())


def as_event(kind: str, value: object, places: Mapping[str, Place] | None = None) -> bytes:
    """An event of a stream; JSON has no line breaks that could end it early."""
    mark = f"id: {format_places(places)}\n" if places else ""
    said = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return f"{mark}event: {kind}\ndata: {said}\n\n".encode()


async def follow(scanner: Scanner, followed: Followed, ending: Ending) -> AsyncIterator[bytes]:
    """The events of a page, until it goes or the server ends."""
    yield f"retry: {RETRY}\n\n".encode()
    told_at = float("-inf")
    with ending.count_page():
        while True:
            last = ending.begun
            if last:
                await asyncio.to_thread(scanner.scan, now=True)
            async for event in look_once(scanner, followed, last=last):
                told_at = time.monotonic()
                yield event
            if last:
                yield as_event("ended", {"again": ending.again})
                return
            if time.monotonic() - told_at >= QUIET:
                told_at = time.monotonic()
                yield as_event("alive", {})
            if not followed.more:
                await asyncio.sleep(EVERY)


async def look_once(scanner: Scanner, followed: Followed, *, last: bool) -> AsyncIterator[bytes]:
    """The events of one look at what a page follows; the `last` look is at the table too, however new that is."""
    if followed.table and (last or time.monotonic() - followed.table_at >= TABLE_EVERY):
        followed.table_at = time.monotonic()
        changes = changes_of(await asyncio.to_thread(scanner.scan), followed)
        if changes is not None:
            yield as_event("table", changes)
    for state in await asyncio.to_thread(states_of, scanner, followed):
        yield as_event("state", state)
    for progress in await asyncio.to_thread(progress_of, scanner, followed):
        yield as_event("progress", progress)
    followed.more = False
    for identifier in await asyncio.to_thread(find_changed, scanner, followed):
        news = await asyncio.to_thread(news_of, scanner, identifier, followed)
        if news is None:
            continue
        followed.runs[identifier] = news.place
        followed.more = followed.more or news.more
        if news.rows or news.anew:
            yield as_event("rows", tell_news(identifier, news, followed.columns), followed.runs)


def changes_of(scan: Scan, followed: Followed) -> dict[str, Any] | None:
    """The rows that are new or have changed, and the ids that are gone; None if the page knows it all."""
    known = followed.known
    changed = [entry.row for identifier, entry in scan.entries.items() if known.get(identifier) != entry.row]
    gone = [identifier for identifier in known if identifier not in scan.entries]
    new = not known or scan.left_out != followed.left_out
    known.clear()
    known.update({identifier: entry.row for identifier, entry in scan.entries.items()})
    followed.left_out = scan.left_out
    return {"rows": changed, "gone": gone, "left_out": scan.left_out} if changed or gone or new else None


def states_of(scanner: Scanner, followed: Followed) -> list[dict[str, Any]]:
    """How each run stands, "gone" where its folder is, if that is new to a page without a table."""
    if followed.table:
        return []
    entries, found = scanner.scan().entries, []
    for identifier in followed.runs:
        row = entries[identifier].row if identifier in entries else {"status": "gone"}
        state = {"status": row["status"], "reason": row.get("reason", ""), "updates": row.get("updates")}
        if followed.states.get(identifier) != state:
            followed.states[identifier] = state
            found.append({"id": identifier, **state})
    return found


def find_changed(scanner: Scanner, followed: Followed) -> list[str]:
    """The runs whose history is not known to its end: one look at all of them costs little."""
    entries, found = scanner.scan().entries, []
    for identifier, place in followed.runs.items():
        entry = entries.get(identifier)
        if entry is not None and not is_known(entry.path / HISTORY, place):
            found.append(identifier)
    return found


def news_of(scanner: Scanner, identifier: str, followed: Followed) -> News | None:
    """What is new in the history of a run."""
    entry = scanner.scan().entries.get(identifier)
    return None if entry is None else read_news(entry.path / HISTORY, followed.runs[identifier], time.time())


def progress_of(scanner: Scanner, followed: Followed) -> list[dict[str, Any]]:
    """How far the epoch in progress is of each run, where that is new."""
    entries, found = scanner.scan().entries, []
    for entry in (entries[identifier] for identifier in followed.runs if identifier in entries):
        path = entry.path / PROGRESS
        try:
            written = path.lstat().st_mtime_ns
            if written == followed.progress.get(entry.id):
                continue
            told = short_row(read_mapping(path, MOST_PROGRESS))
        except (OSError, Unreadable):
            continue
        followed.progress[entry.id] = written
        found.append({"id": entry.id, **told, "age": round(max(time.time() - written / 1e9, 0.0), 3)})
    return found


def tell_news(identifier: str, news: News, columns: frozenset[str] | None) -> dict[str, Any]:
    """New rows as plain data: columns of numbers, how far and how long ago was read."""
    last = news.rows[-1] if news.rows else {}
    return {
        "id": identifier,
        "anew": news.anew,
        "count": len(news.rows),
        "columns": to_columns(news.rows, columns),
        "upto": {"epoch": last.get("epoch"), "iteration": last.get("iteration")} if news.rows else None,
        "age": round(news.age, 3),
        "more": news.more,
        "damaged": news.damaged,
    }
