"""Rows of calls and their journal on a real file: all or nothing, and read back as written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.faults import StoreFailed
from adapter.core.ids import question_of
from adapter.core.message import Message
from adapter.core.model import (
    BackgroundOrder,
    Barge,
    Call,
    CallState,
    EndCause,
    Instruction,
    Phrase,
    PromptState,
)
from adapter.core.outputs import Step
from adapter.store.calls import CallStore
from adapter.store.outbox import OutboxStore
from adapter.store.sqlite import open_database
from tests.unit.build import (
    COLLECT,
    MEDIA,
    NOW,
    asking,
    call_id,
    doing,
    every_call,
    gone,
    inputs_of,
    key,
    media_ready,
    offer,
    offered_asking,
    order,
    pausing,
    place,
    played,
    prompt_id,
    prompting,
    run,
    started,
    up,
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_database(tmp_path / "voice.db")
    yield opened
    opened.close()


@pytest.fixture
def store(connection: sqlite3.Connection) -> CallStore:
    return CallStore(connection, OutboxStore(connection).insert)


def message(call: Call, index: int = 0) -> Message:
    name = f"{call.id}.{call.version}.{index}"
    return Message(name, call.id, "plain", "tenant", "event", "http://app/", "{}")


def take(store: CallStore, call: Call | None, *given: i.Input, now: float = NOW) -> Call:
    """Apply inputs, saving each."""
    for one in given:
        made = step(call, one, now)
        store.save(made, one, now, ())
        call = made.call
    assert call is not None
    return call


def content(connection: sqlite3.Connection) -> tuple[int, ...]:
    """How many rows each table of a transaction has."""
    counts = [
        connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]  # noqa: S608 - constants
        for table in ("call", "journal", "outbox")
    ]
    return tuple(counts)


def test_save_writes_row_line_and_webhooks(
    store: CallStore, connection: sqlite3.Connection
) -> None:
    """One input is one row, one line of the journal and its webhooks, which come back queued."""
    made = step(None, offer(), NOW)
    queued = store.save(made, offer(), NOW, [message(made.call), message(made.call, 1)])
    assert [row.message.id[-1] for row in queued] == ["0", "1"]
    assert content(connection) == (1, 1, 2)
    assert store.load(made.call.id) == made.call
    assert not connection.in_transaction


MUSIC = BackgroundOrder(id=prompt_id(50), phrase=Phrase(file="music.wav"))
ROWS = [
    *every_call(),
    *(prompting(state) for state in PromptState),
    offered_asking(),
    asking(),
    played(doing(order(phrases=3, collect=COLLECT), hang_up=True)),
    pausing(background=MUSIC, context={"reply": "x"}),
    run(pausing(background=MUSIC), i.MediaReady(prompt=MUSIC.id, media=MEDIA)).call,
]


@pytest.mark.parametrize("row", ROWS, ids=lambda c: f"{c.direction}-{c.state}")
def test_every_row_is_read_back_as_it_was(store: CallStore, row: Call) -> None:
    """Whatever the state of the call and its prompt."""
    store.save(Step(call=row), i.Resumed(), NOW, ())
    assert store.load(row.id) == row
    assert store.live() == ([row] if row.live else [])


def test_an_unknown_call_is_none(store: CallStore) -> None:
    """No row, no call, no journal."""
    assert store.load(call_id(9)) is None
    assert store.journal(call_id(9)) == []


def test_live_calls_are_the_ones_that_have_not_ended(store: CallStore) -> None:
    """Oldest first; an ended one is found by its id only, and among the recent ones."""
    one = take(store, None, place(1), now=NOW + 2)
    two = take(store, None, place(2), now=NOW + 1)
    three = take(store, None, place(3), now=NOW)
    three = take(store, three, gone(three))
    assert store.live() == [two, one]
    assert store.recent(2) == [one, two]
    assert store.load(three.id) == three


def test_the_journal_keeps_each_input_whole(store: CallStore) -> None:
    """What was told, when, and what followed: enough for `why` and for a replay."""
    opening = place(on_answer=(order(collect=COLLECT),))
    call = take(store, None, opening)
    call = take(store, call, i.ChannelReady(channel=call.channel), now=NOW + 1)
    call = take(store, call, up(call), now=NOW + 2)
    lines = store.journal(call.id)
    assert [(line.version, line.at, line.state) for line in lines] == [
        (1, NOW, "placing"),
        (2, NOW + 1, "dialing"),
        (3, NOW + 2, "up/rendering"),
    ]
    assert [line.given for line in lines] == [
        opening,
        i.ChannelReady(channel=call.channel),
        up(call),
    ]
    assert [line.effects for line in lines] == [("CreateChannel",), ("Dial",), ("PrepareMedia",)]
    assert [line.notices for line in lines] == [(), (), ("CallAnswered",)]


def test_every_type_of_input_is_read_back(store: CallStore) -> None:
    """Each command and each fact, with all that it carries."""
    row = prompting(PromptState.PLAYING)
    opening = offer(on_answer=(order(1), order(2, collect=COLLECT)))
    instruction = Instruction(
        turn_away=EndCause.BUSY,
        prompt=order(phrases=3, collect=COLLECT, barge=Barge.PHRASE),
        hang_up=True,
        pause=1.5,
        background=MUSIC,
        stop_background=True,
        context={"reply": {"n": [1, None]}},
    )
    answer = i.Instructed(question=question_of(row.id, 1), instruction=instruction)
    anew = i.AskAnew(question=question_of(row.id, 1))
    given = [place(), opening, i.StopPrompt(prompt=order().id), *inputs_of(row), answer, anew]
    for version, one in enumerate(given, 1):
        store.save(Step(call=replace(row, version=version)), one, NOW, ())
    assert [line.given for line in store.journal(row.id)] == given


@pytest.mark.parametrize("version", [1, 3, 5])
def test_a_version_that_does_not_follow_is_a_conflict(
    store: CallStore, connection: sqlite3.Connection, version: int
) -> None:
    """Two adapters on one database: the second one's row is refused, and nothing of it written."""
    call = take(store, None, offer(), i.AcceptCall())
    call = take(store, call, up(call))
    before = content(connection)
    wrong = replace(call, version=version, state=CallState.ENDING)
    with pytest.raises(StoreFailed, match="version"):
        store.save(Step(call=wrong), i.EndCall(), NOW, [message(wrong)])
    assert (content(connection), store.load(call.id)) == (before, call)
    assert not connection.in_transaction


def test_a_row_that_is_saved_twice_is_a_conflict(store: CallStore) -> None:
    """The same version again is not the next one."""
    made = step(None, offer(), NOW)
    store.save(made, offer(), NOW, ())
    with pytest.raises(StoreFailed):
        store.save(made, offer(), NOW, ())


def test_a_webhook_id_that_exists_undoes_everything(
    store: CallStore, connection: sqlite3.Connection
) -> None:
    """The last statement of the transaction fails: row and line are not there either."""
    call = take(store, None, offer())
    OutboxStore(connection).insert([message(replace(call, version=2))], NOW)
    before = content(connection)
    made = step(call, i.AcceptCall(), NOW)
    with pytest.raises(StoreFailed):
        store.save(made, i.AcceptCall(), NOW, [message(made.call)])
    assert (content(connection), store.load(call.id)) == (before, call)
    assert not connection.in_transaction


def test_a_locked_database_fails_and_works_again(
    store: CallStore, connection: sqlite3.Connection, tmp_path: Path
) -> None:
    """Somebody else writes for too long: StoreFailed; afterwards the same step goes in."""
    connection.execute("PRAGMA busy_timeout = 0")
    other = open_database(tmp_path / "voice.db")
    other.execute("BEGIN IMMEDIATE")
    made = step(None, offer(), NOW)
    with pytest.raises(StoreFailed, match="locked"):
        store.save(made, offer(), NOW, ())
    other.execute("ROLLBACK")
    other.close()
    store.save(made, offer(), NOW, ())
    assert store.load(made.call.id) == made.call


def test_a_closed_database_fails(store: CallStore, connection: sqlite3.Connection) -> None:
    """StoreFailed, like all that SQLite says."""
    connection.close()
    with pytest.raises(StoreFailed):
        store.save(step(None, offer(), NOW), offer(), NOW, ())


def test_purge_forgets_what_ended_long_ago(
    store: CallStore, connection: sqlite3.Connection
) -> None:
    """With its journal; what is live stays, however old, and so does what ended since."""
    old = take(store, None, place(1))
    old = take(store, old, gone(old), now=NOW + 10)
    late = take(store, None, place(2))
    late = take(store, late, gone(late), now=NOW + 20)
    live = take(store, None, place(3), now=0.0)
    assert store.purge(NOW + 20) == 1
    assert store.load(old.id) is None
    assert store.journal(old.id) == []
    assert (store.load(late.id), store.load(live.id)) == (late, live)
    assert len(store.journal(late.id)) == 2
    assert store.purge(NOW + 20) == 0
    assert not connection.in_transaction


def test_what_was_told_of_a_prompt_stands_in_the_journal(store: CallStore) -> None:
    """Media and digits of the whole collection can be read."""
    call = prompting(PromptState.RENDERING)
    store.save(Step(call=call), i.StartPrompt(order=order(collect=COLLECT)), NOW, ())
    ready = media_ready(call)
    call = take(store, call, ready)
    call = take(store, call, started(call), key(call, "5"), key(call, "#"))
    lines = store.journal(call.id)[1:]
    assert lines[0].given == ready
    assert [line.state for line in lines] == ["up/starting", "up/playing", "up/collecting", "up"]
    assert lines[-1].notices == ("PromptOver",)
