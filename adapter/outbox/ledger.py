"""The outbox's rows, with deliveries written down some at a time.

A transaction for each acknowledgement is a fifth of what a webhook costs. What is not written yet
when the process dies is sent again with the same id, as after a death between answer and mark,
which no order of the two excludes. Who looks for the next message here passes over what was
delivered, written or not. Not here: messages that failed or are given up; they are rare, and
written at once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from adapter.core.faults import StoreFailed
from adapter.core.message import Attempt, Backlog, Head, Queued

_log = logging.getLogger(__name__)
_RETRY = 5.0  # seconds


class Store(Protocol):
    """What the outbox needs of the store: `adapter.store.outbox.OutboxStore` has it."""

    def head(self, lane: str, after: int = 0) -> Queued | None: ...  # noqa: D102 - documented there
    def heads(self, after: str, limit: int) -> list[Head]: ...  # noqa: D102
    def delivered(self, settled: list[tuple[Queued, Attempt]]) -> None: ...  # noqa: D102
    def failed(self, row: Queued, attempt: Attempt, next_at: float) -> None: ...  # noqa: D102
    def dead(self, row: Queued, attempt: Attempt, *, disable: str | None = None) -> None: ...  # noqa: D102
    def disabled(self) -> dict[tuple[str, str], str]: ...  # noqa: D102
    def data_version(self) -> int: ...  # noqa: D102
    def backlog(self) -> Backlog: ...  # noqa: D102


class Ledger:
    """Notes deliveries and writes them down.

    Args:
        store: the rows, on the connection of this event loop.
        delay: seconds until a delivery is written, at most.
        most: as many are written at once.
    """

    def __init__(self, store: Store, delay: float, most: int) -> None:
        self._store = store
        self._delay = delay
        self._most = most
        self._noted: list[tuple[Queued, Attempt]] = []
        self._timer: asyncio.TimerHandle | None = None

    def delivered(self, row: Queued, attempt: Attempt) -> None:
        """The customer acknowledged a message.

        Raises:
            StoreFailed: it was time to write, and nothing was written; it stays noted.
        """
        self._noted.append((row, attempt))
        if len(self._noted) >= self._most:
            self.write()
        elif self._timer is None:
            self._wait(self._delay)

    def head(self, lane: str) -> Queued | None:
        """The oldest message of a lane that is still to be delivered."""
        noted = (row.seq for row, _ in self._noted if row.message.lane == lane)
        return self._store.head(lane, max(noted, default=0))

    def heads(self, after: str, limit: int) -> list[Head]:
        """The heads of up to `limit` lanes whose name sorts after `after`.

        Raises:
            StoreFailed: what was noted could not be written.
        """
        self.write()
        return self._store.heads(after, limit)

    def write(self) -> None:
        """Write down what is noted.

        Raises:
            StoreFailed: nothing was written; it stays noted.
        """
        if not self._noted:
            return
        self._store.delivered(self._noted)
        self._noted = []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Write down what is noted, if that is possible; what is not is sent again."""
        self._pass()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._pass)

    def _pass(self) -> None:
        try:
            self.write()
        except StoreFailed as failed:
            detail = {"count": len(self._noted), "error": str(failed)}
            _log.error("deliveries not written down yet", extra=detail)
            self._wait(_RETRY)
