"""What the page of the small network shows, as plain data."""

import base64
import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchwright.lab.descent.plain import rounded
from batchwright.lab.descent.request import whole
from batchwright.lab.network.ask import TABLE, AskedNetwork
from batchwright.lab.network.chain import chain
from batchwright.lab.network.chain_words import describe_chain
from batchwright.lab.network.chosen_rows import ChosenRows, number_columns, read_table, table_target
from batchwright.lab.network.live_picture import Floats, take_picture, weights_of
from batchwright.lab.network.live_session import Sessions, Stand
from batchwright.lab.network.point_sets import POINT_SETS

MOST_LOSSES = 400
"""Losses of batches in an answer; of more, means of neighbours are sent."""
MOST_COLUMNS = 400
"""Columns of a table that are offered."""
BINS = 24
"""Of a histogram."""
PAGE_KEYS = ("page", "row")
"""Keys of a question that are no settings of the training."""


def answer_frame(sessions: Sessions, texts: Mapping[str, str]) -> dict[str, Any]:
    """The network at the iteration that is asked for, or on its way there.

    Raises:
        BatchwrightError: a text is wrong, or the table is.
    """
    stand = _stand(sessions, texts)
    live, small = stand.live, stand.asked.small
    picture = take_picture(live)
    return {
        "iteration": live.iteration,
        "wanted": stand.asked.steps,
        "before": stand.before,
        "epoch": live.epoch,
        "each": small.plan.iterations_per_epoch,
        "diverged": live.diverged,
        "losses": rounded(thin_means(np.array(stand.losses), MOST_LOSSES)),
        "metrics": {part: _finite(metrics) for part, metrics in live.metrics().items()},
        "answers": _packed_answers(picture.answers, small.rows),
        "spread": [spread_of(layer) for layer in picture.activations],
        "units": [[pack_signed(layer[:, unit]) for unit in range(layer.shape[1])] for layer in picture.units],
        "weights": [
            {"kernel": rounded(one.kernel), "bias": None if one.bias is None else rounded(one.bias)}
            for one in weights_of(live)
        ],
        "batch": live.next_batch().tolist(),
        "grid": [len(axis) for axis in picture.axes],
        "command": network_command(stand.asked, sessions.table),
        "python": network_python(stand.asked),
    }


def answer_rows(sessions: Sessions, texts: Mapping[str, str]) -> dict[str, Any]:
    """The points, what they are called, and what is told of them.

    Raises:
        BatchwrightError: a text is wrong, or the table is.
    """
    rows = sessions.rows_of(texts)
    return {
        "inputs": rows.inputs,
        "target": rows.target,
        "classes": rows.classes,
        "view": rows.view,
        "points": rounded(rows.points),
        "targets": rounded(rows.targets),
        "training": rows.dataset.train.rows,
        "notes": [*rows.notes, *rows.dataset.notes],
    }


def answer_chain(sessions: Sessions, texts: Mapping[str, str]) -> dict[str, Any]:
    """The next iteration of the network with all its numbers, as lines in both languages."""
    stand = _stand(sessions, texts)
    one = chain(stand.live)
    row = whole("row", texts.get("row") or "0")
    small = stand.asked.small
    passages = describe_chain(one, small.rows, small.optimizer, row=row)
    return {
        "iteration": one.iteration,
        "rows": one.rows.tolist(),
        "passages": [{"name": part.name, "title": part.title._asdict(), "lines": part.lines} for part in passages],
    }


def answer_choices(sessions: Sessions, texts: Mapping[str, str]) -> dict[str, Any]:
    """What may be chosen: sets of points, and the columns of the user's table for the target."""
    if sessions.table is None:
        return {"data": list(POINT_SETS), "table": None}
    table = read_table(sessions.table)
    names = [column.name for column in table.columns]
    target = texts.get("target") or table_target(sessions.table, table)
    numbers = number_columns(table, target)
    offered = {"targets": names[:MOST_COLUMNS], "target": target, "numbers": numbers[:MOST_COLUMNS]}
    return {"data": [*POINT_SETS, TABLE], "table": {**offered, "name": table.name}}


def _stand(sessions: Sessions, texts: Mapping[str, str]) -> Stand:
    asked = {key: text for key, text in texts.items() if key not in PAGE_KEYS}
    return sessions.at(asked, texts.get("page", ""))


def _packed_answers(answers: Floats, rows: ChosenRows) -> dict[str, Any]:
    """The probability of each class in 255ths; numbers as they are, or of a surface packed between two bounds."""
    if rows.classes:
        return {"classes": [pack(column, 0.0, 1.0) for column in answers.T]}
    if len(rows.inputs) == 1:
        return {"curve": rounded(answers[:, 0])}
    low, high = float(rows.targets.min()), float(rows.targets.max())
    return {"numbers": pack(answers[:, 0], low, high), "range": [low, high]}


def spread_of(outputs: Floats) -> dict[str, Any]:
    """How often the units of a layer give what: counts of equal ranges between the least and the largest output.

    The range is None if an output is not finite, as after a training has diverged.

    >>> spread_of(np.array([[0.0, 2.4], [2.3, 0.05]]))["counts"][:2]
    [2, 0]
    """
    low, high = float(outputs.min()), float(outputs.max())
    if not np.isfinite([low, high]).all():
        return {"range": None, "counts": []}
    wide = high - low or 1.0
    counts, edges = np.histogram(outputs, BINS, (low, low + wide))
    return {"range": rounded(edges[[0, -1]]), "counts": counts.tolist()}


def pack(values: Floats, low: float, high: float) -> str:
    """Numbers between two bounds as bytes, 0 to 255, in letters; what lies beyond is cut, what is no number is 0.

    >>> pack(np.array([0.0, 1.0, 2.0]), 0.0, 1.0)
    'AP//'
    """
    share = (np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-300)
    return base64.b64encode(np.round(255.0 * share.clip(0.0, 1.0)).astype(np.uint8).tobytes()).decode()


def pack_signed(values: Floats) -> str:
    """Numbers as bytes, so that 0 is 128 and the largest size is 1 or 255."""
    largest = float(np.abs(np.nan_to_num(values)).max()) or 1.0
    return base64.b64encode(
        np.round(128.0 + 127.0 * np.nan_to_num(values) / largest).astype(np.uint8).tobytes()
    ).decode()


def thin_means(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """At most so many numbers: means of neighbours where there are more.

    >>> thin_means(np.array([1.0, 3.0, 5.0, 7.0]), 2).tolist()
    [2.0, 6.0]
    """
    if len(values) <= most:
        return values
    return np.array([part.mean() for part in np.array_split(values, most)])


def _finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in metrics.items()}


def network_command(asked: AskedNetwork, table: Any = None) -> str:
    """The command that trains the same network."""
    texts = dict(asked.texts)
    name = texts.pop("data", "moons")
    words = ["batchwright", "lab", "network", str(table) if name == TABLE else name]
    for key, value in texts.items():
        if "." in key:
            words += ["--set", f"{key}={value}"]
        elif key == "batch_normalization":
            words.append("--batch-normalization")  # it is off unless it is there
        else:
            words += ["--optimizer" if key == "rule" else f"--{key.replace('_', '-')}", value]
    return shlex.join(words)


def network_python(asked: AskedNetwork) -> str:
    """Python that trains the same network and draws it."""
    given = ", ".join(f"{key!r}: {value!r}" for key, value in asked.texts.items() if key != "steps")
    return "\n".join(
        [
            "import batchwright as bw",
            "",
            f"live = bw.lab.Live(bw.lab.read_network({{{given}}}).small)",
            *([f"live.advance({asked.steps})"] if asked.steps else []),
            "print(live.metrics())",
            "one = bw.lab.chain(live)",
        ]
    )
