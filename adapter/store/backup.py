"""A whole copy of a database that is in use, as one file: SQLite's online backup.

The copy is what one moment's reader would see; writers are not held up meanwhile (WAL). It is one
file without a log of its own, mode 0600, checked, on the disk, and only then under its name. Not
here: the files of prompts and recordings, and when a copy is made (`adapter.store.sqlite` before an
upgrade, `ari-voice backup` otherwise).

Source: SQLite documentation, "SQLite Backup API"; PRAGMA integrity_check.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

KEPT: Final = 3
"""Backups from before upgrades that are kept, the latest ones."""

_BUSY: Final = 5.0  # seconds to wait for a lock


class BackupDamaged(sqlite3.DatabaseError):
    """The copy is not whole, so the database is not; the text is SQLite's. No file was made."""


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a database to look at it, while somebody else may be writing.

    Raises:
        sqlite3.Error: there is none, or it cannot be opened.
    """
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY)


def back_up(database: Path, target: Path) -> int:
    """Copy a database; a file that has the name already is replaced at the end, at once.

    Args:
        database: the file; whoever uses it goes on.
        target: the copy, in a folder that exists.

    Returns:
        Size of the copy, in bytes.

    Raises:
        BackupDamaged: what was copied is not whole.
        sqlite3.Error: the database cannot be read, or the copy not be written.
        OSError: the same of the file; or the target is the database itself.
    """
    _not_itself(database, target)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600
    os.close(handle)
    made = Path(name)
    try:
        _copy(database, made)
        _flush(made)
        size = made.stat().st_size
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)
    _flush(target.parent)
    return size


def before_upgrade(database: Path, migration: str) -> Path:
    """Copy a database that is about to be migrated, and remove all but the latest such copies.

    Args:
        database: the file.
        migration: the last one that will be applied; names the copy, beside the database.

    Raises:
        sqlite3.Error, OSError: see `back_up`.
    """
    target = database.with_name(f"{database.name}.before-{migration}.bak")
    back_up(database, target)
    kept = sorted(
        database.parent.glob(f"{_literal(database.name)}.before-*.bak"),
        key=lambda file: file.stat().st_mtime_ns,
    )
    for old in kept[:-KEPT]:
        old.unlink(missing_ok=True)
    return target


def _copy(database: Path, made: Path) -> None:
    with closing(open_reader(database)) as source, closing(sqlite3.connect(made)) as copy:
        try:
            source.backup(copy)  # all pages in one read transaction: it never has to begin again
            copy.execute("PRAGMA journal_mode = DELETE")  # the copy of a WAL database is one, too
            found = [str(line) for (line,) in copy.execute("PRAGMA integrity_check(3)")]
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise BackupDamaged(str(error)) from error
            raise
        if found != ["ok"]:
            raise BackupDamaged("; ".join(found))


def _not_itself(database: Path, target: Path) -> None:
    real = database.resolve()
    family = {real.with_name(real.name + end) for end in ("", "-wal", "-shm")}
    if target.resolve() in family or (target.exists() and target.samefile(database)):
        raise OSError(errno.EINVAL, "this is the database itself", str(target))


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _literal(name: str) -> str:
    """A name as a pattern of `glob` that matches just it."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
