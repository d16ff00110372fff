"""What a fit shows, in words, in English and Chinese."""

import numpy as np

from batchwright.figures.scale import short
from batchwright.lab.descent.words import Said
from batchwright.lab.fit.curve_fit import CurveFit, Fitted
from batchwright.lab.network.point_sets import Y

CLEAR = 1.3
"""A loss is clearly above another if it is this many times as large."""
SMALL = 0.005
"""Added to the loss that noise alone makes, as a curve without noise is never met exactly."""


def describe_fit(fitted: Fitted) -> list[Said]:
    """Whether it underfits or overfits, the best epoch, and why training ended."""
    if not fitted.kept:
        return [
            Said(
                "The loss is no longer a finite number in the first epoch: take a smaller learning rate.",
                "第一个周期的损失就已不是有限的数：请用更小的学习率。",
            )
        ]
    return [*_verdict(fitted), *_best_words(fitted), _end_words(fitted)]


def is_underfit(fitted: Fitted) -> bool:
    """Whether even the training loss is clearly above what the noise makes."""
    return fitted.losses[0] > CLEAR * (fitted.asked.noise**2 + SMALL)


def is_overfit(fitted: Fitted) -> bool:
    """Whether the validation loss is clearly above both the training loss and what the noise makes."""
    train, validation = fitted.losses
    return validation > CLEAR * train and validation > CLEAR * (fitted.asked.noise**2 + SMALL)


def _verdict(fitted: Fitted) -> list[Said]:
    losses, found = fitted.losses, list[Said]()
    train, validation, rows = short(losses[0]), short(losses[1]), f"{fitted.asked.rows:,}"
    floor, spread = short(fitted.asked.noise**2), float(np.var(fitted.asked.points[0][Y]))
    if losses[0] >= spread:
        return [
            Said(
                f"It has learned nothing: the training loss, {train}, is not below the variance of y, {short(spread)}, "
                "which a constant reaches. Take more epochs, or another learning rate.",
                f"什么也没学到：训练损失 {train} 不低于 y 的方差 {short(spread)}，常数就能达到。"
                "请增加周期，或换一个学习率。",
            )
        ]
    if is_underfit(fitted):
        found.append(
            Said(
                f"It underfits: even the training loss, {train}, is above the {floor} that the noise alone makes. "
                "The model bends too little, or was trained too briefly.",
                f"欠拟合：连训练损失 {train} 也高于单由噪声造成的 {floor}。模型不够灵活，或训练太短。",
            )
        )
    if is_overfit(fitted):
        times = short(losses[1] / losses[0])
        found.append(
            Said(
                f"It overfits: the validation loss, {validation}, is {times} times the training loss, {train}. "
                f"Part of what it has learned of its {rows} rows does not hold for new ones.",
                f"过拟合：验证损失 {validation} 是训练损失 {train} 的 {times} 倍。"
                f"它从这 {rows} 行学到的东西，有一部分对新数据不成立。",
            )
        )
    return found or [
        Said(
            f"It fits: the validation loss, {validation}, is near the {floor} that the noise alone makes; the training "
            f"loss is {train}.",
            f"拟合良好：验证损失 {validation} 接近单由噪声造成的 {floor}；训练损失为 {train}。",
        )
    ]


def _best_words(fitted: Fitted) -> list[Said]:
    best, last = float(fitted.validation[fitted.best - 1]), float(fitted.validation[-1])
    epoch, epochs = f"{fitted.best:,}", f"{len(fitted.validation):,}"
    if last <= CLEAR * best:
        return []
    falls = bool(fitted.train[-1] < fitted.train[fitted.best - 1])
    return [
        Said(
            f"The validation loss was lowest, {short(best)}, after epoch {epoch}; after epoch {epochs} it is "
            f"{short(last)}{', while the training loss went on falling' * falls}.",
            f"验证损失在第 {epoch} 个周期后最低，为 {short(best)}；第 {epochs} 个周期后为 {short(last)}"
            f"{'，而训练损失仍在下降' * falls}。",
        )
    ]


def _end_words(fitted: Fitted) -> Said:
    asked, epochs = fitted.asked, len(fitted.validation)
    if fitted.diverged:
        return Said(
            f"It diverges after {epochs:,} epochs: take a smaller learning rate.",
            f"{epochs:,} 个周期之后发散：请用更小的学习率。",
        )
    if not asked.patience:
        return Said(
            f"Without early stopping, the parameters after the last of {epochs:,} epochs are kept.",
            f"没有早停：保留最后（第 {epochs:,} 个）周期之后的参数。",
        )
    if epochs < asked.epochs:
        return Said(
            f"Early stopping ended training after epoch {epochs:,}: {asked.patience:,} epochs brought nothing better. "
            f"The parameters of epoch {fitted.kept:,} are kept.",
            f"早停在第 {epochs:,} 个周期之后结束训练：{asked.patience:,} 个周期没有改善。"
            f"保留第 {fitted.kept:,} 个周期的参数。",
        )
    return Said(
        f"All {epochs:,} epochs were trained; the parameters of the best, epoch {fitted.kept:,}, are kept.",
        f"训练了全部 {epochs:,} 个周期；保留最好的第 {fitted.kept:,} 个周期的参数。",
    )


def parameters_of(asked: CurveFit) -> int:
    """How many numbers the model has to learn."""
    size = asked.capacity
    return size + 1 if asked.model == "polynomial" else 2 * size + size * (size + 1) + size + 1


def fit_formula(fitted: Fitted) -> Said:
    """The losses with the present numbers."""
    asked, (train, validation) = fitted.asked, map(short, fitted.losses)
    size, numbers = asked.capacity, f"{parameters_of(asked):,}"
    model = f"ŷ = b + Σₖ wₖ·Pₖ(x), k = 1…{size}" if asked.model == "polynomial" else f"ŷ = 1–{size}–{size}–1, tanh"
    noise = f"σ² = {short(asked.noise)}² = {short(asked.noise**2)}"
    return Said(
        f"{model}: {numbers} parameters, {asked.rows:,} rows;  training: mean (ŷ − y)² = {train};  "
        f"validation: {validation} over {fitted.held_out:,} rows;  noise: {noise}",
        f"{model}：{numbers} 个参数，{asked.rows:,} 行；训练：mean (ŷ − y)² = {train}；"
        f"验证：{fitted.held_out:,} 行上为 {validation}；噪声：{noise}",
    )
