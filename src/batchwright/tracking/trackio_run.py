"""Log to Trackio: a project on this machine, or where Trackio's environment variables say."""

from collections.abc import Sequence
from typing import Any

from batchwright.tracking.quiet import quiet_thread
from batchwright.tracking.tracker import About, Ending, Epoch, plain_settings

PROJECT = "batchwright"


class TrackioRun:
    """Log one run to a project."""

    def __init__(self, project: str) -> None:
        self._project = project or PROJECT
        self._run: Any = None

    def start(self, about: About, earlier: str) -> str:
        """Make a run, or go on with the one that has the earlier name."""
        import trackio

        name = earlier or about.name
        if self._run is None:
            with quiet_thread():
                self._run = trackio.init(
                    self._project,
                    name=name,
                    group=about.group or None,
                    config=plain_settings(about.settings),
                    resume="allow" if earlier else "never",
                    embed=False,
                    auto_log_gpu=False,
                    auto_log_cpu=False,
                )
        return str(self._run.name)

    def add(self, epochs: Sequence[Epoch]) -> None:
        """Log the figures of epochs."""
        with quiet_thread():
            for epoch in epochs:
                self._run.log(epoch.figures, step=epoch.number)

    def end(self, ending: Ending) -> None:
        """Log the metrics, and end the run."""
        with quiet_thread():
            if ending.metrics:
                self._run.log(dict(ending.metrics), step=ending.epoch)
            self._run.finish()
