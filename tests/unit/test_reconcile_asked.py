"""Restart and reconnect of calls whose application is asked: no question lost, none open twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.faults import NoAnswer
from adapter.core.ids import PlaybackId, call_of, playback_of, question_of
from adapter.core.model import (
    BackgroundOrder,
    BackgroundState,
    Call,
    CallState,
    Collect,
    Dialogue,
    DialogueState,
    EndCause,
    Instruction,
    Phrase,
    PromptState,
)
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit.build import order, prompt_id
from tests.unit.test_reconcile import live, restarted, state
from tests.unit.wiring import Adapter, adapter

MUSIC = BackgroundOrder(id=prompt_id(50), phrase=Phrase(text="music"), pause=3.0)


def dialogue(made: Adapter, call: Call) -> Dialogue:
    """Where the application stands."""
    found = live(made, call).dialogue
    assert found is not None
    return found


def background(made: Adapter, call: Call) -> BackgroundState | None:
    """Where the background is."""
    found = live(made, call).background
    return found.state if found else None


def round_of(call: Call, number: int) -> PlaybackId:
    return playback_of(call.id, MUSIC.id, number)


async def answered(made: Adapter, instruction: Instruction) -> None:
    """The application answers what is open, and all settles."""
    made.applications.answers(instruction)
    await made.settle()


@runs_in_virtual_time
async def test_killed_while_an_offered_call_is_asked_about(tmp_path: Path) -> None:
    """It is asked again, once and under the same id, and its answer takes the call."""
    async with adapter(tmp_path) as first:
        first.desk.asks = True
        call = await first.offered()
        assert first.applications.questions == [question_of(call.id, 1)]
        async with restarted(tmp_path, first) as made:
            assert made.applications.questions == [question_of(call.id, 1)]
            await answered(made, Instruction())
            assert live(made, call).state is CallState.UP
            assert made.applications.questions == [question_of(call.id, n) for n in (1, 2)]


@runs_in_virtual_time
async def test_killed_while_it_is_asked_what_comes_next(tmp_path: Path) -> None:
    """The caller notices nothing but the wait: the answer's prompt is played, once."""
    async with adapter(tmp_path) as first:
        call = await first.call_up(asks=True)
        async with restarted(tmp_path, first) as made:
            assert made.asterisk.log == []
            assert made.applications.questions == [question_of(call.id, 1)]
            await answered(made, Instruction(prompt=order()))
            assert len(made.asterisk.done(o.Play)) == 1
            assert state(made, call) is PromptState.PLAYING


@runs_in_virtual_time
async def test_a_reconnect_does_not_ask_twice(tmp_path: Path) -> None:
    """The question is under way already: its answer is the answer."""
    async with adapter(tmp_path) as made:
        call = await made.call_up(asks=True)
        for _ in range(3):
            await made.reconcile()
            await made.settle()
        assert made.applications.questions == [question_of(call.id, 1)]
        await answered(made, Instruction(prompt=order()))
        assert state(made, call) is PromptState.PLAYING
        assert made.applications.cancelled == []


@runs_in_virtual_time
async def test_the_answer_of_a_killed_process_is_not_needed(tmp_path: Path) -> None:
    """Answered but not written down: the application is asked the same, and answers again."""
    async with adapter(tmp_path) as first:
        call = await first.call_up(asks=True)
        first.applications.answers(Instruction(hang_up=True))
        async with restarted(tmp_path, first) as made:
            assert made.applications.questions == [question_of(call.id, 1)]
            assert dialogue(made, call).state is DialogueState.ASKING
            await answered(made, Instruction(hang_up=True))
            assert made.webhooks() == ["CallAnswered", "CallEnded"]


@runs_in_virtual_time
async def test_no_answer_after_a_restart_ends_the_call_once(tmp_path: Path) -> None:
    """The application is told why, then of the end."""
    async with adapter(tmp_path) as first:
        call = await first.call_up(asks=True)
        async with restarted(tmp_path, first) as made:
            made.applications.answers(NoAnswer("503"))
            await made.settle()
            assert made.webhooks() == ["CallAnswered", "QuestionUnanswered", "CallEnded"]
            ending = made.row(call.id).ending
            assert ending is not None
            assert ending.cause is EndCause.FAILED


@runs_in_virtual_time
async def test_the_limit_of_an_open_question_goes_on(tmp_path: Path) -> None:
    """An application that never answers does not keep the call over a restart."""
    async with adapter(tmp_path) as first:
        call = await first.call_up(asks=True)
        await asyncio.sleep(20.0)
        async with restarted(tmp_path, first) as made:
            await asyncio.sleep(9.0)
            assert live(made, call).state is CallState.UP
            await asyncio.sleep(2.0)
            assert made.webhooks() == ["CallAnswered", "QuestionUnanswered", "CallEnded"]
            assert made.applications.cancelled == [question_of(call.id, 1)]


@runs_in_virtual_time
async def test_the_caller_hung_up_in_the_gap(tmp_path: Path) -> None:
    """A question that was open is not asked again; the call has its one end."""
    async with adapter(tmp_path) as first:
        call = await first.call_up(asks=True)
        first.asterisk.dies()
        async with restarted(tmp_path, first) as made:
            assert (made.applications.asked, made.webhooks()) == ([], ["CallAnswered", "CallEnded"])
            assert not made.row(call.id).live


@runs_in_virtual_time
async def test_killed_in_a_pause(tmp_path: Path) -> None:
    """Nothing is asked before its end, which is where it was."""
    async with adapter(tmp_path) as first:
        first.applications.script.append(Instruction(pause=30.0))
        call = await first.call_up(asks=True)
        assert dialogue(first, call).state is DialogueState.PAUSING
        await asyncio.sleep(20.0)
        async with restarted(tmp_path, first) as made:
            await asyncio.sleep(9.9)
            assert (made.applications.asked, made.asterisk.log) == ([], [])
            await asyncio.sleep(0.2)
            assert made.applications.questions == [question_of(call.id, 2)]


@runs_in_virtual_time
async def test_killed_while_a_later_phrase_plays(tmp_path: Path) -> None:
    """It is left alone, and the next one follows it; the first is not heard again."""
    async with adapter(tmp_path) as first:
        wanted = order(phrases=3)
        first.applications.script.append(Instruction(prompt=wanted))
        call = await first.call_up(asks=True)
        first.asterisk.finishes(playback_of(call.id, wanted.id, 0))
        await first.settle()
        async with restarted(tmp_path, first) as made:
            assert (made.asterisk.log, state(made, call)) == ([], PromptState.PLAYING)
            made.asterisk.finishes(playback_of(call.id, wanted.id, 1))
            await made.settle()
            (play,) = made.asterisk.done(o.Play)
            assert isinstance(play, o.Play)
            assert play.playback == playback_of(call.id, wanted.id, 2)
            made.asterisk.finishes(play.playback)
            await made.settle()
            assert made.applications.questions == [question_of(call.id, 2)]
            assert made.webhooks() == ["CallAnswered", "PromptOver", "PromptNoted"]


@runs_in_virtual_time
async def test_killed_while_digits_are_collected(tmp_path: Path) -> None:
    """What was pressed stands, and goes with the next question."""
    async with adapter(tmp_path) as first:
        wanted = order(phrases=0, collect=Collect())
        first.applications.script.append(Instruction(prompt=wanted))
        call = await first.call_up(asks=True)
        first.asterisk.presses(call.channel, "4")
        await first.settle()
        async with restarted(tmp_path, first) as made:
            made.asterisk.presses(call.channel, "2#")
            await made.settle()
            assert made.applications.questions == [question_of(call.id, 2)]
            assert dialogue(made, call).digits == "42"


# Backgrounds


@runs_in_virtual_time
async def test_killed_while_the_background_plays(tmp_path: Path) -> None:
    """A round that goes on is left alone; its end brings the rest and the next one."""
    async with adapter(tmp_path) as first:
        first.applications.script.append(Instruction(background=MUSIC, pause=1000.0))
        call = await first.call_up(asks=True)
        assert first.asterisk.played == {round_of(call, 1)}
        async with restarted(tmp_path, first) as made:
            assert (made.asterisk.log, made.speech.asked) == ([], [])
            assert background(made, call) is BackgroundState.PLAYING
            made.asterisk.finishes(round_of(call, 1))
            await asyncio.sleep(3.1)
            assert made.asterisk.played == {round_of(call, 2)}


@runs_in_virtual_time
async def test_the_background_ended_in_the_gap(tmp_path: Path) -> None:
    """It rests as after its end, then plays again: never two rounds at once."""
    async with adapter(tmp_path) as first:
        first.applications.script.append(Instruction(background=MUSIC, pause=1000.0))
        call = await first.call_up(asks=True)
        first.asterisk.hear = lambda _: None
        first.asterisk.finishes(round_of(call, 1))
        async with restarted(tmp_path, first) as made:
            assert background(made, call) is BackgroundState.RESTING
            await asyncio.sleep(3.1)
            assert made.asterisk.played == {round_of(call, 2)}


@runs_in_virtual_time
async def test_killed_while_the_background_is_made(tmp_path: Path) -> None:
    """It is made again; at a reconnect it is not made twice."""
    async with adapter(tmp_path) as first:
        first.speech.gate = asyncio.Event()
        first.applications.script.append(Instruction(background=MUSIC, pause=1000.0))
        call = await first.call_up(asks=True)
        await first.reconcile()
        await first.settle()
        assert first.speech.asked == ["music"]
        async with restarted(tmp_path, first) as made:
            assert made.speech.asked == ["music"]
            assert background(made, call) is BackgroundState.PLAYING


# While nothing is interrupted


@runs_in_virtual_time
async def test_a_slow_application_holds_up_its_own_call_only(tmp_path: Path) -> None:
    """Another call is talked to meanwhile, and a hang-up of the waiting one is done at once."""
    async with adapter(tmp_path) as made:
        slow = await made.call_up(1, asks=True)
        quick = await made.call_up(2, asks=True)
        made.applications.answers(Instruction(prompt=order(2)), question_of(quick.id, 1))
        await made.settle()
        assert state(made, quick) is PromptState.PLAYING
        made.engine.apply(slow.id, i.EndCall())
        await made.settle()
        assert made.row(slow.id).state is CallState.ENDED
        assert made.applications.cancelled == [question_of(slow.id, 1)]
        assert made.webhooks().count("CallEnded") == 1


@runs_in_virtual_time
async def test_the_caller_hangs_up_while_the_question_is_open(tmp_path: Path) -> None:
    """One CallEnded; the question is given up, and no timer or task is left."""
    async with adapter(tmp_path) as made:
        call = await made.call_up(asks=True)
        made.asterisk.hangs_up(call.channel)
        await made.settle()
        assert made.webhooks() == ["CallAnswered", "CallEnded"]
        assert made.applications.cancelled == [question_of(call.id, 1)]
        late = i.Instructed(question=question_of(call.id, 1), instruction=Instruction())
        version = made.row(call.id).version
        made.engine.tell(call.id, late)
        await asyncio.sleep(100.0)
        assert made.row(call.id).version == version
        assert len(asyncio.all_tasks()) == 1
        assert call_of(question_of(call.id, 1)) == call.id


@runs_in_virtual_time
async def test_an_offered_call_with_a_long_time_to_accept(tmp_path: Path) -> None:
    """The question's own limit ends it: nothing rings on for an application that is gone."""
    async with adapter(tmp_path) as made:
        made.desk.asks = True
        made.desk.accept_timeout = 300.0
        call = await made.offered()
        await asyncio.sleep(29.0)
        assert live(made, call).state is CallState.OFFERED
        await asyncio.sleep(2.0)
        assert made.webhooks() == ["QuestionUnanswered", "CallEnded"]
        assert made.asterisk.state == {}
