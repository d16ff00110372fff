"""In which share of trainings with a planted fault the first remedy of the diagnosis is better than no change.

`python benchmarks/remedies.py --runs FOLDER --seeds 5 --json FILE`, on what `benchmarks/diagnosing.py` has trained.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import planting
from diagnosing import Case, cases, is_trained, rate
from planting import DATA

if TYPE_CHECKING:
    from batchwright.comparison.tried import TriedRemedy


STOPPING = "training.early_stopping"


@dataclass(frozen=True)
class Outcome:
    """What came of the first remedy: `change` is the mean difference in what it is judged by, 0 where nobody knows.

    `beyond_stopping` is the same against early stopping alone, where the remedy has early stopping and something else.
    """

    data: str
    fault: str
    seed: int
    kind: str
    changes: str
    effect: str
    change: float
    verdict: str
    beyond_stopping: float | None = None


def outcome(case: Case, runs: Path, seeds: int) -> Outcome:
    """Diagnose a case with its rows at hand, and try its first remedy."""
    from batchwright.comparison.remedies import try_remedies
    from batchwright.comparison.tried import Remedy, Tried
    from batchwright.diagnosis import diagnose
    from batchwright.errors import BatchwrightError
    from batchwright.runs.run import open_run
    from batchwright.workflow.rows_again import read_rows_again

    run = open_run(runs / case.name)
    try:
        dataset = read_rows_again(run).dataset
    except BatchwrightError as error:
        return Outcome(case.data, case.plant, case.seed, "", "", "not judged", 0.0, str(error))
    remedies = [
        Remedy(one.kind, one.changes) for one in diagnose(run, dataset) if one.severity != "note" and one.changes
    ]
    if not remedies:
        return Outcome(case.data, case.plant, case.seed, "", "", "no remedy", 0.0, "")
    first = remedies[0]
    beside = [Remedy("early stopping alone", {STOPPING: {}})] if STOPPING in first.changes else []
    try:
        events = try_remedies(run, [first, *beside], seeds=seeds, dataset=dataset)
        rows = next(event for event in events if isinstance(event, Tried)).rows
    except BatchwrightError as error:
        return Outcome(case.data, case.plant, case.seed, first.kind, first.name, "not judged", 0.0, str(error))
    row = next(one for one in rows if one.remedy.kind == first.kind)
    alone = next((one for one in rows if one is not row), None)
    fewer = 0.0 if row.figures is None or row.unchanged is None else row.figures.diverged - row.unchanged.diverged
    by = fewer if row.difference is None else row.judged_by.cost(row.difference.mean)
    further = None if alone is None else excess(row, alone)
    return Outcome(case.data, case.plant, case.seed, first.kind, first.name, row.effect, by, row.verdict, further)


def excess(row: "TriedRemedy", alone: "TriedRemedy") -> float | None:
    """The mean difference of a remedy to another, over the seeds; None where a figure is not known or not finite."""
    if row.figures is None or alone.figures is None:
        return None
    pairs = zip(row.figures.by_seed, alone.figures.by_seed, strict=True)
    found = fmean(row.judged_by.cost(one - other) for one, other in pairs)
    return found if isfinite(found) else None


def row_of(name: str, found: list[Outcome]) -> str:
    """A row of the table: how many have a remedy, and in how many it is better by what it is judged by."""
    tried = [one for one in found if one.effect not in ("no remedy", "not judged")]
    better, helps, worse = (
        sum(one.change < 0 for one in tried),
        sum(one.effect == "helps" for one in tried),
        sum(one.effect == "worse" for one in tried),
    )
    of, further = len(tried), [one.beyond_stopping for one in tried if one.beyond_stopping is not None]
    figures = [f"{of} of {len(found)}", *(rate(count, of) for count in (better, helps, worse))]
    return f"| {' | '.join([name, *figures, rate(sum(one < 0 for one in further), len(further))])} |"


def table(found: list[Outcome]) -> str:
    """The table, in Markdown: all faults, by whether the data were kept back, and by fault."""
    back = {one.name for one in DATA if one.kept_back}
    head = [
        "| | with a remedy | better | better beyond chance | worse beyond chance | better than early stopping alone |",
        "|---|---|---|---|---|---|",
    ]
    groups = [
        ("all", found),
        ("data it was built on", [one for one in found if one.data not in back]),
        ("data kept back", [one for one in found if one.data in back]),
        *((f"fault: {plant.name}", [one for one in found if one.fault == plant.name]) for plant in planting.PLANTS),
    ]
    return "\n".join([*head, *(row_of(name, some) for name, some in groups if some)])


def chosen_cases(data: str, planted_seeds: int, runs: Path) -> Iterator[Case]:
    """The trainings with a fault that have ended."""
    some = tuple(one for one in DATA if data == "all" or one.kept_back == (data == "kept back"))
    names = {plant.name for plant in planting.PLANTS}
    yield from (case for case in cases(some, planted_seeds) if case.plant in names and is_trained(runs / case.name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="the folder of trained cases")
    parser.add_argument(
        "--planted-seeds", type=int, default=3, help="how many seeds of the planted trainings are tried"
    )
    parser.add_argument("--seeds", type=int, default=5, help="with how many seeds a remedy is tried")
    parser.add_argument("--first-seed", type=int, default=0, help="the first seed of the planted trainings")
    parser.add_argument("--data", choices=["built on", "kept back", "all"], default="all")
    parser.add_argument("--json", type=Path, help="write what came of each")
    parser.add_argument("--markdown", type=Path, help="write the table")
    given = parser.parse_args()
    found = list[Outcome]()
    chosen = chosen_cases(given.data, given.first_seed + given.planted_seeds, given.runs)
    for case in (case for case in chosen if case.seed >= given.first_seed):
        found.append(one := outcome(case, given.runs, given.seeds))
        print(f"{case.name}: {one.kind}: {one.changes}: {one.verdict or one.effect}", flush=True)
        if given.json:
            given.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    print(table(found))
    if given.markdown:
        given.markdown.write_text(table(found) + "\n")


if __name__ == "__main__":
    main()
