"""What was provisioned, as lists: names in pages, who refers to an object, and removing one.

For the admin API and the command line; what is asked for each call is `adapter.store.provisioning`.
Each query takes some microseconds, so they run on the connection of the event loop.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from adapter.core.faults import StoreFailed
from adapter.core.tenants import Kind, StoredPrompt

_NAME: Mapping[Kind, str] = {
    "app": "id",
    "domain": "name",
    "trunk": "name",
    "number": "name",
    "phone": "extension",
}
_REFERRING: Mapping[Kind, tuple[tuple[str, str], ...]] = {
    "app": (("number", "SELECT name FROM number WHERE app = ? ORDER BY name LIMIT ?"),),
    "domain": (("number", "SELECT name FROM number WHERE domain = ? ORDER BY name LIMIT ?"),),
    "trunk": (
        ("number", "SELECT name FROM number WHERE trunk = ? ORDER BY name LIMIT ?"),
        ("domain", "SELECT name FROM domain WHERE trunk = ? ORDER BY name LIMIT ?"),
    ),
}
_GREETS = """
SELECT name FROM number WHERE app = ?1
AND ?2 IN (greeting, outbound_greeting, pin_prompt, pin_retry_prompt, pin_goodbye_prompt)
ORDER BY name LIMIT ?3
"""
_PROMPTS = """
SELECT app, name, path, sha256 FROM prompt WHERE (app, name) > (?, ?) AND (?3 IS NULL OR app = ?3)
ORDER BY app, name LIMIT ?4
"""
_CHANGED = """
UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'provisioning_generation'
"""

_GIVE_UP = """
UPDATE outbox SET state = 'dead', done_at = ? WHERE state = 'pending' AND owner = ?
"""

SHOWN: Final = 10
"""How many of those that refer to an object are named."""


class Inventory:
    """Provisioning as lists. Construct with a connection in autocommit, whose owner uses it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def names(self, kind: Kind, after: str, limit: int) -> list[str]:
        """Names of one kind (not prompts) in their order, those behind `after`."""
        column = _NAME[kind]
        query = f"SELECT {column} FROM {kind} WHERE {column} > ? ORDER BY {column} LIMIT ?"  # noqa: S608 - made of constants
        return [name for (name,) in self._connection.execute(query, (after, limit))]

    def prompts(self, app: str | None, after: tuple[str, str], limit: int) -> list[StoredPrompt]:
        """Prompts in the order of (app, name), those behind `after`; None: of all apps."""
        rows = self._connection.execute(_PROMPTS, (*after, app, limit))
        return [StoredPrompt(app=row[0], name=row[1], path=row[2], sha256=row[3]) for row in rows]

    def referring(self, kind: Kind, *name: str) -> list[str]:
        """What must go before an object can: up to `SHOWN` of each kind, such as ``number 46123``.

        Args:
            kind: of the object.
            name: its name; of a prompt, app and name.
        """
        queries = (("number", _GREETS),) if kind == "prompt" else _REFERRING.get(kind, ())
        return [
            f"{referring} {one}"
            for referring, query in queries
            for (one,) in self._connection.execute(query, (*name, SHOWN))
        ]

    def remove(self, kind: Kind, *name: str, now: float) -> list[str]:
        """Remove an object. An app's prompts go with it, and its webhooks become dead letters.

        Args:
            kind: of the object.
            name: its name; of a prompt, app and name.
            now: seconds since the epoch.

        Returns:
            Paths below the media folder that no prompt names any more.

        Raises:
            LookupError: there is none.
            StoreFailed: nothing was removed; something refers to it, or the file took no write.
        """
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            paths = self._remove(kind, *name)
            if kind in ("app", "domain"):
                execute(_GIVE_UP, (now, *name))
            execute(_CHANGED)
            execute("COMMIT")
        except BaseException as error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StoreFailed(f"{kind} {'/'.join(name)} was not removed: {error}") from error
            raise
        return paths

    def _remove(self, kind: Kind, *name: str) -> list[str]:
        execute = self._connection.execute
        where, values = ("app = ? AND name = ?", name) if kind == "prompt" else ("app = ?", name)
        paths = []
        if kind in ("app", "prompt"):
            rows = execute(f"SELECT DISTINCT path FROM prompt WHERE {where}", values)  # noqa: S608 - made of constants
            paths = [path for (path,) in rows]
            gone = execute(f"DELETE FROM prompt WHERE {where}", values).rowcount  # noqa: S608 - as above
        if kind != "prompt":
            gone = execute(f"DELETE FROM {kind} WHERE {_NAME[kind]} = ?", name).rowcount  # noqa: S608 - as above
        if not gone:
            raise LookupError(f"no {kind} {'/'.join(name)}")
        left = "SELECT 1 FROM prompt WHERE path = ?"
        return [path for path in paths if execute(left, (path,)).fetchone() is None]
