"""The command line with quick looks; the first argument is the silence after which a process counts as lost."""

import sys

from batchwright.cli.main import main
from batchwright.cluster import meeting, membership, watchdog

if __name__ == "__main__":
    watchdog.SILENT_SECONDS = float(sys.argv.pop(1))
    watchdog.BEAT_SECONDS = meeting.ASK_SECONDS = membership.LOOK_SECONDS = 0.1
    main()
