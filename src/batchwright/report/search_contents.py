"""What a report of a search says: the best trials, what mattered, what was stopped when, and every trial."""

from collections.abc import Sequence
from math import isfinite
from shlex import quote
from typing import Any

from batchwright.config import flow
from batchwright.errors import BatchwrightError
from batchwright.figures.text import clean
from batchwright.report.about import FROM_PYTHON, data_section, how_to_repeat, settings_section
from batchwright.report.blocks import Block, Cell, Chart, Contents, Grid, Section, Words
from batchwright.report.curves import curves_section
from batchwright.report.gathered import Gathered
from batchwright.report.rows_shown import shown_name
from batchwright.report.run_contents import metrics_block
from batchwright.runs.run import Run, open_run
from batchwright.runs.searches import SPACE, SearchPlan, read_plan
from batchwright.search.dimension import Dimension
from batchwright.search.drawing import (
    draw_curves,
    draw_importance,
    draw_interactions,
    draw_parallel,
    draw_progress,
    draw_survivors,
)
from batchwright.search.importance import Importance
from batchwright.search.objective import Objective
from batchwright.search.rounds import round_places
from batchwright.search.saved import SavedSearch
from batchwright.search.space import load_space
from batchwright.search.study import Finished

MOST_BEST, MOST_TRIALS, MOST_PAIRS = 10, 1_000, 10
LONGEST = 120
MANY, WHOLE, BESIDE_OTHERS = 4, 1_120.0, 640.0
"""Settings from which all trials are drawn as wide as the page, and pixels of that figure and of one beside others: on
the page, the types of both are then about of one size."""
ENDED = {"finished": "finished", "stopped": "stopped early", "diverged": "diverged", "undefined": "without a value"}


def search_contents(found: SavedSearch) -> Contents:
    """All that a report of a search says. Nothing in it is executed.

    Raises:
        RunError: its description is damaged.
    """
    plan = read_plan(found.path)
    best, why = _best_run(found)
    sections = (
        _summary(found, plan, best, why),
        _what_mattered(found.importance),
        _trials(found),
        _halving(found, plan),
        *_of_best(best),
        _space_section(found),
        *((settings_section(best), data_section(best)) if best else ()),
        _reproduce(found, plan, best),
    )
    return Contents(clean(str(found.path)), _about(plan, best), sections)


def _best_run(found: SavedSearch) -> tuple[Run | None, str]:
    """The best trial, trained anew; or why it is not there: the search did not get that far, or a file is damaged."""
    try:
        return open_run(found.path), ""
    except BatchwrightError as error:
        return None, str(error)


def _about(plan: SearchPlan, best: Run | None) -> str:
    when = f", {best.manifest.created[:16].replace('T', ' ')} UTC" if best else ""
    version = f", batchwright {best.manifest.versions.get('batchwright', '')}" if best else ""
    return clean(f"search on {plan.source}{when}{version}: {_how(plan)}")


def _how(plan: SearchPlan) -> str:
    """How it was searched, in a few words."""
    seeds = f", {plan.seeds} seeds each" * (plan.seeds > 1)
    folds = f", {plan.folds} folds" * (plan.folds > 1)
    pruning = "none stopped early" if plan.pruning == "none" else f"early stopping of trials by {plan.pruning}"
    return f"{plan.trials:,} trials{seeds}{folds}, {pruning}"


def ranked(finished: Sequence[Finished], objective: Objective) -> list[Finished]:
    """The trials, best first."""
    return sorted(finished, key=lambda one: (objective.cost(one.outcome.value), one.number))


def _summary(found: SavedSearch, plan: SearchPlan, best: Run | None, why: str) -> Section:
    blocks: list[Block] = []
    if best is None:
        said = f"{len(found.finished):,} of {plan.trials:,} trials are done. {_sentence(clean(why))}"
        blocks.append(Words(said, strong=True))
    blocks += [Words(_endings(found)), trials_grid(found, "The best trials", MOST_BEST)]
    if found.importance:
        blocks.append(Words(f"{_sentence(found.importance.sentence)}"))
    if best:
        ended = "" if best.status == "finished" else f" That training is {best.status}: {clean(best.reason)}"
        said = f"{_trained_anew(best)}; these are its metrics.{ended}"
        blocks += [Words(said, strong=bool(ended)), metrics_block(best)]
        blocks.append(Words(f"All about that run: batchwright report {clean(quote(str(best.path)))} --html"))
    return Section("summary", "Summary", tuple(blocks))


def _trained_anew(best: Run) -> str:
    """What the run of a search is of."""
    members = best.settings.get("training.members")
    if members is None or not isinstance(members.value, list):
        return "The best trial was trained anew, as a run of its own"
    return f"The best {len(members.value)} trials were trained anew, as members of an ensemble, a run of its own"


def _sentence(text: str) -> str:
    """A clause as a sentence."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _endings(found: SavedSearch) -> str:
    """How many trials there were, how they ended, and by what they are compared."""
    counts = {ending: sum(one.outcome.ending == ending for one in found.finished) for ending in ENDED}
    told = ", ".join(f"{count:,} {ENDED[ending]}" for ending, count in counts.items() if count)
    better = "larger" if found.objective.larger_is_better else "smaller"
    compared = f"They are compared by {found.objective.monitor}, where {better} is better."
    return f"{len(found.finished):,} trials: {told}. {compared}"


def trials_grid(found: SavedSearch, caption: str, most: int) -> Grid:
    """A row for each trial, best first, with a column for each setting; numbers are sorted as such."""
    keys = list(dict.fromkeys(key for one in found.finished for key in one.chosen))
    trials = ranked(found.finished, found.objective)[:most]
    rows = tuple(
        (
            one.number,
            one.outcome.value if isfinite(one.outcome.value) else None,
            len(one.outcome.curve),
            ENDED[one.outcome.ending],
            *(setting_cell(one.chosen.get(key)) for key in keys),
        )
        for one in trials
    )
    left = f"; the best {len(trials):,} of {len(found.finished):,}" * (most < len(found.finished))
    heads = ("trial", found.objective.monitor, "epochs", "ended", *map(shown_name, keys))
    return Grid(f"{caption}{left}", heads, rows)


def setting_cell(value: Any) -> Cell:
    """A value of a setting: numbers as they are, all else as in a configuration."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return clean(flow(value))[:LONGEST]


def _what_mattered(found: Importance | None) -> Section:
    """The share of each setting in the differences between the trials, by both methods."""
    if found is None:
        words = "What mattered is not known: it takes a search that has ended, with 8 complete trials that differ."
        return Section("importance", "What mattered", (Words(words),))
    if len(found.fanova) == 1:
        words = f"{_sentence(found.sentence)}{_share_of_seed(found)}"
        return Section("importance", "What mattered", (Words(words),))
    best = {share.name: share for share in found.ped_anova}
    rows: list[tuple[Cell, ...]] = []
    for one in found.fanova:
        other = best.get(one.name)
        ends = (None, None, None) if other is None else (other.share, other.low, other.high)
        rows.append((shown_name(one.name), one.share, one.low, one.high, *ends))
    heads = ("setting", "share of the variance", "from", "to", "share among the best", "best from", "best to")
    pairs = [Chart(draw_interactions(found), "Beyond the shares of each alone.")] if found.interactions else []
    return Section(
        "importance",
        "What mattered",
        (
            Words(_sentence(found.sentence)),
            Chart(draw_importance(found), "fANOVA: shares of the variance between all trials, with 95 % intervals."),
            *pairs,
            Grid("Importance of the settings, by fANOVA and by PED-ANOVA", heads, tuple(rows)),
            *_pairs(found),
            Words(_about_importance(found)),
        ),
    )


def _pairs(found: Importance) -> list[Block]:
    rows = tuple(
        (shown_name(one.first), shown_name(one.second), one.share, one.low, one.high)
        for one in found.interactions[:MOST_PAIRS]
    )
    heads = ("setting", "with", "share of the variance", "from", "to")
    return [Grid("Importance of pairs, beyond each alone", heads, rows)] if rows else []


def _about_importance(found: Importance) -> str:
    return (
        "The intervals come from resampled trials. A setting that does not matter has a small share, not 0. The share "
        f"among the best says what tells the best tenth of the trials from all of them."
        f"{_share_of_seed(found)}"
    )


def _share_of_seed(found: Importance) -> str:
    return "" if found.seeds is None else f" The seed has {found.seeds:.0%} of the variance."


def _trials(found: SavedSearch) -> Section:
    """All trials, drawn and as a table."""
    finished, objective = found.finished, found.objective
    settings = {key for one in finished for key in one.chosen}
    whole = len(settings) >= MANY
    parallel = draw_parallel(finished, objective, narrowest=WHOLE if whole else BESIDE_OTHERS)
    return Section(
        "trials",
        "Trials",
        (
            Chart(parallel, "A line for each trial; the best are strong.", whole=whole),
            Chart(draw_progress(finished, objective), "What each trial came to, in the order in which they began."),
            Chart(draw_curves(finished, objective), f"{objective.monitor} of the best trials after each epoch."),
            trials_grid(found, "Every trial", MOST_TRIALS),
        ),
    )


def _halving(found: SavedSearch, plan: SearchPlan) -> Section:
    """What was stopped when."""
    rows = rungs_of(found.finished, found.objective)
    if not rows:
        words = "No trial was stopped early."
        return Section("halving", "What was stopped when", (Words(words),))
    monitor = found.objective.monitor
    counted = ("after epoch", "trials there", "stopped", "diverged", "went on")
    heads = (*counted, f"best {monitor} stopped", f"worst {monitor} that went on")
    rounds = [str(len(places)) for places in round_places(plan.trials)]
    counted_together = (
        f" There were {len(rounds)} rounds, of {' + '.join(rounds)} trials: the table counts them together, so that "
        "more than a third may go on."
    )
    words = (
        f"By {plan.pruning}, a trial goes on where it is among the best third of the trials of its round that have "
        f"come as far; the others end there, and cost nothing more.{counted_together * (len(rounds) > 1)}"
    )
    spent = sum(len(one.outcome.curve) for one in found.finished)
    longest = max(len(one.outcome.curve) for one in found.finished)
    saved = (
        f"The trials took {spent:,} epochs; to the end, all would have taken up to {longest * len(found.finished):,}."
    )
    return Section(
        "halving",
        "What was stopped when",
        (Words(words), Words(saved), Chart(draw_survivors(found.finished)), Grid("Trials by epoch", heads, rows)),
    )


def rungs_of(finished: Sequence[Finished], objective: Objective) -> tuple[tuple[Cell, ...], ...]:
    """A row for each epoch after which trials were stopped: how many were there, and how good they were."""
    rows = []
    for epoch in sorted({len(one.outcome.curve) for one in finished if one.outcome.ending == "stopped"}):
        there = [one for one in finished if len(one.outcome.curve) >= epoch]
        ended = [one for one in there if len(one.outcome.curve) == epoch]
        stopped = [one for one in ended if one.outcome.ending == "stopped"]
        diverged = sum(one.outcome.ending == "diverged" for one in ended)
        on = [objective.best(one.outcome.curve[:epoch]) for one in there if one not in ended]
        best = objective.best(one.outcome.value for one in stopped)
        worst = max(on, key=objective.cost) if on else None
        rows.append((epoch, len(there), len(stopped), diverged, len(on), _finite(best), _finite(worst)))
    return tuple(rows)


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _of_best(best: Run | None) -> list[Section]:
    """The curves of the best trial as it was trained anew."""
    if best is None:
        return []
    try:
        history = tuple(best.history)
    except BatchwrightError:
        return []
    section = curves_section(Gathered(best, history))
    return [Section("curves", "Learning curves of the best", section.blocks)]


def _space_section(found: SavedSearch) -> Section:
    """What was searched: the ranges, or where they cannot be read, the values that were tried."""
    try:
        dimensions: tuple[Dimension, ...] = load_space(found.path / SPACE).dimensions
    except BatchwrightError:
        return Section("space", "What was searched", (_tried_values(found),))
    rows = tuple(
        (
            shown_name(one.key),
            one.scale.replace("_", " "),
            clean(flow(list(one.values)))[: 2 * LONGEST],
            clean(flow({key: list(values) for key, values in one.when.items()}))[:LONGEST] if one.when else "",
        )
        for one in dimensions
    )
    return Section("space", "What was searched", (Grid("Space", ("setting", "scale", "values", "only when"), rows),))


def _tried_values(found: SavedSearch) -> Grid:
    """The least and the greatest value that was tried of each setting, or all its values."""
    rows = list[tuple[Cell, ...]]()
    for key in dict.fromkeys(key for one in found.finished for key in one.chosen):
        values = [one.chosen[key] for one in found.finished if key in one.chosen]
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        told = f"{min(values):.6g} to {max(values):.6g}" if numbers else ", ".join(dict.fromkeys(map(flow, values)))
        rows.append((shown_name(key), clean(told)[: 2 * LONGEST]))
    return Grid("Values that were tried; the space has parts of your own code", ("setting", "values"), tuple(rows))


def _reproduce(found: SavedSearch, plan: SearchPlan, best: Run | None) -> Section:
    """The commands, versions and fingerprint with which the search can be had again."""
    version = best.manifest.versions.get("batchwright", "") if best else ""
    words = [f"--trials {plan.trials}"]
    words += [f"--seeds {plan.seeds}"] if plan.seeds > 1 else []
    words += [f"--folds {plan.folds}"] if plan.folds > 1 else []
    words += [f"--pruning {plan.pruning}"] if plan.pruning != "halving" else []
    words += [f"--objective {quote(plan.objective)}"] if plan.objective else []
    words += [f"--ensemble {plan.members}"] if plan.members else []
    source = best.settings.get("data.source") if best else None
    commands = [
        *([FROM_PYTHON] if source is not None and source.value is None else []),
        *([f"pip install batchwright=={version}"] if version else []),
        f"batchwright search --config {quote(str(found.path / SPACE))} {' '.join(words)}",
        *([f"batchwright predict {quote(str(found.path / 'best'))} ROWS --output answers.csv"] if best else []),
    ]
    made_with = {**(best.manifest.versions if best else {}), **plan.machine}
    return how_to_repeat(commands, plan.fingerprint, made_with)
