"""Databases as earlier versions left them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlite_utils import Database, Migrations

from adapter.store.schema import migrations
from adapter.store.sqlite import connect


def of_migrations(file: Path, count: int) -> sqlite3.Connection:
    """A database as an earlier version left it, which had so many migrations."""
    connection = connect(file)
    earlier = Migrations("ari-voice-adapter")
    for one in migrations._migrations[:count]:
        earlier(name=one.name)(one.fn)
    earlier.apply(Database(connection, execute_plugins=False))
    return connection
