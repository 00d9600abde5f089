"""Fixtures of several files."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.earlier_versions import of_migrations


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database as a version with three migrations left it."""
    file = tmp_path / "voice.db"
    with closing(of_migrations(file, 3)) as connection:
        connection.execute("INSERT INTO meta VALUES ('mark', 'old')")
    return file
