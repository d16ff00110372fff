"""The results as Markdown and as plain data for JSON."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from checks import Check
from contest import OURS, Contest
from environment import Machine
from jobs import PEERS
from ratios import Ratio, ratio

QUANTITIES = ("fit", "fit_and_compile", "whole")
Cells = Sequence[str]


@dataclass(frozen=True)
class Results:
    """All that one run of the benchmarks measured."""

    date: str
    machine: Machine
    contests: tuple[Contest, ...]
    checks: tuple[Check, ...]


def plain(results: Results) -> dict[str, Any]:
    """Every measurement, and the ratios made of them, as JSON can hold it."""
    ratios = {
        contest.job.key: {
            peer: {quantity: asdict(_compare(contest, peer, quantity)) for quantity in QUANTITIES}
            for peer in contest.job.aims
        }
        for contest in results.contests
    }
    return asdict(results) | {"ratios": ratios}


def markdown(results: Results) -> str:
    """The results as Markdown: the machine, and per job one table of medians and one of ratios."""
    parts = [_machine(results)]
    for contest in results.contests:
        parts += [f"### ({contest.job.key}) {contest.job.title}", _medians(contest), _ratios(contest), _own(contest)]
    if results.checks:
        parts += ["### (d) Without choosing anything", _checks(results.checks)]
    return "\n\n".join(parts) + "\n"


def replace_section(path: Path, text: str, name: str = "results") -> None:
    """Put `text` between the two marks of a section in a Markdown file.

    Raises:
        ValueError: the file does not have both marks.
    """
    marks = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, begin, rest = path.read_text().partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not (begin and end):
        raise ValueError(f"{path} lacks the marks {' and '.join(marks)}, between which the results are written.")
    path.write_text(f"{before}{begin}\n{text}{end}{after}")


def _machine(results: Results) -> str:
    machine = results.machine
    counts = sorted({len(contest.rounds) for contest in results.contests})
    rounds = f" Medians of {' or '.join(map(str, counts))} rounds." if counts else ""
    ours, peers = (", ".join(map(" ".join, found.items())) for found in (machine.batchwright, machine.peers))
    return (
        f"{results.date}. {machine.processor}, {machine.cores} cores, {machine.memory_gb:.0f} GB, {machine.system}; "
        f"load {machine.load:.2f} at the start. Ours: {ours}. Peers: {peers}.{rounds}"
    )


def _medians(contest: Contest) -> str:
    header = ("", "fit s", "µs per update", "compile s", "whole process s", "peak MB", "test accuracy", "parameters")

    def row(contestant: str) -> Cells:
        of = {quantity: median(contest.series(contestant, quantity)) for quantity in asdict(contest.first)}
        return (
            PEERS.get(contestant, contestant),
            f"{of['fit']:.3f}",
            f"{of['fit'] / of['updates'] * 1e6:.1f}",
            f"{of['compile']:.2f}",
            f"{of['whole']:.2f}",
            f"{of['peak_mb']:.0f}",
            f"{of['accuracy']:.4f}",
            f"{of['parameters']:,.0f}",
        )

    return table(header, map(row, (OURS, *contest.job.aims)))


def _ratios(contest: Contest) -> str:
    header = ("ours divided by", "fit (95 % interval)", "fit, of pairs", "aim", "fit + compile", "whole process")

    def row(peer: str) -> Cells:
        fit, both, whole = (_compare(contest, peer, quantity) for quantity in QUANTITIES)
        aim = contest.job.aims[peer]
        return (
            PEERS[peer],
            f"{fit.of_medians:.3f} ({fit.low:.3f} to {fit.high:.3f})",
            f"{fit.of_pairs:.3f}",
            "" if aim is None else f"≤ {aim:.3f}: {verdict(fit.of_medians <= aim)}",
            f"{both.of_medians:.3f}",
            f"{whole.of_medians:.3f}",
        )

    return table(header, map(row, contest.job.aims))


def _own(contest: Contest) -> str:
    """What concerns us alone: compiling with an empty cache; where asked for, memory and share of the product rate."""
    job, lines = contest.job, list[str]()
    again = median(contest.series(OURS, "compile"))
    lines.append(
        f"The first run, with an empty compilation cache: {contest.first.compile:.2f} s of compiling and "
        f"{contest.first.whole:.2f} s in all; later ones read the program in {again:.2f} s."
    )
    if job.product_aim is not None:
        share = ratio(contest.reached_rates(), contest.product_rates)
        lines.append(
            f"Matrix products: {median(contest.reached_rates()):.0f} of {median(contest.product_rates):.0f} GFLOP/s, "
            f"{share.of_medians:.1%} ({share.low:.1%} to {share.high:.1%}; of pairs {share.of_pairs:.1%}); "
            f"aim ≥ {job.product_aim:.0%}: {verdict(share.of_medians >= job.product_aim)}."
        )
    if job.peak_aim_mb is not None:
        peak = median(contest.series(OURS, "peak_mb"))
        lines.append(f"Peak memory: {peak:.0f} MB; aim ≤ {job.peak_aim_mb:.0f}: {verdict(peak <= job.peak_aim_mb)}.")
    return "\n".join(f"- {line}" for line in lines)


def _checks(checks: Iterable[Check]) -> str:
    def row(check: Check) -> Cells:
        bound = "≥" if check.at_least else "≤"
        return check.what, f"{check.value:.4g}", f"{bound} {check.aim:g}: {verdict(check.reached)}"

    return table(("", "value", "aim"), map(row, checks))


def _compare(contest: Contest, peer: str, quantity: str) -> Ratio:
    return ratio(contest.series(OURS, quantity), contest.series(peer, quantity))


def verdict(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def table(header: Cells, rows: Iterable[Cells]) -> str:
    def lines() -> Iterator[str]:
        for cells in (header, ["---", *["---:"] * (len(header) - 1)], *rows):
            yield f"| {' | '.join(cells)} |"

    return "\n".join(lines())
