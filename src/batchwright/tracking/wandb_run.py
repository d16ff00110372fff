"""Log to Weights & Biases, online or offline, as its own settings and environment variables say."""

import os
from collections.abc import Sequence
from typing import Any

from batchwright.tracking.reach import require_answer
from batchwright.tracking.tracker import EPOCH, About, Ending, Epoch, plain_settings

PROJECT = "batchwright"
ANSWER = 20
"""Seconds in which the server has to answer."""


class WandbRun:
    """Log one run to a project; an empty one is that of WANDB_PROJECT, or `batchwright`."""

    def __init__(self, project: str) -> None:
        self._project = project or os.environ.get("WANDB_PROJECT") or PROJECT
        self._run: Any = None

    def start(self, about: About, earlier: str) -> str:
        """Make a run, or go on with an earlier one."""
        import wandb

        if self._run is None:
            settings = wandb.setup().settings
            if settings.mode == "online":
                require_answer(settings.base_url)
            self._run = wandb.init(
                project=self._project,
                id=earlier or None,
                name=about.name,
                group=about.group or None,
                config=plain_settings(about.settings),
                resume="allow" if earlier else None,
                reinit="create_new",
                settings=wandb.Settings(silent=True, console="off", init_timeout=ANSWER),
            )
            self._run.define_metric("*", step_metric=EPOCH)
        return str(self._run.id)

    def add(self, epochs: Sequence[Epoch]) -> None:
        """Log the figures of epochs."""
        for epoch in epochs:
            self._run.log(dict(epoch.row))

    def end(self, ending: Ending) -> None:
        """Set the metrics as the summary of the run, and end it."""
        self._run.summary.update({**ending.metrics, "ending": ending.reason})
        self._run.finish(exit_code=0 if ending.status == "finished" else 1)


def is_ready() -> bool:
    """Whether a run can be begun without a person who types a key."""
    import wandb

    if wandb.setup().settings.mode in ("offline", "disabled", "dryrun"):
        return True
    return bool(wandb.login(prompt=False, verify=False))
