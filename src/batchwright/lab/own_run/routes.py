"""The routes of a run that is looked at."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from batchwright.errors import BatchwrightError
from batchwright.lab.own_run.looks import RunLooks

FIGURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""A figure has a style sheet of its own, and needs nothing else."""


def run_routes(looks: RunLooks | None) -> list[Route]:
    """What the page of a run asks; without a run it is told how to name one."""

    async def answer(request: Request) -> Response:
        if looks is None:
            words = "no run was named: start the lab with one, as in `batchwright lab --run runs/iris-1`."
            return JSONResponse({"problem": {"en": words, "zh": f"没有指定训练记录。{words}"}})
        try:
            found = await run_in_threadpool(looks.ask, request.query_params.get("directions", "path"))
        except BatchwrightError as error:
            return JSONResponse({"problem": {"en": str(error), "zh": f"设置有误。{error}"}})
        return JSONResponse({"answer": found})

    async def figure(request: Request) -> Response:
        path = request.path_params
        text = None if looks is None else await run_in_threadpool(looks.figure, path["directions"], path["name"])
        if text is None:
            return PlainTextResponse("There is no such figure.", 404)
        return Response(text, media_type="image/svg+xml", headers={"content-security-policy": FIGURE_POLICY})

    return [Route("/lab/look/run", answer), Route("/lab/look/run/{directions}/{name}.svg", figure)]
