"""What a file says of the model's origin and quality, in sentences."""

import json
from collections.abc import Mapping

PARTS = ("test", "validation")
"""The rows whose metrics are told: the first that there are."""


def facts_of(about: Mapping[str, str]) -> list[str]:
    """Sentences from what `exporting.about` gives.

    >>> facts_of({"batchwright": "1.2", "run": "iris-1", "metrics": '{"test": {"accuracy": 0.96667, "loss": 0.1}}'})
    ['Made by batchwright 1.2 from the run iris-1.', 'On its test rows: accuracy 0.9667, loss 0.1.']
    """
    origin = f"Made by batchwright {about['batchwright']}"
    found = [f"{origin} from the run {about['run']}." if "run" in about else f"{origin}."]
    metrics = json.loads(about.get("metrics", "{}"))
    part = next((name for name in PARTS if metrics.get(name)), None)
    if part is not None:
        listed = ", ".join(f"{name} {value:.4g}" for name, value in metrics[part].items() if isinstance(value, float))
        found.append(f"On its {part} rows: {listed}.")
    return found
