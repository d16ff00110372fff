"""What batch normalization did, in words, in English and Chinese."""

from batchwright.figures.scale import short
from batchwright.lab.descent.words import Said
from batchwright.lab.normalization.study import Studied, Trained

CLEAR = 1.2
"""Losses of batches and of all rows are clearly apart if one is this many times the other."""


def describe_study(studied: Studied) -> list[Said]:
    """What the layers get, the losses, and whether training and evaluation agree."""
    return [_layers(studied), _losses(studied), _agreement(studied)]


def _layers(studied: Studied) -> Said:
    normal, plain = (" → ".join(short(one) for one in net.deviations) for net in (studied.normal, studied.plain))
    return Said(
        f"What activations get deviates, from the first to the last hidden layer, by {normal} with batch "
        f"normalization, and by {plain} without.",
        f"从第一个到最后一个隐藏层，激活函数输入的标准差：有批归一化为 {normal}，没有为 {plain}。",
    )


def _losses(studied: Studied) -> Said:
    normal, plain = (short(net.train[-1]) for net in (studied.normal, studied.plain))
    steps = f"{studied.asked.steps:,}"
    ends = (" (diverged)" * studied.normal.diverged, " (diverged)" * studied.plain.diverged)
    zh = ("（发散）" * studied.normal.diverged, "（发散）" * studied.plain.diverged)
    return Said(
        f"After {steps} iterations the training loss is {normal}{ends[0]} with it and {plain}{ends[1]} without.",
        f"{steps} 次迭代之后，训练损失有批归一化为 {normal}{zh[0]}，没有为 {plain}{zh[1]}。",
    )


def is_apart(net: Trained) -> bool:
    """Whether the loss in training and the loss in evaluation are clearly apart, of the same weights and rows."""
    low, high = sorted((net.batch_loss, net.train[-1]))
    return not high <= CLEAR * low


def _agreement(studied: Studied) -> Said:
    net, size = studied.normal, studied.asked.small(normal=True).plan.batch_size
    batch, running = short(net.batch_loss), short(net.train[-1])
    if size == 1:
        return Said(
            "It fails: a batch of one row has variance 0, so that each unit gives β, whatever the row. Nothing about "
            f"the rows gets through in training; the loss is {batch} there, and {running} with the running averages.",
            "失败：一行的批方差为 0，不论是哪一行，每个单元都给出 β。训练时数据的信息完全传不过去；"
            f"那里的损失是 {batch}，用滑动平均是 {running}。",
        )
    if is_apart(net):
        return Said(
            f"Training and evaluation differ: the same weights have the loss {batch} with the statistics of their "
            f"batches of {size:,} rows, and {running} with the running averages.",
            f"训练与评估不一致：同样的权重，用每批 {size:,} 行的统计量损失为 {batch}，用滑动平均为 {running}。",
        )
    return Said(
        f"Training and evaluation agree: the loss is {batch} with the statistics of the batches, and {running} with "
        "the running averages.",
        f"训练与评估一致：用批的统计量损失为 {batch}，用滑动平均为 {running}。",
    )


def normalization_formula(studied: Studied) -> Said:
    """The formula, with the batch size and the gaps of the first layer."""
    size, gap = studied.asked.small(normal=True).plan.batch_size, studied.normal.gaps[0]
    text = (
        "y = γ·(z − m)/√(v + ε) + β, ε = 0.001;  in training m, v of the batch, in evaluation running averages;  "
        f"B = {size:,}: E v = (1 − 1/B)·σ² = {short(1 - 1 / size)}·σ²;  layer 1: |m − running m| = {short(gap.shift)} "
        f"deviations, v + ε = {short(gap.spread)} of the running v + ε"
    )
    zh = (
        "y = γ·(z − m)/√(v + ε) + β, ε = 0.001；训练时 m、v 是这一批的，评估时是滑动平均；"
        f"B = {size:,}：E v = (1 − 1/B)·σ² = {short(1 - 1 / size)}·σ²；第 1 层：|m − 滑动平均| = {short(gap.shift)} "
        f"个标准差，v + ε 是滑动平均的 {short(gap.spread)} 倍"
    )
    return Said(text, zh)
