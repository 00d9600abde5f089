"""The outbox as a feed, on a real SQLite file: whose it is, its order, its portions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.core.message import Attempt, Backlog, Message, Told
from adapter.store.feed import PORTION, events
from adapter.store.outbox import OutboxStore
from adapter.store.sqlite import open_database

OK = Attempt(at=20.0, duration=0.5, status=200, error=None)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_database(tmp_path / "outbox.db")
    yield opened
    opened.close()


@pytest.fixture
def store(connection: sqlite3.Connection) -> OutboxStore:
    return OutboxStore(connection)


def message(name: str, owner: str = "app", url: str = "http://c/", body: str = "{}") -> Message:
    return Message(name, f"call of {name}", "enablex", owner, "connected", url, body)


def read(connection: sqlite3.Connection, after: int = 0, limit: int = 100) -> list[Told]:
    return events(connection, "enablex", "app", after, limit)


def test_an_event_is_there_as_soon_as_it_was_written(
    store: OutboxStore, connection: sqlite3.Connection
) -> None:
    """Whatever becomes of its delivery it stays the same, under the same cursor."""
    (row,) = store.insert([message("a", body='{"n":1}')], 7.0)
    told = Told(row.seq, "a", "connected", 7.0, '{"n":1}')
    assert read(connection) == [told]
    store.delivered([(row, OK)])
    assert read(connection) == [told]


def test_one_without_url_is_for_the_feed_only(
    store: OutboxStore, connection: sqlite3.Connection
) -> None:
    """It is in the feed; nothing that delivers, retries or counts what waits ever sees it."""
    assert store.insert([message("a", url=""), message("b")], 7.0)[0].message.id == "b"
    assert [told.id for told in read(connection)] == ["a", "b"]
    assert store.head("call of a") is None
    assert [head.lane for head in store.heads("", 10)] == ["call of b"]
    assert store.backlog() == Backlog(1, 7.0)
    assert store.retry(30.0, owner="app") == 1
    assert [(row.id, row.state) for row in store.rows()] == [("a", "feed only"), ("b", "pending")]


def test_one_without_url_is_kept_as_long_as_a_delivered_one(
    store: OutboxStore, connection: sqlite3.Connection
) -> None:
    """From when it was written."""
    store.insert([message("a", url=""), message("b")], 7.0)
    assert store.purge(7.0) == 0
    assert store.purge(7.1) == 1
    assert [told.id for told in read(connection)] == ["b"]


def test_a_cursor_is_never_given_twice(store: OutboxStore, connection: sqlite3.Connection) -> None:
    """Also when all that was there is forgotten: a reader's cursor stays right."""
    store.insert([message("a", url="")], 7.0)
    (old,) = read(connection)
    store.purge(8.0)
    store.insert([message("b")], 9.0)
    assert [told.id for told in read(connection, old.cursor)] == ["b"]


@given(owners=st.lists(st.sampled_from(["app", "other"]), max_size=20), limit=st.integers(1, 7))
def test_pages_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory, owners: list[str], limit: int
) -> None:
    """Page by page, a tenant gets all of his own in the order of writing, and nobody else's."""
    connection = open_database(tmp_path_factory.mktemp("feed") / "outbox.db")
    store = OutboxStore(connection)
    for number, owner in enumerate(owners):
        store.insert([message(str(number), owner, url="" if number % 3 else "http://c/")], 1.0)
    store.insert([replace(message("x"), contract="another")], 1.0)
    found: list[Told] = []
    while page := read(connection, found[-1].cursor if found else 0, limit):
        assert len(page) <= limit
        found += page
    connection.close()
    assert [told.id for told in found] == [str(n) for n, o in enumerate(owners) if o == "app"]


def test_large_bodies_come_in_smaller_portions(
    store: OutboxStore, connection: sqlite3.Connection
) -> None:
    """A portion ends behind the body that fills it; the next one goes on there."""
    half = '"' + "x" * (PORTION // 2) + '"'
    store.insert([message(str(n), body=half) for n in range(5)], 1.0)
    first = read(connection)
    assert [told.id for told in first] == ["0", "1"]
    assert [told.id for told in read(connection, first[-1].cursor)] == ["2", "3"]


def test_reading_keeps_no_transaction(store: OutboxStore, connection: sqlite3.Connection) -> None:
    """A portion that ended early leaves nothing open: the write-ahead log can be emptied."""
    store.insert([message(str(n), body="x" * PORTION) for n in range(3)], 1.0)
    portion = read(connection)
    assert len(portion) == 1
    assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
