"""The command line with quick looks whether there is another run."""

from batchwright.cli.main import main
from batchwright.serve import reloading

if __name__ == "__main__":
    reloading.EVERY = 0.05
    main()
