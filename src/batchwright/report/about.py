"""Where a run came from: its data and what was left out, accounting, time, origin of settings, how to repeat."""

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

import numpy as np

from batchwright.config import flow
from batchwright.data.encode.encoding import Encoding
from batchwright.data.encode.preprocessing import Preprocessing
from batchwright.data.typed.schema import Column
from batchwright.errors import BatchwrightError
from batchwright.figures import Axis, Bar, bars
from batchwright.figures.text import clean
from batchwright.report.blocks import Block, Cell, Chart, Code, Facts, Grid, Points, Section, Words
from batchwright.report.gathered import Gathered
from batchwright.report.rows_shown import shown_name
from batchwright.runs.manifest import CONFIG, Setting
from batchwright.runs.run import Run

MOST_COLUMNS, MOST_LISTED = 200, 30
LONGEST_VALUE = 200
CHOSEN_BY = {
    "default": "default",
    "user": "you",
    "initial": "the run it began from",
    "rows": "the number of rows",
    "measured": "measurement",
    "searched": "search",
}


def data_section(run: Run) -> Section:
    """The columns, what they are taken for, and which are not used and why."""
    encoding = _encoding(run)
    if encoding is None:
        return Section("data", "Data", (Words("What the columns were taken for is not recorded."),))
    columns = encoding.schema.columns
    used = set(encoding.schema.used)
    facts = Facts(
        (
            ("source", clean(run.manifest.source)),
            ("target", clean(encoding.target.name)),
            ("columns", f"{len(columns):,}, {len(used):,} of them inputs" if columns else "none: images"),
            *(("rows", text) for text in [_parts(run)] if text),
            ("fingerprint", run.manifest.fingerprint),
        )
    )
    remarks = [Points(tuple(map(clean, run.manifest.remarks)))] if run.manifest.remarks else []
    return Section("data", "Data and what was left out", (facts, *remarks, *_columns(encoding)))


def _columns(encoding: Encoding) -> list[Block]:
    """A row for each column; those that are left out or doubtful come first where there are many."""
    columns, targets = encoding.schema.columns, set(encoding.schema.targets)
    if not columns:
        return []
    order = (
        sorted(columns, key=lambda column: column.used and not column.note) if len(columns) > MOST_COLUMNS else columns
    )
    scalings = encoding.preprocessing.chosen_scalings if isinstance(encoding.preprocessing, Preprocessing) else {}
    rows = tuple(
        (
            shown_name(column.name),
            column.kind,
            "target" if column.name in targets else "input" if column.used else "no",
            clean(_note(column, scalings))[:LONGEST_VALUE],
        )
        for column in order[:MOST_COLUMNS]
    )
    more = f"; {MOST_COLUMNS} of {len(columns):,}, those with a note first" * (len(columns) > MOST_COLUMNS)
    return [Grid(f"Columns{more}", ("column", "kind", "used", "note"), rows)]


def _note(column: Column, scalings: dict[str, tuple[str, str]]) -> str:
    """What is doubtful about a column, and how it is scaled and why where that was chosen."""
    scaling, why = scalings.get(column.name, ("", ""))
    return "; ".join(filter(None, (column.note, f"scaling {scaling} ({why})" if scaling else "")))


def _parts(run: Run) -> str:
    try:
        indices = run.indices()
    except BatchwrightError:
        return ""
    parts = {name: len(getattr(indices, name)) for name in ("train", "validation", "test")}
    return ", ".join(f"{count:,} {name}" for name, count in parts.items() if count)


def _encoding(run: Run) -> Encoding | None:
    try:
        return run.encoding
    except BatchwrightError:
        return None


def accounting_section(run: Run) -> Section:
    """Rows, iterations and updates in whole numbers, and where the time went."""
    rows = tuple((name.replace("_", " "), _plan_cell(value)) for name, value in run.plan.items())
    spent = {name: value for name, value in run.manifest.seconds.items() if name != "total" and _is_number(value)}
    total = run.manifest.seconds.get("total")
    blocks: list[Block] = [Grid("Accounting", ("number", "value"), rows)] if rows else []
    if spent:
        drawn = [Bar(name.replace("_", " "), float(value or 0.0)) for name, value in spent.items()]
        words = "" if total is None else f"{total:,.1f} s in all."
        blocks.append(Chart(bars(drawn, Axis("time", "s"), title="Time by part", width=480), words))
    return Section("accounting", "Accounting and time", tuple(blocks) or (Words("Nothing was counted."),))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and bool(np.isfinite(value))


def _plan_cell(value: Any) -> Cell:
    return (
        value if isinstance(value, int | float) and not isinstance(value, bool) else clean(flow(value))[:LONGEST_VALUE]
    )


def settings_section(run: Run) -> Section:
    """Every setting of a run, who chose it, and why where it was measured."""
    reasons = {key: str(found.get("reason", "")) for key, found in _evidence(run).items()}
    if not run.settings:
        return Section("settings", "Settings", (Words("No settings are recorded: the training had not begun."),))
    return Section("settings", "Settings", (settings_grid(run.settings, reasons),))


def settings_grid(settings: Mapping[str, Setting], reasons: Mapping[str, str]) -> Grid:
    """Every setting, who chose it, and the reason where there is one; those that are not defaults come first."""
    rows = tuple(
        (
            clean(key),
            clean(flow(setting.value))[:LONGEST_VALUE],
            CHOSEN_BY.get(setting.origin, setting.origin),
            clean(reasons.get(key, ""))[: 3 * LONGEST_VALUE],
        )
        for key, setting in sorted(settings.items(), key=lambda one: one[1].origin == "default")
    )
    return Grid("Settings", ("setting", "value", "chosen by", "why"), rows)


def _evidence(run: Run) -> dict[str, dict[str, Any]]:
    try:
        return run.evidence
    except BatchwrightError:
        return {}


def card_section(found: Gathered) -> Section:
    """A model card in short: what it is, what for, on what, how good, and what it cannot say (Mitchell et al. 2019)."""
    run, encoding = found.run, _encoding(found.run)
    network, task = run.settings.get("network.name"), None if found.model is None else found.model.model.task
    metrics = run.metrics.get("test") or run.metrics.get("validation") or {}
    part = "test" if run.metrics.get("test") else "validation"
    told = ", ".join(f"{name} {value:.4g}" for name, value in list(metrics.items())[:4])
    pairs = [
        (
            "model",
            f"{network.value if network else 'a network'}{_parameters(run)}, trained by mini-batch gradient descent",
        ),
        ("predicts", "unknown" if encoding is None else f"{clean(encoding.target.name)}: {_predicts(encoding)}"),
        ("trained on", f"{clean(run.manifest.source)}, {run.manifest.created[:10]}"),
        ("rows", _parts(run) or "not recorded"),
        ("quality", f"on {part} rows: {told}" if told else "not measured"),
        ("loss", str(getattr(task, "loss", None) or "not known") if task is not None else "not known"),
        (
            "limits",
            "of rows unlike the training rows, such as those of later years, nothing is known here",
        ),
    ]
    weak = [one.description for one in found.explained.segments[:5]] if found.explained else []
    if weak:
        pairs.append(("weak where", "; ".join(map(shown_name, weak))))
    return Section("card", "Model card", (Facts(tuple((name, clean(text)) for name, text in pairs)),))


def _parameters(run: Run) -> str:
    count = run.plan.get("parameters")
    return f" with {count:,} parameters" if isinstance(count, int) else ""


def _predicts(encoding: Encoding) -> str:
    classes = encoding.target.classes
    if not classes:
        return "a number" if encoding.schema.task == "regression" else "several targets"
    shown = ", ".join(map(shown_name, classes[:10]))
    kind = "labels" if encoding.schema.task == "multilabel" else "classes"
    return f"{len(classes):,} {kind}: {shown}{', ...' if len(classes) > 10 else ''}"


def reproduce_section(run: Run) -> Section:
    """The commands, versions and fingerprint with which the run can be had again."""
    manifest = run.manifest
    folder = quote(str(run.path))
    commands = [
        f"pip install batchwright=={manifest.versions.get('batchwright', '')}",
        f"batchwright train --config {quote(str(run.path / CONFIG))}",
        f"batchwright predict {folder} ROWS --output answers.csv",
        f"batchwright evaluate {folder} ROWS",
    ]
    made_with = {**manifest.versions, **manifest.machine, "device": manifest.device}
    return how_to_repeat(commands, manifest.fingerprint, made_with)


FROM_PYTHON = "# the rows came from Python: name their source after the verb"


def how_to_repeat(commands: Sequence[str], fingerprint: str, made_with: Mapping[str, str]) -> Section:
    """The commands that give the same again, and with which versions and machine it was made."""
    facts = Facts(tuple((clean(str(name)), clean(str(value))) for name, value in made_with.items() if value))
    words = (
        "On a device and with versions like these, the same rows, settings and seed give the same bits. "
        f"The fingerprint of the rows is {clean(fingerprint) or 'not recorded'}."
    )
    code = Code("\n".join(clean(line) for line in commands))
    return Section("reproduce", "How to reproduce", (Words(words), code, facts))
