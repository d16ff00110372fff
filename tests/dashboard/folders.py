"""Folders of runs as a training leaves them, without a training."""

import json
from pathlib import Path

from batchwright._files import Lock
from batchwright.runs.manifest import Manifest, Setting, describe_file


def settings(seed: int, rate: float = 0.01) -> dict[str, Setting]:
    return {
        "network.name": Setting("tabular", "default"),
        "optimizer.name": Setting("adam", "default"),
        "optimizer.learning_rate": Setting(rate, "user"),
        "training.batch_size": Setting(64, "default"),
        "training.epochs": Setting(20, "user"),
        "training.seed": Setting(seed, "user"),
        "data.scaling": Setting("robust", "user"),
    }


def history(epochs: int, scale: float = 1.0) -> bytes:
    rows = (
        {"epoch": e, "iteration": 10 * e, "seconds": 0.1 * e, "loss": scale / e, "val_loss": scale / e + 0.1}
        for e in range(1, epochs + 1)
    )
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def write_run(
    folder: Path,
    *,
    seed: int = 0,
    epochs: int = 20,
    status: str = "finished",
    rate: float = 0.01,
    source: str = "rows.csv",
    members: int | None = None,
) -> Path:
    folder.mkdir(parents=True)
    content = history(epochs, 1 + seed / 10)
    manifest = Manifest(
        source,
        f"2026-01-01T00:00:{seed % 60:02}.000000+00:00",
        {"batchwright": "0", "jax": "0", "python": "3"},
        status=status,
        reason="all epochs are done" if status == "finished" else "",
        plan={"updates": 200, "epochs": 20},
        metrics={"test": {"loss": 0.5, "accuracy": 0.9 + seed / 1000}} if status == "finished" else {},
        confusion={"test": [[5.0, 1.0], [0.0, 4.0]]},
        seconds={"total": 2.5} if status == "finished" else {},
        settings=settings(seed, rate) | ({} if members is None else {"training.members": Setting(members, "user")}),
        files={"history.jsonl": describe_file(content)},
    )
    (folder / "manifest.json").write_text(manifest.to_text(), encoding="utf-8")
    (folder / "history.jsonl").write_bytes(content)
    return folder


def hold(folder: Path) -> Lock:
    """Lock a run as a training process does; the lock holds until it is released."""
    return Lock(folder / "lock", "held")


def write_search(folder: Path, *, done: bool = True) -> Path:
    folder.mkdir(parents=True)
    (folder / "search.json").write_text(json.dumps({"format": 1, "source": "rows.csv", "trials": 3, "objective": None}))
    trials = [
        {
            "number": 0,
            "settings": {"optimizer.learning_rate": 0.1, "optimizer.name": "sgd"},
            "ending": "stopped",
            "value": 0.9,
            "curve": [1.0, 0.9],
        },
        {
            "number": 1,
            "settings": {"optimizer.learning_rate": 0.001, "optimizer.name": "adam"},
            "ending": "finished",
            "value": 0.2,
            "curve": [0.8, 0.4, 0.3, 0.2],
        },
        {
            "number": 2,
            "settings": {"optimizer.learning_rate": 0.01, "optimizer.name": "adam"},
            "ending": "diverged",
            "value": None,
            "curve": [None],
        },
    ]
    (folder / "trials.jsonl").write_text("".join(json.dumps(one) + "\n" for one in trials))
    if done:
        share = {"name": "optimizer.learning_rate", "share": 0.8, "low": 0.6, "high": 0.9}
        result = {
            "objective": {"monitor": "val_loss", "larger_is_better": False},
            "importance": {"fanova": [share], "sentence": "the learning rate mattered most"},
        }
        (folder / "result.json").write_text(json.dumps(result))
    return folder


def write_comparison(folder: Path) -> Path:
    folder.mkdir(parents=True)
    rows = [
        {
            "name": name,
            "settings": {"network.activation": name},
            "stable_range": [0.001, 0.1],
            "by_seed": [last, last],
            "curve": [1.0, last],
            "validation": {"mean": last, "low": last - 0.01, "high": last + 0.01},
            "updates_per_epoch": 4,
            "seconds_per_epoch": 0.01,
            "at_equal_seconds": last,
            "updates_to_target": None,
            "seconds_to_target": None,
            "curves_by_seed": [[0.9, last], [1.1, None]],
        }
        for name, last in (("relu", 0.12), ("tanh", 0.2))
    ]
    plan = {"source": "rows.csv", "vary": "network.activation", "trials": 3, "seeds": 2, "notes": ["a note"]}
    result = {"rows": rows, "target": 0.15, "verdict": "relu is better than tanh", "seconds": 3.5}
    (folder / "comparison.json").write_text(json.dumps({"format": 1, "plan": plan, "result": result}))
    return folder
