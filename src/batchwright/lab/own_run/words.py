"""What is to be seen of a run, in words, in English and Chinese."""

from typing import TYPE_CHECKING

import numpy as np

from batchwright.figures.scale import short
from batchwright.lab.descent.words import Said
from batchwright.lab.own_run.batch_choice import BatchChoice
from batchwright.lab.own_run.batch_clouds import Clouds
from batchwright.lab.own_run.landscape import Landscape
from batchwright.lab.own_run.sharpness import Sharpness

if TYPE_CHECKING:
    from batchwright.lab.own_run.look import OwnRun


def describe_run(seen: "OwnRun") -> list[Said]:
    """The plane, whether the way is the run's own, the curvature, the noise, and the batch size: a sentence each."""
    said = _plane(seen.landscape)
    if not seen.trace.exact:
        said.append(
            Said(
                "Trained again, the run has slightly other parameters than its folder keeps, as on another machine or "
                "version: the way is one much like it.",
                "重新训练得到的参数与记录中的略有不同（例如换了机器或版本）：这条路径与原来的非常相似，但不完全相同。",
            )
        )
    said += [] if seen.sharpness is None else _sharpness(seen.sharpness)
    said += [] if seen.clouds is None else _noise(seen.clouds)
    return said + ([] if seen.choice is None else describe_batch_size(seen.choice))


def _plane(seen: Landscape) -> list[Said]:
    main = seen.directions == "path"
    plane, zh = ("its two main directions", "两个主要方向") if main else ("two random directions", "两个随机方向")
    off = np.abs(seen.projected - seen.losses)
    worst = int(np.nanargmax(off)) if np.isfinite(off).any() else 0
    at, loss, projected = f"{seen.iterations[worst]:,}", short(seen.losses[worst]), short(seen.projected[worst])
    return [
        Said(
            f"The plane of {plane} explains {seen.share:.1%} of the way's movement.",
            f"由{zh}组成的平面能解释路径变化的 {seen.share:.1%}。",
        ),
        Said(
            f"The true loss and the one where the way is projected differ most at iteration {at}: {loss} and "
            f"{projected}.",
            f"真实损失与投影处的损失在第 {at} 次迭代时相差最大：{loss} 与 {projected}。",
        ),
    ]


def _sharpness(sharp: Sharpness) -> list[Said]:
    first, last = short(sharp.curvatures[0]), short(sharp.curvatures[-1])
    downward, moments = np.fmin.reduce(sharp.smallest), f"{len(sharp.curvatures):,}"
    told, zh = f"The largest curvature goes from {first} to {last}", f"最大曲率从 {first} 变到 {last}"
    if np.isnan(sharp.above):
        no_limit = Said(
            f"{told}; the update rule has no limit that follows from it.", f"{zh}；这个更新规则没有由此得出的上限。"
        )
        said = [no_limit]
    else:
        share = f"{sharp.above:.0%}"
        said = [
            Said(
                f"{told}; it is above what the learning rate bears at {share} of the moments.",
                f"{zh}；在 {share} 的时刻，它高于学习率所能承受的上限。",
            )
        ]
    if downward < 0:
        said.append(
            Said(
                f"Downwards, where no limit follows from it, the loss bends by {short(downward)} at most.",
                f"向下弯曲的方向上（那里没有上限），曲率最多为 {short(downward)}。",
            )
        )
    if sharp.unsure:
        said.append(
            Said(
                f"At {sharp.unsure:,} of {moments} moments the largest curvature is not known to 1 %: it may be larger "
                "than shown.",
                f"在 {moments} 个时刻中的 {sharp.unsure:,} 个，最大曲率的误差超过 1%：它可能比图中更大。",
            )
        )
    return said


def _noise(clouds: Clouds) -> list[Said]:
    noise = clouds.noise
    if noise is None:
        return [Said("There are too few training rows to measure a noise scale.", "训练数据太少，无法测量噪声尺度。")]
    value, low, high = short(noise.value), short(noise.low), short(noise.high)
    at, size = f"{clouds.iteration:,}", f"{clouds.batch_size:,}"
    return [
        Said(
            f"At iteration {at} the noise scale is {value} rows ({low} to {high}); the run's batches have {size}.",
            f"第 {at} 次迭代时，噪声尺度为 {value} 行（{low} 到 {high}）；训练的批量是 {size} 行。",
        )
    ]


def describe_batch_size(choice: BatchChoice) -> list[Said]:
    """What was predicted and what it took."""
    if choice.sizes is None or choice.predicted is None:
        return [
            Said(
                f"Why this batch size cannot be measured: {choice.reason}",
                f"无法测量为什么用这个批量：{choice.reason}",
            )
        ]
    low, high = (f"{size:,}" for size in choice.sizes.interval)
    best, own = f"{choice.sizes.recommended:,}", f"{choice.batch_size:,}"
    predicted, took = short(1e3 * choice.predicted), short(1e3 * choice.measured)
    return [
        Said(
            f"An iteration of {own} rows is predicted to take {predicted} ms; in the run it took {took} ms, with "
            "validation and all that is recorded.",
            f"预测每次迭代（{own} 行）需要 {predicted} 毫秒；训练中实际用了 {took} 毫秒，其中包括验证和全部记录。",
        ),
        Said(
            f"The predicted time to a loss is least with batches of {best} rows, from which {low} to {high} cannot be "
            f"told; the run has {own}.",
            f"批量为 {best} 行时，预计达到同一损失的时间最短；{low} 到 {high} 行与它没有可测的差别；"
            f"这次训练用的是 {own} 行。",
        ),
    ]
