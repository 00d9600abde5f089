"""The disk: the folders of database, media and recordings, and the database itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapter.commands.diagnosis import PATIENCE, Result, Results
from adapter.core.tenants import Phone, Trunk
from adapter.settings import Settings
from adapter.store.backup import open_quietly
from adapter.store.inventory import Inventory
from adapter.store.provisioning import ProvisioningStore
from adapter.store.sqlite import SchemaMismatch, pending

_LITTLE: Final = 1 << 30  # bytes
_LONG: Final = 512 << 20  # bytes of the write-ahead log; a server on its own keeps it below 64 MB
_BROKEN: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_STEPS: Final = 100_000  # of SQLite's machine, between two looks at the clock
_TENANTS: Final = 1000


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What of the provisioning is looked at.

    Attributes:
        trunks: all of them.
        phones: likewise.
        urls: where webhooks and questions go.
    """

    trunks: tuple[Trunk, ...] = ()
    phones: tuple[Phone, ...] = ()
    urls: frozenset[str] = frozenset()


async def folders(settings: Settings) -> Results:
    """Whether there is room, and whether we may write."""
    places = {
        "disk of database": (settings.database.path.parent, _LITTLE),
        "disk of media": (settings.media.folder, _LITTLE),
        "disk of recordings": (
            settings.recordings.folder,
            max(_LITTLE, settings.recordings.min_free_bytes),
        ),
    }
    for name, (folder, little) in places.items():
        yield await asyncio.to_thread(room, name, folder.resolve(), little)


def room(name: str, folder: Path, little: int) -> Result:
    """Judge a folder: is it there, may we write, and is more than so many bytes free?"""
    if not folder.exists():
        above = next(parent for parent in folder.parents if parent.exists())
        if not os.access(above, os.W_OK | os.X_OK):
            return Result(name, "failed", f"{folder} is not there, and can't be made in {above}")
        return Result(name, "warning", f"{folder} is not there yet; the server makes it")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"doctor")
    except OSError as error:
        return Result(name, "failed", f"{folder} can't be written: {error.strerror}")
    free = shutil.disk_usage(folder).free
    text = f"{free / (1 << 30):.1f} GiB free in {folder}"
    if free < little:
        return Result(name, "warning", f"{text}, which is less than {little / (1 << 30):.1f}")
    return Result(name, "ok", text)


async def database(path: Path) -> Results:
    """Whether it is whole, and of this version."""
    yield await asyncio.to_thread(whole, path)


def whole(path: Path, patience: float = PATIENCE - 1) -> Result:
    """Judge the database file, reading it for so many seconds at most."""
    name = "database"
    if not path.exists():
        return Result(name, "warning", f"{path} is not there yet; `ari-voice serve` makes it")
    limit = time.monotonic() + patience
    try:
        with closing(open_quietly(path)) as connection:
            due = pending(connection)
            connection.set_progress_handler(lambda: time.monotonic() > limit, _STEPS)
            found = [str(line) for (line,) in connection.execute("PRAGMA quick_check(3)")]
    except SchemaMismatch as error:
        return Result(name, "failed", str(error))
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            return Result(name, "warning", f"{path} is too large to be checked in {patience:g} s")
        broken = getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN
        return Result(name, "failed", f"{path}: {error}{'; restore a backup' if broken else ''}")
    if found != ["ok"]:
        return Result(name, "failed", f"{path} is damaged ({found[0]}): restore a backup")
    if due:
        text = f"{path} is of an earlier version: the next start of the server makes a backup and "
        return Result(name, "warning", f"{text}applies {', '.join(due)}; commands wait for that")
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size > _LONG:
        text = f"{log} has {log.stat().st_size >> 20} MiB: something reads {path} without an end"
        return Result(name, "warning", f"{text} (an open sqlite3, a copy), and keeps it from us")
    return Result(name, "ok", f"{path} is whole, and of this version")


def provisioned(path: Path) -> Provisioned:
    """What a database has; nothing when it can't be read, which is `whole`'s to say."""
    try:
        with closing(open_quietly(path)) as connection:
            return _provisioned(connection)
    except sqlite3.Error:
        return Provisioned()


def _provisioned(connection: sqlite3.Connection) -> Provisioned:
    store, inventory = ProvisioningStore(connection), Inventory(connection)
    urls: set[str | None] = set()
    for name in inventory.names("app", "", _TENANTS):
        app = store.app(name)
        urls |= {app.event_url} if app else set()
        urls |= {number.event_url for number in store.numbers_of(name)}
    for name in inventory.names("domain", "", _TENANTS):
        if (domain := store.domain(name)) is not None:
            urls |= {domain.callback_url, domain.fallback_url, domain.alarm_url}
    return Provisioned(
        trunks=tuple(store.trunks()),
        phones=tuple(store.phones()),
        urls=frozenset(url for url in urls if url is not None),
    )
