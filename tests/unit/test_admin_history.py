"""Pages of calls and webhooks, and putting webhooks back, on a real SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter.core.faults import StoreFailed
from adapter.core.message import Attempt, Message
from adapter.store import history, redelivery
from adapter.store.history import History
from adapter.store.outbox import OutboxStore
from adapter.store.redelivery import Redelivery
from adapter.store.sqlite import open_database

GONE = Attempt(5.0, 0.5, 410, "HTTP 410")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "h.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_database(path)
    yield opened
    opened.close()


def message(number: int, owner: str = "demo") -> Message:
    return Message(f"w{number}", f"c{number}", "enablex", owner, "ringing", "http://x/", "{}")


@pytest.fixture
def rows(connection: sqlite3.Connection) -> OutboxStore:
    """w1 dead with its endpoint disabled, w2 delivered, w3 pending, w4 another owner's, dead."""
    store = OutboxStore(connection)
    one, two, _three, four = store.insert([message(1), message(2), message(3)], 10.0) + (
        store.insert([message(4, "other")], 20.0)
    )
    store.failed(one, Attempt(4.0, 0.1, None, "refused"), 5.0)
    store.dead(one, GONE, disable="gone")
    store.delivered([(two, Attempt(6.0, 0.5, 200, None))])
    store.dead(four, GONE, disable="gone")
    return store


async def test_webhooks(rows: OutboxStore, path: Path) -> None:
    """Conditions and their combinations; the latest first; with the attempts of one."""
    pages = History(path)

    async def ids(**given: str | None) -> list[str]:
        conditions = dict.fromkeys(("state", "owner", "call", "after")) | given
        return [row.id for row in await pages.webhooks(**conditions, limit=9)]

    assert await ids() == ["w4", "w3", "w2", "w1"]
    assert await ids(state="dead") == ["w4", "w1"]
    assert await ids(state="dead", owner="demo") == ["w1"]
    assert await ids(call="c2") == ["w2"]
    assert await ids(after="w3") == ["w2", "w1"]
    assert await ids(after="unknown") == []
    found = await pages.webhook("w1")
    assert found is not None
    row, attempts = found
    assert (row.state, row.error, row.done_at) == ("dead", "HTTP 410", 5.5)
    assert attempts == [Attempt(4.0, 0.1, None, "refused"), GONE]
    assert await pages.webhook("w9") is None


@pytest.mark.parametrize("after", [None, "x"])
def test_calls_are_not_sorted(connection: sqlite3.Connection, after: str | None) -> None:
    """A page begins where it begins, however many calls there are: by the index alone."""
    values = (None, None, None, after, 101)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {history._CALLS}", values)]
    assert plan[0].startswith("SEARCH call USING INDEX call_created (")
    assert not any("TEMP B-TREE" in step for step in plan)


async def test_nothing_can_be_written(
    rows: OutboxStore, path: Path, connection: sqlite3.Connection
) -> None:
    """Its connections only read, also while somebody else writes."""
    pages = History(path)
    connection.execute("BEGIN IMMEDIATE")
    assert await pages.webhook("w1") is not None
    connection.execute("ROLLBACK")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await pages._ask(lambda db: db.execute("DELETE FROM outbox"))


def test_one_again(rows: OutboxStore, connection: sqlite3.Connection) -> None:
    """Dead or delivered: due now, its endpoint enabled, its attempts kept; others as they were."""
    again = Redelivery(connection)
    assert again.one("w1", 50.0)
    assert again.one("w2", 50.0)
    assert not again.one("w3", 50.0)
    with pytest.raises(LookupError):
        again.one("w9", 50.0)
    listed = {row.id: (row.state, row.next_at, row.attempts) for row in rows.rows()}
    assert listed["w1"] == listed["w2"] == ("pending", 50.0, 0)
    assert listed["w3"] == ("pending", 10.0, 0)
    assert set(rows.disabled()) == {("other", "http://x/")}
    assert len(rows.deliveries("c1")) == 2


def test_all_dead_again(
    rows: OutboxStore, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an owner, since a time, a portion at a time, until there are none."""
    again = Redelivery(connection)
    assert again.dead(50.0, owner="nobody") == 0
    assert again.dead(50.0, since=20.5) == 0
    assert again.dead(20.0, since=15.0) == 0  # written at 20, which is not before 20
    monkeypatch.setattr(redelivery, "PORTION", 1)
    assert [again.dead(50.0) for _ in range(3)] == [1, 1, 0]
    assert rows.disabled() == {}


def test_a_database_that_takes_no_write(
    rows: OutboxStore, connection: sqlite3.Connection, path: Path
) -> None:
    """StoreFailed, and everything is as it was."""
    connection.execute("PRAGMA busy_timeout = 1")
    other = open_database(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed):
        Redelivery(connection).one("w1", 50.0)
    other.execute("ROLLBACK")
    other.close()
    assert rows.rows("pending")[0].id == "w3"
