"""The sections on how well each target is predicted: classes, numbers, labels, or several of them."""

from collections.abc import Sequence
from typing import TypeVar

from batchwright.errors import BatchwrightError
from batchwright.report.blocks import Block, Section, Words
from batchwright.report.calibration import calibration_chart, calibration_of_labels
from batchwright.report.classes import class_blocks, label_blocks
from batchwright.report.gathered import Gathered, Measured
from batchwright.report.ranking import ranking_blocks
from batchwright.report.rows_shown import RowsShown, shown_name
from batchwright.report.values import value_blocks
from batchwright.runs.run import Run
from batchwright.tasks import Regression
from batchwright.tasks.answers import ClassAnswers, LabelAnswers, PlainAnswers, SeveralAnswers, ValueAnswers
from batchwright.tasks.per_class import LABEL_CLASSES, per_class, per_label

T = TypeVar("T")

MOST_TARGETS = 6
"""Targets with charts of their own; the metrics of further ones are in the table of metrics."""


def target_sections(found: Gathered) -> list[Section]:
    """A section for each target; where the rows are not there, what the record keeps of them."""
    measured = found.measured
    if measured is None:
        return _recorded(found.run)
    rows = RowsShown(found, measured)
    match measured.answers:
        case SeveralAnswers():
            parts = list(measured.answers.targets.items())
            each = [(name, _blocks(f"target{place}", name, one, rows)) for place, (name, one) in _first(parts)]
            return _several(each, len(parts))
        case ValueAnswers() if measured.answers.standardised.shape[1] > 1:
            names = _names(measured)
            each = [(name, value_blocks(name, measured.answers.only(place))) for place, name in _first(names)]
            return _several(each, len(names))
        case ClassAnswers() | ValueAnswers():
            name = "the target" if found.model is None else found.model.encoding.target.name
            return [_section("answers", "Answers", _blocks("answers", name, measured.answers, rows))]
        case LabelAnswers():
            blocks = [*label_blocks(per_label(measured.answers)), calibration_of_labels(measured.answers)]
            return [_section("answers", "Answers", blocks)]
        case PlainAnswers():
            return [_section("answers", "Answers", [Words("The answers of a task of your own have no charts.")])]
    raise AssertionError(measured.answers)


def _first(parts: Sequence[T]) -> list[tuple[int, T]]:
    return list(enumerate(parts))[:MOST_TARGETS]


def _names(measured: Measured) -> list[str]:
    assert isinstance(measured.task, Regression)
    return list(measured.task.names)


def _blocks(link: str, name: str, answers: ClassAnswers | ValueAnswers, rows: RowsShown) -> list[Block]:
    if isinstance(answers, ValueAnswers):
        return value_blocks(name, answers)
    figures, listed = class_blocks(link, per_class(answers), answers, rows)
    charts = [*ranking_blocks(answers), calibration_chart(answers)]
    return [*_one_class_note(answers), *figures, *charts, *listed]


def _one_class_note(answers: ClassAnswers) -> list[Block]:
    """A sentence where all rows are of one class, or all get one answer."""
    there, given = answers.occurring > 0, answers.answered > 0
    said = []
    if there.sum() == 1:
        said.append(f"All these rows are of one class, {shown_name(answers.classes[int(there.argmax())])}")
    if given.sum() == 1 and len(answers.classes) > 1:
        said.append(f"The model gives all rows the same answer, {shown_name(answers.classes[int(given.argmax())])}")
    return [Words(f"{'. '.join(said)}.", strong=True)] if said else []


def _section(name: str, title: str, blocks: list[Block]) -> Section:
    return Section(name, title, tuple(blocks))


def _several(each: list[tuple[str, list[Block]]], count: int) -> list[Section]:
    sections = [
        _section(f"target-{place}", f"Answers: {shown_name(name)}", blocks) for place, (name, blocks) in enumerate(each)
    ]
    if count > len(each):
        words = f"{count - len(each):,} further targets have no charts; their metrics are in the table of metrics."
        sections.append(_section("more-targets", "Further targets", [Words(words)]))
    return sections


def _recorded(run: Run) -> list[Section]:
    """The confusion matrices that the record keeps, of the test rows or else of the validation rows."""
    for part in ("test", "validation", "train"):
        try:
            one, several = run.per_class(part), run.by_target(part)
        except BatchwrightError:
            continue
        said = Words(f"From the record, of the {part} rows: the rows themselves are not at hand.")
        if one is not None:
            return [_section("answers", "Answers", [said, *class_blocks("answers", one)[0]])]
        if several and all(found.classes == LABEL_CLASSES for found in several.values()):
            return [_section("answers", "Answers", [said, *label_blocks(several)])]
        if several:
            each = [
                (name, [said, *class_blocks(f"target{place}", found)[0]])
                for place, (name, found) in _first(list(several.items()))
            ]
            return _several(each, len(several))
    words = "Nothing is known of its answers: there are neither rows nor a record of them."
    return [_section("answers", "Answers", [Words(words)])]
