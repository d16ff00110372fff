"""The command line in a process that sends itself a signal once a checkpoint is on the disk: `signalled.py N WORDS...`.

Sent from outside, the signal could come after the training, on a machine that is busy with something else.
"""

import os
import sys
import time
from typing import Any

from batchwright.cli.main import main
from batchwright.runs.checkpoints import CHECKPOINTS
from batchwright.runs.folder import RunFolder


def run() -> None:
    number, sent, save = int(sys.argv[1]), False, RunFolder.save_checkpoint
    sys.argv = ["batchwright", *sys.argv[2:]]

    def saving(self: RunFolder, *arguments: Any, **named: Any) -> None:
        nonlocal sent
        save(self, *arguments, **named)
        while not sent and not list((self.path / CHECKPOINTS).glob("0*")):
            time.sleep(0.001)
        if not sent:
            sent = True
            os.kill(os.getpid(), number)

    RunFolder.save_checkpoint = saving  # type: ignore[method-assign]
    main()


if __name__ == "__main__":
    run()
