"""Another run takes over, whatever has gone wrong with one before."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

import batchwright as bw
from batchwright.pages.serving import make_door
from batchwright.serve import reloading
from batchwright.serve.app import App
from batchwright.serve.entry import Entry
from batchwright.serve.limits import Limits
from batchwright.serve.served import Served, serve_run


def test_an_error_of_another_library_does_not_end_the_watch(run_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no error of ours is said, and the next run is looked for all the same."""
    calls, said = list[str](), list[str]()
    served = serve_run(bw.open_run(run_path), 1)
    door = make_door("127.0.0.1", 1, path="/", read_only=True, announce=said.append)
    app = App(served, entry=Entry(None, door), limits=Limits(), announce=said.append)

    def load(*_: object) -> Served:
        calls.append("")
        if len(calls) == 1:
            raise MemoryError
        return replace(served, version="next")

    monkeypatch.setattr(reloading, "serve_run", load)
    monkeypatch.setattr(reloading, "EVERY", 0.01)

    async def watch() -> None:
        one = reloading.Reloading(app, run_path, largest=1, watch=True, announce=said.append)
        task = asyncio.create_task(one.run())
        model = run_path / "model" / "weights.safetensors"
        for count in (1, 2):
            await asyncio.sleep(0.1)
            model.touch()
            async with asyncio.timeout(60):
                while len(said) < count:
                    await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(watch())
    assert said[0].endswith("as there is no other to take over: MemoryError")
    assert "answers from now on (model next" in said[1] and app.served.version == "next"
    assert app.measured.reloads == {"refused": 1, "loaded": 1}
