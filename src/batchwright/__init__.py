"""Batchwright trains neural networks by mini-batch gradient descent, on tables, arrays and images.

    import batchwright as bw

    data = bw.load("adult.csv", target="income")
    trained = bw.fit(data, network=bw.nn.MLP((256, 128)), optimizer=bw.optim.Adam(learning_rate=1e-3), epochs=20)
    trained.test_metrics, trained.history, trained.predict(frame)

Every public name is loaded on its first use (PEP 562), so that importing the package costs nothing.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "load": "batchwright.data.load",
    "describe": "batchwright.data.describe",
    "Dataset": "batchwright.data.dataset",
    "fit": "batchwright.api",
    "events": "batchwright.api",
    "resume": "batchwright.api",
    "run_search": "batchwright.search.run",
    "resume_search": "batchwright.search.run",
    "open_search": "batchwright.search.saved",
    "compare": "batchwright.comparison.run",
    "open_comparison": "batchwright.comparison.saved",
    "compare_peers": "batchwright.comparison.peers.saved",
    "open_leaderboard": "batchwright.comparison.peers.saved",
    "Trained": "batchwright.workflow",
    "Searched": "batchwright.search.events",
    "Metric": "batchwright.tasks.metrics",
    "CustomTask": "batchwright.tasks.own",
    "EarlyStopping": "batchwright.training.stopping",
    "Divergence": "batchwright.training.job",
    "Average": "batchwright.training.average",
    "AdaptiveBatchSize": "batchwright.training.growth",
    "Checkpoints": "batchwright.training.checkpoint",
    "open_run": "batchwright.runs.run",
    "predict": "batchwright.runs.predictions",
    "explain": "batchwright.explanation",
    "export_model": "batchwright.export.exporting",
    "diagnose": "batchwright.diagnosis",
    "try_remedies": "batchwright.comparison.run",
    "Classifier": "batchwright.estimators",
    "Regressor": "batchwright.estimators",
    "nn": "",
    "optim": "",
    "lab": "",
    "tasks": "",
    "errors": "",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES[name]
    return getattr(import_module(home), name) if home else import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted(__all__)
