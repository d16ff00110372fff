"""What a report of a run says, in order."""

from batchwright.diagnosis import diagnose, verdict
from batchwright.errors import BatchwrightError
from batchwright.figures.text import clean
from batchwright.report.about import accounting_section, card_section, data_section, reproduce_section, settings_section
from batchwright.report.blocks import Block, Contents, Grid, Points, Section, Words
from batchwright.report.curves import curves_section
from batchwright.report.findings_shown import findings_section
from batchwright.report.gathered import Gathered, gather
from batchwright.report.goes_by import importance_section, segments_section, worst_section
from batchwright.report.layers import layers_section
from batchwright.report.members_shown import members_sections
from batchwright.report.mistakes import mistakes_section
from batchwright.report.targets import target_sections
from batchwright.report.trivial import TrainingCounts, counts_of, gain_blocks
from batchwright.runs.run import Run

MOST_METRICS = 60


def run_contents(run: Run) -> Contents:
    """All that a report of a run says. Nothing in the run is executed; its rows are read again.

    Where something is not there, such as the rows, or a model, the report says so and why.
    """
    found = gather(run)
    sections = (
        _summary(found),
        *members_sections(run),
        curves_section(found),
        findings_section(found),
        *target_sections(found),
        mistakes_section(found),
        worst_section(found),
        segments_section(found),
        importance_section(found),
        layers_section(found),
        data_section(run),
        accounting_section(run),
        settings_section(run),
        card_section(found),
        reproduce_section(run),
    )
    return Contents(clean(str(run.path)), _about(run), sections)


def _about(run: Run) -> str:
    manifest = run.manifest
    version = manifest.versions.get("batchwright", "")
    told = f"{manifest.source}, {manifest.created[:16].replace('T', ' ')} UTC, batchwright {version}"
    return clean(f"{told}: {run.status}{f'; {run.reason}' if run.reason else ''}")


def _diagnosis(found: Gathered) -> Grid:
    """What the training shows; what its two loss curves say, where nothing is wrong."""
    judged = verdict(found.history)
    rows: list[tuple[str, ...]] = [
        (one.kind, one.sure, one.evidence, one.advice) for one in diagnose(found.run, found.dataset)
    ]
    rows = rows or [(judged.kind, "", judged.reason, "")]
    cells = tuple(tuple(map(clean, row)) for row in rows)
    title = f"What the training{' of the first member' * found.run.has_members} shows"
    return Grid(title, ("what", "how sure", "evidence", "what to do"), cells)


def _summary(found: Gathered) -> Section:
    """How it ended, what is not there, the metrics of each part, the gain over a trivial model, the diagnosis."""
    run, blocks = found.run, list[Block]()
    if run.status != "finished":
        blocks.append(Words(clean(f"The training has {_ended(run.status)}: {run.reason}"), strong=True))
    if found.missing:
        blocks.append(Points(found.missing))
    blocks.append(metrics_block(run))
    if found.measured is not None:
        blocks += gain_blocks(found.measured, _counts(run))
    blocks.append(_diagnosis(found))
    return Section("summary", "Summary", tuple(blocks))


def _ended(status: str) -> str:
    return {"running": "not ended yet", "killed": "been killed", "interrupted": "been interrupted"}.get(status, status)


def _counts(run: Run) -> TrainingCounts:
    try:
        return counts_of(run)
    except BatchwrightError:
        return TrainingCounts(None, {})


def metrics_block(run: Run) -> Block:
    """All metrics: a row for each, a column for each part."""
    parts = run.metrics
    if not parts:
        return Words("There are no metrics: the training did not get to its evaluation.")
    names = list(dict.fromkeys(name for found in parts.values() for name in found))
    rows = tuple((clean(name), *(found.get(name) for found in parts.values())) for name in names[:MOST_METRICS])
    left = f"; the first {MOST_METRICS} of {len(names):,}" * (len(names) > MOST_METRICS)
    return Grid(f"Metrics{left}", ("metric", *map(_part_name, parts)), rows)


def _part_name(part: str) -> str:
    return {"train": "training"}.get(part, part)
