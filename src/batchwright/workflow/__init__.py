"""From settings to a finished run: load, plan, compile, fit, record, evaluate. Every front calls this."""

from batchwright.workflow.preparing import Prepared, check, prepare
from batchwright.workflow.training import Event, Trained, recorded_settings, resume, train

__all__ = ["Event", "Prepared", "Trained", "check", "prepare", "recorded_settings", "resume", "train"]
