"""The kill switch of apps: suspended or not, written beside what `ari-voice apply` declares.

`apply` does not touch it: an app stays suspended whatever is declared, until it is resumed. The
running server sees a change within a second, by the generation of the provisioning.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from adapter.core.faults import StoreFailed
from adapter.store.provisioning import NEXT_GENERATION

_SUSPEND = """
UPDATE app SET suspended_at = coalesce(suspended_at, :now), hang_up = :hang_up WHERE id = :id
"""
_RESUME = "UPDATE app SET suspended_at = NULL, hang_up = 0 WHERE id = ?"
_STANDINGS = """
SELECT id, suspended_at, hang_up, max_concurrent_calls, calls_per_second,
       (SELECT count(*) FROM call WHERE live = 1 AND owner = app.id)
FROM app ORDER BY id
"""
_HANGING_UP = "SELECT id FROM app WHERE suspended_at IS NOT NULL AND hang_up = 1"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an app stands now.

    Attributes:
        id: the app's.
        suspended_at: seconds since the epoch; None when it is not suspended.
        hang_up: its live calls are ended.
        max_concurrent_calls: None for no limit.
        calls_per_second: None for no limit.
        live: number of its live calls.
    """

    id: str
    suspended_at: float | None
    hang_up: bool
    max_concurrent_calls: int | None
    calls_per_second: float | None
    live: int


class Suspensions:
    """Suspends and resumes apps. Construct with a connection in autocommit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def suspend(self, app_id: str, now: float, *, hang_up: bool) -> bool:
        """Suspend an app; one that is suspended already keeps its time.

        Args:
            app_id: which.
            now: seconds since the epoch.
            hang_up: end its live calls, and those that slip in; otherwise they go on.

        Returns:
            Whether there is such an app.

        Raises:
            StoreFailed: nothing was written.
        """
        return self._write(_SUSPEND, {"id": app_id, "now": now, "hang_up": int(hang_up)})

    def resume(self, app_id: str) -> bool:
        """Let an app work again. Returns whether there is such an app.

        Raises:
            StoreFailed: nothing was written.
        """
        return self._write(_RESUME, (app_id,))

    def standings(self) -> list[Standing]:
        """All apps, in order."""
        return [
            Standing(id_, at, bool(hang_up), concurrent, rate, live)
            for id_, at, hang_up, concurrent, rate, live in self._connection.execute(_STANDINGS)
        ]

    def hanging_up(self) -> frozenset[str]:
        """The apps whose live calls are to be ended."""
        return frozenset(id_ for (id_,) in self._connection.execute(_HANGING_UP))

    def _write(self, statement: str, values: dict[str, object] | tuple[str]) -> bool:
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            found = execute(statement, values).rowcount == 1
            if found:
                execute(NEXT_GENERATION)
            execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise StoreFailed(f"the app was not changed: {error}") from error
        return found
