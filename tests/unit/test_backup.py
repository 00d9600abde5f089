"""Backups of a database that is in use, and what `ari-voice backup` says of them."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from adapter.cli import main
from adapter.store.backup import BackupDamaged, back_up, before_upgrade
from adapter.store.sqlite import open_database


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with a mark in it."""
    file = tmp_path / "voice.db"
    with closing(open_database(file)) as connection:
        mark(connection, "one")
    return file


def mark(connection: sqlite3.Connection, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('mark', ?)", (value,))


def marked(file: Path) -> str:
    with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as connection:
        (value,) = connection.execute("SELECT value FROM meta WHERE key = 'mark'").fetchone()
    return str(value)


def damage(file: Path) -> None:
    """Overwrite a page in the middle, as a bad disk does."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'journal'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(b"\xa5" * size)


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of `ari-voice backup`."""
    (folder / "s.toml").write_text('[database]\npath = "voice.db"')
    given = ["--config", str(folder / "s.toml"), "backup", *arguments]
    result = CliRunner().invoke(main, given)
    return result.exit_code, result.output


def test_what_is_committed_is_copied_while_somebody_writes(tmp_path: Path, database: Path) -> None:
    """Also what stands in the log only; not what a transaction has not committed, nor it waits."""
    copy = tmp_path / "copy.db"
    with closing(open_database(database)) as writer:
        mark(writer, "two")
        writer.execute("BEGIN IMMEDIATE")
        mark(writer, "three")
        size = back_up(database, copy)
        writer.execute("COMMIT")
    assert marked(copy) == "two"
    assert size == copy.stat().st_size
    with closing(open_database(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_copy_is_one_file_for_its_owner_only(tmp_path: Path, database: Path) -> None:
    """Mode 0600, no log and nothing half made beside it, whatever stood there before."""
    folder = tmp_path / "backups"
    folder.mkdir()
    copy = folder / "copy.db"
    copy.write_text("something old")
    copy.chmod(0o644)
    back_up(database, copy)
    assert [file.name for file in folder.iterdir()] == ["copy.db"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert marked(copy) == "one"


def test_it_never_replaces_the_database(tmp_path: Path, database: Path) -> None:
    """Neither by its name, nor by another one, nor its log."""
    link = tmp_path / "link.db"
    link.symlink_to(database)
    hard = tmp_path / "hard.db"
    hard.hardlink_to(database)
    for target in (database, link, hard, tmp_path / "voice.db-wal"):
        with pytest.raises(OSError, match="the database itself"):
            back_up(database, target)
        with pytest.raises(OSError, match="the database itself"):
            back_up(link, target)
    assert marked(database) == "one"


def test_a_damaged_database_leaves_the_last_backup(tmp_path: Path, database: Path) -> None:
    """The copy is checked before it has its name; nothing is left of it."""
    copy = tmp_path / "copy.db"
    back_up(database, copy)
    damage(database)
    with pytest.raises(BackupDamaged):
        back_up(database, copy)
    assert marked(copy) == "one"
    assert not list(tmp_path.glob(".*"))


def test_the_last_three_from_before_upgrades_are_kept(tmp_path: Path, database: Path) -> None:
    """The oldest go, of this database only."""
    other = tmp_path / "other.db.before-0001.bak"
    other.touch()
    for number in range(1, 6):
        before_upgrade(database, f"000{number}")
    kept = sorted(file.name for file in tmp_path.glob("voice.db.before-*"))
    assert kept == [f"voice.db.before-000{number}.bak" for number in (3, 4, 5)]
    assert other.exists()


def test_command_into_a_folder(tmp_path: Path, database: Path) -> None:
    """The name has the time; JSON says which it is, and its size."""
    folder = tmp_path / "backups"
    folder.mkdir()
    status, said = run(tmp_path, str(folder), "--json")
    assert status == 0
    (file,) = folder.iterdir()
    assert file.name.startswith("voice-20")
    assert json.loads(said) == {"file": str(file), "bytes": file.stat().st_size}
    assert marked(file) == "one"


def test_command_keeps_the_latest(tmp_path: Path, database: Path) -> None:
    """`--keep` removes older copies of this database in the folder, and nothing else there."""
    folder = tmp_path / "backups"
    folder.mkdir()
    ours = [folder / f"voice-2026010{day}T000000Z.db" for day in (3, 1, 2)]
    others = [folder / name for name in ("voice-old.db", "other-20260101T000000Z.db", "voice.db")]
    for age, file in enumerate([*others, *ours]):
        file.touch()
        os.utime(file, (age, age))
    status, said = run(tmp_path, str(folder), "--keep", "2")
    assert status == 0, said
    made = {file for file in folder.iterdir() if file.stat().st_size}
    assert len(made) == 1
    assert set(folder.iterdir()) == {*others, ours[-1], *made}


def test_command_keeps_copies_in_folders_only(tmp_path: Path, database: Path) -> None:
    """What is to be kept beside a FILE is not known; none at all is never kept."""
    (tmp_path / "backups").mkdir()
    for arguments in (["copy.db", "--keep", "2"], ["backups", "--keep", "0"]):
        status, said = run(tmp_path, *(str(tmp_path / arguments[0]), *arguments[1:]))
        assert status == 2, said
        assert "--keep" in said
    assert not (tmp_path / "copy.db").exists()


def test_command_to_a_file(tmp_path: Path, database: Path) -> None:
    """A line for people."""
    status, said = run(tmp_path, str(tmp_path / "copy.db"))
    assert (status, said.count("\n")) == (0, 1)
    assert marked(tmp_path / "copy.db") == "one"


def test_command_without_a_database(tmp_path: Path) -> None:
    """Exit code 2; none is made."""
    status, said = run(tmp_path, str(tmp_path / "copy.db"))
    assert status == 2
    assert "does not exist" in said
    assert not list(tmp_path.glob("*.db"))


def test_command_to_a_folder_that_is_not_there(tmp_path: Path, database: Path) -> None:
    """Exit code 2, in one line."""
    status, said = run(tmp_path, str(tmp_path / "nowhere" / "copy.db"))
    assert (status, said.count("\n")) == (2, 1)


def test_command_on_a_damaged_database(tmp_path: Path, database: Path) -> None:
    """Exit code 1: something is wrong with what was asked about."""
    damage(database)
    status, said = run(tmp_path, str(tmp_path / "copy.db"))
    assert status == 1
    assert "is damaged" in said
    assert not (tmp_path / "copy.db").exists()
