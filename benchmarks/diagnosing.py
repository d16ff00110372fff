"""How often the diagnosis of a run names a planted fault, and how often it names one in a healthy run.

`python benchmarks/diagnosing.py --tables ../shared/data/tables --seeds 3 --runs FOLDER --json FILE --markdown FILE`;
with `--faults published`, faults that published collections have.
"""

import argparse
import json
import math
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import planting
import published
from planting import DATA, Data, Plant

HEALTHY = Plant("healthy", ())
OTHER = Plant("healthy with other settings", ())
HEALTHY_RUNS = 5
"""Healthy trainings for each data set and seed."""

MANY = 30
"""From so many trainings on, a row of the table has intervals, and no list of what was named first."""


@dataclass(frozen=True)
class Case:
    """A training: on what, with which fault, and with which seed."""

    data: str
    plant: str
    seed: int

    @property
    def name(self) -> str:
        """A name for its folder."""
        return f"{self.data}-{self.plant.replace(':', '').replace(',', '').replace(' ', '-')}-{self.seed}"


def cases(data: tuple[Data, ...], seeds: int) -> Iterator[Case]:
    """A planted training for each seed, data set and fault, and `HEALTHY_RUNS` healthy ones, with further seeds."""
    for seed in range(seeds):
        for one in data:
            yield from (Case(one.name, plant.name, seed) for plant in planting.plants_of(one))
            first = 100 + HEALTHY_RUNS * seed
            yield from (Case(one.name, HEALTHY.name, number) for number in range(first, first + HEALTHY_RUNS))
            yield from (Case(one.name, OTHER.name, number) for number in _other_seeds(seed))


def published_cases(seeds: int) -> Iterator[Case]:
    """A training for each seed, data set and published fault, and a sound one."""
    for seed in range(seeds):
        for one in published.DATA:
            plants = [plant for plant in (published.SOUND, *published.FAULTS) if plant.fits(one)]
            yield from (Case(one.name, plant.name, seed) for plant in plants)


def train(case: Case, tables: Path, runs: Path) -> float:
    """Train a case into a folder of its own, unless it is there; the seconds that it took."""
    from batchwright.config import load_config
    from batchwright.errors import DivergedError
    from batchwright.workflow import train as events

    folder = runs / case.name
    if is_trained(folder):
        return 0.0
    shutil.rmtree(folder, ignore_errors=True)
    started = time.perf_counter()
    plant = plant_of(case)
    data = next(one for one in (*DATA, *published.DATA) if one.name == case.data)
    rows = plant.rows(data.frame(tables), np.random.default_rng(case.seed))
    source = runs / "rows" / f"{case.name}.csv"
    source.parent.mkdir(parents=True, exist_ok=True)
    rows.write_csv(source)
    sound = planting.healthy(case.seed)
    if plant is OTHER:
        sound = {**planting.USUAL, **planting.OTHERS[case.seed], "training.seed": case.seed}
    values = {"training.seed": case.seed, **plant.settings(sound)} | {
        "data.source": str(source),
        "data.target": planting.TARGET,
    }
    settings = load_config(None, [(key, json.dumps(value), key) for key, value in values.items()])
    try:
        for _ in events(settings, run_dir=folder):
            pass
    except DivergedError:
        pass
    return time.perf_counter() - started


def _other_seeds(seed: int) -> range:
    """For the first seed, a training with each of the other sound settings."""
    return range(len(planting.OTHERS) if seed == 0 else 0)


def plant_of(case: Case) -> Plant:
    """The fault of a case, or the kind of health."""
    all_of_them = (*planting.PLANTS, HEALTHY, OTHER, *published.FAULTS, published.SOUND)
    return next(plant for plant in all_of_them if plant.name == case.plant)


def is_trained(folder: Path) -> bool:
    """Whether a training has ended in a folder."""
    manifest = folder / "manifest.json"
    return manifest.exists() and json.loads(manifest.read_text())["status"] != "running"


def train_all(chosen: list[Case], tables: Path, runs: Path, processes: int) -> None:
    """Train all cases, several at a time."""
    with ProcessPoolExecutor(processes) as pool:
        for case, seconds in zip(
            chosen, pool.map(train, chosen, [tables] * len(chosen), [runs] * len(chosen)), strict=True
        ):
            print(f"{case.name}: {seconds:.1f} s", flush=True)


@dataclass(frozen=True)
class Scored:
    """What the diagnosis of a case said: the kinds of what is wrong, what is surest first."""

    case: Case
    kinds: tuple[str, ...]

    @property
    def plant(self) -> Plant:
        return plant_of(self.case)

    @property
    def is_sound(self) -> bool:
        return not self.plant.kinds

    @property
    def right_first(self) -> bool:
        return bool(self.kinds) and self.kinds[0] in self.plant.kinds

    @property
    def is_right(self) -> bool:
        return not self.kinds if self.is_sound else self.right_first


def score(case: Case, runs: Path) -> Scored:
    """The diagnosis of a case that has been trained, with its rows at hand; notes do not count."""
    from batchwright.diagnosis import diagnose
    from batchwright.errors import BatchwrightError
    from batchwright.runs.run import open_run
    from batchwright.workflow.rows_again import read_rows_again

    run = open_run(runs / case.name)
    try:
        dataset = read_rows_again(run).dataset
    except BatchwrightError as error:
        print(f"{case.name}: {error}", flush=True)
        dataset = None
    return Scored(case, tuple(one.kind for one in diagnose(run, dataset) if one.severity != "note"))


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Wilson's interval of 95 % for a share."""
    if not of:
        return 0.0, 1.0
    z, share = 1.96, hits / of
    middle, half = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max((middle - half) / (1 + z * z / of), 0.0), (middle + half) / (1 + z * z / of)


def rate(hits: int, of: int) -> str:
    low, high = wilson(hits, of)
    return f"{hits} of {of} ({low:.0%} to {high:.0%})" if of else "-"


def row_of(name: str, scored: list[Scored]) -> str:
    """A row of the table: detected and right kind first of planted runs, alarms of healthy ones."""
    planted = [one for one in scored if not one.is_sound]
    sound = [one for one in scored if one.is_sound]
    detected, first = sum(bool(one.kinds) for one in planted), sum(one.right_first for one in planted)
    alarms = sum(bool(one.kinds) for one in sound)
    return f"| {name} | {rate(detected, len(planted))} | {rate(first, len(planted))} | {rate(alarms, len(sound))} |"


def tables(scored: list[Scored]) -> str:
    """The tables, in Markdown: on all data, per data set, and per fault."""
    back = {one.name for one in DATA if one.kept_back}
    head = ["| | fault seen | right kind first | alarm in a healthy run |", "|---|---|---|---|"]
    sets = [
        ("data it was built on", [one for one in scored if one.case.data not in back]),
        ("data kept back", [one for one in scored if one.case.data in back]),
        *((one.name, [found for found in scored if found.case.data == one.name]) for one in DATA),
        *(
            (plant.name, [found for found in scored if found.plant is plant])
            for plant in (*planting.PLANTS, HEALTHY, OTHER)
        ),
    ]
    return "\n".join([*head, *(row_of(name, some) for name, some in sets if some)])


def published_table(scored: list[Scored], runs: Path) -> str:
    """The published faults, in Markdown: how many of them did harm, how many were seen, and what was named first."""
    head = ["| | worse than the sound one | fault seen | right kind first | named first |", "|---|---|---|---|---|"]
    groups = [
        *((plant.name, [one for one in scored if one.plant is plant]) for plant in published.FAULTS),
        ("**all faults**", planted := [one for one in scored if not one.is_sound]),
        ("**those that did harm**", [one for one in planted if does_harm(one.case, runs)]),
        ("sound", [one for one in scored if one.is_sound]),
    ]
    return "\n".join([*head, *(published_row(name, some, runs) for name, some in groups if some)])


def published_row(name: str, scored: list[Scored], runs: Path) -> str:
    """A row of the table of published faults; intervals only where there are enough trainings for them to tell."""
    of, harm = len(scored), sum(does_harm(one.case, runs) for one in scored)
    if all(one.is_sound for one in scored):
        return f"| {name} | - | {rate(sum(bool(one.kinds) for one in scored), of)} | - | |"
    seen, right = sum(bool(one.kinds) for one in scored), sum(one.right_first for one in scored)
    firsts = Counter(one.kinds[0] if one.kinds else "nothing" for one in scored)
    named = ", ".join(f"{kind} {count}" for kind, count in firsts.most_common()) if of < MANY else ""
    figures = [f"{count} of {of}" if of < MANY else rate(count, of) for count in (harm, seen, right)]
    return f"| {' | '.join([name, *figures, named])} |"


def does_harm(case: Case, runs: Path) -> bool:
    """Whether the validation loss of the kept parameters is a twentieth or more above that of the sound training.

    A loss of another kind counts as harm: the two cannot be compared.
    """
    sound = validation_loss(Case(case.data, published.SOUND.name, case.seed), runs)
    return case.plant.startswith("loss:") or not validation_loss(case, runs) <= 1.05 * sound


def validation_loss(case: Case, runs: Path) -> float:
    """The validation loss of the parameters that were kept; NaN where there is none."""
    metrics = json.loads((runs / case.name / "manifest.json").read_text())["metrics"]
    found = metrics.get("validation", {}).get("loss")
    return math.nan if found is None else float(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, default=Path("../shared/data/tables"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=Path, help="where the trainings are kept; by default they are not")
    parser.add_argument("--faults", choices=["planted", "published"], default="planted")
    parser.add_argument("--data", choices=["built on", "kept back", "all"], default="all")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the kinds found in each training")
    parser.add_argument("--markdown", type=Path, help="write the tables")
    parser.add_argument("--trained-only", action="store_true", help="judge what --runs has, and train nothing")
    given = parser.parse_args()
    data = tuple(one for one in DATA if given.data == "all" or one.kept_back == (given.data == "kept back"))
    is_planted = given.faults == "planted"
    chosen = list(cases(data, given.seeds) if is_planted else published_cases(given.seeds))
    with tempfile.TemporaryDirectory() as temporary:
        runs = given.runs or Path(temporary)
        if not given.trained_only:
            train_all(chosen, given.tables, runs, given.processes)
        scored = [score(case, runs) for case in chosen if is_trained(runs / case.name)]
        markdown = tables(scored) if is_planted else published_table(scored, runs)
    for one in scored:
        print(f"{'  ' if one.is_right else 'x '}{one.case.name}: {one.kinds}")
    print(markdown)
    if given.markdown:
        given.markdown.write_text(markdown + "\n")
    if given.json:
        given.json.write_text(json.dumps([{**vars(one.case), "kinds": one.kinds} for one in scored], indent=1) + "\n")


if __name__ == "__main__":
    main()
