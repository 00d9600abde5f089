"""Fixtures of several files."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from adapter.store.schema import migrations
from adapter.store.sqlite import connect


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database as a version with three migrations left it."""
    file = tmp_path / "voice.db"
    earlier = Migrations("ari-voice-adapter")
    for one in migrations._migrations[:3]:
        earlier(name=one.name)(one.fn)
    with closing(connect(file)) as connection:
        earlier.apply(Database(connection, execute_plugins=False))
        connection.execute("INSERT INTO meta VALUES ('mark', 'old')")
    return file
