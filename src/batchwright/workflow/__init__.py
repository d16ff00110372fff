"""From settings to a finished run: load, measure whatever is `auto`, plan, compile, fit, record, evaluate.

The command line, the Python functions and the other interfaces all call this.
"""

from typing import TYPE_CHECKING

from batchwright._on_use import load_on_use

if TYPE_CHECKING:
    from batchwright.workflow.checking import Checked, check
    from batchwright.workflow.initial import settings_like
    from batchwright.workflow.measuring import find_batch_size, find_learning_rate, verify_batch_size
    from batchwright.workflow.preparing import Prepared, prepare
    from batchwright.workflow.repeating import Estimate, Repeated, SeedRun, estimate, refuse_unrepeatable, repeat
    from batchwright.workflow.trained import Trained
    from batchwright.workflow.training import Event, recorded_settings, resume, train

__all__ = [
    "Checked",
    "Estimate",
    "Event",
    "Prepared",
    "Repeated",
    "SeedRun",
    "Trained",
    "check",
    "estimate",
    "find_batch_size",
    "find_learning_rate",
    "prepare",
    "recorded_settings",
    "refuse_unrepeatable",
    "repeat",
    "resume",
    "settings_like",
    "train",
    "verify_batch_size",
]

__getattr__ = load_on_use(
    __name__,
    {
        "checking": ("Checked", "check"),
        "initial": ("settings_like",),
        "measuring": ("find_batch_size", "find_learning_rate", "verify_batch_size"),
        "preparing": ("Prepared", "prepare"),
        "repeating": ("Estimate", "Repeated", "SeedRun", "estimate", "refuse_unrepeatable", "repeat"),
        "trained": ("Trained",),
        "training": ("Event", "recorded_settings", "resume", "train"),
    },
)
