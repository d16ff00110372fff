"""What went wrong in a training, from its history, settings and answers: kinds of faults with evidence and remedy."""

from batchwright.diagnosis.diagnose import CHECKS, diagnose
from batchwright.diagnosis.diagnosed import SURE, Diagnosis, Sure
from batchwright.diagnosis.evidence import Evidence, evidence_of
from batchwright.diagnosis.unseen import unseen
from batchwright.diagnosis.verdict import Verdict, verdict

__all__ = ["CHECKS", "SURE", "Diagnosis", "Evidence", "Sure", "Verdict", "diagnose", "evidence_of", "unseen", "verdict"]
