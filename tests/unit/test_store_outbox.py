"""Queries of the outbox on a real SQLite file, with a second connection where that matters."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter.core.faults import StoreFailed
from adapter.core.message import Attempt, Backlog, Head, Message, Queued
from adapter.store.outbox import OutboxStore
from adapter.store.sqlite import open_database

OK = Attempt(at=20.0, duration=0.5, status=200, error=None)
BAD = Attempt(at=10.0, duration=0.25, status=500, error="HTTP 500")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_database(tmp_path / "outbox.db")
    yield opened
    opened.close()


@pytest.fixture
def store(connection: sqlite3.Connection) -> OutboxStore:
    return OutboxStore(connection)


@pytest.fixture
def other(connection: sqlite3.Connection, tmp_path: Path) -> Iterator[OutboxStore]:
    """The same file from another connection, as the command line has it."""
    opened = open_database(tmp_path / "outbox.db")
    yield OutboxStore(opened)
    opened.close()


def message(name: str, lane: str = "call-1", owner: str = "app", url: str = "http://c/") -> Message:
    return Message(name, lane, "enablex", owner, "connected", url, '{"n": 1}')


def put(store: OutboxStore, *messages: Message, now: float = 1.0) -> list[Queued]:
    return store.insert(messages, now)


def test_insert_returns_the_rows_as_they_are_read_back(store: OutboxStore) -> None:
    """What insert returns is what head reads, so a fresh row needs no select."""
    rows = put(store, message("a"), message("b", lane="call-2"), now=7.0)
    assert [row.message.id for row in rows] == ["a", "b"]
    assert store.head("call-1") == rows[0] == Queued(1, message("a"), 0, 7.0, 7.0)
    assert store.head("call-2") == rows[1]
    assert store.head("call-3") is None


def test_insert_is_part_of_the_callers_transaction(
    connection: sqlite3.Connection, store: OutboxStore
) -> None:
    """A rollback of the engine takes its webhooks with it."""
    connection.execute("BEGIN")
    put(store, message("a"))
    connection.execute("ROLLBACK")
    assert store.backlog() == Backlog(0, None)


def test_an_id_is_used_once(store: OutboxStore) -> None:
    """The same id twice is an error, even after its delivery."""
    (row,) = put(store, message("a"))
    store.delivered([(row, OK)])
    with pytest.raises(sqlite3.IntegrityError):
        put(store, message("a"))


def test_head_moves_when_rows_are_settled(store: OutboxStore) -> None:
    """Delivered and dead rows leave the lane; a failed one stays its head."""
    a, b, c = put(store, message("a"), message("b"), message("c"))
    store.failed(a, BAD, next_at=99.0)
    assert store.head("call-1") == Queued(a.seq, a.message, 1, 99.0, 1.0)
    store.dead(a, BAD)
    assert store.head("call-1") == b
    store.delivered([(b, OK)])
    assert store.head("call-1") == c


def test_heads_are_paged_by_lane(store: OutboxStore) -> None:
    """Each lane with pending rows appears once, with its oldest row, over as many pages."""
    put(
        store,
        *(message(f"{lane}{n}", lane=lane, url=f"http://{n}/") for lane in "abc" for n in (0, 1)),
    )
    first, *_ = put(store, message("gone", lane="d"))
    store.delivered([(first, OK)])
    page = store.heads("", 2)
    assert page == [Head("a", "http://0/", 1.0), Head("b", "http://0/", 1.0)]
    assert store.heads("b", 2) == [Head("c", "http://0/", 1.0)]
    assert store.heads("c", 2) == []


def test_a_row_is_settled_once(store: OutboxStore) -> None:
    """A late verdict on a settled row is recorded as an attempt and changes nothing else."""
    (row,) = put(store, message("a"))
    store.delivered([(row, OK)])
    store.dead(row, BAD)
    store.failed(row, BAD, 50.0)
    (listed,) = store.rows()
    assert (listed.state, listed.attempts, listed.done_at) == ("delivered", 1, 20.5)


def test_a_failed_write_leaves_no_half(connection: sqlite3.Connection, store: OutboxStore) -> None:
    """When the second statement fails the first is taken back, and the connection stays usable."""
    (row,) = put(store, message("a"))
    connection.execute(
        "CREATE TRIGGER t BEFORE UPDATE ON outbox BEGIN SELECT RAISE(FAIL, 'x'); END"
    )
    with pytest.raises(StoreFailed):
        store.delivered([(row, OK)])
    assert store.deliveries("call-1") == []
    assert not connection.in_transaction
    connection.execute("DROP TRIGGER t")
    store.delivered([(row, OK)])
    assert [d.status for d in store.deliveries("call-1")] == [200]


def test_deliveries_tell_each_attempt(store: OutboxStore) -> None:
    """The attempts of a lane, in order of time, with their message."""
    (a,) = put(store, message("a"))
    store.failed(a, BAD, 15.0)
    store.delivered([(a, OK)])
    put(store, message("x", lane="other"))
    told = [
        (d.id, d.attempt, d.at, d.duration, d.status, d.error) for d in store.deliveries("call-1")
    ]
    assert told == [("a", 1, 10.0, 0.25, 500, "HTTP 500"), ("a", 2, 20.0, 0.5, 200, None)]


def test_rows_lists_by_state_owner_and_lane(store: OutboxStore) -> None:
    """Each condition narrows; the limit keeps the latest; the last error is shown."""
    a, _, _ = put(store, message("a"), message("b", owner="x"), message("c", lane="call-2"))
    store.dead(a, BAD)

    def ids(**conditions: str) -> list[str]:
        return [row.id for row in store.rows(**conditions)]  # type: ignore[arg-type]

    assert ids() == ["a", "b", "c"]
    assert ids(state="dead") == ["a"]
    assert ids(state="pending", owner="app") == ["c"]
    assert ids(lane="call-1", owner="x") == ["b"]
    assert [row.id for row in store.rows(limit=2)] == ["b", "c"]
    assert store.rows("dead")[0].error == "HTTP 500"


def test_retry_by_number(store: OutboxStore) -> None:
    """One dead letter is due again with a fresh schedule, and its attempts are counted on."""
    a, b = put(store, message("a"), message("b"))
    for row in (a, b):
        store.failed(row, BAD, 15.0)
        store.dead(row, BAD)
    assert store.retry(30.0, seq=a.seq) == 1
    assert store.head("call-1") == Queued(a.seq, a.message, 0, 30.0, 1.0)
    assert [row.state for row in store.rows()] == ["pending", "dead"]
    store.delivered([(a, OK)])
    assert [d.attempt for d in store.deliveries("call-1") if d.id == "a"] == [1, 2, 3]


def test_retry_by_owner_and_all(store: OutboxStore) -> None:
    """An owner's rows, or all: dead ones and those that wait; never what was delivered."""
    a, b, c = put(store, message("a"), message("b", owner="x"), message("c"))
    store.dead(a, BAD)
    store.dead(b, BAD)
    store.delivered([(c, OK)])
    assert store.retry(30.0, owner="nobody") == 0
    assert store.retry(30.0, owner="x") == 1
    assert store.retry(40.0) == 2
    assert [(row.state, row.next_at) for row in store.rows()] == [
        ("pending", 40.0),
        ("pending", 40.0),
        ("delivered", 1.0),
    ]


def test_retry_of_a_delivered_row_changes_nothing(store: OutboxStore) -> None:
    """A delivered message is not sent again, and enables no endpoint."""
    a, b = put(store, message("a"), message("b"))
    store.delivered([(a, OK)])
    store.dead(b, BAD, disable="gone")
    assert store.retry(30.0, seq=a.seq) == 0
    assert store.disabled() == {("app", "http://c/"): "gone"}


def test_gone_endpoints_until_retry(store: OutboxStore) -> None:
    """A disabled endpoint is one owner's one URL; retry of its row enables it, others stay."""
    a, b = put(store, message("a"), message("b", url="http://d/"))
    store.dead(a, BAD, disable="gone")
    store.dead(b, BAD, disable="gone")
    assert store.disabled() == {("app", "http://c/"): "gone", ("app", "http://d/"): "gone"}
    store.retry(30.0, seq=a.seq)
    assert store.disabled() == {("app", "http://d/"): "gone"}
    assert store.enable("nobody") == 0
    assert store.enable("app") == 1
    assert store.disabled() == {}


def test_retry_of_an_owner_or_all_enables(store: OutboxStore) -> None:
    """Without a number the endpoints of the owner, or all, are enabled."""
    for owner in ("x", "y"):
        (row,) = put(store, message(owner, owner=owner))
        store.dead(row, BAD, disable="gone")
    store.retry(30.0, owner="x")
    assert list(store.disabled()) == [("y", "http://c/")]
    store.retry(30.0)
    assert store.disabled() == {}


def test_disabling_twice_keeps_the_latest_reason(store: OutboxStore) -> None:
    """An endpoint that says it again is no error."""
    a, b = put(store, message("a"), message("b"))
    store.dead(a, BAD, disable="first")
    store.dead(b, BAD, disable="second")
    assert store.disabled() == {("app", "http://c/"): "second"}


def test_backlog_counts_pending_rows(store: OutboxStore) -> None:
    """Settled rows do not count, and the oldest pending one gives the age."""
    assert store.backlog() == Backlog(0, None)
    (a,) = put(store, message("a"), now=5.0)
    put(store, message("b", lane="call-0"), now=8.0)
    assert store.backlog() == Backlog(2, 5.0)
    store.delivered([(a, OK)])
    assert store.backlog() == Backlog(1, 8.0)


def test_purge_deletes_old_settled_rows_with_their_attempts(
    connection: sqlite3.Connection, store: OutboxStore
) -> None:
    """Retention is by state, never touches what is pending, and goes in steps."""
    a, b, c, _ = put(store, *(message(name) for name in "abcd"))
    store.delivered([(a, OK)])
    store.delivered([(b, OK)])
    store.dead(c, OK)
    assert store.purge(20.0) == 0
    assert store.purge(100.0, limit=1) == 1
    assert store.purge(100.0) == 1
    assert [row.id for row in store.rows()] == ["c", "d"]
    assert store.purge(100.0, state="dead") == 1
    assert [row.id for row in store.rows()] == ["d"]
    assert connection.execute("SELECT COUNT(*) FROM delivery").fetchone() == (0,)


def test_data_version_tells_other_writers(store: OutboxStore, other: OutboxStore) -> None:
    """Our own commits do not change it, those of another connection do."""
    before = store.data_version()
    (row,) = put(store, message("a"))
    store.dead(row, BAD)
    assert store.data_version() == before
    assert other.retry(30.0) == 1
    assert store.data_version() != before
    head = store.head("call-1")
    assert head is not None
    assert head.next_at == 30.0


def test_hot_queries_use_the_index_of_pending_rows(
    connection: sqlite3.Connection, store: OutboxStore
) -> None:
    """The heads cost the same whatever else lies in the table, and nothing is sorted."""
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    store.head("x")
    store.heads("x", 10)
    store.backlog()
    connection.set_trace_callback(None)
    assert len(asked) == 3
    for query in asked:
        plan = [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert any("INDEX outbox_pending" in step for step in plan), plan
        assert not any("TEMP B-TREE FOR GROUP" in step for step in plan), plan
