"""The command line with quick heartbeats; the first argument is the silence after which a process counts as lost."""

import sys

from batchwright.cli.main import main
from batchwright.cluster import watchdog

if __name__ == "__main__":
    watchdog.SILENT_SECONDS = float(sys.argv.pop(1))
    watchdog.BEAT_SECONDS = 0.5
    main()
