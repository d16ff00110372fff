"""A learning rate outside the range in which training was measured to be stable."""

from batchwright.findings.finding import Finding
from batchwright.optim.rule import Optimizer


def learning_rate(optimizer: Optimizer, stable: tuple[float, float] | None) -> tuple[Finding, ...]:
    """A learning rate outside `stable`, the lowest and the highest useful rate; nothing if that is not known.

    Above it, training is likely to diverge: a warning. Below it, training is only slow: a note.
    """
    if stable is None or stable[0] <= optimizer.learning_rate <= stable[1]:
        return ()
    low, high = stable
    above = optimizer.learning_rate > high
    effect = f"{optimizer.learning_rate / high:.3g} times the highest" if above else "below the lowest"
    return (
        Finding(
            "learning rate",
            "warning" if above else "note",
            f"learning rate {optimizer.learning_rate:.3g} is {effect} of the useful range, {low:.3g} to {high:.3g}",
            "`learning_rate=auto` takes the best of those that are tried",
        ),
    )
