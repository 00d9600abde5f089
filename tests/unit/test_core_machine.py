"""Answering machines: who answered is found out before anything is told of the answer."""

from __future__ import annotations

import pytest

from adapter.core import inputs as i
from adapter.core.call import JUDGE_SLACK, step
from adapter.core.errors import BridgeBusy, CallNotUp
from adapter.core.ids import ChannelId, bridge_of, channel_of
from adapter.core.model import Call, CallState, Detection, EndCause, EndedBy, Ending
from adapter.core.outputs import (
    CallAnswered,
    CallEnded,
    Hangup,
    JudgeAnswer,
    Outcome,
    PartyFailed,
    PromptOver,
    Record,
    Step,
)
from tests.unit.build import (
    MEDIA,
    NOW,
    OUTBOUND_CHANNEL,
    call_deadline,
    dialogue,
    finished,
    gone,
    media_ready,
    order,
    outbound,
    prompt_id,
    run,
    running,
    started,
    up,
)
from tests.unit.joined import bridge
from tests.unit.parties import leg_order, recording_order

HUMAN, MACHINE = False, True
DROP = order(5)
CONNECT = i.ConnectCall(order=leg_order())


def judged(call: Call, machine: bool | None) -> Step:
    """The verdict comes."""
    return step(call, i.AnswerJudged(channel=call.channel, machine=machine), NOW + 3)


def notices(made: Step) -> list[type]:
    """What was told."""
    return [type(one) for one in made.notices]


def test_an_answer_is_judged_first() -> None:
    """Nothing is told and nothing begins before the verdict, which is waited for in time."""
    call = outbound(CallState.RINGING, detection=Detection(total=7.0), on_answer=(order(),))
    made = step(call, up(call), NOW)
    judge = JudgeAnswer(channel=OUTBOUND_CHANNEL, detection=Detection(total=7.0))
    assert (made.effects, made.notices) == ((judge,), ())
    assert (made.call.state, made.call.answered_at) == (CallState.JUDGING, NOW)
    assert made.call.deadline == NOW + 7.0 + JUDGE_SLACK


def test_without_detection_nobody_is_judged() -> None:
    """The answer is told at once, and a verdict of nobody is late."""
    call = outbound(CallState.RINGING)
    made = step(call, up(call), NOW)
    assert made.notices == (CallAnswered(machine=False),)
    assert judged(made.call, MACHINE).late


@pytest.mark.parametrize("machine", [HUMAN, None])
def test_a_human_and_nobody_knows(machine: bool | None) -> None:
    """The call begins as any other, and its longest duration with it."""
    made = judged(outbound(CallState.JUDGING, on_answer=(order(),)), machine)
    assert made.notices == (CallAnswered(machine=False),)
    assert (made.call.state, made.call.machine) == (CallState.UP, machine)
    assert made.call.deadline == NOW + 3 + 3600
    assert running(made.call).order == order()
    assert judged(made.call, MACHINE).late


def test_no_verdict_in_time() -> None:
    """Whoever it is shall not wait in silence: taken for a human."""
    call = outbound(CallState.JUDGING, on_answer=(order(),))
    assert step(call, i.CallDeadline(at=NOW), NOW).late
    made = step(call, call_deadline(call), NOW + 10)
    assert made.notices == (CallAnswered(machine=False),)
    assert running(made.call).order == order()


def test_a_machine_hears_nothing_of_what_was_meant_for_a_human() -> None:
    """Neither the prompts nor the connection of the answer; the application may act."""
    call = outbound(
        CallState.JUDGING, on_answer=(order(1), order(2)), connect_on_answer=leg_order()
    )
    made = judged(call, MACHINE)
    assert made.notices == (CallAnswered(machine=True),)
    assert (made.call.prompt, made.call.bridge, made.effects) == (None, None, ())
    assert (made.call.on_answer, made.call.connect_on_answer) == ((), None)
    assert running(step(made.call, i.StartPrompt(order=order(9)), NOW).call).order == order(9)


def test_a_human_is_connected() -> None:
    """What was ordered for the answer is done after the verdict."""
    made = judged(outbound(CallState.JUDGING, connect_on_answer=leg_order()), HUMAN)
    assert bridge(made.call).party.order == leg_order()


def test_who_was_to_be_connected_is_not_called_for_a_machine() -> None:
    """A command came before the verdict: told as failed behind the answer, its ids not used again.

    The application may connect the machine all the same, now that it knows.
    """
    kept = step(outbound(CallState.JUDGING), CONNECT, NOW).call
    made = judged(kept, MACHINE)
    ending = Ending(cause=EndCause.CANCELLED, by=EndedBy.SYSTEM, detail="a machine answered")
    failed = PartyFailed(order=leg_order(), channel=channel_of(kept.id, 2), ending=ending)
    assert made.notices == (CallAnswered(machine=True), failed)
    assert (made.call.bridge, made.call.connect_kept, made.effects) == (None, None, ())
    again = bridge(step(made.call, CONNECT, NOW).call)
    assert (again.id, again.party.channel) == (bridge_of(kept.id, 2), channel_of(kept.id, 3))


def test_nobody_is_connected_behind_a_message_that_is_left() -> None:
    """First the connection has failed, then the message is heard, and the call ends."""
    call = outbound(CallState.JUDGING, detection=Detection(drop=DROP))
    made = judged(step(call, CONNECT, NOW).call, MACHINE)
    assert notices(made) == [CallAnswered, PartyFailed]
    assert running(made.call).order.id == DROP.id


@pytest.mark.parametrize("machine", [HUMAN, None])
def test_who_was_to_be_connected_is_called_for_a_human(machine: bool | None) -> None:
    """Also when nobody knows; with the ids that it would have had anyway."""
    kept = step(outbound(CallState.JUDGING), CONNECT, NOW).call
    made = judged(kept, machine)
    assert notices(made) == [CallAnswered]
    assert bridge(made.call).id == bridge_of(kept.id, 1)
    assert made.call.connect_kept is None


def dropping() -> Call:
    """A machine that hears the message that is left on it."""
    call = outbound(CallState.JUDGING, detection=Detection(drop=DROP), on_answer=(order(1),))
    made = judged(call, MACHINE)
    assert made.notices == (CallAnswered(machine=True),)
    assert running(made.call).order.id == DROP.id
    call = run(made.call, media_ready(made.call)).call
    return run(call, started(call)).call


def test_a_message_is_left_and_then_the_call_ends() -> None:
    """Its ending is told, and the hang-up ordered by us."""
    made = run(dropping(), finished(dropping()))
    assert notices(made) == [PromptOver]
    assert (made.call.state, type(made.effects[-1])) == (CallState.ENDING, Hangup)
    ending = made.call.ending
    assert ending is not None
    assert (ending.cause, ending.by) == (EndCause.HANGUP, EndedBy.APPLICATION)
    assert notices(step(made.call, gone(made.call), NOW)) == [CallEnded]


def test_a_message_that_cannot_be_left_ends_the_call_too() -> None:
    """Nobody is there to hear anything else."""
    call = judged(outbound(CallState.JUDGING, detection=Detection(drop=DROP)), MACHINE).call
    made = step(call, i.MediaFailed(prompt=DROP.id, reason="no voice"), NOW)
    (over,) = made.notices
    assert isinstance(over, PromptOver)
    assert over.outcome is Outcome.FAILED
    assert made.call.state is CallState.ENDING


def test_a_machine_that_hangs_up_on_the_message() -> None:
    """One ending of the prompt, one of the call."""
    assert notices(step(dropping(), gone(dropping()), NOW)) == [PromptOver, CallEnded]


def test_a_human_hears_no_message_for_machines() -> None:
    """It is for machines alone."""
    made = judged(outbound(CallState.JUDGING, detection=Detection(drop=DROP)), HUMAN)
    assert made.call.prompt is None


def test_a_call_that_is_hung_up_while_it_is_judged() -> None:
    """Neither connected nor voicemail is told, only the end."""
    call = outbound(CallState.JUDGING, on_answer=(order(),))
    made = step(call, gone(call), NOW)
    assert notices(made) == [CallEnded]
    assert judged(made.call, HUMAN).late


def test_a_call_that_is_ended_while_it_is_judged() -> None:
    """Answered already, so it is a hang-up; the verdict comes too late."""
    made = step(outbound(CallState.JUDGING), i.EndCall(), NOW)
    assert made.call.ending is not None
    assert made.call.ending.cause is EndCause.HANGUP
    assert judged(made.call, HUMAN).late


def test_commands_while_it_is_judged() -> None:
    """It is not up yet: nothing can be played; a connection is kept until it is."""
    call = outbound(CallState.JUDGING)
    with pytest.raises(CallNotUp):
        step(call, i.StartPrompt(order=order(), media=MEDIA), NOW)
    call = step(call, CONNECT, NOW).call
    with pytest.raises(BridgeBusy):
        step(call, CONNECT, NOW)
    assert bridge(judged(call, HUMAN).call).party.order == leg_order()


def test_the_verdict_on_another_channel_is_late() -> None:
    """It says nothing about this call."""
    other = i.AnswerJudged(channel=outbound(CallState.UP).channel, machine=True)
    assert step(outbound(CallState.UP), other, NOW).late
    call = outbound(CallState.JUDGING)
    assert step(call, i.AnswerJudged(channel=another_channel(), machine=True), NOW).late


def another_channel() -> ChannelId:
    """A channel that is not the call's."""
    return ChannelId(f"{OUTBOUND_CHANNEL}0")


def test_recording_begins_at_the_answer() -> None:
    """Beside the detection, which reads the same audio."""
    call = outbound(CallState.RINGING, detection=Detection(), record_on_answer=recording_order())
    assert [type(one) for one in step(call, up(call), NOW).effects] == [JudgeAnswer, Record]


def test_an_application_that_is_asked_is_asked_after_the_verdict() -> None:
    """Machine or not: it is told which, and says what comes next."""
    made = judged(outbound(CallState.JUDGING, asks=True), MACHINE)
    assert made.notices == (CallAnswered(machine=True),)
    assert dialogue(made.call).asked == 1
    assert step(made.call, i.MediaReady(prompt=prompt_id(1), media=MEDIA), NOW).late
