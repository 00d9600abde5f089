"""Rows of recordings: names that are used once, where the files are, and what came of them.

A row is written when a recording is ordered, so that its name is taken from then on, or at the
answer from which on a call is recorded; a recording that failed gives its name back. Each method is
one statement. Not here: the files (`adapter.media.recordings`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from adapter.core.faults import StoreFailed
from adapter.core.ids import CallId, ChannelId, RecordingId
from adapter.core.kept import KeptRecording, KeptState
from adapter.core.model import Saved

_COLUMNS = (
    "id, contract, owner, call, name, created_at, state, stem, seconds, size, sha256, repaired"
)
_RESERVE = """
INSERT INTO recording (id, contract, owner, call, name, created_at, state)
VALUES (?, ?, ?, ?, ?, ?, 'running') ON CONFLICT DO NOTHING
"""
_GET = f"SELECT {_COLUMNS} FROM recording WHERE id = ?"  # noqa: S608 - made of constants
_PLACE = "UPDATE recording SET stem = ? WHERE id = ? AND stem IS NULL AND state = 'running'"
_SAVED = """
UPDATE recording SET state = 'saved', seconds = ?, size = ?, sha256 = ?, repaired = ?
WHERE id = ? AND state = 'running'
"""
_FAILED = "UPDATE recording SET state = 'failed' WHERE id = ? AND state = 'running'"
_OLD = f"""
SELECT {_COLUMNS} FROM recording
WHERE created_at < ? AND (state <> 'running' OR created_at < ?) ORDER BY created_at LIMIT ?
"""  # noqa: S608 - made of constants
_PAGE = f"""
SELECT {_COLUMNS} FROM recording
WHERE (:owner IS NULL OR owner = :owner) AND (:call IS NULL OR call = :call)
    AND (:state IS NULL OR state = :state)
    AND (:after IS NULL
         OR (created_at, id) < (SELECT created_at, id FROM recording WHERE id = :after))
ORDER BY created_at DESC, id DESC LIMIT :limit
"""  # noqa: S608 - made of constants
_LEFT = """
SELECT json_extract(call.body, '$.channel'), recording.id
FROM recording JOIN call ON call.id = recording.call
WHERE recording.created_at >= ? AND recording.state = 'failed' AND recording.stem IS NOT NULL
    AND call.live
"""
_FORGET = "DELETE FROM recording WHERE id = ?"


class RecordingStore:
    """The rows.

    Args:
        connection: the event loop's; in autocommit.

    Every method raises StoreFailed when the database does not take or give it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def reserve(self, recording: KeptRecording) -> bool:
        """Write the row of a recording that is ordered; False when its name is taken.

        With a row of the same id it changes nothing, and says False as well.
        """
        row = (
            recording.id,
            recording.contract,
            recording.owner,
            recording.call,
            recording.name,
            recording.created_at,
        )
        return self._execute(_RESERVE, row).rowcount == 1

    def get(self, recording: RecordingId) -> KeptRecording | None:
        """A row; None when there is none (any more)."""
        row = self._execute(_GET, (recording,)).fetchone()
        return _kept(row) if row else None

    def place(self, recording: RecordingId, stem: str) -> None:
        """Write where its files are going to be; once."""
        self._execute(_PLACE, (stem, recording))

    def saved(self, recording: RecordingId, saved: Saved) -> None:
        """Write that it is whole; once."""
        row = (saved.seconds, saved.size, saved.sha256, int(saved.repaired), recording)
        self._execute(_SAVED, row)

    def failed(self, recording: RecordingId) -> None:
        """Write that nothing will come of it, unless it is saved."""
        self._execute(_FAILED, (recording,))

    def old(self, before: float, over: float, limit: int) -> list[KeptRecording]:
        """The oldest ones.

        Args:
            before: ordered before this time.
            over: and before this one, when it says that it is still running: it was forgotten.
            limit: at most so many.
        """
        return [_kept(row) for row in self._execute(_OLD, (before, over, limit))]

    def left(self, since: float) -> list[tuple[ChannelId, RecordingId]]:
        """Those that were placed, ordered since a time, and failed, of calls that are live.

        Returns:
            The call's own channel, and the recording.
        """
        rows = self._execute(_LEFT, (since,))
        return [(ChannelId(channel), RecordingId(id_)) for channel, id_ in rows]

    def page(
        self,
        *,
        owner: str | None,
        call: str | None,
        state: str | None,
        after: str | None,
        limit: int,
    ) -> list[KeptRecording]:
        """Recordings of all tenants, the latest first; None does not narrow it down.

        `after` is the id of the last one of the page before.
        """
        wanted = {"owner": owner, "call": call, "state": state, "after": after, "limit": limit}
        return [_kept(row) for row in self._execute(_PAGE, wanted)]

    def forget(self, recording: RecordingId) -> None:
        """Remove a row; no row is a success."""
        self._execute(_FORGET, (recording,))

    def _execute(
        self, statement: str, values: tuple[object, ...] | Mapping[str, object]
    ) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise StoreFailed(f"recording: {error}") from error


def _kept(row: tuple[Any, ...]) -> KeptRecording:
    id_, contract, owner, call, name, created_at, state, stem, seconds, size, sha256, repaired = row
    saved = None
    if sha256 is not None:
        saved = Saved(seconds=seconds, size=size, sha256=sha256, repaired=bool(repaired))
    return KeptRecording(
        id=RecordingId(id_),
        contract=contract,
        owner=owner,
        call=CallId(call),
        name=name,
        created_at=created_at,
        state=KeptState(state),
        stem=stem,
        saved=saved,
    )
