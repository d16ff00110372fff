"""Requests that wait are answered together; one that finds the network idle is answered at once.

There is no timer: while some rows go through the network, others arrive, and these are the next batch. So a request
waits for the batch before its own, and for nothing where it is alone.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar, TypeVarTuple

from batchwright.serve.answering import Alone, Encoded, Typed, answer_alone, answer_together, encode
from batchwright.serve.limits import Limits
from batchwright.serve.measured import Measured
from batchwright.serve.replies import Answered

T = TypeVar("T")
Given = TypeVarTuple("Given")

ALONE = 2
"""Threads that read and answer requests which go by the long way."""
DECODING = min(4, os.cpu_count() or 1)
"""Threads that decode images, each of which may hold the pixels of a request in memory."""
GATHERED = 2
"""Batches of decoded rows that wait at most, not counting what is being decoded."""


class _Waiting(NamedTuple):
    request: Typed | Encoded
    answer: asyncio.Future[Answered]


class Batches:
    """The requests that wait, and the threads that answer them: one for batches, and others for single requests."""

    def __init__(self, limits: Limits, measured: Measured) -> None:
        self._limits, self._measured = limits, measured
        self._queue = deque[_Waiting]()
        self._arrived = asyncio.Event()
        self._together, self._alone = ThreadPoolExecutor(1, "batch"), ThreadPoolExecutor(ALONE, "alone")
        self._decoders, self._decoding = ThreadPoolExecutor(DECODING, "decode"), asyncio.Semaphore(DECODING)
        self._decoded, self._room = 0, asyncio.Event()

    async def ask(self, request: Typed | Alone) -> Answered:
        """The answer to a request.

        Raises:
            RefusedError: it cannot be answered.
        """
        if isinstance(request, Typed):
            return await self._wait(request)
        if request.served.image is None:
            return await _in_thread(self._alone, answer_alone, request, self._limits)
        return await self._ask_images(request)

    async def _wait(self, request: Typed | Encoded) -> Answered:
        """The answer to rows that are ready for the network, together with others or alone."""
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._arrived.set()
        return await waiting.answer

    async def _ask_images(self, request: Alone) -> Answered:
        """The answer to a request for a model that takes images. It is read only once there is room for its pixels."""
        async with self._decoding:
            while self._decoded >= GATHERED * self._limits.batch:
                self._room.clear()
                await self._room.wait()
            began = time.perf_counter()
            encoded = await _in_thread(self._decoders, encode, request, self._limits)
            self._measured.count_images(encoded.rows, time.perf_counter() - began)
            if encoded.rows > self._limits.batch:
                return (await _in_thread(self._decoders, answer_together, [encoded]))[0]
            self._decoded += encoded.rows
        try:
            return await self._wait(encoded)
        finally:
            self._decoded -= encoded.rows
            self._room.set()

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
        self._decoders.shutdown(wait=False)

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


async def _in_thread(pool: ThreadPoolExecutor, work: Callable[[*Given], T], *given: *Given) -> T:
    """What some work gives that a thread does; polars may panic, which is no Exception, and becomes one."""

    def guarded() -> T:
        try:
            return work(*given)
        except BaseException as error:
            raise _as_exception(error) from error

    return await asyncio.get_running_loop().run_in_executor(pool, guarded)


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")


def _answer_each(requests: Sequence[Typed | Encoded]) -> Sequence[Answered | Exception]:
    """The answers; if they cannot be had together, each for itself, so that none suffers from another."""
    try:
        return answer_together(requests)
    except BaseException as error:  # polars may panic, which is no Exception
        if len(requests) == 1:
            return [_as_exception(error)]
        return [answer for request in requests for answer in _answer_each([request])]
