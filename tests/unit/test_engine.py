"""The engine on a real database: what is written, in which order the rest follows, and when not."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.errors import CallOver, CallUnknown, CoreError, NotOffered, PromptBusy
from adapter.core.faults import StoreFailed
from adapter.core.model import CallState, EndCause, PromptState
from adapter.store.calls import CallStore
from adapter.store.outbox import OutboxStore
from adapter.store.sqlite import connect
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit.build import COLLECT, call_id, offer, order, place
from tests.unit.wiring import EPOCH, Adapter, adapter


def writes_fail(made: Adapter, *, fail: bool = True) -> None:
    """Make the real database refuse to write, or take it back."""
    made.connection.execute(f"PRAGMA query_only = {'ON' if fail else 'OFF'}")


@runs_in_virtual_time
async def test_a_call_from_its_placing_to_its_end(tmp_path: Path) -> None:
    """The whole walk: effects, digits, and each event one row in the outbox, in order."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        await made.playing(call.id, order(collect=COLLECT))
        made.asterisk.presses(call.channel, "12#")
        await made.settle()
        made.asterisk.hangs_up(call.channel)
        await made.settle()
        assert [type(effect).__name__ for effect in made.asterisk.log] == [
            "CreateChannel",
            "Dial",
            "Play",
            "StopPlayback",
        ]
        events = ["CallAnswered", "PromptOver", "PromptNoted", "CallEnded"]
        assert made.outbox.events == made.webhooks() == events
        assert made.row(call.id).state is CallState.ENDED
        assert call.id not in made.engine.live
        assert made.engine.call_on(call.channel) is None
        assert made.engine.get(call.id) == made.row(call.id)


@runs_in_virtual_time
async def test_the_commit_comes_before_the_effects(tmp_path: Path) -> None:
    """When a command leaves, another connection already reads the row that ordered it."""
    async with adapter(tmp_path) as made:
        other = connect(tmp_path / "voice.db")
        store = CallStore(other, OutboxStore(other).insert)
        seen = []

        def look(effect: o.Effect) -> None:
            row = store.load(call_id(1))
            seen.append((type(effect), row.state if row else None))

        made.asterisk.before = look
        await made.call_up()
        assert seen == [
            (o.CreateChannel, CallState.PLACING),
            (o.Dial, CallState.DIALING),
        ]
        other.close()


@runs_in_virtual_time
async def test_apply_does_not_wait_for_anything(tmp_path: Path) -> None:
    """A command returns the new row before any effect has begun."""
    async with adapter(tmp_path) as made:
        row = made.engine.open(place())
        assert (row.state, made.asterisk.log) == (CallState.PLACING, [])
        assert made.row(row.id) == row


@runs_in_virtual_time
async def test_a_command_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """StoreFailed, and nothing else: no effect, no webhook, no row, the old state goes on."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        log, events = len(made.asterisk.log), len(made.outbox.rows)
        writes_fail(made)
        for given in (i.EndCall(), i.StartPrompt(order=order())):
            with pytest.raises(StoreFailed):
                made.engine.apply(call.id, given)
        with pytest.raises(StoreFailed):
            made.engine.open(place(2))
        await made.settle()
        assert (len(made.asterisk.log), len(made.outbox.rows)) == (log, events)
        assert made.engine.live == {call.id: call}
        assert made.engine.get(call_id(2)) is None
        assert (made.row(call.id), made.failures, made.speech.asked) == (call, [], [])
        writes_fail(made, fail=False)
        assert made.engine.apply(call.id, i.EndCall()).state is CallState.ENDING


@runs_in_virtual_time
async def test_a_fact_that_cannot_be_written_is_fatal(tmp_path: Path) -> None:
    """A machine that cannot write down what it saw must not go on; it tells so, once each."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        events = len(made.outbox.rows)
        writes_fail(made)
        made.asterisk.hangs_up(call.channel)
        await made.settle()
        assert [type(failure) for failure in made.failures] == [StoreFailed]
        assert len(made.outbox.rows) == events
        assert made.engine.live[call.id] == call == made.row(call.id)


@runs_in_virtual_time
async def test_a_webhook_that_cannot_be_written_takes_its_row_with_it(tmp_path: Path) -> None:
    """Row, journal and webhooks are one transaction, also when the last of them fails."""
    async with adapter(tmp_path) as made:
        call = made.engine.open(place())
        await made.settle()
        before = made.row(call.id)
        made.connection.execute(
            "INSERT INTO outbox (id, lane, contract, owner, event, url, body, created_at, next_at)"
            " VALUES (?, ?, 'x', 'x', 'x', 'x', 'x', 0, 0)",
            (f"{call.id}-{before.version + 1}-0", call.id),
        )
        made.asterisk.picks_up(call.channel)
        await made.settle()
        assert len(made.failures) == 1
        assert made.row(call.id) == before
        assert len(made.journal(call.id)) == before.version


@runs_in_virtual_time
async def test_hang_up_is_not_behind_slow_speech(tmp_path: Path) -> None:
    """While a phrase is being rendered, the hang-up goes out at once."""
    async with adapter(tmp_path) as made:
        made.speech.gate = asyncio.Event()
        call = await made.call_up()
        made.engine.apply(call.id, i.StartPrompt(order=order()))
        await made.settle()
        assert made.speech.asked == ["hello"]
        made.engine.apply(call.id, i.EndCall())
        await made.settle()
        assert len(made.asterisk.done(o.Hangup)) == 1
        assert made.row(call.id).state is CallState.ENDED
        assert made.webhooks() == ["CallAnswered", "PromptOver", "PromptNoted", "CallEnded"]


@runs_in_virtual_time
async def test_media_after_the_end_are_given_up(tmp_path: Path) -> None:
    """Nobody will hear them: rendering is cancelled, and what comes all the same is not played."""
    async with adapter(tmp_path) as made:
        made.speech.gate = asyncio.Event()
        call = await made.call_up()
        made.engine.apply(call.id, i.StartPrompt(order=order(text="too late")))
        await made.settle()
        made.asterisk.hangs_up(call.channel)
        await made.settle()
        assert made.speech.cancelled == ["too late"]
        made.speech.gate.set()
        await made.settle()
        assert made.asterisk.done(o.Play) == []
        assert len(asyncio.all_tasks()) == 1


@runs_in_virtual_time
async def test_media_that_come_after_our_hang_up_are_not_played(tmp_path: Path) -> None:
    """The hang-up is on its way and slow; the rendering ends: no Play."""
    async with adapter(tmp_path) as made:
        made.speech.gate = asyncio.Event()
        made.asterisk.gates[o.Hangup] = asyncio.Event()
        call = await made.call_up()
        made.engine.apply(call.id, i.StartPrompt(order=order()))
        made.engine.apply(call.id, i.EndCall())
        made.speech.gate.set()
        await made.settle()
        assert (made.speech.cancelled, made.asterisk.done(o.Play)) == ([], [])
        made.asterisk.gates[o.Hangup].set()
        await made.settle()
        assert made.webhooks()[-3:] == ["PromptOver", "PromptNoted", "CallEnded"]


@runs_in_virtual_time
async def test_deadlines_pass_in_the_row_s_time(tmp_path: Path) -> None:
    """Nobody accepts: after accept_timeout, not before, the call is turned down."""
    async with adapter(tmp_path) as made:
        call = await made.offered()
        await asyncio.sleep(29.9)
        assert made.row(call.id).state is CallState.OFFERED
        await asyncio.sleep(0.2)
        row = made.row(call.id)
        assert row.state is CallState.ENDED
        assert row.ending is not None
        assert row.ending.cause is EndCause.NOT_ACCEPTED
        assert row.ended_at == pytest.approx(EPOCH + 30.0)


@runs_in_virtual_time
async def test_a_replaced_deadline_is_not_heard(tmp_path: Path) -> None:
    """Accepted just before the time: the call stays up, far beyond the old deadline."""
    async with adapter(tmp_path) as made:
        call = await made.offered()
        await asyncio.sleep(29.9)
        made.engine.apply(call.id, i.AcceptCall())
        await asyncio.sleep(3000.0)
        assert made.row(call.id).state is CallState.UP
        await asyncio.sleep(700.0)
        row = made.row(call.id)
        assert row.ending is not None
        assert row.ending.cause is EndCause.MAX_DURATION


@runs_in_virtual_time
async def test_a_digit_in_time_replaces_the_prompt_s_deadline(tmp_path: Path) -> None:
    """Two seconds from each digit to the next, counted anew; then what is there is told."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        row = await made.playing(call.id, order(collect=COLLECT))
        for digit in "123":
            made.asterisk.presses(row.channel, digit)
            await asyncio.sleep(1.9)
        running = made.engine.live[call.id].prompt
        assert running is not None
        assert (running.state, running.digits) == (PromptState.COLLECTING, "123")
        await asyncio.sleep(0.2)
        over = [n for step, _ in made.counter.steps for n in step.notices]
        assert isinstance(over[-1], o.PromptOver)
        assert over[-1].digits == "123"


@runs_in_virtual_time
async def test_message_ids_are_stable_and_unique(tmp_path: Path) -> None:
    """They are made of the call, its version and their number in the step."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        await made.playing(call.id, order())
        made.asterisk.hangs_up(call.channel)
        await made.settle()
        messages = [row.message for row in made.outbox.rows]
        last = made.row(call.id).version
        assert [message.id for message in messages][-3:] == [
            f"{call.id}-{last}-0",
            f"{call.id}-{last}-1",
            f"{call.id}-{last}-2",
        ]
        assert len({message.id for message in messages}) == len(messages)
        assert {message.lane for message in messages} == {call.id}
        assert {(message.contract, message.owner) for message in messages} == {("plain", "tenant")}


@runs_in_virtual_time
async def test_would_changes_nothing(tmp_path: Path) -> None:
    """It raises what apply would raise, and when apply would not, it does nothing."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        steps = len(made.counter.steps)
        assert made.engine.would(call.id, i.EndCall()) == call
        assert made.engine.would(call.id, i.StartPrompt(order=order())) == call
        with pytest.raises(NotOffered):
            made.engine.would(call.id, i.AcceptCall())
        await made.settle()
        assert (made.row(call.id), made.engine.live[call.id]) == (call, call)
        assert (len(made.counter.steps), made.speech.asked) == (steps, [])


@runs_in_virtual_time
async def test_commands_for_calls_that_are_over_or_never_were(tmp_path: Path) -> None:
    """An ended call is found in the store and says that it is over; another is unknown."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        made.asterisk.hangs_up(call.channel)
        await made.settle()
        row = made.row(call.id)
        with pytest.raises(CallOver):
            made.engine.apply(call.id, i.StartPrompt(order=order()))
        assert made.engine.apply(call.id, i.EndCall()) == row
        for raises in (made.engine.apply, made.engine.would):
            with pytest.raises(CallUnknown):
                raises(call_id(99), i.EndCall())
        assert made.row(call.id) == row


@runs_in_virtual_time
async def test_a_fact_after_the_end_is_ignored(tmp_path: Path) -> None:
    """Nothing is written, and nobody is told."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        made.asterisk.hangs_up(call.channel)
        await made.settle()
        steps, row = len(made.counter.steps), made.row(call.id)
        made.engine.tell(call.id, i.ChannelGone(channel=call.channel))
        made.engine.tell(call_id(99), i.Resumed())
        assert (len(made.counter.steps), made.row(call.id)) == (steps, row)
        assert made.webhooks().count("CallEnded") == 1


@runs_in_virtual_time
async def test_a_late_input_is_counted_and_not_written(tmp_path: Path) -> None:
    """The journal holds what made the row; the observer sees the rest too."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        lines = len(made.journal(call.id))
        made.engine.tell(call.id, i.ChannelRinging(channel=call.channel))
        assert len(made.journal(call.id)) == lines == call.version
        assert made.counter.steps[-1][0].late


@runs_in_virtual_time
async def test_an_id_is_used_once(tmp_path: Path) -> None:
    """Opening a call under an id that exists is refused, and the first call stays as it is."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        with pytest.raises(StoreFailed):
            made.engine.open(place())
        with pytest.raises(StoreFailed):
            made.engine.open(offer())
        assert made.row(call.id) == call == made.engine.live[call.id]


@runs_in_virtual_time
async def test_a_refused_command_writes_nothing(tmp_path: Path) -> None:
    """A CoreError leaves row and journal as they were."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        row = await made.playing(call.id, order())
        with pytest.raises(PromptBusy):
            made.engine.apply(call.id, i.StartPrompt(order=order(2)))
        with pytest.raises(CoreError):
            made.engine.apply(call.id, i.AcceptCall())
        assert made.row(call.id) == row
        assert len(made.journal(call.id)) == row.version


@runs_in_virtual_time
async def test_a_database_that_was_closed_is_a_store_that_failed(tmp_path: Path) -> None:
    """Whatever SQLite raises, the engine hears StoreFailed."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        made.connection.close()
        with pytest.raises(StoreFailed) as failed:
            made.engine.apply(call.id, i.EndCall())
        assert isinstance(failed.value.__cause__, sqlite3.Error)
