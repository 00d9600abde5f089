"""Keeps the database small: old calls go, delivered webhooks go, the write-ahead log is emptied.

The log is checkpointed on a connection and a thread of its own, because a checkpoint waits for the
disk and the event loop must not (SQLite documentation, "Write-Ahead Logging", section 2.1).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

CHECKPOINT_EVERY = 1.0
PURGE_EVERY = 60.0


def checkpoint(path: Path) -> None:
    """Copy the log into the database file, as far as nobody has to wait for it."""
    connection = sqlite3.connect(path, timeout=0.0)
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    finally:
        connection.close()


async def keep_log_short(path: Path) -> None:
    """Checkpoint until cancelled."""
    while True:
        await asyncio.sleep(CHECKPOINT_EVERY)
        try:
            await asyncio.to_thread(checkpoint, path)
        except sqlite3.Error as error:
            log.warning("checkpoint failed", extra={"error": str(error)})


async def forget(*purges: Callable[[], int]) -> None:
    """Run purges until cancelled, each until nothing is left, and again every few seconds.

    Args:
        purges: each does a small portion and returns how many rows that were; between two portions
            the event loop does other things.
    """
    while True:
        for purge in purges:
            try:
                left = purge()
                while left:
                    await asyncio.sleep(0.01)
                    left = purge()
            except sqlite3.Error as error:
                log.warning("purge failed", extra={"error": str(error)})
        await asyncio.sleep(PURGE_EVERY)
