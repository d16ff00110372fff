"""Learning rates one iteration at a time, in plain floats: `t` the iteration, `n` of them an epoch, `total` in all."""

import math


def inverse_time(t: int, n: int, total: int, *, decay: float, whole: bool) -> float:
    return 1 / (1 + decay * (t // n if whole else t / n))


def exponential(t: int, n: int, total: int, *, base: float, whole: bool) -> float:
    return math.pow(base, t // n if whole else t / n)


def inverse_sqrt(t: int, n: int, total: int, *, k: float, whole: bool) -> float:
    return k / math.sqrt(1 + (t // n if whole else t / n))


def staircase(t: int, n: int, total: int, *, factor: float, every: int) -> float:
    rate = 1.0
    for _ in range(t // (n * every)):
        rate *= factor
    return rate


def polynomial(t: int, n: int, total: int, *, power: float, end: float) -> float:
    return (1 - end) * (1 - t / total) ** power + end


def cosine(t: int, n: int, total: int, *, end: float) -> float:
    return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * t / total))


def cosine_restarts(t: int, n: int, total: int, *, cycles: int, growth: int, peak_decay: float, end: float) -> float:
    """For totals that the first cycle's length divides."""
    start, length, peak = 0, total // sum(growth**i for i in range(cycles)), 1.0
    while t >= start + length:
        start, length, peak = start + length, length * growth, peak * peak_decay
    return end + (max(peak, end) - end) * 0.5 * (1 + math.cos(math.pi * (t - start) / length))


def one_cycle(t: int, n: int, total: int, *, pct_start: float, div_factor: float, final_div_factor: float) -> float:
    rise, first = pct_start * total, 1 / div_factor
    if t < rise:
        return first + (1 - first) * (1 - math.cos(math.pi * t / rise)) / 2
    last = first / final_div_factor
    return last + (1 - last) * (1 + math.cos(math.pi * (t - rise) / (total - rise))) / 2


def warmed(rate: float, t: int, iterations: int) -> float:
    return rate * (t + 1) / iterations if t < iterations else rate
