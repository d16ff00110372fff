"""Log to MLflow: to a tracking server, a database or a folder, with MLflow's own client."""

import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from batchwright.tracking.reach import require_answer
from batchwright.tracking.tracker import EPOCH, About, Ended, Ending, Epoch, hide_passwords, plain_settings

EXPERIMENT = "batchwright"
"""The experiment, where the environment variable MLFLOW_EXPERIMENT_NAME does not name one."""
METRICS, SETTINGS, LONGEST = 1000, 100, 500
"""Metrics and parameters that a request takes, and characters of a parameter that every server takes."""
STATUS: dict[Ended, str] = {
    "finished": "FINISHED",
    "diverged": "FAILED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}
_NOT_ALLOWED = re.compile(r"[^\w./ -]")


class MLflowRun:
    """Log one run to the tracking server `uri`; an empty one is that of MLFLOW_TRACKING_URI, or MLflow's default."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._client: Any = None
        self._id = ""
        self._known = 0

    def start(self, about: About, earlier: str) -> str:
        """Make a run with its settings, or open an earlier one again."""
        from mlflow import MlflowClient

        require_answer(self._uri or os.environ.get("MLFLOW_TRACKING_URI", ""))
        self._client = MlflowClient(tracking_uri=self._uri or None)
        if earlier:
            run = self._client.get_run(earlier)
            self._id, self._known = earlier, int(run.data.metrics.get(EPOCH, 0))
            self._client.update_run(earlier, status="RUNNING")
        else:
            self._make(about)
        return self._id

    def add(self, epochs: Sequence[Epoch]) -> None:
        """Send the figures of epochs that an earlier process has not sent."""
        from mlflow.entities import Metric

        new = [epoch for epoch in epochs if epoch.again or epoch.number > self._known]
        now = int(time.time() * 1000)
        figures = (
            Metric(_name(name), float(value), now, epoch.number)
            for epoch in new
            for name, value in epoch.row.items()
            if not (epoch.again and name == EPOCH)
        )
        for some in _pieces(figures, METRICS):
            self._client.log_batch(self._id, metrics=some)
        if any(not epoch.again for epoch in new):
            self._known = 0

    def end(self, ending: Ending) -> None:
        """Send the metrics, end the run, and send the figures."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(_name(name), value, now, ending.epoch) for name, value in ending.metrics.items()]
        for some in _pieces(metrics, METRICS):
            self._client.log_batch(self._id, metrics=some)
        self._client.set_tag(self._id, "batchwright.ending", ending.reason)
        self._client.set_terminated(self._id, status=STATUS[ending.status])
        for name, draw in ending.figures.items():
            self._client.log_text(self._id, draw().text, f"figures/{name}.svg")

    def _make(self, about: About) -> None:
        """Make a run, once, and send its settings."""
        from mlflow.entities import Param

        if not self._id:
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
            found = self._client.get_experiment_by_name(name)
            experiment = found.experiment_id if found else self._client.create_experiment(name)
            tags = {"mlflow.source.name": "batchwright", **({"batchwright.search": about.group} if about.group else {})}
            self._id = self._client.create_run(experiment, run_name=about.name, tags=tags).info.run_id
        settings = plain_settings(about.settings)
        params = (Param(_name(key), str(value)[:LONGEST]) for key, value in settings.items())
        for some in _pieces(params, SETTINGS):
            self._client.log_batch(self._id, params=some)
        if about.config:
            self._client.log_text(self._id, hide_passwords(about.config), "config.yaml")


def _name(name: str) -> str:
    """A name in the characters that MLflow takes."""
    return _NOT_ALLOWED.sub("_", name)


def _pieces(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The values in lists of this size, the last one of the rest."""
    left = iter(values)
    while some := list(islice(left, size)):
        yield some
