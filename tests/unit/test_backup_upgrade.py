"""Upgrades: a backup first, all migrations or none, and no way back without it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from adapter.store.schema import migrations
from adapter.store.sqlite import SchemaTooNew, connect, migrate, open_database, pending

ROOT = Path(__file__).parents[2]
NAMES = [one.name for one in migrations._migrations]
BACKUP = f"voice.db.before-{NAMES[-1]}.bak"


def backups(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*.bak"))


def state(file: Path) -> tuple[list[str], str]:
    """What is due, and the mark."""
    with closing(connect(file)) as connection:
        (mark,) = connection.execute("SELECT value FROM meta WHERE key = 'mark'").fetchone()
        return pending(connection), str(mark)


def test_a_backup_comes_before_an_upgrade(tmp_path: Path, old: Path) -> None:
    """It has the schema and data of before, and the name of the last migration."""
    with closing(connect(old)) as connection:
        assert migrate(connection) == NAMES[3:]
        connection.execute("UPDATE meta SET value = 'new' WHERE key = 'mark'")
    assert backups(tmp_path) == [BACKUP]
    assert state(tmp_path / BACKUP) == (NAMES[3:], "old")
    assert state(old) == ([], "new")


def test_no_backup_without_an_upgrade(tmp_path: Path) -> None:
    """A new database has nothing to lose, and one of this version nothing to gain."""
    for _ in range(2):
        open_database(tmp_path / "voice.db").close()
    assert backups(tmp_path) == []


def test_a_failing_migration_leaves_the_old_state(
    tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the migrations before it, too, nothing is left; the backup is there."""
    broken = Migrations("ari-voice-adapter")
    for one in migrations._migrations:
        broken(name=one.name)(one.fn)

    @broken(name="9998_broken")
    def fails(database: Database) -> None:
        database.execute("CREATE TABLE half (x)")
        database.execute("INSERT INTO nowhere VALUES (1)")

    with monkeypatch.context() as patched:
        patched.setattr("adapter.store.sqlite.migrations", broken)
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            open_database(old)
    assert backups(tmp_path) == ["voice.db.before-9998_broken.bak"]
    assert state(old) == (NAMES[3:], "old")
    with closing(connect(old)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert "half" not in names
    assert state(tmp_path / "voice.db.before-9998_broken.bak") == (NAMES[3:], "old")


def test_no_upgrade_without_a_backup(tmp_path: Path, old: Path) -> None:
    """When the backup can't be made, the database stays as it is."""
    (tmp_path / BACKUP).mkdir()  # nothing can be put in its place
    with pytest.raises(sqlite3.OperationalError, match="no backup before the upgrade"):
        open_database(old)
    assert state(old) == (NAMES[3:], "old")


def test_two_at_once_upgrade_once(tmp_path: Path, old: Path) -> None:
    """One migrates, the other waits and finds it done; the backup is from before."""

    def upgrade(_: int) -> list[str]:
        with closing(connect(old)) as connection:
            return migrate(connection)

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(upgrade, range(4)))
    assert sorted(done, key=len) == [[], [], [], NAMES[3:]]
    assert state(tmp_path / BACKUP) == (NAMES[3:], "old")


def newer(file: Path) -> None:
    """Let the database be of a later version."""
    with closing(open_database(file)) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('ari-voice-adapter', '9999_from_the_future', '2030-01-01')"
        )


def test_a_downgrade_is_refused(tmp_path: Path) -> None:
    """Nothing is changed and nothing backed up; what is asked only is refused, too."""
    file = tmp_path / "voice.db"
    newer(file)
    before = file.read_bytes()
    with pytest.raises(SchemaTooNew, match="9999_from_the_future"):
        open_database(file)
    assert file.read_bytes() == before
    assert backups(tmp_path) == []
    with closing(connect(file)) as connection, pytest.raises(SchemaTooNew):
        pending(connection)


@pytest.mark.parametrize(("command", "status"), [(["serve"], 1), (["calls"], 2)])
def test_a_downgrade_is_said_in_one_line(tmp_path: Path, command: list[str], status: int) -> None:
    """The server does not start (1), a command can't be done (2); both say what to do."""
    newer(tmp_path / "voice.db")
    (tmp_path / "s.toml").write_text('[database]\npath = "voice.db"\n[http]\nport = 0')
    ended = subprocess.run(
        [sys.executable, "-m", "adapter", "--config", str(tmp_path / "s.toml"), *command],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == status
    (line,) = ended.stderr.splitlines()
    assert "later version" in line
    assert "9999_from_the_future" in line
    assert "restore the backup" in line
