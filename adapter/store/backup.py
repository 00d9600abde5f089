"""A whole copy of a database that is in use, as one file: SQLite's online backup.

The copy is what one moment's reader would see; writers are not held up meanwhile (WAL). It is one
file without a log of its own, mode 0600, checked, on the disk, and only then under its name. Until
then it is in a folder beside its place; what a killed process leaves there goes with the next copy.
Not here: the files of prompts and recordings, and when a copy is made (`adapter.store.sqlite`
before an upgrade, `ari-voice backup` otherwise).

Source: SQLite documentation, "SQLite Backup API"; PRAGMA integrity_check.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

KEPT: Final = 3
"""Backups from before upgrades that are kept, the latest ones."""

_BUSY: Final = 5.0  # seconds to wait for a lock
_SPARE: Final = 16 << 20
"""Bytes that a copy leaves free: a server that can't write to its database any more ends."""

_UNFINISHED: Final = ".ari-voice-backup-"
_YOUNG: Final = 5.0
"""Seconds in which a folder may have been made and not been locked yet."""


class BackupDamaged(sqlite3.DatabaseError):
    """The copy is not whole, so the database is not; the text is SQLite's. No file was made."""


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a database to look at it, while somebody else may be writing.

    Raises:
        sqlite3.Error: there is none, or it cannot be opened.
    """
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY)


def open_quietly(path: Path) -> sqlite3.Connection:
    """`open_reader` for a short look that leaves no trace, not even SQLite's own files.

    Without a write-ahead log nobody has the database open; `immutable` keeps SQLite from making
    one, which nobody would remove. A server that starts in this very moment is not noticed.

    Raises:
        sqlite3.Error: there is none, or it cannot be opened.
    """
    if path.with_name(f"{path.name}-wal").exists():
        return open_reader(path)
    uri = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
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
        OSError: the same of the file; there is no room for it; the target is the database itself.
    """
    _not_itself(database, target)
    with _unfinished(target.parent) as folder:
        made = folder / "copy.db"
        os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(database, made)
        _flush(made)
        size = made.stat().st_size
        made.replace(target)
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
    keep_latest(database.parent.glob(f"{_literal(database.name)}.before-*.bak"), KEPT)
    return target


def in_folder(database: Path, folder: Path, now: datetime) -> Path:
    """Where `ari-voice backup` puts a copy into a folder, at so many seconds in UTC."""
    return folder / f"{database.stem}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.db"


def of_folder(database: Path, folder: Path) -> list[Path]:
    """The copies of a database in a folder that `in_folder` has named."""
    time_of_day = f"{'[0-9]' * 8}T{'[0-9]' * 6}Z"
    return list(folder.glob(f"{_literal(database.stem)}-{time_of_day}.db"))


def keep_latest(copies: Iterable[Path], kept: int) -> None:
    """Remove all but so many copies, the latest ones.

    Raises:
        OSError: one can't be removed.
    """
    for old in sorted(copies, key=lambda file: file.stat().st_mtime_ns)[:-kept]:
        old.unlink(missing_ok=True)


@contextmanager
def _unfinished(parent: Path) -> Iterator[Path]:
    """A folder for a copy that is being made, mode 0700; removed at the end.

    It is locked as long as it is in use, and the lock ends with the process: so it is known which
    ones a killed process has left.
    """
    for left in parent.glob(f"{_UNFINISHED}*"):
        with suppress(OSError):  # its owner, or another process that does this, was faster
            _remove_left(left)
    try:
        made = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=parent))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(parent)) from error
    lock = _lock(made)
    try:
        yield made
    finally:
        if lock is not None:
            os.close(lock)
        shutil.rmtree(made, ignore_errors=True)


def _remove_left(folder: Path) -> None:
    if time.time() - folder.stat().st_mtime < _YOUNG:
        return
    if (lock := _lock(folder)) is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _lock(folder: Path) -> int | None:
    """A descriptor that locks a folder; None when somebody has, or it can't be locked (NFS)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _copy(database: Path, made: Path) -> None:
    with closing(open_reader(database)) as source, closing(sqlite3.connect(made)) as copy:
        _find_room(source, made)
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


def _find_room(source: sqlite3.Connection, made: Path) -> None:
    """Raises OSError when the copy would fill the disk, which may be the server's as well."""
    ((pages,), (size,)) = (
        source.execute(f"PRAGMA {what}").fetchone() for what in ("page_count", "page_size")
    )
    if pages * size + _SPARE > shutil.disk_usage(made.parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(made.parent.parent))


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
