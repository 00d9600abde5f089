"""Calls and webhooks as pages, the latest first: for the admin API.

These look through a database that holds a week of calls, so each runs in a thread and on a
connection of its own, which can't write. Not here: what happened to one call (`adapter.store.calls`
has its journal).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from adapter.core.message import Attempt
from adapter.core.model import Call

T = TypeVar("T")

_CALLS = """
SELECT body FROM call
WHERE (?1 IS NULL OR owner = ?1) AND (?2 IS NULL OR live = ?2)
  AND (?3 IS NULL OR json_extract(body, '$.state') = ?3)
  AND (created_at, id) < (
    CASE WHEN ?4 IS NULL THEN 9e999 ELSE (SELECT created_at FROM call WHERE id = ?4) END, ?4)
ORDER BY created_at DESC, id DESC LIMIT ?5
"""
_WEBHOOK = """
SELECT o.id, o.lane, o.contract, o.owner, o.event, o.url, o.state, o.attempts,
       o.created_at, o.next_at, o.done_at,
       (SELECT error FROM delivery AS d WHERE d.seq = o.seq ORDER BY attempt DESC LIMIT 1)
FROM outbox AS o
"""
_WEBHOOKS = f"""
{_WEBHOOK} WHERE (?1 IS NULL OR o.state = ?1) AND (?2 IS NULL OR o.owner = ?2)
  AND (?3 IS NULL OR o.lane = ?3)
  AND (?4 IS NULL OR o.seq < (SELECT seq FROM outbox WHERE id = ?4))
ORDER BY o.seq DESC LIMIT ?5
"""  # noqa: S608 - made of constants
_ATTEMPTS = """
SELECT d.at, d.duration, d.status, d.error FROM delivery AS d
JOIN outbox AS o ON o.seq = d.seq WHERE o.id = ? ORDER BY d.attempt
"""

_decode_call = msgspec.json.Decoder(Call).decode


@dataclass(frozen=True, slots=True)
class Webhook:
    """A row of the outbox without its body; times are seconds since the epoch.

    Attributes:
        id: sent as ``webhook-id``.
        call: its lane.
        error: of the last attempt; None when it succeeded or there was none.
    """

    id: str
    call: str
    contract: str
    owner: str
    event: str
    url: str
    state: str
    attempts: int
    created_at: float
    next_at: float
    done_at: float | None
    error: str | None


class History:
    """Pages of what was. Construct with the path of the database."""

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"

    async def calls(
        self,
        *,
        owner: str | None,
        live: bool | None,
        state: str | None,
        after: str | None,
        limit: int,
    ) -> list[Call]:
        """The latest calls that are older than the call `after`; None leaves a condition out."""
        values = (owner, live, state, after, limit)
        return await self._ask(
            lambda db: [_decode_call(body) for (body,) in db.execute(_CALLS, values)]
        )

    async def webhooks(
        self,
        *,
        state: str | None,
        owner: str | None,
        call: str | None,
        after: str | None,
        limit: int,
    ) -> list[Webhook]:
        """The latest webhooks that are older than the webhook `after`; None as above."""
        values = (state, owner, call, after, limit)
        return await self._ask(lambda db: [Webhook(*row) for row in db.execute(_WEBHOOKS, values)])

    async def webhook(self, webhook: str) -> tuple[Webhook, list[Attempt]] | None:
        """A webhook by its id, with its attempts in their order; None when there is none."""

        def find(db: sqlite3.Connection) -> tuple[Webhook, list[Attempt]] | None:
            row = db.execute(f"{_WEBHOOK} WHERE o.id = ?", (webhook,)).fetchone()
            if row is None:
                return None
            return Webhook(*row), [Attempt(*one) for one in db.execute(_ATTEMPTS, (webhook,))]

        return await self._ask(find)

    async def _ask(self, query: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            with closing(sqlite3.connect(self._uri, uri=True, timeout=5.0)) as connection:
                return query(connection)

        return await asyncio.to_thread(run)
