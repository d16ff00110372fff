"""Requests that wait are answered together; one that finds the network idle is answered at once.

There is no timer: while some rows go through the network, others arrive, and these are the next batch. So a request
waits for the batch before its own, and for nothing where it is alone.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from batchwright.serve.answering import Alone, Typed, answer_alone, answer_together
from batchwright.serve.limits import Limits
from batchwright.serve.measured import Measured
from batchwright.serve.replies import Answered

ALONE = 2
"""Threads that read and answer requests which go by the long way."""


class _Waiting(NamedTuple):
    request: Typed
    answer: asyncio.Future[Answered]


class Batches:
    """The requests that wait, and what answers them: a thread for batches, and two for requests on their own."""

    def __init__(self, limits: Limits, measured: Measured) -> None:
        self._limits, self._measured = limits, measured
        self._queue = deque[_Waiting]()
        self._arrived = asyncio.Event()
        self._together, self._alone = ThreadPoolExecutor(1, "batch"), ThreadPoolExecutor(ALONE, "alone")

    async def ask(self, request: Typed | Alone) -> Answered:
        """The answer to a request.

        Raises:
            RefusedError: it cannot be answered.
        """
        loop = asyncio.get_running_loop()
        if isinstance(request, Alone):
            return await loop.run_in_executor(self._alone, _answer_alone, request, self._limits.rows)
        waiting = _Waiting(request, loop.create_future())
        self._queue.append(waiting)
        self._arrived.set()
        return await waiting.answer

    async def run(self) -> None:
        """Answer batch after batch, until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            batch = self._take()
            requests = [waiting.request for waiting in batch]
            self._measured.batches.add(sum(request.rows for request in requests))
            answers = await loop.run_in_executor(self._together, _answer_each, requests)
            for waiting, answer in zip(batch, answers, strict=True):
                _give(waiting.answer, answer)
            if not self._queue:
                self._arrived.clear()

    def close(self) -> None:
        """End the threads."""
        self._together.shutdown(wait=False)
        self._alone.shutdown(wait=False)

    def _take(self) -> list[_Waiting]:
        """The first request, and those behind it that can be answered together with it; the others stay in order."""
        first = self._queue[0].request
        taken, left, rows = list[_Waiting](), deque[_Waiting](), 0
        for waiting in self._queue:
            request = waiting.request
            alike = request.served is first.served and request.options == first.options
            if not taken or (alike and rows + request.rows <= self._limits.batch):
                taken.append(waiting)
                rows += request.rows
            else:
                left.append(waiting)
        self._queue = left
        return taken


def _give(future: asyncio.Future[Answered], answer: Answered | Exception) -> None:
    if future.done():  # whoever asked has left
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _answer_alone(request: Alone, most_rows: int) -> Answered:
    try:
        return answer_alone(request, most_rows)
    except BaseException as error:
        raise _as_exception(error) from error


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")


def _answer_each(requests: Sequence[Typed]) -> Sequence[Answered | Exception]:
    """The answers; if they cannot be had together, each for itself, so that none suffers from another."""
    try:
        return answer_together(requests)
    except BaseException as error:  # polars may panic, which is no Exception
        if len(requests) == 1:
            return [_as_exception(error)]
        return [answer for request in requests for answer in _answer_each([request])]
