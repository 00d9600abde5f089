"""One SQLite file: how it is opened, migrated, and written without waiting for the disk.

The event loop owns one connection and writes through it; every transaction is short. The file is in
WAL mode, where a commit is one append. Not here: the queries, which stand beside what they serve.

Durability: with ``synchronous=NORMAL`` a commit survives the death of the process at any moment
(the operating system has it) but the last moments before a power cut may be missing, never torn;
``FULL`` waits for the disk at each commit. It is a setting, `database.synchronous`
(adapter/decisions/0003-durability.md; SQLite documentation, PRAGMA synchronous).
"""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path
from typing import Literal

from sqlite_utils import Database

from adapter.store.backup import before_upgrade
from adapter.store.schema import migrations

log = logging.getLogger(__name__)

Synchronous = Literal["normal", "full"]

_BUSY = 5.0  # seconds to wait for another one's lock
_CHECKPOINT_PAGES = 16384
"""Pages in the log (64 MB) at which a commit does the checkpoint itself, and waits for the disk.

`adapter.store.upkeep` does it every second, elsewhere. SQLite's own 1000 pages are three calls.
"""


class SchemaMismatch(Exception):
    """The file is not of this version of the adapter; the text says what to do."""


class SchemaTooNew(SchemaMismatch):
    """The file was written by a later version; a downgrade is refused."""


class SchemaTooOld(SchemaMismatch):
    """The file was written by an earlier version, and only the server upgrades it."""


def connect(
    path: Path | str, synchronous: Synchronous = "normal", *, checkpoint: bool = True
) -> sqlite3.Connection:
    """Open the database file, in autocommit: transactions are begun by name.

    Args:
        path: the file; its folder must exist. Created with mode 0600 (it holds secrets).
        synchronous: ``normal`` or ``full``, see the module.
        checkpoint: empty the log when it is long; False when another program does so.

    Raises:
        sqlite3.Error: the file cannot be opened, or is no database.
    """
    file = Path(path)
    if not file.exists():
        file.touch(mode=0o600)
    connection = sqlite3.connect(file, isolation_level=None, cached_statements=256, timeout=_BUSY)
    try:
        _use_log(connection)
        connection.execute(f"PRAGMA synchronous = {synchronous.upper()}")
        pages = _CHECKPOINT_PAGES if checkpoint else 0  # 0: never
        connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _use_log(connection: sqlite3.Connection) -> None:
    """Switch to WAL. While another does so SQLite does not wait, but says that it is busy."""
    limit = time.monotonic() + _BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > limit:
                raise
        else:
            return
        time.sleep(0.01)


def pending(connection: sqlite3.Connection) -> list[str]:
    """The migrations that this version has and the file has not, in their order. Writes nothing.

    Raises:
        SchemaTooNew: the file knows migrations that this version does not.
        sqlite3.Error: it cannot be read.
    """
    database = Database(connection, execute_plugins=False)
    applied = {migration.name for migration in migrations.applied(database)}
    names = [migration.name for migration in migrations._migrations]
    if unknown := sorted(applied.difference(names)):
        raise SchemaTooNew(
            f"the database was written by a later version (it has {', '.join(unknown)}); "
            "run that version, or restore the backup from before the upgrade"
        )
    return [name for name in names if name not in applied]


def has_schema(connection: sqlite3.Connection) -> bool:
    """Whether the file has the schema of this version; False when it has none at all yet.

    Raises:
        SchemaMismatch: it has that of another version.
        sqlite3.Error: it cannot be read.
    """
    due = pending(connection)
    if len(due) == len(migrations._migrations):
        return False
    if due:
        raise SchemaTooOld(
            f"the database was written by an earlier version ({', '.join(due)} to be applied); "
            "only a start of the server upgrades it, after a backup: start this version's "
            "`ari-voice serve`"
        )
    return True


def migrate(connection: sqlite3.Connection) -> list[str]:
    """Bring the schema up to this version: all steps in one transaction, or none of them.

    A file that has a schema already is backed up first (`adapter.store.backup`). When several
    processes come at once, one does it and the others find it done.

    Returns:
        The names of the migrations that were applied now.

    Raises:
        SchemaTooNew: see `pending`; nothing was changed.
        sqlite3.Error: no backup could be made, or a step failed; the file is as it was.
    """
    if not pending(connection):
        return []
    database = Database(connection, execute_plugins=False)
    connection.execute("BEGIN IMMEDIATE")
    try:
        due = pending(connection)
        if due and migrations.applied(database):
            _keep(connection, due)
        migrations.apply(database)
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
    return due


def _keep(connection: sqlite3.Connection, due: list[str]) -> None:
    """Back the file up; nobody else writes to it meanwhile."""
    (_, _, file) = connection.execute("PRAGMA database_list").fetchone()
    try:
        kept = before_upgrade(Path(file), due[-1])
    except (sqlite3.Error, OSError) as error:
        raise sqlite3.OperationalError(f"no backup before the upgrade: {error}") from error
    log.info("upgrading the database", extra={"backup": str(kept), "migrations": due})


def open_database(
    path: Path | str, synchronous: Synchronous = "normal", *, checkpoint: bool = True
) -> sqlite3.Connection:
    """`connect` and `migrate`: the server's way in."""
    connection = connect(path, synchronous, checkpoint=checkpoint)
    try:
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_current(
    path: Path | str, synchronous: Synchronous = "normal", *, create: bool = False
) -> sqlite3.Connection:
    """`connect` to a database of this version: a command's way in, beside a running server.

    Args:
        path: see `connect`.
        synchronous: see `connect`.
        create: make the schema when the file has none at all.

    Raises:
        SchemaMismatch: it is of another version, or has no schema; nothing was changed.
        sqlite3.Error: see `connect`.
    """
    connection = connect(path, synchronous)
    try:
        if not has_schema(connection):
            if not create:
                raise SchemaTooOld("the database is empty; `ari-voice apply` or `serve` fills it")
            migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection
