"""Kept answers on a real file: written with the call's row or not at all, and forgotten in time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.core.call import step
from adapter.core.faults import StoreFailed
from adapter.core.message import Kept
from adapter.store.answers import AnswerStore
from adapter.store.calls import CallStore
from adapter.store.outbox import OutboxStore
from adapter.store.sqlite import open_database
from tests.unit.build import NOW, offer

KEPT = Kept("enablex", "app", "key-1", "f" * 64, 200, '{"voice_id":"žluťoučký"}')


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_database(tmp_path / "voice.db")
    yield opened
    opened.close()


@pytest.fixture
def store(connection: sqlite3.Connection) -> CallStore:
    return CallStore(connection, OutboxStore(connection).insert)


def find(store: CallStore, kept: Kept = KEPT) -> Kept | None:
    return store.kept(kept.contract, kept.owner, kept.key)


def test_an_answer_is_written_with_its_row(
    store: CallStore, connection: sqlite3.Connection
) -> None:
    """It is read back as it was, and there is no transaction left open."""
    made = step(None, offer(), NOW)
    store.save(made, offer(), NOW, (), KEPT)
    assert (find(store), store.load(made.call.id)) == (KEPT, made.call)
    assert not connection.in_transaction


def test_a_row_that_cannot_be_written_takes_the_answer_with_it(store: CallStore) -> None:
    """Nothing was done, so there is nothing to repeat."""
    made = step(None, offer(), NOW)
    store.save(made, offer(), NOW, ())
    with pytest.raises(StoreFailed):
        store.save(made, offer(), NOW, (), KEPT)
    assert find(store) is None


def test_an_answer_that_cannot_be_written_takes_the_row_with_it(store: CallStore) -> None:
    """A second answer under a key is refused, and what it would have answered is not done."""
    store.keep(KEPT, NOW)
    made = step(None, offer(), NOW)
    with pytest.raises(StoreFailed):
        store.save(made, offer(), NOW, (), replace(KEPT, body="{}"))
    assert (find(store), store.load(made.call.id)) == (KEPT, None)


def test_an_answer_alone(store: CallStore) -> None:
    """One whose request changed no call; the same key again is refused."""
    store.keep(KEPT, NOW)
    assert find(store) == KEPT
    with pytest.raises(StoreFailed):
        store.keep(KEPT, NOW)


@pytest.mark.parametrize(
    "other",
    [replace(KEPT, contract="another"), replace(KEPT, owner="another"), replace(KEPT, key="x")],
    ids=["contract", "owner", "key"],
)
def test_a_key_belongs_to_one_tenant_of_one_contract(store: CallStore, other: Kept) -> None:
    """Another contract's, another tenant's and another key's answers are others."""
    store.keep(KEPT, NOW)
    assert find(store, other) is None
    store.keep(other, NOW)
    assert (find(store), find(store, other)) == (KEPT, other)


def test_purge_forgets_the_old_ones(store: CallStore, connection: sqlite3.Connection) -> None:
    """Oldest first, a portion at a time; the one of that very moment stays."""
    for second in range(4):
        store.keep(replace(KEPT, key=f"key-{second}"), NOW + second)
    answers = AnswerStore(connection)
    assert [answers.purge(NOW + 3, limit=2) for _ in range(3)] == [2, 1, 0]
    left = [find(store, replace(KEPT, key=f"key-{second}")) is not None for second in range(4)]
    assert left == [False, False, False, True]
