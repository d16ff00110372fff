"""What a path shows, in words, in English and Chinese."""

from typing import NamedTuple

from batchwright.figures.scale import short
from batchwright.lab.descent.limits import Limits, limits_of, steepest_batch
from batchwright.lab.descent.path import Path
from batchwright.lab.descent.rules import name_of
from batchwright.lab.descent.surfaces import Surface
from batchwright.optim import SGD

NEAR = 0.02
"""Rates that differ less from the best, as a share of it, are the best."""


class Said(NamedTuple):
    """A sentence in both languages."""

    en: str
    zh: str


def describe(path: Path) -> list[Said]:
    """How the path ended, where its learning rate lies among the limits, if there are any, and what batches do."""
    return [ended(path), *rate_words(path), *batch_words(path)]


def batch_words(path: Path) -> list[Said]:
    """What batches of a few rows do."""
    if path.batch_size == "full" or (path.surface.rows and not _has_small_batches(path)):
        return []
    if not path.surface.rows and path.surface.noise == 0:
        return [
            Said(
                "This surface has neither rows nor noise: the batch size changes nothing.",
                "这个曲面没有数据也没有噪声：批量大小不起作用。",
            )
        ]
    return [
        Said(
            f"Batches of {path.batch_size}: gradients scatter around that of all rows, so that at a constant rate the "
            f"path never quite comes to rest.",
            f"批量为 {path.batch_size}：梯度散布在全部数据的梯度周围，学习率不变时路径不会完全停下。",
        )
    ]


def ended(path: Path) -> Said:
    """How a path ended."""
    steps, first, last = f"{path.steps:,}", short(path.losses[0]), short(path.losses[-1])
    if path.ended == "diverged":
        return Said(
            f"It diverges: after {steps} steps the loss is {last}, and the weights have left every picture. "
            f"The path is drawn up to the edge.",
            f"发散：{steps} 步之后损失为 {last}，权重已经远离画面。路径只画到边缘。",
        )
    if path.ended == "converged" and path.until is not None:
        what = {
            "loss": ("the change of the loss", "损失的变化"),
            "gradient": ("the gradient", "梯度的长度"),
            "step": ("the step", "步长"),
        }[path.until.by]
        small = short(path.until.tolerance)
        return Said(
            f"It converged after {steps} steps: {what[0]} is below {small}. The loss is {last}.",
            f"{steps} 步之后收敛：{what[1]}小于 {small}。损失为 {last}。",
        )
    return Said(f"{steps} steps: the loss goes from {first} to {last}.", f"{steps} 步：损失从 {first} 变为 {last}。")


def rate_words(path: Path) -> list[Said]:
    """Where the learning rate lies, for gradient descent on a loss of known curvature."""
    limits, rule = limits_of(path.surface, path.rule), path.rule
    if limits is None or limits.largest is None:
        return []
    if not path.steps:
        return []
    rate, most = float(path.rates[0]), short(limits.largest)
    if path.rates.min() < path.rates.max():
        first, last = short(path.rates[0]), short(path.rates[-1])
        return [
            Said(
                f"The rate goes from {first} to {last}; the curvature sets the limit {most}.",
                f"学习率从 {first} 变为 {last}；曲率决定的上限是 {most}。",
            )
        ]
    if _has_small_batches(path):
        return [_of_batches(path, rate, limits.largest)]
    if rate > limits.largest:
        return [
            Said(
                f"The rate {short(rate)} is above the limit {most}: near the minimum each step leads farther away.",
                f"学习率 {short(rate)} 超过上限 {most}：在最小值附近，每一步都离得更远。",
            )
        ]
    if isinstance(rule, SGD) and path.surface.weights == 1 and name_of(rule) == "sgd":
        return [_of_one_weight(rate, limits)]
    if path.ended == "diverged":
        return [
            Said(
                f"The rate {short(rate)} is below the limit at the minimum, {most}; the surface is steeper elsewhere.",
                f"学习率 {short(rate)} 低于最小值处的上限 {most}；但途中的曲面更陡。",
            )
        ]
    return [
        Said(
            f"The rate {short(rate)} is below the limit {most} that the curvature at the minimum sets.",
            f"学习率 {short(rate)} 低于最小值处的曲率决定的上限 {most}。",
        )
    ]


def _has_small_batches(path: Path) -> bool:
    """Whether batches have fewer rows than there are."""
    return path.surface.rows > 0 and path.batch_size != "full" and path.batch_size < path.surface.rows


def _of_batches(path: Path, rate: float, largest: float) -> Said:
    """The limit of all rows, and for one weight of the steepest batch: each batch is a parabola of its own."""
    side = ("below", "低于") if rate <= largest else ("above", "超过")
    en = f"The rate {short(rate)} is {side[0]} the limit of all rows, {short(largest)}"
    zh = f"学习率 {short(rate)} {side[1]}全部数据的上限 {short(largest)}"
    steepest = steepest_batch(path.surface, path.batch_size)
    if steepest is None or name_of(path.rule) != "sgd":
        return Said(f"{en}; single batches may be steeper.", f"{zh}；单独一批可能更陡。")
    own = short(2.0 / steepest)
    return Said(
        f"{en}; the steepest batch of {path.batch_size} has the limit {own}: above it, its steps lead away.",
        f"{zh}；最陡的一批（{path.batch_size} 行）的上限是 {own}：超过它，这一批的步子会离得更远。",
    )


def _of_one_weight(rate: float, limits: Limits) -> Said:
    """What a rate below 2/λ does to the distance from the minimum."""
    share = rate * limits.steepest
    left = short(1 - share)
    if abs(share - 1) <= NEAR:
        return Said(
            "The rate is the best, 1/λ: with all rows, one step leads to the minimum.",
            "这是最佳学习率 1/λ：用全部数据时，一步就到最小值。",
        )
    if share < 1:
        return Said(
            f"The rate is below the best, 1/λ: each step leaves 1 − η·λ = {left} of the distance, on the same side.",
            f"学习率低于最佳值 1/λ：每一步之后，距离剩下 1 − η·λ = {left}，始终在同一侧。",
        )
    return Said(
        f"The rate is between 1/λ and 2/λ: each step jumps to the other side, and leaves |1 − η·λ| = "
        f"{short(abs(1 - share))} of the distance.",
        f"学习率在 1/λ 与 2/λ 之间：每一步都跳到另一侧，距离剩下 |1 − η·λ| = {short(abs(1 - share))}。",
    )


END = {
    "steps": Said("all steps taken", "走完全部步数"),
    "converged": Said("converged", "收敛"),
    "diverged": Said("diverged", "发散"),
}


def line_formula(surface: Surface) -> str:
    """The loss of a line, its slope, and its curvature, which is the same everywhere."""
    limits = limits_of(surface)
    assert limits is not None
    return (
        f"L(w) = mean (w·x − y)²;  L′(w) = 2·mean x·(w·x − y);  λ = L″ = 2·mean x² = {short(limits.steepest)};  "
        f"1/λ = {short(1 / limits.steepest)};  2/λ = {short(2 / limits.steepest)}"
    )


def step_formula(path: Path, at: int) -> Said:
    """The loss of a line and its slope where step `at` has led, and of plain descent the next step, in numbers."""
    w = short(path.points[at, 0])
    place = f"w = {w}:  L(w) = {short(path.losses[at])};  L′(w) = {short(path.slopes[at, 0])}"
    if at >= path.steps or name_of(path.rule) != "sgd":
        return Said(place, place)
    rate, after = short(path.rates[at]), short(path.points[at + 1, 0])
    step = f"w − η·g = {w} − {rate}·({short(path.gradients[at, 0])}) = {after}"
    return Said(f"{place};  next w = {step}", f"{place};  下一个 w = {step}")


def surface_formula(surface: Surface, limits: Limits | None) -> Said:
    """The formula of a surface, with its curvatures and limits at the minimum."""
    loss = f"L(w₁, w₂) = {surface.formula}"
    if limits is None:
        return Said(loss, loss)
    bounds = f"λ = {short(limits.flattest)} … {short(limits.steepest)};  2/λ = {short(2 / limits.steepest)}"
    return Said(f"{loss};  at the minimum {bounds}", f"{loss};  在最小值处 {bounds}")
