"""The store through which processes that train together find each other, in a process of its own.

JAX aborts every process whose store has gone. So it must not go with the first process: it stays until the others have
found out for themselves. It ends at the word of the first process, or a while after that has gone.
"""

import subprocess
import sys
import threading
import time

from batchwright.cluster.meeting import LOOPBACK, listen
from batchwright.cluster.peers import as_written
from batchwright.errors import UsageError

LONG, SHORT = 7 * 24 * 3600, 60
"""Seconds: of JAX's own heartbeats, which would abort a process before ours find the loss; and to go apart in order."""
PARTING_SECONDS = 1.0
"""How long it stays when all have said that they part: a process that still heard of its end would be aborted."""
STAYS_SECONDS = 60.0
"""How long it stays once the first process has gone without a word: longer than others take to find that out."""
READY, END = "ready", "end"


class Service:
    """The process that has the store, at a port that is free: the one of an earlier training may still be there."""

    def __init__(self, host: str, count: int) -> None:
        """Start it, and wait until others can reach it.

        Raises:
            UsageError: it cannot be started.
        """
        with listen(host, 0) as free:
            self.port: int = free.getsockname()[1]
        address = f"{as_written(host)}:{self.port}" if host in LOOPBACK else f"[::]:{self.port}"
        command = [sys.executable, "-c", f"from {__name__} import main; main({address!r}, {count})"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what it logs is of no use to others, and it has no other words
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline().strip()
        if said != READY:
            raise UsageError(f"the store of the first process cannot listen at {address}: {said or 'it has ended'}.")

    def end(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{END}\n")
        self._process.stdin.close()
        self._process.wait()


def main(address: str, count: int) -> None:
    """Keep the store until standard input says that it is over."""
    from jaxlib import _jax

    try:
        service = _jax.get_distributed_runtime_service(address, count, heartbeat_timeout=LONG, shutdown_timeout=SHORT)
    except Exception as error:
        sys.stdout.write(f"{str(error).splitlines()[0]:.200}\n")
        return
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    time.sleep(PARTING_SECONDS if sys.stdin.readline().strip() == END else STAYS_SECONDS)
    threading.Thread(target=service.shutdown, daemon=True).start()
    time.sleep(0.1)
