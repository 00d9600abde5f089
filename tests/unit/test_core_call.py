"""The call machine: its table, the ways of its drawing, and its deadlines."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from adapter.core import inputs as i
from adapter.core.call import HANGUP_RETRY, LATE, TABLE, step
from adapter.core.errors import CallOver, CallUnknown, CoreError, NotOffered
from adapter.core.model import (
    Call,
    CallState,
    EndCause,
    EndedBy,
    Ending,
)
from adapter.core.opening import ANSWER_TIMEOUT, PLACE_TIMEOUT
from adapter.core.orders import DIAL_SLACK, effects_in_force
from adapter.core.outputs import (
    Answer,
    CallAnswered,
    CallEnded,
    CallOffered,
    CallRang,
    CreateChannel,
    Dial,
    Hangup,
    HangupReason,
    PromptOver,
    Ring,
)
from tests.unit.build import (
    INBOUND_CHANNEL,
    NOW,
    OTHER_CHANNEL,
    OUTBOUND_CHANNEL,
    call_deadline,
    dialled,
    every_call,
    gone,
    inbound,
    inputs_of,
    offer,
    outbound,
    place,
    ready,
    ringing,
    run,
    up,
)

CALL_INPUTS = get_args(i.CallInput)
PAIRS = [(state, given) for state in CallState for given in CALL_INPUTS]
GONE = (CallState.CLOSING, CallState.ENDED)
WITH_A_CHANNEL = [call for call in every_call() if call.state not in GONE]
REFUSED = i.ChannelRefused(channel=OUTBOUND_CHANNEL, cause=EndCause.CONGESTION, detail="full")


@pytest.mark.parametrize(("state", "given"), PAIRS)
def test_each_pair_is_handled_or_late(state: CallState, given: type) -> None:
    """A state either handles an input or lists it as late, never neither, never both."""
    assert (given in TABLE[state]) != ((state, given) in LATE)


def test_the_tables_hold_nothing_else() -> None:
    """No line of TABLE or LATE is about something that cannot come."""
    assert set(TABLE) == set(CallState)
    assert {(state, given) for state in TABLE for given in TABLE[state]} | LATE == set(PAIRS)


@pytest.mark.parametrize("call", every_call(), ids=lambda c: f"{c.direction}-{c.state}")
def test_every_input_can_be_fed_in_every_state(call: Call) -> None:
    """A fact never raises, a command raises only a CoreError, and late leaves the very row."""
    given_types = set()
    for given in inputs_of(call):
        given_types.add(type(given))
        try:
            made = step(call, given, NOW)
        except CoreError:
            assert isinstance(given, i.COMMANDS)
        else:
            assert made.late == (made.call is call)
            assert made.call.version == call.version + (not made.late)
    running = (i.PromptInput, i.DialogueInput, i.BridgeInput, i.RecordingInput)
    others = {one for kind in running for one in get_args(kind)}
    assert given_types == {*CALL_INPUTS, *others, i.BackgroundDeadline}


def test_what_is_listed_as_late_changes_nothing() -> None:
    """Each pair of LATE, as it can come about, gives back the row with nothing to do or tell."""
    tried = set()
    for call in every_call():
        for given in inputs_of(call):
            if (call.state, type(given)) in LATE:
                made = step(call, given, NOW)
                assert (made.call, made.effects, made.notices, made.late) == (call, (), (), True)
                tried.add((call.state, type(given)))
    assert tried == LATE


def test_a_command_for_no_call_is_refused() -> None:
    """Without a row there is nothing to command."""
    with pytest.raises(CallUnknown):
        step(None, i.EndCall(), NOW)


def test_placing_orders_a_channel_that_does_not_dial() -> None:
    """The id of the channel stands in the row before the command leaves."""
    made = step(None, place(), NOW)
    assert (made.call.state, made.call.version) == (CallState.PLACING, 1)
    assert made.call.deadline == NOW + PLACE_TIMEOUT
    create = CreateChannel(
        channel=OUTBOUND_CHANNEL,
        endpoint="PJSIP/4922@trunk",
        caller_number="+4911",
        caller_name="",
    )
    assert (made.effects, made.notices) == ((create,), ())


def test_outbound_goes_from_placing_to_up() -> None:
    """Ready dials, ringing is told, the answer starts the longest duration."""
    made = run(outbound(CallState.PLACING), ready(outbound(CallState.PLACING)), now=NOW + 1)
    assert (made.call.state, made.call.deadline) == (CallState.DIALING, NOW + 61)
    assert made.effects == (Dial(channel=OUTBOUND_CHANNEL, timeout=60.0 + DIAL_SLACK),)
    made = step(made.call, dialled(made.call), NOW + 1.5)
    assert (made.call.state, made.call.deadline) == (CallState.TRYING, NOW + 61)
    assert (made.effects, made.notices) == ((), ())
    made = step(made.call, ringing(made.call), NOW + 2)
    assert (made.call.state, made.call.deadline) == (CallState.RINGING, NOW + 61)
    assert (made.effects, made.notices) == ((), (CallRang(),))
    made = step(made.call, up(made.call), NOW + 3)
    assert (made.call.state, made.call.deadline) == (CallState.UP, NOW + 3 + 3600)
    assert (made.call.answered_at, made.notices) == (NOW + 3, (CallAnswered(),))


@pytest.mark.parametrize("state", [CallState.DIALING, CallState.TRYING])
def test_an_answer_without_ringing_is_an_answer(state: CallState) -> None:
    """A far end that answers at once makes the call up, and nothing rang."""
    call = outbound(state)
    made = step(call, up(call), NOW)
    assert (made.call.state, made.notices) == (CallState.UP, (CallAnswered(),))


def test_ringing_may_come_before_the_answer_to_the_dial() -> None:
    """The event overtook the reply: the reply says nothing new."""
    call = outbound(CallState.DIALING)
    made = step(call, ringing(call), NOW)
    assert (made.call.state, made.notices) == (CallState.RINGING, (CallRang(),))
    assert step(made.call, dialled(call), NOW).late


def test_offered_rings_until_it_is_accepted() -> None:
    """An arrival is told and rings; accepting answers; Asterisk's word makes it up."""
    made = step(None, offer(accept_timeout=25.0), NOW)
    assert (made.call.state, made.call.deadline) == (CallState.OFFERED, NOW + 25)
    assert made.effects == (Ring(channel=INBOUND_CHANNEL),)
    assert made.notices == (CallOffered(),)
    made = step(made.call, i.AcceptCall(), NOW + 5)
    assert (made.call.state, made.call.deadline) == (CallState.ANSWERING, NOW + 5 + ANSWER_TIMEOUT)
    assert (made.effects, made.notices) == ((Answer(channel=INBOUND_CHANNEL),), ())
    made = step(made.call, up(made.call), NOW + 6)
    assert (made.call.state, made.notices) == (CallState.UP, (CallAnswered(),))


def test_auto_answer_answers_at_once() -> None:
    """A number with its own greeting does not wait for the application, which is told."""
    made = step(None, offer(auto_answer=True), NOW)
    assert (made.call.state, made.call.deadline) == (CallState.ANSWERING, NOW + ANSWER_TIMEOUT)
    assert made.effects == (Answer(channel=INBOUND_CHANNEL),)
    assert made.notices == (CallOffered(),)


@pytest.mark.parametrize("state", [CallState.ANSWERING, CallState.UP])
def test_a_second_accept_changes_nothing(state: CallState) -> None:
    """Accepting again is no error and does nothing: the application may repeat its request."""
    assert step(inbound(state), i.AcceptCall(), NOW).late


@pytest.mark.parametrize(
    "state",
    [CallState.PLACING, CallState.DIALING, CallState.TRYING, CallState.RINGING, CallState.UP],
)
def test_our_own_call_cannot_be_accepted(state: CallState) -> None:
    """There is nothing to accept on a call that we placed, whatever its state."""
    with pytest.raises(NotOffered):
        step(outbound(state), i.AcceptCall(), NOW)


@pytest.mark.parametrize("state", [CallState.ENDING, CallState.ENDED])
def test_accepting_too_late_is_refused(state: CallState) -> None:
    """An accept that comes after the end says so."""
    for call in (inbound(state), outbound(state)):
        with pytest.raises(CallOver):
            step(call, i.AcceptCall(), NOW)


ENDS = [
    (outbound(CallState.PLACING), EndCause.CANCELLED),
    (outbound(CallState.DIALING), EndCause.CANCELLED),
    (outbound(CallState.TRYING), EndCause.CANCELLED),
    (outbound(CallState.RINGING), EndCause.CANCELLED),
    (outbound(CallState.UP), EndCause.HANGUP),
    (inbound(CallState.OFFERED), EndCause.REJECTED),
    (inbound(CallState.ANSWERING), EndCause.REJECTED),
    (inbound(CallState.WAITING), EndCause.REJECTED),
    (inbound(CallState.UP), EndCause.HANGUP),
]


@pytest.mark.parametrize(("call", "cause"), ENDS)
def test_an_end_is_ordered_from_every_state(call: Call, cause: EndCause) -> None:
    """EndCall hangs up wherever the call is; the row knows why before Asterisk does it."""
    made = step(call, i.EndCall(), NOW + 1)
    assert (made.call.state, made.call.deadline) == (CallState.ENDING, NOW + 1 + HANGUP_RETRY)
    assert made.call.ending == Ending(cause=cause, by=EndedBy.APPLICATION)
    assert made.effects == (Hangup(channel=call.channel, reason=HangupReason.NORMAL),)
    assert made.notices == ()
    ended = step(made.call, gone(call, 16), NOW + 2)
    assert (ended.call.state, ended.call.ended_at) == (CallState.ENDED, NOW + 2)
    ending = Ending(cause=cause, by=EndedBy.APPLICATION, q850=16)
    assert ended.notices == (CallEnded(ending=ending),)
    assert ended.call.ending == ending


@pytest.mark.parametrize("call", WITH_A_CHANNEL)
def test_a_channel_that_goes_ends_the_call_in_every_state(call: Call) -> None:
    """ChannelGone alone is an end, with nothing left to wait for."""
    made = step(call, gone(call, 16), NOW + 1)
    assert (made.call.state, made.call.deadline, made.call.live) == (CallState.ENDED, None, False)
    assert made.effects == ()
    told = [type(notice) for notice in made.notices]
    assert told == ([PromptOver, CallEnded] if call.prompt else [CallEnded])


@pytest.mark.parametrize("call", [c for c in every_call() if c.state is not CallState.ENDED])
def test_what_is_told_of_another_channel_is_late(call: Call) -> None:
    """A fact about a channel that is not this call's does nothing to it."""
    refused = i.ChannelRefused(channel=OTHER_CHANNEL, cause=EndCause.FAILED, detail="")
    for given in (
        i.ChannelReady(channel=OTHER_CHANNEL),
        i.ChannelDialled(channel=OTHER_CHANNEL),
        i.ChannelRinging(channel=OTHER_CHANNEL),
        i.ChannelUp(channel=OTHER_CHANNEL),
        i.ChannelGone(channel=OTHER_CHANNEL),
        refused,
    ):
        assert step(call, given, NOW).late


REFUSALS = [
    outbound(CallState.PLACING),
    outbound(CallState.DIALING),
    outbound(CallState.TRYING),
    outbound(CallState.RINGING),
    inbound(CallState.ANSWERING),
]


@pytest.mark.parametrize("call", REFUSALS, ids=lambda c: str(c.state))
def test_a_refused_command_ends_the_call_with_its_cause(call: Call) -> None:
    """What the call cannot do without was refused: it ends, and hangs up what may be there."""
    made = step(call, replace(REFUSED, channel=call.channel), NOW)
    assert made.call.state is CallState.ENDING
    assert made.call.ending == Ending(cause=EndCause.CONGESTION, by=EndedBy.SYSTEM, detail="full")
    assert [type(effect) for effect in made.effects] == [Hangup]


DEADLINES = [
    (outbound(CallState.PLACING), EndCause.FAILED, HangupReason.NORMAL),
    (outbound(CallState.DIALING), EndCause.NO_ANSWER, HangupReason.NORMAL),
    (outbound(CallState.TRYING), EndCause.NO_ANSWER, HangupReason.NORMAL),
    (outbound(CallState.RINGING), EndCause.NO_ANSWER, HangupReason.NORMAL),
    (outbound(CallState.UP), EndCause.MAX_DURATION, HangupReason.NORMAL),
    (inbound(CallState.OFFERED), EndCause.NOT_ACCEPTED, HangupReason.NO_ANSWER),
    (inbound(CallState.ANSWERING), EndCause.FAILED, HangupReason.FAILURE),
    (inbound(CallState.ADMITTING), EndCause.REJECTED, HangupReason.NORMAL),
    (inbound(CallState.WAITING), EndCause.NOT_ACCEPTED, HangupReason.NO_ANSWER),
    (inbound(CallState.UP), EndCause.MAX_DURATION, HangupReason.NORMAL),
]


@pytest.mark.parametrize(("call", "cause", "reason"), DEADLINES)
def test_each_deadline_ends_its_state(call: Call, cause: EndCause, reason: HangupReason) -> None:
    """No state waits for ever: its deadline hangs up, with the cause that the state stands for."""
    at = call_deadline(call)
    made = step(call, at, at.at)
    assert made.call.state is CallState.ENDING
    assert made.call.ending is not None
    assert (made.call.ending.cause, made.call.ending.by) == (cause, EndedBy.SYSTEM)
    assert made.effects == (Hangup(channel=call.channel, reason=reason),)


@pytest.mark.parametrize("call", [c for c in every_call() if c.state is not CallState.ENDED])
def test_a_deadline_that_was_replaced_is_not_heard(call: Call) -> None:
    """Only the deadline that stands in the row counts."""
    assert step(call, i.CallDeadline(at=NOW - 1), NOW).late


def test_ending_hangs_up_again_until_the_channel_is_gone() -> None:
    """A hang-up that got lost is repeated, as often as it takes, with the ending it had."""
    call = inbound(CallState.ENDING)
    for _ in range(3):
        made = step(call, call_deadline(call), call_deadline(call).at)
        assert made.call.deadline == call_deadline(call).at + HANGUP_RETRY
        assert made.effects == (Hangup(channel=call.channel, reason=HangupReason.NORMAL),)
        assert (made.call.ending, made.notices) == (call.ending, ())
        call = made.call


def test_ending_again_changes_nothing() -> None:
    """A second EndCall is no error: the first one stands."""
    for state in (CallState.ENDING, CallState.ENDED):
        assert step(inbound(state), i.EndCall(), NOW).late


def test_what_the_state_has_ordered_can_be_read_from_the_row() -> None:
    """What can be ordered again without harm: never a Dial, which would dial twice."""
    expected = {
        CallState.PLACING: [CreateChannel],
        CallState.OFFERED: [Ring],
        CallState.ANSWERING: [Answer],
        CallState.ENDING: [Hangup],
    }
    for call in every_call():
        kinds = [type(effect) for effect in effects_in_force(call)]
        assert kinds == expected.get(call.state, [])
