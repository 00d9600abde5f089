"""Queries on the outbox: rows of webhooks, each attempt, and the endpoints that said 410 Gone.

`insert` is for the transaction of the engine; every other writing method is one transaction of its
own, guarded by the state it expects, so that a row is settled once whoever settles it. A second
process (the command line) may use the same file meanwhile; the server sees that something changed
by `data_version`. Not here: when to send and what to do about a failure (`adapter.outbox`).

A message without a URL is for the pull feed only (`adapter.store.feed`): its row is settled when it
is written, so that nothing that looks for work ever sees it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from adapter.core.faults import StoreFailed
from adapter.core.message import Attempt, Backlog, Head, Message, Queued

State = Literal["pending", "delivered", "dead"]

_MESSAGE = "id, lane, contract, owner, event, url, body"

_INSERT = f"""
INSERT INTO outbox ({_MESSAGE}, created_at, next_at, state, done_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S608 - made of constants
_HEAD = f"""
SELECT {_MESSAGE}, seq, attempts, next_at, created_at
FROM outbox INDEXED BY outbox_pending  -- the planner would walk all that the lane delivered
WHERE state = 'pending' AND lane = ? AND seq > ? ORDER BY seq LIMIT 1
"""  # noqa: S608 - made of constants
_HEADS = """
SELECT o.lane, o.url, o.next_at
FROM (SELECT lane, MIN(seq) AS seq FROM outbox
      WHERE state = 'pending' AND lane > ? GROUP BY lane ORDER BY lane LIMIT ?) AS first
JOIN outbox AS o ON o.seq = first.seq
ORDER BY o.lane
"""
_BACKLOG = """
WITH pending AS (SELECT COUNT(*) AS count, MIN(seq) AS seq FROM outbox WHERE state = 'pending')
SELECT pending.count, o.created_at FROM pending LEFT JOIN outbox AS o ON o.seq = pending.seq
"""
_DELIVERED = """
UPDATE outbox SET state = 'delivered', attempts = attempts + 1, done_at = ?
WHERE seq = ? AND state = 'pending'
"""
_FAILED = """
UPDATE outbox SET attempts = attempts + 1, next_at = ? WHERE seq = ? AND state = 'pending'
"""
_DEAD = """
UPDATE outbox SET state = 'dead', attempts = attempts + 1, done_at = ?
WHERE seq = ? AND state = 'pending'
"""
# Attempts are counted on when a dead letter is put back, where outbox.attempts begins anew.
_ATTEMPT = """
INSERT INTO delivery (seq, attempt, at, duration, status, error)
SELECT ?1, COALESCE(MAX(attempt), 0) + 1, ?2, ?3, ?4, ?5 FROM delivery WHERE seq = ?1
"""
_DISABLE = """
INSERT INTO webhook_endpoint (owner, url, disabled_at, reason) VALUES (?, ?, ?, ?)
ON CONFLICT (owner, url) DO UPDATE SET disabled_at = excluded.disabled_at, reason = excluded.reason
"""
_LISTED = """
SELECT o.seq, o.id, o.lane, o.owner, o.event, o.url,
       CASE o.url WHEN '' THEN 'feed only' ELSE o.state END, o.attempts,
       o.created_at, o.next_at, o.done_at,
       (SELECT error FROM delivery AS d WHERE d.seq = o.seq ORDER BY attempt DESC LIMIT 1)
FROM outbox AS o
"""
_DELIVERIES = """
SELECT o.seq, o.id, o.event, o.url, d.attempt, d.at, d.duration, d.status, d.error
FROM outbox AS o JOIN delivery AS d ON d.seq = o.seq
WHERE o.lane = ? ORDER BY d.at, o.seq, d.attempt
"""
_PURGE = """
DELETE FROM outbox WHERE seq IN
    (SELECT seq FROM outbox
     WHERE done_at < ? AND state = ? AND seq < (SELECT MAX(seq) FROM outbox)
     ORDER BY done_at LIMIT ?)
"""  # the latest row stays: its number would be given again, and the feed's cursors run back


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the outbox as the command line shows it: everything but the body."""

    seq: int
    id: str
    lane: str
    owner: str
    event: str
    url: str
    state: State | Literal["feed only"]
    attempts: int
    created_at: float
    next_at: float
    done_at: float | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One recorded attempt at one message; times in seconds since the epoch, `duration` in s."""

    seq: int
    id: str
    event: str
    url: str
    attempt: int
    at: float
    duration: float
    status: int | None
    error: str | None


class OutboxStore:
    """The outbox tables on one connection, which is in autocommit (`adapter.store.sqlite`)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def insert(self, messages: Iterable[Message], now: float) -> list[Queued]:
        """Write messages in the transaction that the caller has open; those with a URL due at once.

        Returns:
            The rows of these in the order given, for `Outbox.notify` after the commit.

        Raises:
            sqlite3.IntegrityError: an id was used before.
        """
        queued = []
        for m in messages:
            row = (m.id, m.lane, m.contract, m.owner, m.event, m.url, m.body, now, now)
            settled = ("pending", None) if m.url else ("delivered", now)
            seq = self._connection.execute(_INSERT, (*row, *settled)).lastrowid
            assert seq is not None  # noqa: S101 - an INSERT that did not raise has a row id
            if m.url:
                queued.append(Queued(seq, m, 0, now, now))
        return queued

    def head(self, lane: str, after: int = 0) -> Queued | None:
        """The oldest pending message of a lane, of those after a `seq`."""
        row = self._connection.execute(_HEAD, (lane, after)).fetchone()
        return None if row is None else Queued(row[7], Message(*row[:7]), *row[8:])

    def heads(self, after: str, limit: int) -> list[Head]:
        """The heads of up to `limit` lanes whose name sorts after `after` ("" for the first)."""
        return [Head(*row) for row in self._connection.execute(_HEADS, (after, limit))]

    def delivered(self, settled: Sequence[tuple[Queued, Attempt]]) -> None:
        """The customer acknowledged these messages.

        Raises:
            StoreFailed: nothing was written.
        """
        done = [(attempt.at + attempt.duration, row.seq) for row, attempt in settled]
        try:
            with self._transaction():
                self._connection.executemany(_ATTEMPT, [_recorded(*each) for each in settled])
                self._connection.executemany(_DELIVERED, done)
        except sqlite3.Error as error:
            raise StoreFailed(f"{len(settled)} deliveries: {error}") from error

    def failed(self, row: Queued, attempt: Attempt, next_at: float) -> None:
        """The attempt failed; the next is not before `next_at`."""
        with self._transaction():
            self._record(row, attempt)
            self._connection.execute(_FAILED, (next_at, row.seq))

    def dead(self, row: Queued, attempt: Attempt, *, disable: str | None = None) -> None:
        """The message is given up and kept as a dead letter.

        Args:
            row: the message.
            attempt: the last attempt, or, when none was made, the reason as its `error`.
            disable: the reason to disable this URL of this owner as well.
        """
        done_at = attempt.at + attempt.duration
        with self._transaction():
            self._record(row, attempt)
            self._connection.execute(_DEAD, (done_at, row.seq))
            if disable is not None:
                endpoint = (row.message.owner, row.message.url, done_at, disable)
                self._connection.execute(_DISABLE, endpoint)

    def disabled(self) -> dict[tuple[str, str], str]:
        """The endpoints that are disabled: (owner, url) and the reason."""
        rows = self._connection.execute("SELECT owner, url, reason FROM webhook_endpoint")
        return {(owner, url): reason for owner, url, reason in rows}

    def enable(self, owner: str) -> int:
        """Enable the endpoints of an owner again; returns how many. Opens no transaction."""
        return self._connection.execute(
            "DELETE FROM webhook_endpoint WHERE owner = ?", (owner,)
        ).rowcount

    def data_version(self) -> int:
        """Changes when another connection has committed (SQLite, PRAGMA data_version)."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def backlog(self) -> Backlog:
        """What is pending."""
        return Backlog(*self._connection.execute(_BACKLOG).fetchone())

    def rows(
        self,
        state: State | None = None,
        limit: int = 100,
        *,
        owner: str | None = None,
        lane: str | None = None,
    ) -> list[Listed]:
        """The latest `limit` rows, oldest of them first; None leaves a condition out."""
        where, values = _conditions(state=state, owner=owner, lane=lane)
        rows = self._connection.execute(
            f"{_LISTED} {where} ORDER BY o.seq DESC LIMIT ?", (*values, limit)
        ).fetchall()
        return [Listed(*row) for row in reversed(rows)]

    def retry(self, now: float, *, seq: int | None = None, owner: str | None = None) -> int:
        """Make messages that were not delivered due now: dead letters and those that wait.

        Their schedules begin anew, and their endpoints are enabled again. Without `seq` and
        `owner`: all of them.

        Returns:
            How many messages are due by this.
        """
        where, values = _conditions(seq=seq, owner=owner)
        scope = f"{where} {'AND' if where else 'WHERE'} state <> 'delivered'"
        if seq is not None:
            endpoints = f"WHERE (owner, url) IN (SELECT owner, url FROM outbox AS o {scope})"  # noqa: S608 - made of constants
        else:
            endpoints = "" if owner is None else "WHERE owner = ?"
        with self._transaction():
            self._connection.execute(f"DELETE FROM webhook_endpoint {endpoints}", values)  # noqa: S608 - made of constants
            return self._connection.execute(
                "UPDATE outbox AS o SET state = 'pending', attempts = 0, next_at = ?, "  # noqa: S608 - made of constants
                f"done_at = NULL {scope}",
                (now, *values),
            ).rowcount

    def deliveries(self, lane: str) -> list[Delivery]:
        """Every recorded attempt of a lane, in the order of time."""
        return [Delivery(*row) for row in self._connection.execute(_DELIVERIES, (lane,))]

    def purge(
        self, before: float, *, state: Literal["delivered", "dead"] = "delivered", limit: int = 500
    ) -> int:
        """Delete up to `limit` rows settled before a time, with their attempts.

        Returns:
            How many were deleted; as many as `limit` means that there may be more.
        """
        return self._connection.execute(_PURGE, (before, state, limit)).rowcount

    def _record(self, row: Queued, attempt: Attempt) -> None:
        self._connection.execute(_ATTEMPT, _recorded(row, attempt))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _recorded(row: Queued, attempt: Attempt) -> tuple[object, ...]:
    """The values of an attempt's row."""
    return row.seq, attempt.at, attempt.duration, attempt.status, attempt.error


def _conditions(**columns: str | int | None) -> tuple[str, tuple[str | int, ...]]:
    """A WHERE clause of the columns that are not None, and its values."""
    given = {name: value for name, value in columns.items() if value is not None}
    clause = " AND ".join(f"o.{name} = ?" for name in given)
    return (f"WHERE {clause}" if clause else ""), tuple(given.values())
