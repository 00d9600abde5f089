"""A process by its id, without being its parent, and safe against ids that were given out again."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

_LOOK_AGAIN = 0.02  # seconds


def birth(pid: int) -> str:
    """When a process was started (clock ticks since boot); "" when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    # the second field is the name in brackets and may hold spaces (proc(5))
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]


def lives(pid: int, born: str) -> bool:
    """Whether this very process is still there."""
    return bool(born) and birth(pid) == born


def end(pid: int, born: str, patience: float) -> bool:
    """SIGTERM, then SIGKILL after `patience` seconds (0: at once); wait until it is gone.

    Returns whether there was anything to end.
    """
    if not lives(pid, born):
        return False
    if patience > 0:
        _signal(pid, signal.SIGTERM)
        limit = time.monotonic() + patience
        while lives(pid, born) and time.monotonic() < limit:
            time.sleep(_LOOK_AGAIN)
    while lives(pid, born):
        _signal(pid, signal.SIGKILL)
        time.sleep(_LOOK_AGAIN)
    return True


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
