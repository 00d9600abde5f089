"""Queries on the answers that are kept for repetitions of their requests (Idempotency-Key).

`insert` is for the transaction of the engine; outside of one it is a transaction of its own. Not
here: what a repetition is (`adapter.contracts.idempotency`).
"""

from __future__ import annotations

import sqlite3

from adapter.core.message import Kept

_INSERT = """
INSERT INTO answer (contract, owner, key, fingerprint, status, body, at)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_FIND = """
SELECT contract, owner, key, fingerprint, status, body FROM answer
WHERE contract = ? AND owner = ? AND key = ?
"""
_PURGE = """
DELETE FROM answer WHERE (contract, owner, key) IN
    (SELECT contract, owner, key FROM answer WHERE at < ? ORDER BY at LIMIT ?)
"""


class AnswerStore:
    """The kept answers on one connection, which is in autocommit (`adapter.store.sqlite`)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def insert(self, kept: Kept, now: float) -> None:
        """Write an answer.

        Raises:
            sqlite3.IntegrityError: there is one under this key.
        """
        row = (kept.contract, kept.owner, kept.key, kept.fingerprint, kept.status, kept.body, now)
        self._connection.execute(_INSERT, row)

    def find(self, contract: str, owner: str, key: str) -> Kept | None:
        """The answer under a key of a tenant; None when there is none."""
        row = self._connection.execute(_FIND, (contract, owner, key)).fetchone()
        return None if row is None else Kept(*row)

    def purge(self, before: float, limit: int = 500) -> int:
        """Forget up to `limit` answers from before a time. Returns how many."""
        return self._connection.execute(_PURGE, (before, limit)).rowcount
