"""Another run in the place of the one that is served: loaded and compiled beside it, then exchanged at once."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

from batchwright.errors import RunError
from batchwright.runs.manifest import BEST_RUN, CONFORMAL, MANIFEST, MODEL, SCHEMA, SEARCH, WEIGHTS
from batchwright.runs.run import Run, open_run
from batchwright.serve.app import App
from batchwright.serve.served import serve_run

EVERY = 1.0
"""Seconds between two looks at the folder; what has changed is taken once two looks find the same."""

State = tuple[tuple[str, int, int], ...]
"""The files of models by name, with the time of the last change and the size of each."""


def find_run(path: Path) -> Run:
    """The run in a folder, or the newest finished one of the runs that are directly in it.

    Raises:
        RunError: there is none.
    """
    if not path.is_dir() or (path / MANIFEST).exists() or (path / SEARCH).exists():
        return open_run(path)
    found = [run for entry in sorted(path.iterdir()) if (run := _finished(entry)) is not None]
    if not found:
        raise RunError(f"{path} is not the folder of a run, and no folder in it is that of a run that has finished.")
    return max(found, key=lambda run: run.manifest.created)


def _finished(folder: Path) -> Run | None:
    """The run in a folder, if it has finished and can be opened."""
    try:
        run = open_run(folder) if folder.is_dir() and not folder.name.startswith(".") else None
    except RunError:
        return None
    return run if run is not None and run.status == "finished" else None


def state_of(path: Path) -> State:
    """When the models in a folder were changed last."""
    names = [
        f"{below}{name}" for below in ("", f"{BEST_RUN}/") for name in (MANIFEST, SCHEMA, MODEL, WEIGHTS, CONFORMAL)
    ]
    files = [path / name for name in names]
    with contextlib.suppress(OSError):
        files += [entry / name for entry in sorted(path.iterdir()) if entry.is_dir() for name in names]
    found = []
    for file in files:
        with contextlib.suppress(OSError):
            status = file.stat()
            found.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(found)


class Reloading:
    """Takes another run at SIGHUP, and, where the folder is watched, when what is in it has changed."""

    def __init__(self, app: App, path: Path, *, largest: int, watch: bool, announce: Callable[[str], None]) -> None:
        self._app, self._path, self._largest = app, path, largest
        self._watch, self._announce = watch, announce
        self._own = state_of(app.served.path)

    async def run(self) -> None:
        """Look and listen until it is cancelled."""
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
        taken = before = state_of(self._path)
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), EVERY if self._watch else None)
            now = await asyncio.to_thread(state_of, self._path)
            if asked.is_set() or (now == before and now != taken):
                if asked.is_set():
                    self._own = ()
                asked.clear()
                await self._reload()
                taken = now
            before = now

    async def _reload(self) -> None:
        """Take the run that is there now, unless it is the one that is served, and has not changed."""
        old = self._app.served
        try:
            run = await asyncio.to_thread(find_run, self._path)
            own = state_of(run.path)
            if own == self._own:
                return
            self._own = own
            served = await asyncio.to_thread(serve_run, run, self._largest)
        except Exception as error:  # whatever a damaged run makes of JAX or of the disk, later runs are looked for
            self._app.measured.reloads["refused"] += 1
            said = str(error) or type(error).__name__
            self._announce(f"{old.path} goes on (model {old.version}), as there is no other to take over: {said}")
            return
        self._app.served = served
        self._app.measured.reloads["loaded"] += 1
        self._announce(f"{served.path} answers from now on (model {served.version}, before {old.version})")
