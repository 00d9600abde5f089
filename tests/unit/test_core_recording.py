"""The recording machine: its table, its one ending, and a call that ends when its recording has."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.errors import AlreadyRecording, CallNotUp, CallOver, NotRecording
from adapter.core.ids import ChannelId, RecordingId, channel_of
from adapter.core.layout import parties
from adapter.core.model import Call, CallState, EndCause, Recording, RecordingState
from adapter.core.outputs import (
    CallAnswered,
    CallEnded,
    Effect,
    PromptOver,
    Record,
    RecordingBegan,
    RecordingOver,
    RenewRecording,
    SaveRecording,
)
from adapter.core.recording import (
    LATE,
    SAVE_AGAIN,
    START_AGAIN,
    TABLE,
    Take,
    follow,
    order_again,
)
from tests.unit.build import (
    CALL,
    INBOUND_CHANNEL,
    NOW,
    OUTBOUND_CHANNEL,
    call_deadline,
    every_call,
    gone,
    inbound,
    order,
    outbound,
    place,
    prompt_deadline,
    ready,
    run,
    up,
)
from tests.unit.joined import bridge, every_bridge, leg_gone, name_of
from tests.unit.parties import SAVED, recording_inputs_of, recording_order

INPUTS = tuple(one for one in get_args(i.RecordingInput) if one is not i.StartRecording)
PAIRS = [(state, given) for state in RecordingState for given in INPUTS]
ID, OTHER = recording_order().id, recording_order(7).id
START = i.StartRecording(order=recording_order())
STARTED = i.RecordingStarted(recording=ID)
SAVED_IT = i.RecordingSaved(recording=ID, saved=SAVED)
LOST_IT = i.RecordingLost(recording=ID, reason="no space")
RECORD = Record(recording=ID, channel=INBOUND_CHANNEL)
COMPLETED = RecordingOver(order=recording_order(), saved=SAVED)
FAILED = RecordingOver(order=recording_order(), reason="no space")
STATES = list(RecordingState)


def recording(state: RecordingState, call: Call | None = None) -> Call:
    """A call whose recording is in a state, come there by the way of the drawing."""
    call = run(call or inbound(CallState.UP), START).call
    if state is RecordingState.STARTING:
        return call
    call = run(call, STARTED).call
    return call if state is RecordingState.RUNNING else run(call, i.StopRecording()).call


def row(call: Call) -> Recording:
    """The recording that is being made."""
    assert call.recording is not None
    return call.recording


def deadline(call: Call) -> i.RecordingDeadline:
    at = row(call).deadline
    assert at is not None
    return i.RecordingDeadline(at=at)


def save(channel: ChannelId | None = INBOUND_CHANNEL) -> SaveRecording:
    return SaveRecording(recording=ID, channel=channel)


@pytest.mark.parametrize(("state", "given"), PAIRS)
def test_each_pair_is_handled_or_late(state: RecordingState, given: type) -> None:
    """A state either handles an input or lists it as late, and does as it says."""
    assert (given in TABLE[state]) != ((state, given) in LATE)
    call = recording(state)
    (one,) = [one for one in recording_inputs_of(call) if type(one) is given]
    if (state, given) in LATE:
        assert step(call, one, NOW).late


def test_the_tables_hold_nothing_else() -> None:
    """No line of TABLE or LATE is about something that cannot come."""
    assert set(TABLE) == set(RecordingState)
    assert {(state, given) for state in TABLE for given in TABLE[state]} | LATE == set(PAIRS)


def test_a_recording_from_its_start_to_its_file() -> None:
    """Told when it runs and when its file is whole; no deadline while it runs."""
    made = step(inbound(CallState.UP), START, NOW)
    assert (made.effects[0], made.notices) == (RECORD, ())
    assert row(made.call).deadline == NOW + START_AGAIN
    made = step(made.call, STARTED, NOW)
    assert made.notices == (RecordingBegan(order=recording_order()),)
    assert row(made.call).deadline is None
    made = step(made.call, i.StopRecording(), NOW + 60)
    assert (made.effects, made.notices) == ((save(),), ())
    assert row(made.call).deadline == NOW + 60 + SAVE_AGAIN
    made = step(made.call, SAVED_IT, NOW)
    assert made.notices == (COMPLETED,)
    assert (made.call.recording, made.call.recorded) == (None, ID)


def test_one_after_the_other() -> None:
    """A second one may follow; a failure does not hide the one before."""
    call = run(recording(RecordingState.SAVING), SAVED_IT).call
    second = recording_order(2)
    call = run(call, i.StartRecording(order=second)).call
    assert row(call).order == second
    assert step(call, LOST_IT, NOW).late
    made = step(call, i.RecordingLost(recording=second.id, reason="no space"), NOW)
    assert made.notices == (RecordingOver(order=second, reason="no space"),)
    assert made.call.recorded == ID


@pytest.mark.parametrize("state", STATES)
def test_only_one_at_a_time(state: RecordingState) -> None:
    """Also while the one before is being saved."""
    with pytest.raises(AlreadyRecording):
        step(recording(state), i.StartRecording(order=recording_order(2)), NOW)


@pytest.mark.parametrize("call", [inbound(CallState.UP), recording(RecordingState.SAVING)])
def test_stop_without_one(call: Call) -> None:
    """None runs, or it was stopped already."""
    with pytest.raises(NotRecording):
        step(call, i.StopRecording(), NOW)


@pytest.mark.parametrize("call", [c for c in every_call() if c.state is not CallState.UP])
@pytest.mark.parametrize("given", [START, i.StopRecording()])
def test_only_a_call_that_is_up_is_recorded_by_command(call: Call, given: i.Input) -> None:
    """Before the answer, and from its end on, the command is refused."""
    over = call.state in (CallState.ENDING, CallState.CLOSING, CallState.ENDED)
    with pytest.raises(CallOver if over else CallNotUp):
        step(call, given, NOW)


@pytest.mark.parametrize("state", [RecordingState.STARTING, RecordingState.SAVING])
def test_one_that_is_lost_has_failed(state: RecordingState) -> None:
    """The reason is told, the call lives on, and nothing of it can come any more."""
    made = step(recording(state), LOST_IT, NOW)
    assert made.notices == (FAILED,)
    assert (made.call.recording, made.call.recorded) == (None, None)
    for given in (STARTED, SAVED_IT, LOST_IT):
        assert step(made.call, given, NOW).late


@pytest.mark.parametrize(
    ("state", "ordered", "again"),
    [
        (RecordingState.STARTING, RECORD, START_AGAIN),
        (RecordingState.SAVING, SaveRecording(recording=ID, channel=INBOUND_CHANNEL), SAVE_AGAIN),
    ],
)
def test_one_that_takes_long_is_ordered_again(
    state: RecordingState, ordered: Effect, again: float
) -> None:
    """Its deadline tells nothing: only the recorder knows what came of it. Each time anew."""
    call = recording(state)
    for _ in range(2):
        at = row(call).deadline
        assert at is not None
        assert step(call, i.RecordingDeadline(at=at - 1), NOW).late
        made = step(call, i.RecordingDeadline(at=at), at)
        assert (made.effects, made.notices) == ((ordered,), ())
        assert row(made.call) == replace(row(call), deadline=at + again)
        call = made.call


def test_one_that_is_saved_has_begun() -> None:
    """Its start was not told before its end, since its answer was lost: both are, in order."""
    call = run(recording(RecordingState.STARTING), i.StopRecording()).call
    made = step(call, SAVED_IT, NOW)
    assert made.notices == (RecordingBegan(order=recording_order()), COMPLETED)
    assert step(call, LOST_IT, NOW).notices == (FAILED,)


@pytest.mark.parametrize("state", STATES)
def test_facts_about_another_one_are_late(state: RecordingState) -> None:
    """What is left of an earlier recording says nothing about this one."""
    call = recording(state)
    facts: list[i.Input] = [
        i.RecordingStarted(recording=RecordingId(OTHER)),
        i.RecordingSaved(recording=RecordingId(OTHER), saved=SAVED),
        i.RecordingLost(recording=RecordingId(OTHER), reason="gone"),
    ]
    for given in facts:
        assert step(call, given, NOW).late


def test_one_that_is_stopped_as_it_starts() -> None:
    """Saving waits for its start in Asterisk, which is told if it comes; the ending follows."""
    call = run(recording(RecordingState.STARTING), i.StopRecording()).call
    assert row(call).state is RecordingState.SAVING
    made = step(call, STARTED, NOW)
    assert made.notices == (RecordingBegan(order=recording_order()),)
    assert step(made.call, STARTED, NOW).late
    assert step(made.call, SAVED_IT, NOW).notices == (COMPLETED,)


# The end of the call


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("outcome", [SAVED_IT, LOST_IT])
def test_a_call_ends_when_its_recording_has(
    state: RecordingState, outcome: i.RecordingInput
) -> None:
    """Hung up while recorded: the file comes first, then the end of the call, once each.

    Also one that is being saved is saved anew: nobody has to end it in Asterisk any more.
    """
    call = recording(state)
    made = step(call, gone(call), NOW + 9)
    assert (made.call.state, made.call.deadline, made.notices) == (CallState.CLOSING, None, ())
    assert made.call.ended_at == NOW + 9
    assert [one for one in made.effects if isinstance(one, SaveRecording)] == [save(None)]
    again = step(made.call, deadline(made.call), NOW + 50)
    assert (again.effects, again.notices) == ((save(None),), ())
    made = step(made.call, outcome, NOW + 10)
    *began, over, ended = made.notices
    assert [type(one) for one in began] in ([], [RecordingBegan])
    assert isinstance(over, RecordingOver)
    assert (over.saved is not None) == (outcome is SAVED_IT)
    assert isinstance(ended, CallEnded)
    assert ended.ending.cause is EndCause.HANGUP
    assert (made.call.state, made.call.ended_at) == (CallState.ENDED, NOW + 9)
    assert (made.effects, made.call.deadlines) == ((), ())


@pytest.mark.parametrize("state", STATES)
def test_an_end_that_is_ordered_leaves_the_recording_on(state: RecordingState) -> None:
    """It is saved when the channel is gone; what it says before that is heard."""
    call = step(recording(state), i.EndCall(), NOW).call
    assert row(call).state is state
    if state is RecordingState.STARTING:
        made = step(call, STARTED, NOW)
        assert [type(one) for one in made.notices] == [RecordingBegan]
        call = made.call
    if state is RecordingState.SAVING:
        made = step(call, SAVED_IT, NOW)
        assert made.notices == (COMPLETED,)
        assert [type(one) for one in step(made.call, gone(call), NOW).notices] == [CallEnded]
    else:
        call = step(call, gone(call), NOW).call
        made = step(call, SAVED_IT, NOW)
        assert [type(one) for one in made.notices] == [RecordingOver, CallEnded]


def test_a_call_that_is_closing_can_do_nothing_else() -> None:
    """To its application it has ended; the channel's words are late, and so are old deadlines."""
    call = recording(RecordingState.RUNNING, prompting_up())
    late: list[i.Input] = [
        call_deadline(call),
        prompt_deadline(call),
        gone(call),
        up(call),
        i.EndCall(),
    ]
    made = step(call, gone(call), NOW)
    assert [type(one) for one in made.notices] == [PromptOver]
    for given in late:
        assert step(made.call, given, NOW).late
    with pytest.raises(CallOver):
        step(made.call, i.StartPrompt(order=order(2)), NOW)
    with pytest.raises(CallOver):
        step(made.call, i.AcceptCall(), NOW)


def prompting_up() -> Call:
    """A call with a prompt that is made ready."""
    return run(inbound(CallState.UP), i.StartPrompt(order=order())).call


def test_the_recording_of_a_lost_call_is_saved() -> None:
    """Asterisk died: there may be a file all the same, and the cause stays what it was."""
    call = recording(RecordingState.RUNNING)
    made = step(call, gone(call, lost=True), NOW)
    assert made.effects[-1] == save(None)
    made = step(made.call, SAVED_IT, NOW)
    ended = made.notices[-1]
    assert isinstance(ended, CallEnded)
    assert ended.ending.cause is EndCause.LOST


@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
def test_it_goes_on_through_bridges(call: Call) -> None:
    """Neither a party that leaves nor the bridge's failure is its end; the hang-up is."""
    call = recording(RecordingState.RUNNING, call)
    refused = i.BridgeRefused(bridge=bridge(call).id, detail="no")
    losses: list[i.Input] = [leg_gone(bridge(call).party), refused]
    for given in losses:
        assert row(step(call, given, NOW).call).state is RecordingState.RUNNING
    made = step(call, gone(call), NOW)
    assert save(None) in made.effects
    assert [type(one) for one in step(made.call, SAVED_IT, NOW).notices] == [
        RecordingOver,
        CallEnded,
    ]


@pytest.mark.parametrize("call", every_bridge(), ids=name_of)
def test_it_knows_whom_it_holds(call: Call) -> None:
    """The parties whom the recorded channel hears stand in the row."""
    assert set(row(recording(RecordingState.RUNNING, call)).heard) == parties(call)


def test_a_further_party_needs_a_new_monitor() -> None:
    """The first that is heard needs none, nor does one that was heard before; so at a restart."""
    one, other = channel_of(CALL, 2), channel_of(CALL, 3)
    renew = RenewRecording(recording=ID, channel=INBOUND_CHANNEL, parties=2)
    with_one = follow(recording(RecordingState.RUNNING), frozenset({one}))
    assert (with_one.effects, order_again(with_one.call)) == ((), ())
    assert follow(with_one.call, frozenset()) == Take(with_one.call)
    with_other = follow(with_one.call, frozenset({other}))
    assert (with_other.effects, order_again(with_other.call)) == ((renew,), (renew,))
    assert follow(with_other.call, frozenset({one, other})) == Take(with_other.call)
    for state in (RecordingState.STARTING, RecordingState.SAVING):
        assert follow(recording(state), frozenset({one})) == Take(recording(state))


# From the answer on


def test_recording_from_the_answer_on() -> None:
    """It is ordered at the answer, before anything is told or played."""
    call = run(None, place(record_on_answer=recording_order(), on_answer=(order(),))).call
    assert call.recording is None
    made = run(call, ready(call), up(call))
    assert made.effects[0] == Record(recording=ID, channel=OUTBOUND_CHANNEL)
    assert [type(one) for one in made.notices] == [CallAnswered]
    assert row(made.call).state is RecordingState.STARTING


def test_a_call_that_is_never_answered_is_not_recorded() -> None:
    """There is nothing to be told of it either."""
    call = run(None, place(record_on_answer=recording_order())).call
    made = run(call, ready(call), gone(call, 17, 486))
    assert [type(one) for one in made.notices] == [CallEnded]


def test_it_is_recorded_while_a_machine_is_looked_for() -> None:
    """From the answer, not from the verdict; hung up meanwhile, it is saved."""
    call = outbound(CallState.JUDGING, record_on_answer=recording_order())
    assert row(call).state is RecordingState.STARTING
    call = step(call, STARTED, NOW).call
    made = step(call, gone(call), NOW)
    assert made.call.state is CallState.CLOSING
    assert save(None) in made.effects


# After a restart


def test_what_is_ordered_again() -> None:
    """Both orders may be given again, no start behind a hang-up; a gone channel is not named."""
    assert order_again(inbound(CallState.UP)) == ()
    starting = recording(RecordingState.STARTING)
    assert order_again(starting) == (RECORD,)
    assert order_again(step(starting, i.EndCall(), NOW).call) == ()
    assert order_again(recording(RecordingState.RUNNING)) == ()
    saving = recording(RecordingState.SAVING)
    assert order_again(saving) == (save(),)
    assert order_again(step(saving, i.EndCall(), NOW).call) == (save(),)
    assert order_again(step(saving, gone(saving), NOW).call) == (save(None),)
    assert order_again(replace(saving, recording=None)) == ()
