"""In which share of trainings with a planted fault the first remedy of the diagnosis is better than no change.

`python benchmarks/remedies.py --runs FOLDER --seeds 5 --json FILE`, on what `benchmarks/diagnosing.py` has trained.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import planting
from diagnosing import Case, cases, is_trained, rate
from planting import DATA


@dataclass(frozen=True)
class Outcome:
    """What came of the first remedy: `change` is the mean difference in what it is judged by, 0 where nobody knows."""

    data: str
    fault: str
    seed: int
    kind: str
    changes: str
    effect: str
    change: float
    verdict: str


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
        dataset = read_rows_again(run)
    except BatchwrightError as error:
        return Outcome(case.data, case.plant, case.seed, "", "", "not judged", 0.0, str(error))
    remedies = [
        Remedy(one.kind, one.changes) for one in diagnose(run, dataset) if one.severity != "note" and one.changes
    ]
    if not remedies:
        return Outcome(case.data, case.plant, case.seed, "", "", "no remedy", 0.0, "")
    first = remedies[0]
    try:
        events = try_remedies(run, [first], seeds=seeds, dataset=dataset)
        row = next(event for event in events if isinstance(event, Tried)).rows[0]
    except BatchwrightError as error:
        return Outcome(case.data, case.plant, case.seed, first.kind, first.name, "not judged", 0.0, str(error))
    fewer = 0.0 if row.figures is None or row.unchanged is None else row.figures.diverged - row.unchanged.diverged
    by = fewer if row.difference is None else row.judged_by.cost(row.difference.mean)
    return Outcome(case.data, case.plant, case.seed, first.kind, first.name, row.effect, by, row.verdict)


def row_of(name: str, found: list[Outcome]) -> str:
    """A row of the table: how many have a remedy, and in how many it is better by what it is judged by."""
    tried = [one for one in found if one.effect not in ("no remedy", "not judged")]
    better, helps, worse = (
        sum(one.change < 0 for one in tried),
        sum(one.effect == "helps" for one in tried),
        sum(one.effect == "worse" for one in tried),
    )
    of = len(tried)
    return f"| {name} | {of} of {len(found)} | {rate(better, of)} | {rate(helps, of)} | {rate(worse, of)} |"


def table(found: list[Outcome]) -> str:
    """The table, in Markdown: all faults, by whether the data were kept back, and by fault."""
    back = {one.name for one in DATA if one.kept_back}
    head = ["| | with a remedy | better | better beyond chance | worse beyond chance |", "|---|---|---|---|---|"]
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
    parser.add_argument("--data", choices=["built on", "kept back", "all"], default="all")
    parser.add_argument("--json", type=Path, help="write what came of each")
    parser.add_argument("--markdown", type=Path, help="write the table")
    given = parser.parse_args()
    found = list[Outcome]()
    for case in chosen_cases(given.data, given.planted_seeds, given.runs):
        found.append(one := outcome(case, given.runs, given.seeds))
        print(f"{case.name}: {one.kind}: {one.changes}: {one.verdict or one.effect}", flush=True)
    print(table(found))
    if given.markdown:
        given.markdown.write_text(table(found) + "\n")
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
