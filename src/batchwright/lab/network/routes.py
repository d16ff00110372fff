"""The routes of the small network: its page, and what the page asks while the network trains."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from batchwright.errors import BatchwrightError
from batchwright.lab.network.answer import answer_chain, answer_choices, answer_frame, answer_rows
from batchwright.lab.network.live_session import Sessions

MOST_SETTINGS = 40
"""Settings in an address."""
Answer: TypeAlias = Callable[[Sessions, Mapping[str, str]], dict[str, Any]]
ANSWERS: Mapping[str, Answer] = {
    "frame": answer_frame,
    "rows": answer_rows,
    "chain": answer_chain,
    "choices": answer_choices,
}


def network_routes(sessions: Sessions) -> list[Route]:
    """What the page of the small network asks."""
    return [Route(f"/lab/{kind}/network", partial(_answer, sessions, answer)) for kind, answer in ANSWERS.items()]


async def _answer(sessions: Sessions, answer: Answer, request: Request) -> Response:
    """The answer, or the problem as a sentence in both languages; another thread computes it."""
    settings = request.query_params.multi_items()[:MOST_SETTINGS]
    texts = {key: value for key, value in settings if key not in ("lang", "token")}
    return JSONResponse(await run_in_threadpool(answer_in_turn, sessions, answer, texts))


def answer_in_turn(sessions: Sessions, answer: Answer, texts: Mapping[str, str]) -> dict[str, Any]:
    """One answer after another: trainings share the machine, and none may be advanced while it is looked at."""
    with sessions.lock:
        try:
            return {"answer": answer(sessions, texts)}
        except BatchwrightError as error:
            return {"problem": {"en": str(error), "zh": f"设置有误。{error}"}}
