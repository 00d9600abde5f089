"""The runner of effects: one line for each call, slow things beside it, and what fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.call import step
from adapter.core.faults import NoAnswer
from adapter.core.ids import CallId, ChannelId, channel_of, question_of
from adapter.core.model import Call, EndCause, Instruction, Phrase, Topic
from adapter.engine.effects import Effects
from tests.fakes.engine_ports import ScriptedApplications, SimulatedAsterisk, SlowSpeech
from tests.fakes.engine_world import world_of
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit.build import NOW, call_id, place, prompt_id

ONE, TWO = call_id(1), call_id(2)
CHANNEL = channel_of(ONE, 1)


def one_call(number: int) -> Call:
    """A row that the runner may look up."""
    return step(None, place(number), NOW).call


class World:
    """A runner with its Asterisk, speech and applications, and the facts that came back."""

    def __init__(self) -> None:
        self.asterisk = SimulatedAsterisk()
        self.speech = SlowSpeech()
        self.applications = ScriptedApplications()
        self.rows = {row.id: row for row in (one_call(1), one_call(2))}
        self.facts: list[tuple[CallId, i.Input]] = []
        self.effects = self.runner(self.tell)

    def runner(self, tell: Callable[[CallId, i.Input], None]) -> Effects:
        return Effects(world_of(self.asterisk, self.speech, self.applications), self.rows.get, tell)

    def tell(self, call: CallId, fact: i.Input) -> None:
        self.facts.append((call, fact))

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


def create(call: CallId) -> o.CreateChannel:
    return o.CreateChannel(
        channel=channel_of(call, 1), endpoint="PJSIP/1@t", caller_number="", caller_name=""
    )


def hangup(channel: ChannelId = CHANNEL) -> o.Hangup:
    return o.Hangup(channel=channel, reason=o.HangupReason.NORMAL)


def prepare(text: str) -> o.PrepareMedia:
    return o.PrepareMedia(prompt=prompt_id(1), phrases=(Phrase(text=text),))


def ask(call: CallId, number: int = 1) -> o.Ask:
    return o.Ask(question=question_of(call, number), topic=Topic.NEXT)


@runs_in_virtual_time
async def test_commands_of_one_call_go_out_in_order() -> None:
    """The second waits for the answer to the first, also when they come from different steps."""
    world = World()
    gate = world.asterisk.gates[o.CreateChannel] = asyncio.Event()
    world.effects.run(ONE, (create(ONE), o.Answer(channel=CHANNEL)))
    world.effects.run(ONE, (hangup(),))
    await world.settle()
    assert world.asterisk.log == []
    assert not world.effects.idle(ONE)
    gate.set()
    await world.settle()
    assert world.asterisk.log == [create(ONE), o.Answer(channel=CHANNEL), hangup()]
    assert world.effects.idle(ONE)


@runs_in_virtual_time
async def test_commands_of_two_calls_go_out_side_by_side() -> None:
    """A call that Asterisk keeps waiting does not hold up another."""
    world = World()
    world.asterisk.gates[o.Answer] = asyncio.Event()
    world.effects.run(ONE, (o.Answer(channel=CHANNEL), create(ONE)))
    world.effects.run(TWO, (create(TWO), hangup(channel_of(TWO, 1))))
    await world.settle()
    assert world.asterisk.log == [create(TWO), hangup(channel_of(TWO, 1))]
    assert (world.effects.idle(ONE), world.effects.idle(TWO)) == (False, True)
    await world.effects.close()


@runs_in_virtual_time
async def test_media_are_made_beside_the_line() -> None:
    """Commands do not wait for speech that was ordered before them."""
    world = World()
    world.speech.gate = asyncio.Event()
    world.effects.run(ONE, (prepare("slow"), create(ONE)))
    await world.settle()
    assert world.asterisk.log == [create(ONE)]
    assert world.facts == []
    world.speech.gate.set()
    await world.settle()
    ((call, fact),) = world.facts
    assert call == ONE
    assert isinstance(fact, i.MediaReady)
    assert fact.prompt == prompt_id(1)
    assert [media.uri for media in fact.media] == ["sound:/media/slow"]
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize(
    ("text", "reason"), [("broken", "no such voice"), ("bug", "internal error")]
)
def test_media_that_fail_come_back_as_a_fact(text: str, reason: str) -> None:
    """A voice that is not there says why; a plug-in's bug stays inside."""

    @runs_in_virtual_time
    async def body() -> None:
        world = World()
        world.effects.run(ONE, (prepare(text),))
        await world.settle()
        assert world.facts == [(ONE, i.MediaFailed(prompt=prompt_id(1), reason=reason))]

    body()


@runs_in_virtual_time
async def test_a_refusal_comes_back_as_a_fact() -> None:
    """What Asterisk answers is told, and the line goes on."""
    world = World()
    refused = i.ChannelRefused(channel=CHANNEL, cause=EndCause.CONGESTION, detail="500")
    world.asterisk.refusals[o.CreateChannel] = refused
    world.effects.run(ONE, (create(ONE), hangup()))
    await world.settle()
    assert world.facts == [(ONE, refused), (ONE, i.ChannelGone(channel=CHANNEL))]


@runs_in_virtual_time
async def test_an_effect_that_a_fact_makes_joins_the_line() -> None:
    """A fact is told while its line still runs: what it orders goes out after it, once."""
    world = World()

    def again(call: CallId, fact: i.Input) -> None:
        if isinstance(fact, i.ChannelRefused):
            world.effects.run(call, (hangup(),))

    effects = world.effects = world.runner(again)
    world.asterisk.refusals[o.CreateChannel] = i.ChannelRefused(
        channel=CHANNEL, cause=EndCause.FAILED, detail=""
    )
    effects.run(ONE, (create(ONE),))
    await world.settle()
    assert world.asterisk.log == [create(ONE), hangup()]
    assert effects.idle(ONE)


@runs_in_virtual_time
async def test_no_answer_is_no_fact() -> None:
    """The row says what was ordered; the rest of the line is tried all the same."""
    world = World()
    world.asterisk.down = True
    world.effects.run(ONE, (create(ONE), hangup()))
    await world.settle()
    assert (world.facts, world.asterisk.log) == ([], [])
    assert world.effects.idle(ONE)
    world.asterisk.down = False
    world.effects.run(ONE, (create(ONE),))
    await world.settle()
    assert world.asterisk.log == [create(ONE)]


def test_a_bug_in_one_effect_does_not_stop_the_line(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its trace, and a hang-up behind it still goes out."""

    @runs_in_virtual_time
    async def body() -> None:
        world = World()

        def trip(effect: o.Effect) -> None:
            if isinstance(effect, o.CreateChannel):
                raise ZeroDivisionError("a bug")

        world.asterisk.before = trip
        world.effects.run(ONE, (create(ONE), hangup()))
        await world.settle()
        assert world.asterisk.log == [hangup()]

    with caplog.at_level(logging.ERROR):
        body()
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


@runs_in_virtual_time
async def test_rendering_is_given_up_when_the_call_is_over() -> None:
    """All of the call's renderings, and of no other call's."""
    world = World()
    world.speech.gate = asyncio.Event()
    world.effects.run(ONE, (prepare("one"), prepare("two")))
    world.effects.run(TWO, (prepare("three"),))
    await world.settle()
    world.effects.call_over(ONE)
    await world.settle()
    assert sorted(world.speech.cancelled) == ["one", "two"]
    assert world.facts == []
    assert len(asyncio.all_tasks()) == 2
    world.speech.gate.set()
    await world.settle()
    assert [(call, type(fact)) for call, fact in world.facts] == [(TWO, i.MediaReady)]


@runs_in_virtual_time
async def test_close_stops_everything_at_once() -> None:
    """Neither a waiting command nor a rendering goes on, and no fact is told."""
    world = World()
    world.speech.gate = asyncio.Event()
    world.asterisk.gates[o.CreateChannel] = asyncio.Event()
    world.effects.run(ONE, (prepare("one"), create(ONE), hangup()))
    await world.settle()
    await world.effects.close()
    world.asterisk.gates[o.CreateChannel].set()
    await world.settle()
    assert (world.asterisk.log, world.facts) == ([], [])
    assert world.speech.cancelled == ["one"]
    assert len(asyncio.all_tasks()) == 1


@runs_in_virtual_time
async def test_a_call_with_nothing_to_run_has_no_task() -> None:
    """Thousands of quiet calls cost no tasks."""
    world = World()
    world.effects.run(ONE, ())
    assert world.effects.idle(ONE)
    world.effects.run(ONE, (create(ONE), prepare("one")))
    await world.settle()
    assert len(asyncio.all_tasks()) == 1


# Slow effects


@runs_in_virtual_time
async def test_the_same_slow_effect_is_not_under_way_twice() -> None:
    """Ordered again at a reconnect it is joined, media and question alike; when done, it is new."""
    world = World()
    world.speech.gate = asyncio.Event()
    for _ in range(3):
        world.effects.run(ONE, (prepare("hello"), ask(ONE)))
        await world.settle()
    assert (world.speech.asked, len(world.applications.asked)) == (["hello"], 1)
    world.speech.gate.set()
    world.applications.answers(Instruction())
    await world.settle()
    assert sorted(type(fact).__name__ for _, fact in world.facts) == ["Instructed", "MediaReady"]
    world.effects.run(ONE, (prepare("hello"), ask(ONE)))
    await world.settle()
    assert (len(world.speech.asked), len(world.applications.asked)) == (2, 2)
    await world.effects.close()


@runs_in_virtual_time
async def test_other_slow_effects_do_not_join() -> None:
    """Another question, another prompt, or the same of another call are their own."""
    world = World()
    world.speech.gate = asyncio.Event()
    world.effects.run(ONE, (prepare("hello"), ask(ONE, 1)))
    world.effects.run(ONE, (prepare("goodbye"), ask(ONE, 2)))
    world.effects.run(TWO, (prepare("hello"), ask(TWO, 1)))
    await world.settle()
    assert world.speech.asked == ["hello", "goodbye", "hello"]
    assert world.applications.questions == [
        question_of(ONE, 1),
        question_of(ONE, 2),
        question_of(TWO, 1),
    ]
    await world.effects.close()


@runs_in_virtual_time
async def test_a_question_is_asked_with_the_row_as_it_is() -> None:
    """The application sees the call as it stands when it is asked; its answer is the fact."""
    world = World()
    instruction = Instruction(pause=3.0, context={"k": 1})
    world.applications.script.append(instruction)
    world.effects.run(ONE, (ask(ONE),))
    world.rows[ONE] = replace(world.rows[ONE], context={"ref": "r-2"})
    await world.settle()
    assert world.applications.asked == [(ask(ONE), world.rows[ONE])]
    answer = i.Instructed(question=question_of(ONE, 1), instruction=instruction)
    assert world.facts == [(ONE, answer)]


@runs_in_virtual_time
async def test_a_slow_application_delays_nothing() -> None:
    """Commands behind its question go out, other calls and questions too, and so does a hang-up."""
    world = World()
    world.effects.run(ONE, (ask(ONE), create(ONE)))
    world.effects.run(TWO, (ask(TWO), create(TWO)))
    await world.settle()
    assert world.asterisk.log == [create(ONE), create(TWO)]
    world.applications.answers(Instruction(), question_of(TWO, 1))
    world.effects.run(ONE, (hangup(),))
    await world.settle()
    assert world.asterisk.log[2:] == [hangup()]
    assert (TWO, i.Instructed(question=question_of(TWO, 1), instruction=Instruction())) in (
        world.facts
    )
    assert [*world.applications.open] == [question_of(ONE, 1)]
    assert (world.effects.idle(ONE), world.effects.idle(TWO)) == (True, True)
    await world.effects.close()


@runs_in_virtual_time
async def test_a_question_is_given_up_when_the_call_is_over() -> None:
    """Nobody waits for the answer; another call's question stays open."""
    world = World()
    world.effects.run(ONE, (ask(ONE),))
    world.effects.run(TWO, (ask(TWO),))
    await world.settle()
    world.effects.call_over(ONE)
    await world.settle()
    assert world.applications.cancelled == [question_of(ONE, 1)]
    assert [*world.applications.open] == [question_of(TWO, 1)]
    assert world.facts == []
    await world.effects.close()


@runs_in_virtual_time
async def test_a_question_of_a_call_that_is_over_is_not_asked() -> None:
    """It ended between the order and its turn: no request leaves, and no fact comes."""
    world = World()
    world.effects.run(ONE, (ask(ONE),))
    del world.rows[ONE]
    await world.settle()
    assert (world.applications.asked, world.facts) == ([], [])
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize(
    ("fault", "reason", "logged"),
    [
        (NoAnswer("newCall response empty"), "newCall response empty", 0),
        (ZeroDivisionError("a front end's bug"), "internal error", 1),
    ],
)
def test_a_question_that_fails_comes_back_as_a_fact(
    caplog: pytest.LogCaptureFixture, fault: Exception, reason: str, logged: int
) -> None:
    """No answer says why, in the front end's words; a crash stays inside, and is logged."""

    @runs_in_virtual_time
    async def body() -> None:
        world = World()
        world.applications.script.append(fault)
        world.effects.run(ONE, (ask(ONE),))
        await world.settle()
        failed = i.QuestionFailed(question=question_of(ONE, 1), reason=reason)
        assert world.facts == [(ONE, failed)]

    with caplog.at_level(logging.ERROR):
        body()
    assert len(caplog.records) == logged


@runs_in_virtual_time
async def test_close_gives_up_questions_without_a_fact() -> None:
    """The row knows that it was asked: after the restart it is asked again."""
    world = World()
    world.effects.run(ONE, (ask(ONE),))
    await world.settle()
    await world.effects.close()
    assert (world.applications.cancelled, world.facts) == ([question_of(ONE, 1)], [])
    assert len(asyncio.all_tasks()) == 1
