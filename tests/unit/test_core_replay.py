"""A journal through the machine again: to the row, or to the place where it parts from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.errors import CallUnknown, PromptBusy
from adapter.core.model import Call, CallState, PromptState
from adapter.core.replay import Difference, first_difference, replay, state_of
from adapter.store.calls import CallStore, Line
from adapter.store.outbox import OutboxStore
from adapter.store.sqlite import open_database
from tests.unit.build import (
    COLLECT,
    NOW,
    finished,
    gone,
    inbound,
    key,
    media_ready,
    offer,
    order,
    prompting,
    started,
    up,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CallStore]:
    connection: sqlite3.Connection = open_database(tmp_path / "voice.db")
    yield CallStore(connection, OutboxStore(connection).insert)
    connection.close()


def lived(store: CallStore) -> tuple[list[Line], Call]:
    """A whole call with a collection, written down as it happened, late inputs left out."""
    call: Call | None = None
    now = NOW

    def take(given: i.Input) -> Call:
        nonlocal call, now
        now += 0.1
        made = step(call, given, now)
        if not made.late:
            store.save(made, given, now, ())
        call = made.call
        return made.call

    row = take(offer(on_answer=(order(1, collect=COLLECT),)))
    take(i.AcceptCall())
    row = take(up(row))
    row = take(media_ready(row))
    row = take(started(row))
    ended = finished(row)
    row = take(key(row, "1"))
    take(ended)
    take(key(row, "#"))
    row = take(gone(row, 16))
    read = store.load(row.id)
    assert read is not None
    return store.journal(row.id), read


def test_a_journal_leads_to_its_row(store: CallStore) -> None:
    """Read back from the database, each line and the row are what the machine makes of them."""
    lines, row = lived(store)
    assert len(lines) == row.version == 8
    assert replay((line.given, line.at) for line in lines) == row
    assert first_difference(lines, row) is None


def test_a_journal_is_replayed_to_any_of_its_lines(store: CallStore) -> None:
    """A part of it is the call as it was then."""
    lines, _ = lived(store)
    then = replay((line.given, line.at) for line in lines[:5])
    assert (then.version, state_of(then)) == (5, "up/playing")


def test_an_empty_journal_makes_no_call() -> None:
    """There is nothing to begin with."""
    with pytest.raises(ValueError, match="without lines"):
        replay([])
    row = inbound(CallState.UP)
    assert first_difference([], row) == Difference(row.version, "journal", None, "up")


def test_a_journal_without_its_opening_is_refused(store: CallStore) -> None:
    """Its first line opens no call."""
    lines, row = lived(store)
    with pytest.raises(CallUnknown):
        replay((line.given, line.at) for line in lines[1:])
    assert first_difference(lines[1:], row) == Difference(2, "refused", "answering", "CallUnknown")


def test_a_command_that_the_machine_refuses_now_is_the_difference(store: CallStore) -> None:
    """It once took it: the machine was changed, or the line is not true."""
    lines, row = lived(store)
    lines[4] = replace(lines[4], given=i.StartPrompt(order=order(2)))
    with pytest.raises(PromptBusy):
        replay((line.given, line.at) for line in lines)
    assert first_difference(lines, row) == Difference(5, "refused", "up/playing", "PromptBusy")


@pytest.mark.parametrize(
    ("index", "changes", "difference"),
    [
        (1, {"state": "up"}, Difference(2, "state", "up", "answering")),
        (2, {"effects": ()}, Difference(3, "effects", (), ("PrepareMedia",))),
        (
            7,
            {"notices": ("PromptOver",)},
            Difference(8, "notices", ("PromptOver",), ("CallEnded",)),
        ),
        (3, {"version": 5}, Difference(5, "version", 5, 4)),
    ],
)
def test_the_first_line_that_parts_is_told(
    store: CallStore, index: int, changes: dict[str, object], difference: Difference
) -> None:
    """By its version, what of it, what stands there, and what the machine makes."""
    lines, row = lived(store)
    lines[index] = replace(lines[index], **changes)  # type: ignore[arg-type]
    assert first_difference(lines, row) == difference


def test_a_line_that_says_nothing_new_is_a_difference(store: CallStore) -> None:
    """A late input makes no version, so it cannot have made a line."""
    lines, row = lived(store)
    lines.insert(2, replace(lines[1], version=3))
    assert first_difference(lines, row) == Difference(3, "version", 3, 2)


def test_a_line_that_is_missing_is_a_difference(store: CallStore) -> None:
    """The versions do not follow each other any more."""
    lines, row = lived(store)
    del lines[3]
    found = first_difference(lines, row)
    assert found is not None
    assert (found.version, found.where) == (5, "version")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"caller": "+4999"}, "row.caller"),
        ({"ended_at": NOW + 99}, "row.ended_at"),
        ({"state": CallState.UP}, "row.state"),
        ({"version": 9}, "row.version"),
    ],
)
def test_a_row_that_was_written_past_the_journal_is_told(
    store: CallStore, changes: dict[str, object], where: str
) -> None:
    """All lines agree, and the row has something else: its field."""
    lines, row = lived(store)
    found = first_difference(lines, replace(row, **changes))  # type: ignore[arg-type]
    assert found is not None
    assert found.where == where
    name = where.removeprefix("row.")
    assert (found.recorded, found.replayed) == (changes[name], getattr(row, name))


def test_the_input_s_time_is_part_of_it(store: CallStore) -> None:
    """Another time makes another row: found in the row, for states do not show it."""
    lines, row = lived(store)
    lines[-1] = replace(lines[-1], at=NOW + 50)
    assert first_difference(lines, row) == Difference(
        row.version, "row.ended_at", row.ended_at, NOW + 50
    )


def test_the_state_is_that_of_call_and_prompt() -> None:
    """With a slash while a prompt runs."""
    assert state_of(inbound(CallState.OFFERED)) == "offered"
    assert state_of(prompting(PromptState.COLLECTING)) == "up/collecting"
