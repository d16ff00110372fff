"""The numbers of one iteration as lines that can be read and calculated again, for one row of the batch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from batchwright.figures.scale import short
from batchwright.lab.descent.words import Said
from batchwright.lab.network.chain import Chain, Learned, Link
from batchwright.lab.network.chosen_rows import ChosenRows
from batchwright.optim import SGD, Optimizer

DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
MOST_TERMS = 8
"""Terms of a sum that are written out."""
FUNCTIONS = {
    "tanh": ("tanh({z})", "1 − {a}²"),
    "sigmoid": ("1/(1 + e^−{z})", "{a}·(1 − {a})"),
    "relu": ("max({z}, 0)", "1 if {z} > 0, else 0"),
    "leaky_relu": ("{z} if {z} > 0, else slope·{z}", "1 if {z} > 0, else the slope"),
    "gelu": ("{z}·Φ({z})", "Φ({z}) + {z}·φ({z})"),
    "silu": ("{z}·σ({z})", "σ({z})·(1 + {z}·(1 − σ({z})))"),
    "identity": ("{z}", "1"),
}
"""For each activation, its value and its derivative."""


@dataclass(frozen=True)
class Passage:
    """A part of the iteration: its title, and its lines.

    Args:
        name: forward, loss, backward or update, and the layer.
        title: in both languages.
        lines: formulas with numbers.
    """

    name: str
    title: Said
    lines: tuple[str, ...]


def describe_chain(one: Chain, rows: ChosenRows, optimizer: Optimizer, *, row: int = 0) -> list[Passage]:
    """The iteration in the order in which it is computed.

    Args:
        one: the iteration.
        rows: what is learned.
        optimizer: the rule that takes the step.
        row: the place in the batch of the row whose way is followed, from 0.
    """
    at = min(max(row, 0), len(one.rows) - 1)
    forward = [Passage(f"forward {link.name}", _title(link, "→"), tuple(_forward(link, at))) for link in one.links]
    backward = [
        Passage(f"backward {link.name}", _title(link, "←"), tuple(_backward(link, one, at)))
        for link in reversed(one.links)
    ]
    update = Passage(
        "update",
        Said(
            f"Update: each weight against its derivative, η = {short(one.learning_rate)}", "更新：每个权重逆着导数移动"
        ),
        tuple(line for link in one.links for line in _update(link, one.learning_rate, optimizer)),
    )
    return [_given(one, rows, at), *forward, _loss(one, rows, at), *backward, update]


def _title(link: Link, way: str) -> Said:
    what = {"dense": ("weights and bias", "权重和偏置"), "batch_norm": ("batch normalization", "批归一化")}
    en, zh = what.get(link.kind, (link.kind, link.kind))
    if way == "→":
        return Said(f"Forward, {link.name}: {en}", f"前向，{link.name}：{zh}")
    return Said(f"Backward, {link.name}: the chain rule", f"反向，{link.name}：链式法则")


def _given(one: Chain, rows: ChosenRows, at: int) -> Passage:
    """The row, in its own units and as the network gets it."""
    own = ", ".join(f"{name[:40]} = {short(value)}" for name, value in zip(rows.inputs, one.points[at], strict=True))
    got = ", ".join(
        f"{_mark('x', place)} = {short(float(value))}" for place, value in enumerate(one.links[0].inputs[at])
    )
    lines = [f"{own}; {rows.target[:40]} = {_target(one, rows, at)}", f"standardised: {got}"]
    title = Said(
        f"Iteration {one.iteration:,}: row {one.rows[at]:,}, number {at + 1} of {len(one.rows)} in the batch",
        f"第 {one.iteration:,} 次迭代：第 {one.rows[at]:,} 行，本批 {len(one.rows)} 行中的第 {at + 1} 行",
    )
    return Passage("row", title, tuple(lines))


def _target(one: Chain, rows: ChosenRows, at: int) -> str:
    if rows.classes:
        return rows.classes[int(one.targets[at])][:40]
    return f"{short(rows.targets[one.rows[at]])} (standardised {short(float(one.targets[at]))})"


def _forward(link: Link, at: int) -> Iterator[str]:
    ins, outs = link.inputs[at], link.outputs[at]
    for unit, out in enumerate(outs):
        if link.kind == "dense":
            kernel = link.parameters["kernel"].before[:, unit]
            terms = [f"{_n(weight)}·{_n(value)}" for weight, value in zip(kernel, ins, strict=True)]
            bias = [_n(link.parameters["bias"].before[unit])] if "bias" in link.parameters else []
            yield f"{_mark('z', unit)} = {' + '.join([*terms, *bias])} = {short(out)}"
        elif link.kind in FUNCTIONS:
            yield f"{_mark('a', unit)} = {_value(link.kind, ins[unit])} = {short(out)}"
        elif link.kind == "batch_norm":
            mean, deviation = link.inputs[:, unit].mean(), link.inputs[:, unit].std()
            yield (
                f"{_mark('y', unit)} = γ·(z − mean)/√(variance + ε) + β = {short(out)}, "
                f"with z = {_n(ins[unit])}, mean {_n(mean)}, √variance {_n(deviation)} of the batch"
            )
        else:
            yield f"{_mark('a', unit)}: {_n(ins[unit])} → {_n(out)}"


def _value(kind: str, z: float) -> str:
    """The formula of an activation with its input; a negative number has brackets unless the formula has them."""
    formula = FUNCTIONS[kind][0]
    return formula.format(z=short(float(z)) if formula.count("{z}") == 1 and "({z}" in formula else _n(z))


def _loss(one: Chain, rows: ChosenRows, at: int) -> Passage:
    outputs, own = one.links[-1].outputs[at], one.losses[at]
    if rows.classes:
        shares = np.exp(outputs - outputs.max())
        shares = shares / shares.sum()
        told = [
            f"p({name[:40]}) = e^{_n(out)} / Σ e^z = {short(share)}"
            for name, out, share in zip(rows.classes, outputs, shares, strict=True)
        ]
        own_line = f"loss of the row = −ln p({_target(one, rows, at)}) = {short(own)}"
    else:
        told, own_line = [], f"loss of the row = ({_n(outputs[0])} − {_n(one.targets[at])})² = {short(own)}"
    shown = " + ".join(_n(loss) for loss in one.losses[:MOST_TERMS])
    more = " + …" if len(one.losses) > MOST_TERMS else ""
    mean = f"L = ({shown}{more}) / {len(one.losses)} = {short(one.loss)}"
    return Passage(
        "loss", Said("The loss, and its mean over the batch", "损失，以及整批的平均"), (*told, own_line, mean)
    )


def _backward(link: Link, one: Chain, at: int) -> Iterator[str]:
    if link is one.links[-1]:
        yield from _slopes_of_outputs(link, one, at)
    if link.kind == "dense":
        for name in ("kernel", "bias"):
            if name in link.parameters:
                yield from _gradients(link, name)
        for place, slope in enumerate(link.slopes_in[at]):
            terms = [
                f"{_n(w)}·{_n(d)}"
                for w, d in zip(link.parameters["kernel"].before[place], link.slopes_out[at], strict=True)
            ]
            into = "x" if link is one.links[0] else "a"
            yield f"∂L/∂{_mark(into, place)} = {' + '.join(terms)} = {short(slope)}"
    elif link.kind in FUNCTIONS:
        for unit, (after, before) in enumerate(zip(link.slopes_out[at], link.slopes_in[at], strict=True)):
            derivative = FUNCTIONS[link.kind][1].format(z=_n(link.inputs[at, unit]), a=_n(link.outputs[at, unit]))
            yield f"{_mark('δ', unit)} = ∂L/∂{_mark('a', unit)} · f′(z) = {_n(after)}·({derivative}) = {short(before)}"
    else:
        for unit, slope in enumerate(link.slopes_in[at]):
            yield f"∂L/∂{_mark('z', unit)} = {short(slope)}"


def _slopes_of_outputs(link: Link, one: Chain, at: int) -> Iterator[str]:
    """δ of the last layer, from the loss."""
    rows = len(one.rows)
    for unit, slope in enumerate(link.slopes_out[at]):
        if len(link.slopes_out[at]) == 1:
            formula = f"2·({_n(link.outputs[at, 0])} − {_n(one.targets[at])})/{rows}"
        else:
            right = int(one.targets[at]) == unit
            share = slope * rows + int(right)
            formula = f"(p − {int(right)})/{rows} = ({short(share)} − {int(right)})/{rows}"
        yield f"{_mark('δ', unit)} = ∂L/∂{_mark('z', unit)} = {formula} = {short(slope)}"


def _gradients(link: Link, name: str) -> Iterator[str]:
    """∂L/∂W or ∂L/∂b of a layer, as sums over the rows of the batch."""
    learned, slopes = link.parameters[name], link.slopes_out
    for index, gradient in np.ndenumerate(learned.gradient):
        unit = index[-1]
        if name == "bias":
            terms = [_n(slope) for slope in slopes[:MOST_TERMS, unit]]
            what = f"∂L/∂{_mark('b', unit)} = Σ δ"
        else:
            pairs = zip(link.inputs[:MOST_TERMS, index[0]], slopes[:MOST_TERMS, unit], strict=True)
            terms = [f"{_n(value)}·{_n(slope)}" for value, slope in pairs]
            what = f"∂L/∂{_mark('W', index[0], unit)} = Σ a·δ"
        more = " + …" if len(slopes) > MOST_TERMS else ""
        yield f"{what} = {' + '.join(terms)}{more} = {short(gradient)}"


def _update(link: Link, rate: float, optimizer: Optimizer) -> Iterator[str]:
    plain = isinstance(optimizer, SGD) and not optimizer.momentum and not optimizer.weight_decay
    letters = {"kernel": "W", "bias": "b", "gamma": "γ", "beta": "β"}
    for name, learned in sorted(link.parameters.items(), key=lambda one: -one[1].before.ndim):
        for index, before in np.ndenumerate(learned.before):
            step, after = _step(learned, index, rate, plain=plain), float(learned.after[index])
            what = (
                "" if plain else f"  (the direction of {optimizer.name}; ∂L = {short(float(learned.gradient[index]))})"
            )
            mark = _mark(letters.get(name, name), *index)
            yield f"{link.name} {mark} ← {_n(before)} − {short(rate)}·{_n(step)} = {short(after)}{what}"


def _step(learned: Learned, index: tuple[int, ...], rate: float, *, plain: bool) -> float:
    """What the rate is multiplied by."""
    if plain:
        return float(learned.gradient[index])
    return float((learned.before[index] - learned.after[index]) / rate)


def _mark(letter: str, *places: int) -> str:
    """A letter with small numbers from 1, such as W₁₂ for the weight from input 1 to unit 2."""
    return letter + "".join(str(place + 1).translate(DIGITS) for place in places)


def _n(value: float) -> str:
    """A number in a formula; a negative one in brackets."""
    told = short(float(value))
    return f"({told})" if told.startswith(("-", "−")) else told
