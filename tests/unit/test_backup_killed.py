"""`kill -9` and a full disk in the middle of a backup and of an upgrade, with real processes."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from adapter.store.backup import back_up
from adapter.store.schema import migrations
from adapter.store.sqlite import connect, open_database, pending

ROOT = Path(__file__).parents[2]
NAMES = [one.name for one in migrations._migrations]
STOPS = """
import sys, time
from pathlib import Path
from adapter.store import backup, sqlite

def stop(*_):
    print("here", flush=True)
    time.sleep(60)

what, database, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
"""
BACKUP = STOPS + "backup._flush = stop\nbackup.back_up(database, target)\n"
UPGRADE = """
if what == "copied":
    backup._flush = stop
if what == "backed up":
    sqlite._keep = lambda *given, keep=sqlite._keep: (keep(*given), stop())
if what == "migrated":
    @sqlite.migrations(name="9998_stops")
    def stops(database):
        database.execute("CREATE TABLE half (x)")
        stop()
sqlite.open_database(database)
"""


def stopped(code: str, what: str, database: Path, target: Path) -> subprocess.Popen[str]:
    """A process that has come to the point where it stops."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, what, str(database), str(target)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def unfinished(folder: Path) -> list[Path]:
    return list(folder.glob(".ari-voice-backup-*"))


def age(folder: Path) -> None:
    """Let what is unfinished be of yesterday."""
    for one in unfinished(folder):
        os.utime(one, (time.time() - 86400,) * 2)


def state(file: Path) -> tuple[list[str], str]:
    """What is due, and the mark; it is whole."""
    with closing(connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (mark,) = connection.execute("SELECT value FROM meta WHERE key = 'mark'").fetchone()
        return pending(connection), str(mark)


@pytest.mark.parametrize("what", ["copied", "backed up", "migrated"])
def test_killed_in_an_upgrade(tmp_path: Path, old: Path, what: str) -> None:
    """The database is of the earlier version, whole; the next start upgrades it and cleans up."""
    kill(stopped(STOPS + UPGRADE, what, old, old))
    assert state(old) == (NAMES[3:], "old")
    age(tmp_path)
    open_database(old).close()
    assert state(old) == ([], "old")
    assert state(tmp_path / f"voice.db.before-{NAMES[-1]}.bak") == (NAMES[3:], "old")
    assert unfinished(tmp_path) == []
    with closing(sqlite3.connect(old)) as connection:
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchone()


def test_killed_in_a_backup(tmp_path: Path, old: Path) -> None:
    """The copy of before stands; what was left is nobody else's to read, and goes with the next."""
    copy = tmp_path / "copy.db"
    back_up(old, copy)
    with closing(connect(old)) as connection:
        connection.execute("UPDATE meta SET value = 'new' WHERE key = 'mark'")
    kill(stopped(BACKUP, "", old, copy))
    assert state(copy) == (NAMES[3:], "old")
    (left,) = unfinished(tmp_path)
    assert left.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in left.iterdir()] == [0o600]
    age(tmp_path)
    back_up(old, copy)
    assert state(copy) == (NAMES[3:], "new")
    assert unfinished(tmp_path) == []


def test_a_backup_that_is_being_made_is_left_alone(tmp_path: Path, old: Path) -> None:
    """However old it is: its process has locked it. A young one may not be locked yet."""
    process = stopped(BACKUP, "", old, tmp_path / "slow.db")
    try:
        age(tmp_path)
        back_up(old, tmp_path / "quick.db")
        assert len(unfinished(tmp_path)) == 1
    finally:
        kill(process)
    (tmp_path / ".ari-voice-backup-young").mkdir()
    back_up(old, tmp_path / "quick.db")
    assert [one.name for one in unfinished(tmp_path)] == [".ari-voice-backup-young"]


def test_a_disk_that_would_be_full_is_not_filled(
    tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy never takes the last room, which the server needs: it says so, and there is none."""
    room = namedtuple("room", "total used free")
    little = room(1 << 40, 0, old.stat().st_size + (1 << 20))
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: little)
        with pytest.raises(OSError, match="No space left"):
            back_up(old, tmp_path / "copy.db")
        with pytest.raises(sqlite3.OperationalError, match=r"before the upgrade: .*No space left"):
            open_database(old)
    assert state(old) == (NAMES[3:], "old")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["voice.db"]


def test_a_disk_that_is_full_before_an_upgrade(tmp_path: Path, old: Path) -> None:
    """A write that fails in the middle of the copy: one error, no upgrade, nothing left."""
    limit = old.stat().st_size // 2
    assert limit > 32768, "the log's index has to fit"
    ended = subprocess.run(
        [sys.executable, "-c", STOPS + UPGRADE, "", str(old), str(old)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert ended.returncode == 1
    assert "no backup before the upgrade" in ended.stderr.splitlines()[-1]
    assert state(old) == (NAMES[3:], "old")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["voice.db"]
