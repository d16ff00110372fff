"""A worker on a study: the command line, with signs of life every second, taken for dead after three."""

from batchwright.cli.main import main
from batchwright.search import storage

storage.HEARTBEAT, storage.GRACE = 1, 3

if __name__ == "__main__":
    main()
