"""The database of a command: opened beside a running server, never upgraded, and what goes wrong.

Only the server's start upgrades a database, because a server of an earlier version that is still
running would not know the new schema.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from adapter.commands.invocation import give_up
from adapter.core.faults import StoreFailed
from adapter.settings import Settings
from adapter.store.sqlite import SchemaMismatch, open_current


@contextmanager
def opened(settings: Settings, *, create: bool = False) -> Iterator[sqlite3.Connection]:
    """The database that the settings name; ends the program when it can't be used.

    Args:
        settings: of the server.
        create: make it when there is none.
    """
    path = settings.database.path
    with outcomes(path):
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            give_up(f"database: {path} does not exist")
        with closing(open_current(path, "full", create=create)) as connection:
            yield connection


@contextmanager
def outcomes(path: Path) -> Iterator[None]:
    """What goes wrong with the database at this path or with a file: one line, the exit code."""
    try:
        yield
    except BrokenPipeError:  # who reads what we write has enough: click ends silently
        raise
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        give_up(f"{place}{error.strerror or error}")
    except sqlite3.Error as error:
        give_up(f"database: {path}: {error}")
    except (SchemaMismatch, StoreFailed) as error:
        give_up(f"database: {error}")
