"""What a file says of the model's origin and quality: as plain data, for which `words.js` has words, or in English."""

import json
from collections.abc import Mapping
from typing import NamedTuple

PARTS = ("test", "validation")
"""The rows whose metrics are told: the first that there are."""
WORDS: Mapping[str, str] = {
    "made": "Made by batchwright {version}.",
    "made_from": "Made by batchwright {version} from the run {run}.",
    "metrics_test": "On its test rows: {listed}.",
    "metrics_validation": "On its validation rows: {listed}.",
}
"""The sentence of each fact in English; `words.js` has them all, and in Chinese."""


class Fact(NamedTuple):
    """One fact: the key of its sentence, and what is put into it."""

    key: str
    given: Mapping[str, str]


def plain_facts(about: Mapping[str, str]) -> list[Fact]:
    """The facts of what `exporting.about` gives."""
    given = {"version": about["batchwright"]} | ({"run": about["run"]} if "run" in about else {})
    found = [Fact("made_from" if "run" in about else "made", given)]
    metrics = json.loads(about.get("metrics", "{}"))
    part = next((name for name in PARTS if metrics.get(name)), None)
    if part is not None:
        listed = ", ".join(f"{name} {value:.4g}" for name, value in metrics[part].items() if isinstance(value, float))
        found.append(Fact(f"metrics_{part}", {"listed": listed}))
    return found


def facts_of(about: Mapping[str, str]) -> list[str]:
    """The same as sentences.

    >>> facts_of({"batchwright": "1.2", "run": "iris-1", "metrics": '{"test": {"accuracy": 0.96667, "loss": 0.1}}'})
    ['Made by batchwright 1.2 from the run iris-1.', 'On its test rows: accuracy 0.9667, loss 0.1.']
    """
    return [WORDS[fact.key].format(**fact.given) for fact in plain_facts(about)]
