"""Rows of recordings on a real SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.core import inputs as i
from adapter.core.faults import StoreFailed
from adapter.core.ids import CallId, RecordingId
from adapter.core.kept import KeptRecording, KeptState
from adapter.core.model import Saved
from adapter.core.outputs import Step
from adapter.store.calls import CallStore
from adapter.store.outbox import OutboxStore
from adapter.store.recordings import RecordingStore
from adapter.store.sqlite import open_database
from tests.unit.build import NOW, gone, place, run

ONE = KeptRecording(
    id=RecordingId("11111111-0000-4000-8000-00ff00000001"),
    contract="enablex",
    owner="app-1",
    call=CallId("call-1"),
    name="interview",
    created_at=100.0,
)
SAVED = Saved(seconds=1.5, size=24044, sha256="ab" * 32, repaired=True)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_database(tmp_path / "recordings.db")
    yield opened
    opened.close()


@pytest.fixture
def store(connection: sqlite3.Connection) -> RecordingStore:
    return RecordingStore(connection)


def another(number: int, **changes: object) -> KeptRecording:
    return replace(ONE, id=RecordingId(f"{number:08}-0000"), **changes)  # type: ignore[arg-type]


def test_row_is_read_as_it_was_written(store: RecordingStore) -> None:
    """From the order over the start to the end, with every value."""
    assert store.reserve(ONE)
    assert store.get(ONE.id) == ONE
    store.place(ONE.id, "2026-11-21/one")
    assert store.get(ONE.id) == replace(ONE, stem="2026-11-21/one")
    store.saved(ONE.id, SAVED)
    assert store.get(ONE.id) == replace(
        ONE, stem="2026-11-21/one", state=KeptState.SAVED, saved=SAVED
    )


def test_unknown_recording(store: RecordingStore) -> None:
    """There is nothing to get, and nothing to change."""
    store.place(ONE.id, "x")
    store.saved(ONE.id, SAVED)
    store.failed(ONE.id)
    store.forget(ONE.id)
    assert store.get(ONE.id) is None


def test_name_is_used_once_by_an_owner(store: RecordingStore) -> None:
    """Another recording may have it only with another tenant or contract."""
    assert store.reserve(ONE)
    assert not store.reserve(another(2))
    assert store.reserve(another(3, owner="app-2"))
    assert store.reserve(another(4, contract="voipnow"))
    assert store.get(another(2).id) is None


def test_recordings_without_a_name(store: RecordingStore) -> None:
    """No name is not the same name."""
    assert store.reserve(another(2, name=None))
    assert store.reserve(another(3, name=None))


def test_same_id_is_not_reserved_again(store: RecordingStore) -> None:
    """The first row stays as it is."""
    store.reserve(ONE)
    assert not store.reserve(replace(ONE, name="other"))
    assert store.get(ONE.id) == ONE


def test_failed_recording_gives_its_name_back(store: RecordingStore) -> None:
    """There is no file of that name."""
    store.reserve(ONE)
    store.failed(ONE.id)
    assert store.reserve(another(2))


def test_forgotten_recording_gives_its_name_back(store: RecordingStore) -> None:
    """So does one that was removed."""
    store.reserve(ONE)
    store.forget(ONE.id)
    assert store.reserve(another(2))


def test_ends_once(store: RecordingStore) -> None:
    """A saved recording does not fail, a failed one is not saved, and neither is placed anew."""
    for recording in (ONE, another(2, name=None)):
        store.reserve(recording)
        store.place(recording.id, "first")
        store.place(recording.id, "second")
    store.saved(ONE.id, SAVED)
    store.failed(ONE.id)
    store.failed(another(2).id)
    store.saved(another(2).id, SAVED)
    one, two = store.get(ONE.id), store.get(another(2).id)
    assert one is not None
    assert two is not None
    assert (one.state, one.saved, one.stem) == (KeptState.SAVED, SAVED, "first")
    assert (two.state, two.saved, two.stem) == (KeptState.FAILED, None, "first")


def test_old_ones_oldest_first(store: RecordingStore) -> None:
    """Saved and failed ones by their age; running ones only when they were forgotten."""
    for number, created_at in enumerate([50.0, 10.0, 30.0, 5.0, 1.0]):
        store.reserve(another(number, name=None, created_at=created_at))
    for number in (0, 1, 2):
        store.failed(another(number).id)
    assert [one.created_at for one in store.old(50.0, 3.0, 10)] == [1.0, 10.0, 30.0]
    assert [one.created_at for one in store.old(50.0, 3.0, 2)] == [1.0, 10.0]


def test_database_that_takes_nothing(connection: sqlite3.Connection, store: RecordingStore) -> None:
    """SQLite's errors are the store's fault of the house."""
    connection.close()
    with pytest.raises(StoreFailed):
        store.reserve(ONE)
    with pytest.raises(StoreFailed):
        store.get(ONE.id)


def test_failed_ones_of_live_calls(store: RecordingStore, connection: sqlite3.Connection) -> None:
    """Placed, young, failed, and of a call that is live: with the channel of that call."""
    calls = CallStore(connection, OutboxStore(connection).insert)
    call = run(None, place()).call
    over = run(run(None, place(2)).call, i.EndCall(), gone(run(None, place(2)).call)).call
    for one in (call, over):
        calls.save(Step(call=one), place(), NOW, ())
    kept = [another(n, name=None, call=call.id) for n in range(1, 6)]
    kept += [another(6, name=None, call=over.id), another(7, name=None)]
    for row in kept:
        store.reserve(row)
        if row is not kept[1]:
            store.place(row.id, "x")
    store.saved(kept[2].id, SAVED)
    for row in (kept[0], kept[1], kept[4], kept[5], kept[6]):
        store.failed(row.id)
    connection.execute("UPDATE recording SET created_at = 99 WHERE id = ?", (kept[4].id,))
    assert store.left(100.0) == [(call.channel, kept[0].id)]
