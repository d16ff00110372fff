"""What a report of a measurement says: the recommendation and its reason, the curves, the table, how to repeat it."""

from math import isfinite
from shlex import quote

from batchwright.config import Settings, flow
from batchwright.figures import Svg
from batchwright.figures.text import clean
from batchwright.measure.batch_size import BatchSizes
from batchwright.measure.learning_rate import LearningRates
from batchwright.measure.verify import Verified
from batchwright.report.about import how_to_repeat, settings_grid
from batchwright.report.blocks import Block, Chart, Contents, Facts, Grid, Points, Section, Words
from batchwright.runs.manifest import Setting, new_manifest
from batchwright.workflow import Prepared

FIGURES = {
    "throughput": "The rows that are trained in a second; larger batches use the machine better.",
    "time": "The time to the same loss: fewer, longer iterations against more, shorter ones.",
    "noise": "The iterations to the same loss, by the noise of the gradient.",
    "loss_by_rate": "The loss at the end of a short training; rates that diverged are marked.",
    "curves": "The loss of one seed.",
}


def batch_size_contents(prepared: Prepared, found: BatchSizes, verified: Verified | None = None) -> Contents:
    """All that a report of `find-batch-size` says."""
    low, high = found.interval
    noise, speed = found.noise_scale, found.throughput
    changed = ", ".join(f"{name} {value:.6g}" for name, value in found.rescaled.items())
    facts = Facts(
        (
            ("recommended", f"{found.recommended:,} rows, {low:,} to {high:,}"),
            ("noise scale", f"{_rows(noise.value)} rows, {_rows(noise.low)} to {_rows(noise.high)}"),
            ("an iteration", f"{speed.fixed * 1e6:,.0f} + {speed.per_row * 1e6:,.2f}·B µs, of B rows"),
            *(
                (("with it", f"{changed}, in place of the numbers for {prepared.plan.batch_size:,}"),)
                if changed
                else ()
            ),
            ("time", f"{found.seconds:.1f} s of measuring, {found.compile_seconds:.1f} s of compiling for it"),
        )
    )
    sections = [
        Section("summary", "Summary", (Words(_sentence(found.reason), strong=True), facts, *_notes(prepared))),
        Section("curves", "Curves", _charts(found.drawings())),
        Section("table", "Batch sizes", (_sizes(found),)),
        *([_verified(verified, found)] if verified else []),
    ]
    return _contents(f"Batch size {found.recommended:,}", "find-batch-size", prepared, sections)


def _sizes(found: BatchSizes) -> Grid:
    rows = tuple(
        (
            row.batch_size,
            "yes" if row.batch_size == found.recommended else "",
            row.iterations_per_epoch,
            row.rows_per_second,
            row.memory_bytes / 1e6,
            row.relative_time,
            row.efficiency,
        )
        for row in found.table
    )
    heads = (
        "batch size",
        "recommended",
        "iterations per epoch",
        "rows/s",
        "memory in MB",
        "relative time",
        "efficiency",
    )
    return Grid("Batch sizes", heads, rows)


def _verified(found: Verified, sizes: BatchSizes) -> Section:
    """Sizes that were trained to the same loss."""
    rows = tuple(
        (
            row.batch_size,
            "yes" if row.batch_size == sizes.recommended else "",
            row.learning_rate,
            row.iterations,
            row.seconds,
            row.relative_time,
            row.predicted,
            "" if row.iterations is not None else f"not in {row.epochs:g} epochs",
        )
        for row in found.rows
    )
    heads = ("batch size", "recommended", "best rate", "iterations", "seconds", "relative time", "predicted", "reached")
    words = f"Trained to a validation loss of {found.target:.4g}, with the best of several learning rates each."
    grid = Grid("Sizes that were trained to the same loss", heads, rows)
    return Section("verified", "Verified by training", (Words(words), grid))


def learning_rate_contents(prepared: Prepared, found: LearningRates) -> Contents:
    """All that a report of `find-learning-rate` says."""
    low, high = found.interval
    edge = f"; it diverges with {found.smallest_unstable:.2g}" if found.smallest_unstable else ""
    facts = Facts(
        (
            ("best", f"{found.best:.3g}, {low:.2g} to {high:.2g}"),
            ("largest stable", f"{found.largest_stable:.2g}{edge}"),
            ("time", f"{found.seconds:.1f} s of trials, {found.compile_seconds:.1f} s of compiling for them"),
        )
    )
    rows = tuple(
        (
            one.learning_rate,
            int(one.losses.shape[1]),
            len(one.losses),
            one.loss if isfinite(one.loss) else None,
            "diverged" if one.diverged else "",
        )
        for one in found.trials
    )
    heads = ("learning rate", "iterations", "seeds", "loss", "ended")
    sections = [
        Section("summary", "Summary", (Words(_sentence(found.reason), strong=True), facts, *_notes(prepared))),
        Section("curves", "Curves", _charts(found.drawings())),
        Section("table", "Learning rates", (Grid("Every learning rate that was tried", heads, rows),)),
    ]
    return _contents(f"Learning rate {found.best:.3g}", "find-learning-rate", prepared, sections)


def _contents(title: str, verb: str, prepared: Prepared, sections: list[Section]) -> Contents:
    """The page of a measurement: what was measured, then settings and how to repeat."""
    dataset, settings = prepared.dataset, prepared.settings
    made = new_manifest(dataset.name)
    about = (
        f"measured on {dataset.name}, {made.created[:16].replace('T', ' ')} UTC: {prepared.plan.training_rows:,} rows"
    )
    recorded = {key: Setting(value, settings.origins[key]) for key, value in settings.values.items()}
    reasons = {key: str(one.get("reason", "")) for key, one in settings.evidence.items()}
    repeat = how_to_repeat(
        [f"pip install batchwright=={made.versions['batchwright']}", command(verb, settings)],
        dataset.fingerprint,
        made.versions,
    )
    last = (Section("settings", "Settings", (settings_grid(recorded, reasons),)), repeat)
    return Contents(clean(f"{title} for {dataset.name}"), clean(about), (*sections, *last))


def command(verb: str, settings: Settings) -> str:
    """The command line with the settings that a person has chosen.

    >>> from batchwright.config import load_config
    >>> settings = load_config(None, [("data.source", "iris", "iris"), ("training.epochs", "3", "--epochs")])
    >>> command("find-batch-size", settings)
    'batchwright find-batch-size iris --set training.epochs=3'
    """
    values = settings.values
    source = values.get("data.source")
    chosen = [key for key, origin in settings.origins.items() if origin == "user" and key != "data.source"]
    given = [f"--set {quote(f'{key}={flow(values[key])}')}" for key in chosen]
    return " ".join(["batchwright", verb, *([quote(str(source))] if source is not None else []), *given])


def _charts(drawings: object) -> tuple[Block, ...]:
    """The figures that there are, and a sentence for each that cannot be drawn."""
    assert isinstance(drawings, dict)
    charts, words = list[Block](), list[Block]()
    for name, draw in drawings.items():
        if isinstance(draw, str):
            words.append(Words(f"There is no figure {name}: {draw}."))
            continue
        drawn = draw()
        assert isinstance(drawn, Svg)
        charts.append(Chart(drawn, FIGURES.get(name, "")))
    return (*charts, *words)


def _notes(prepared: Prepared) -> list[Block]:
    return [Points(tuple(map(clean, prepared.notes)))] if prepared.notes else []


def _rows(value: float) -> str:
    return f"{value:,.0f}" if isfinite(value) else "infinitely many"


def _sentence(text: str) -> str:
    return clean(f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}")
