"""`ari-voice serve`: runs the adapter until it is told to end.

SIGTERM and SIGINT drain: no new calls, live ones go on up to `drain.timeout`; a second signal ends
at once. Either way calls that are still up go on in Asterisk, and the next start takes them over.
Exit status: 0 after a drain, 1 when it could not start, 70 when it had to give up (sysexits.h,
EX_SOFTWARE: a supervisor restarts it).
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sqlite3
from collections.abc import Coroutine
from typing import Any

from adapter.app import Adapter
from adapter.registry import PluginFault
from adapter.settings import Settings
from adapter.store.sqlite import SchemaMismatch

log = logging.getLogger(__name__)

GAVE_UP = 70


def serve(settings: Settings) -> int:
    """Run until a signal or a failure. Returns the exit status."""
    return asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    adapter, path = Adapter(settings), settings.database.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        await adapter.start()
    except (PluginFault, SchemaMismatch, OSError, sqlite3.Error) as error:
        place = f"{path}: " if isinstance(error, sqlite3.Error) else ""
        log.critical("cannot start", extra={"reason": f"{type(error).__name__}: {place}{error}"})
        return 1
    signals = _Signals()
    try:
        await _first(adapter.failed(), signals.first.wait())
        if adapter.failure is None:
            drained = adapter.drain(settings.drain.timeout)
            await _first(drained, signals.second.wait(), adapter.failed())
    finally:
        await adapter.close()
    return GAVE_UP if adapter.failure else 0


async def _first(*events: Coroutine[Any, Any, object]) -> None:
    """Wait until one of them has happened."""
    tasks: list[asyncio.Task[object]] = [asyncio.create_task(event) for event in events]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


class _Signals:
    """The first and the second signal to end."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._came)

    def _came(self) -> None:
        (self.second if self.first.is_set() else self.first).set()
