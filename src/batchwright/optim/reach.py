"""How far the weights of a linear network can come: the learning rate times the updates.

Rules of the kind of Adam move a weight by about the learning rate in an update. The weights of a network with hidden
layers have to change a little, together; those of a linear network each have to reach their place, up to several units
of the scaled inputs.
"""

from batchwright.optim.adam import Adam, AdamW, Nadam
from batchwright.optim.adaptive import RMSprop
from batchwright.optim.muon import Muon
from batchwright.optim.sgd import Lion

BOUNDED = (Adam, AdamW, Nadam, RMSprop, Lion, Muon)
"""Rules whose updates are about as large as the learning rate, whatever the gradients are."""
USUAL, MOST = 0.01, 0.1
"""Learning rates with 1,000 updates or more, and with 100 or fewer."""
REACH = 10.0
"""The learning rate times the updates, at least: from here on, the loss of the least squares or of the logistic
regression was reached on ten tables (`docs/log.md`)."""


def linear_rate(updates: int) -> float:
    """The learning rate of a linear network for a number of updates, to two digits.

    >>> linear_rate(20), linear_rate(300), linear_rate(1_000), linear_rate(50_000)
    (0.1, 0.033, 0.01, 0.01)
    """
    return float(f"{min(max(REACH / max(updates, 1), USUAL), MOST):.2g}")
