"""Rows of calls and their journal: one transaction for each input. The engine's store.

The row is the truth. The journal is for reading (`ari-voice why`) and for replay: it keeps each
input whole, and of what followed only the names, because the machine makes the rest again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from adapter.core import inputs
from adapter.core.faults import StoreFailed
from adapter.core.ids import CallId
from adapter.core.inputs import Input
from adapter.core.message import Kept, Message, Queued, Told
from adapter.core.model import Call
from adapter.core.outputs import Step
from adapter.core.replay import state_of
from adapter.store import feed
from adapter.store.answers import AnswerStore

_BEGIN = "BEGIN IMMEDIATE"
_INSERT = """
INSERT INTO call (version, body, live, ended_at, id, contract, owner, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
"""
# An index is written anew for each column that is named, changed or not: only the end names them.
_UPDATE = "UPDATE call SET version = ?, body = ?, owner = ? WHERE id = ? AND version = ?"
_END = "UPDATE call SET version = ?, body = ?, live = ?, ended_at = ? WHERE id = ? AND version = ?"
_JOURNAL = "INSERT INTO journal (call, version, at, body) VALUES (?, ?, ?, ?)"
_LOAD = "SELECT body FROM call WHERE id = ?"
_LIVE = "SELECT body FROM call WHERE live = 1 ORDER BY created_at"
_LINES = "SELECT version, at, body FROM journal WHERE call = ? ORDER BY version"
_RECENT = "SELECT body FROM call ORDER BY created_at DESC LIMIT ?"
_OLD = "SELECT id FROM call WHERE ended_at < ? ORDER BY ended_at LIMIT ?"
_PURGE_JOURNAL = f"DELETE FROM journal WHERE call IN ({_OLD})"  # noqa: S608 - made of constants
_PURGE = f"DELETE FROM call WHERE id IN ({_OLD})"  # noqa: S608 - made of constants

_encode = msgspec.json.Encoder().encode
_decode_call = msgspec.json.Decoder(Call).decode


class VersionConflict(sqlite3.DatabaseError):
    """The row was changed by somebody else: two adapters work on one database."""


class _Body(msgspec.Struct, frozen=True, rename={"kind": "k", "given": "i", "state": "s"}):
    kind: str
    given: Any
    state: str
    effects: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


_decode_body = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the journal.

    Attributes:
        version: the version of the call that this input made.
        at: seconds since the epoch.
        given: the input.
        state: of the call, and of its prompt behind a slash, afterwards.
        effects: names of the effects that followed.
        notices: names of the notices that followed.
    """

    version: int
    at: float
    given: Input
    state: str
    effects: tuple[str, ...]
    notices: tuple[str, ...]


class CallStore:
    """Calls in SQLite.

    Args:
        connection: in autocommit; owned by the event loop.
        insert_messages: writes webhooks within the transaction that is open.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        insert_messages: Callable[[Sequence[Message], float], list[Queued]],
    ) -> None:
        self._connection = connection
        self._insert_messages = insert_messages
        self._answers = AnswerStore(connection)

    def save(
        self,
        step: Step,
        given: Input,
        now: float,
        messages: Sequence[Message],
        kept: Kept | None = None,
    ) -> Sequence[Queued]:
        """Write the row, a journal line, the webhooks and a kept answer, all or nothing.

        Returns:
            The webhooks that are to be delivered, with their rows.

        Raises:
            StoreFailed: nothing was written.
        """
        execute = self._connection.execute
        call = step.call
        try:
            execute(_BEGIN)
            self._write(call)
            execute(_JOURNAL, (call.id, call.version, now, _body(step, given)))
            queued = self._insert_messages(messages, now) if messages else ()
            if kept is not None:
                self._answers.insert(kept, now)
            execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):  # no transaction any more, or the file is closed
                execute("ROLLBACK")
            raise StoreFailed(f"{call.id} version {call.version}: {error}") from error
        return queued

    def keep(self, kept: Kept, now: float) -> None:
        """Write a kept answer alone.

        Raises:
            StoreFailed: it was not written.
        """
        try:
            self._answers.insert(kept, now)
        except sqlite3.Error as error:
            raise StoreFailed(f"answer of {kept.owner}: {error}") from error

    def kept(self, contract: str, owner: str, key: str) -> Kept | None:
        """The answer that is kept under a key."""
        return self._answers.find(contract, owner, key)

    def events(self, contract: str, owner: str, after: int, limit: int) -> list[Told]:
        """See `adapter.store.feed.events`."""
        return feed.events(self._connection, contract, owner, after, limit)

    def _write(self, call: Call) -> None:
        execute = self._connection.execute
        changed = (call.version, _encode(call).decode())
        before = (call.id, call.version - 1)
        final = (int(call.live), call.ended_at)
        if call.version > 1:
            done = (
                execute(_UPDATE, (*changed, call.owner, *before))
                if call.live
                else execute(_END, changed + final + before)
            )
            if done.rowcount == 1:
                return
        fixed = (call.id, call.contract, call.owner, call.created_at)
        if execute(_INSERT, changed + final + fixed).rowcount != 1:
            raise VersionConflict(f"call {call.id} is not at version {call.version - 1}")

    def load(self, call: CallId) -> Call | None:
        """The row of a call; None when there is none."""
        row = self._connection.execute(_LOAD, (call,)).fetchone()
        return _decode_call(row[0]) if row else None

    def live(self) -> list[Call]:
        """The rows of all calls that have not ended, oldest first."""
        return [_decode_call(body) for (body,) in self._connection.execute(_LIVE)]

    def recent(self, limit: int) -> list[Call]:
        """The latest calls, newest first."""
        return [_decode_call(body) for (body,) in self._connection.execute(_RECENT, (limit,))]

    def journal(self, call: CallId) -> list[Line]:
        """Everything that one call was told, in order."""
        return [
            _line(version, at, body)
            for version, at, body in self._connection.execute(_LINES, (call,))
        ]

    def purge(self, ended_before: float, limit: int = 500) -> int:
        """Forget up to `limit` calls that ended before this time. Returns how many.

        Few at a time, because the event loop waits for it.
        """
        execute = self._connection.execute
        execute(_BEGIN)
        try:
            execute(_PURGE_JOURNAL, (ended_before, limit))
            count = execute(_PURGE, (ended_before, limit)).rowcount
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise
        return count


def _row(call: Call) -> tuple[str | int | float | None, ...]:
    return (
        call.id,
        call.contract,
        call.owner,
        int(call.live),
        call.version,
        call.created_at,
        call.ended_at,
        _encode(call).decode(),
    )


def _body(step: Step, given: Input) -> str:
    body = _Body(
        kind=type(given).__name__,
        given=given,
        state=state_of(step.call),
        effects=tuple(type(effect).__name__ for effect in step.effects),
        notices=tuple(type(notice).__name__ for notice in step.notices),
    )
    return _encode(body).decode()


def _line(version: int, at: float, text: str) -> Line:
    body = _decode_body(text)
    given = msgspec.convert(body.given, getattr(inputs, body.kind))
    return Line(version, at, given, body.state, body.effects, body.notices)
