"""How `ari-voice doctor` makes checks, and how each judges what it sees."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from adapter.ari.errors import Unreachable
from adapter.commands.diagnosis import Check, Result, Results, Unawaited, described, examine
from adapter.commands.diagnosis.asterisk import clock, ports, version
from adapter.commands.diagnosis.plugins import starts
from adapter.commands.diagnosis.storage import Provisioned, provisioned, room, whole
from adapter.settings import Plugins
from adapter.store.sqlite import open_database

ROOT = Path(__file__).parents[2]
FINE = Result("fine", "ok", "it is")


async def fine() -> Results:
    """Something that is well."""
    yield FINE


async def breaks() -> Results:
    """The world fails after the first result."""
    yield FINE
    raise Unreachable("ping", "no answer in time")


async def test_a_check_that_fails_keeps_no_other_from_being_made() -> None:
    """What it found before stays, then comes why it went no further; in the order of the checks."""
    found = await examine([Check("broken", breaks), Check("fine", fine)])
    assert found == [FINE, Result("broken", "failed", "ping: no answer in time"), FINE]


async def test_a_check_has_its_time() -> None:
    """One that hangs is ended and cleans up; what it found stays."""
    ended = []

    async def hangs() -> Results:
        yield FINE
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    found = await examine([Check("slow", hangs), Check("fine", fine)], patience=0.05)
    assert found == [FINE, Result("slow", "failed", "not done after 0.05 s"), FINE]
    assert ended == [True]


async def test_a_timeout_of_its_own_is_no_end_of_its_time() -> None:
    """It is said as it is."""

    async def refused() -> Results:
        yield FINE
        raise ConnectionRefusedError(111, "Connection refused")

    found = await examine([Check("port", refused)])
    assert found[1] == Result("port", "failed", "Connection refused")


def test_nobody_waits_for_a_thread_that_hangs() -> None:
    """A name server or a disk: neither the end of the loop nor that of the process is held up."""
    hangs = """
import asyncio, time
from adapter.commands.diagnosis import Check, Result, Unawaited, examine

async def look():
    await asyncio.to_thread(time.sleep, 60)
    yield Result("never", "ok", "")

async def main():
    asyncio.get_running_loop().set_default_executor(Unawaited())
    print(await examine([Check("slow", look)], patience=0.1))

asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", hangs],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert "not done after 0.1 s" in ended.stdout
    assert ended.stderr == ""


async def test_a_thread_hands_on_what_becomes_of_it() -> None:
    """Its result, and what the world did to it."""
    asyncio.get_running_loop().set_default_executor(Unawaited())
    assert await asyncio.to_thread(max, 1, 2) == 2
    with pytest.raises(FileNotFoundError):
        await asyncio.to_thread(Path("/nowhere/at/all").stat)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 5061)"), "refused"),
        (FileNotFoundError(2, "No such file or directory", "a.pem"), "a.pem: No such file"),
        (TimeoutError(), "TimeoutError"),
        (ValueError("two\nlines"), "two lines"),
    ],
)
def test_errors_are_said_in_one_line(error: Exception, text: str) -> None:
    """In the words of the system where asyncio has its own."""
    assert text in described(error)
    assert "Connect call" not in described(error)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("22.10.1", "ok"),
        ("22.10.1+dfsg+~cs6.17.60671434-1", "ok"),
        ("22.11.0-rc1", "ok"),
        ("22.10.0", "failed"),
        ("22.9.3", "failed"),
        ("20.99.99", "failed"),
        ("23.1.0", "warning"),
        ("GIT-22-8a8416e365", "warning"),
        ("", "warning"),
    ],
)
def test_versions_of_asterisk(text: str, state: str) -> None:
    """22.10.1 and later 22 are fine, earlier ones not, others were not tested."""
    assert version(text).state == state


@pytest.mark.parametrize(
    ("theirs", "ours", "state"),
    [
        ("2026-11-21T16:51:41.187+0000", 1795279901.2, "ok"),
        ("2026-11-21T17:51:41.187+0100", 1795279900.0, "ok"),
        ("2026-11-21T16:51:41.187+0000", 1795279911.2, "warning"),
        ("2026-11-21T16:51:41.187+0000", 1795279891.2, "warning"),
        ("", 1795279901.2, "warning"),
        ("noon", 1795279901.2, "warning"),
    ],
)
def test_clocks(theirs: str, ours: float, state: str) -> None:
    """Two seconds are tolerated, in both directions, whatever the time zone."""
    assert clock(theirs, ours).state == state


@pytest.mark.parametrize(
    ("lines", "state", "legs"),
    [
        (["rtpstart=10000", "rtpend=20000"], "ok", "5000 legs"),
        (["RTPSTART => 10000", "rtpend = 10099"], "ok", "50 legs"),
        (["rtpstart=10000", "rtpend=10097"], "warning", "49 legs"),
        (["rtpstart=20000", "rtpend=10000"], "failed", "0 legs"),
        (["icesupport=no"], "ok", "13000 legs"),
    ],
)
def test_ports_for_audio(lines: list[str], state: str, legs: str) -> None:
    """Two for each leg; without settings those of Asterisk itself."""
    judged = ports(lines)
    assert (judged.state, legs in judged.text) == (state, True), judged


def test_room_on_a_disk(tmp_path: Path) -> None:
    """Enough, too little, not there yet, and in the place of a folder something else."""
    assert room("disk", tmp_path, 1).state == "ok"
    assert room("disk", tmp_path, 1 << 60).state == "warning"
    assert room("disk", tmp_path / "later" / "still", 1).state == "warning"
    (tmp_path / "file").touch()
    assert room("disk", tmp_path / "file", 1).state == "failed"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_database_that_is_well(tmp_path: Path) -> None:
    """Also while somebody writes; and nothing is made where there is none."""
    file = tmp_path / "voice.db"
    assert whole(file).state == "warning"
    assert not file.exists()
    with closing(open_database(file)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert whole(file).state == "ok"


def test_a_database_that_is_none(tmp_path: Path) -> None:
    """It fails, and has no provisioning."""
    file = tmp_path / "voice.db"
    file.write_bytes(b"this is a text, and no database " * 100)
    assert whole(file).state == "failed"
    assert provisioned(file) == Provisioned()


def test_a_database_of_another_version(tmp_path: Path) -> None:
    """An earlier one is a warning, a later one fails; neither is changed."""
    file = tmp_path / "voice.db"
    with closing(open_database(file)) as connection:
        (name,) = connection.execute("SELECT max(name) FROM _sqlite_migrations").fetchone()
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = ?", (name,))
    judged = whole(file)
    assert judged.state == "warning"
    assert name in judged.text
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('ari-voice-adapter', '9999_from_the_future', '2030-01-01')"
        )
    judged = whole(file)
    assert judged.state == "failed"
    assert "9999_from_the_future" in judged.text


def test_a_database_that_takes_too_long(tmp_path: Path) -> None:
    """The look at its pages is given up in time; that is no damage."""
    file = tmp_path / "voice.db"
    with closing(open_database(file)) as connection:
        connection.execute(
            "WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 20000)"
            " INSERT INTO journal SELECT value, 1, 1.0, hex(randomblob(200)) FROM n"
        )
    judged = whole(file, patience=0.0)
    assert judged.state == "warning"
    assert "too large" in judged.text
    assert whole(file).state == "ok"


def test_a_log_that_grows(tmp_path: Path) -> None:
    """Somebody who reads without an end keeps it from being emptied, until the disk is full."""
    file = tmp_path / "voice.db"
    with closing(open_database(file)) as connection:
        connection.execute("INSERT INTO meta VALUES ('mark', '1')")
        assert whole(file).state == "ok"
        log = tmp_path / "voice.db-wal"
        before = log.stat().st_size
        os.truncate(log, 600 << 20)  # sparse; what follows the last frame is not read
        judged = whole(file)
        os.truncate(log, before)
    assert judged.state == "warning"
    assert "600 MiB" in judged.text


def test_a_look_leaves_no_trace(tmp_path: Path) -> None:
    """No log of SQLite's beside a database that nobody has open: it might be another user's."""
    file = tmp_path / "voice.db"
    open_database(file).close()
    assert whole(file).state == "ok"
    provisioned(file)
    assert [one.name for one in tmp_path.iterdir()] == ["voice.db"]


def test_plug_ins() -> None:
    """One that starts, and one that is not installed, by its name."""
    assert starts("tts", "nobody", Plugins()).state == "failed"
    judged = starts("asr", "pocketsphinx", Plugins())
    assert judged == Result("asr pocketsphinx", "ok", "starts")
