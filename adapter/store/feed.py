"""The outbox as a feed: what a tenant was told, in the order of the commits.

The order is `outbox.seq`: AUTOINCREMENT never gives a number twice, and because SQLite has one
writer at a time, a row that is committed later has the larger one. So whoever has read up to a
number has missed nothing before it (SQLite documentation, "Autoincrement").
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from adapter.core.message import Told

PORTION = 1024 * 1024
"""Characters of bodies after which a portion ends: a body may be large, and the loop waits."""

_EVENTS = """
SELECT seq, id, event, created_at, body FROM outbox
WHERE contract = ? AND owner = ? AND seq > ? ORDER BY seq LIMIT ?
"""


def events(
    connection: sqlite3.Connection, contract: str, owner: str, after: int, limit: int
) -> list[Told]:
    """Up to `limit` messages of a tenant behind a cursor; fewer when their bodies are large.

    Only when there is none, nothing is returned.
    """
    portion: list[Told] = []
    left = PORTION
    with closing(connection.execute(_EVENTS, (contract, owner, after, limit))) as rows:
        for row in rows:
            portion.append(Told(*row))
            left -= len(portion[-1].body)
            if left <= 0:
                break
    return portion
