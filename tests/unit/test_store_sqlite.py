"""The database file: its mode and settings, its migrations, and a death amid a transaction."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from adapter.core.message import Attempt, Message
from adapter.core.tenants import Number
from adapter.store.calls import CallStore
from adapter.store.outbox import OutboxStore
from adapter.store.provisioning import ProvisioningStore
from adapter.store.sqlite import SchemaTooNew, Synchronous, connect, migrate, open_database
from tests.unit.build import call_id
from tests.unit.earlier_versions import of_migrations

ROOT = Path(__file__).parents[2]
TABLES = {
    "call",
    "journal",
    "outbox",
    "delivery",
    "webhook_endpoint",
    "app",
    "domain",
    "trunk",
    "number",
    "prompt",
    "phone",
    "meta",
}


def tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in rows}


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """It holds secrets: 0600, also when the process's umask would allow more, and its log too."""
    before = os.umask(0)
    try:
        connection = open_database(tmp_path / "voice.db")
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("voice.db*")
        }
        connection.close()
    finally:
        os.umask(before)
    assert modes == {"voice.db": 0o600, "voice.db-wal": 0o600, "voice.db-shm": 0o600}


@pytest.mark.parametrize(("synchronous", "value"), [("normal", 1), ("full", 2)])
def test_the_settings_of_a_connection(tmp_path: Path, synchronous: Synchronous, value: int) -> None:
    """WAL, the wanted durability, foreign keys held, and transactions only where they are begun."""
    connection = connect(tmp_path / "voice.db", synchronous)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (value,)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    assert connection.isolation_level is None
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (1)")
    assert not connection.in_transaction
    connection.close()


@pytest.mark.parametrize("checkpoint", [True, False])
def test_who_empties_the_log(tmp_path: Path, checkpoint: bool) -> None:
    """A long log is written into the file by a commit, unless another program does that."""
    file = tmp_path / "voice.db"
    connection = connect(file, checkpoint=checkpoint)
    connection.execute("CREATE TABLE t (x)")
    before = file.stat().st_size
    for _ in range(70):
        connection.execute("INSERT INTO t VALUES (zeroblob(1 << 20))")
    assert (file.stat().st_size > before + (1 << 20)) is checkpoint
    connection.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """SQLite's own error, and the file is as it was."""
    file = tmp_path / "voice.db"
    file.write_bytes(b"this is a text, and longer than the header of a database. " * 20)
    before = file.read_bytes()
    with pytest.raises(sqlite3.DatabaseError):
        open_database(file)
    assert file.read_bytes() == before


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """It is not made: the path is probably wrong."""
    with pytest.raises((OSError, sqlite3.Error)):
        connect(tmp_path / "nowhere" / "voice.db")
    assert not (tmp_path / "nowhere").exists()


def test_migrations_make_the_schema_once(tmp_path: Path) -> None:
    """The first start applies them, the second one finds nothing to do and keeps the data."""
    connection = connect(tmp_path / "voice.db")
    applied = migrate(connection)
    assert applied[0] == "0001_foundation"
    assert tables(connection) >= TABLES
    connection.execute("INSERT INTO meta VALUES ('mark', '1')")
    assert migrate(connection) == []
    connection.close()
    connection = open_database(tmp_path / "voice.db")
    assert connection.execute("SELECT value FROM meta WHERE key = 'mark'").fetchone() == ("1",)
    connection.close()


def test_webhooks_survive_the_leaner_outbox(tmp_path: Path) -> None:
    """Rows, attempts and their order stay; what refers to a row still goes with it."""
    connection = of_migrations(tmp_path / "voice.db", 2)
    store = OutboxStore(connection)
    lost, kept, waiting = store.insert([of_call("a", n) for n in range(3)], 1.0)
    store.failed(lost, Attempt(1.0, 0.1, 500, "HTTP 500"), 9.0)
    store.dead(lost, Attempt(9.0, 0.1, 404, "HTTP 404"))
    store.delivered([(kept, Attempt(2.0, 0.1, 204, None))])
    before = (store.rows(), store.deliveries("a"), store.backlog())
    assert "0003_leaner_outbox" in migrate(connection)
    assert (store.rows(), store.deliveries("a"), store.backlog()) == before
    assert store.head("a") == waiting
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    (following,) = store.insert([of_call("b", 0)], 3.0)
    assert following.seq > waiting.seq
    with pytest.raises(sqlite3.IntegrityError):
        store.insert([of_call("b", 0)], 3.0)
    assert store.purge(100.0, state="dead") == 1
    assert [attempt.seq for attempt in store.deliveries("a")] == [kept.seq]
    connection.close()


def of_call(lane: str, number: int) -> Message:
    """The n-th message of a call."""
    return Message(f"{lane}-{number}", lane, "enablex", "app", "e", "http://app/", "{}")


def test_numbers_survive_the_domains(tmp_path: Path) -> None:
    """A database of the first version, with numbers in use, gets domains and keeps its numbers."""
    connection = of_migrations(tmp_path / "voice.db", 1)
    connection.execute("INSERT INTO app (id, key_hash, webhook_secret) VALUES ('demo', 'k', 's')")
    connection.execute("INSERT INTO trunk (name, uri) VALUES ('carrier', 'sip:a')")
    connection.execute(
        "INSERT INTO number VALUES ('46123', 'demo', 'http://e', 'carrier', 0, 1, 'g', 'o', 12.5)"
    )
    assert "0002_domains" in migrate(connection)
    assert ProvisioningStore(connection).number("46123") == Number(
        number="46123",
        app="demo",
        event_url="http://e",
        trunk="carrier",
        inbound=False,
        outbound=True,
        greeting="g",
        outbound_greeting="o",
        accept_timeout=12.5,
    )
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute("INSERT INTO number (number, app) VALUES ('1', 'nobody')")
    connection.close()


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """It says which migration it does not know; nothing is changed."""
    connection = open_database(tmp_path / "voice.db")
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
        " VALUES ('ari-voice-adapter', '9999_from_the_future', '2030-01-01')"
    )
    connection.close()
    with pytest.raises(SchemaTooNew, match="9999_from_the_future"):
        open_database(tmp_path / "voice.db")


CHILD = """
import os, sys
from adapter.core.tenants import Number
from adapter.store.calls import CallStore
from adapter.store.outbox import OutboxStore
from adapter.store.sqlite import open_database
from adapter.core.call import step
from adapter.core.message import Message
from tests.unit.build import place

connection = open_database(sys.argv[1])
outbox = OutboxStore(connection)

def insert_and_die(messages, now):
    outbox.insert(messages, now)
    os._exit(9)

def save(number, insert):
    made = step(None, place(number), 1000.0)
    message = Message(f"m{number}", made.call.id, "plain", "tenant", "e", "http://app/", "{}")
    CallStore(connection, insert).save(made, place(number), 1000.0, [message])

save(1, outbox.insert)
save(2, insert_and_die)
"""


def test_a_death_in_the_middle_of_a_transaction_leaves_nothing_of_it(tmp_path: Path) -> None:
    """The transaction before it is there, whole; of the one that was open, not a row."""
    file = tmp_path / "voice.db"
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(file)], check=False, timeout=60, cwd=ROOT
    )
    assert child.returncode == 9
    connection = open_database(file)
    store = CallStore(connection, OutboxStore(connection).insert)
    assert [call.id for call in store.live()] == [call_id(1)]
    assert len(store.journal(call_id(1))) == 1
    assert store.journal(call_id(2)) == []
    assert connection.execute("SELECT id FROM outbox").fetchall() == [("m1",)]
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
