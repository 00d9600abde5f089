"""Webhooks that are put back into the outbox, with the ids that they had.

On the connection of the event loop, a portion at a time; the outbox looks into the store after it
(`Outbox.refresh`). The endpoints concerned are enabled again when they had answered 410 Gone.
"""

from __future__ import annotations

import sqlite3

from adapter.core.faults import StoreFailed

PORTION = 500
"""Webhooks in one transaction: some milliseconds, for which the event loop waits."""

_PUT_BACK = """
UPDATE outbox SET state = 'pending', attempts = 0, next_at = ?, done_at = NULL
WHERE seq = ? AND state <> 'pending'
"""
_ENABLE = """
DELETE FROM webhook_endpoint WHERE (owner, url) = (SELECT owner, url FROM outbox WHERE seq = ?)
"""
_ONE = "SELECT seq FROM outbox WHERE id = ?"
_DEAD = """
SELECT seq FROM outbox
WHERE state = 'dead' AND (?1 IS NULL OR owner = ?1) AND created_at >= ?2 AND created_at < ?3
ORDER BY seq LIMIT ?4
"""


class Redelivery:
    """Puts webhooks back. Construct with a connection in autocommit, whose owner uses it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def one(self, webhook: str, now: float) -> bool:
        """Send a webhook again that was delivered or given up; false when it is pending.

        Raises:
            LookupError: there is none.
            StoreFailed: nothing was written.
        """
        row = self._connection.execute(_ONE, (webhook,)).fetchone()
        if row is None:
            raise LookupError(f"no webhook {webhook}")
        return self._put_back([row[0]], now) == 1

    def dead(self, now: float, *, owner: str | None = None, since: float = 0.0) -> int:
        """Send dead letters again, up to `PORTION` of them, the oldest first.

        Args:
            now: seconds since the epoch; what was written after it is left alone.
            owner: only this tenant's.
            since: only what was written then or later, seconds since the epoch.

        Returns:
            How many; 0 when there are none left.

        Raises:
            StoreFailed: nothing was written.
        """
        rows = self._connection.execute(_DEAD, (owner, since, now, PORTION)).fetchall()
        return self._put_back([seq for (seq,) in rows], now)

    def _put_back(self, numbers: list[int], now: float) -> int:
        execute = self._connection.execute
        count = 0
        try:
            execute("BEGIN IMMEDIATE")
            for seq in numbers:
                execute(_ENABLE, (seq,))
                count += execute(_PUT_BACK, (now, seq)).rowcount
            execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise StoreFailed(f"webhooks were not put back: {error}") from error
        return count
