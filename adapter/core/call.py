"""The call machine: places, rings, answers, ends; runs the prompt machine; ends what runs.

::

    PlaceCall --> PLACING --ChannelReady--> DIALING --ChannelDialled--> TRYING
                                               |                          | ChannelRinging
                                               |                        RINGING
                                               +-------ChannelUp----------+--> UP --+
    OfferCall --> OFFERED --AcceptCall--> ANSWERING --ChannelUp---------------^     |
                     (auto_answer: at once) ^                                       |
    from every state: EndCall, a refusal or a deadline --> ENDING --ChannelGone--> ENDED
                      ChannelGone alone -----------------------------------------> ENDED

`step` is the only door. It is a pure function: the same row, input and time give the same result,
which is what makes a call replayable from its journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from adapter.core import dialogue as dialogues
from adapter.core import inputs as i
from adapter.core import running
from adapter.core.causes import ending_of
from adapter.core.errors import CallOver, CallUnknown, NotOffered
from adapter.core.model import (
    Call,
    CallState,
    Direction,
    EndCause,
    EndedBy,
    Ending,
    Topic,
)
from adapter.core.orders import create, dial, effects_in_force
from adapter.core.outputs import (
    Answer,
    CallAnswered,
    CallEnded,
    CallOffered,
    CallRang,
    Step,
)

PLACE_TIMEOUT = 10.0
ANSWER_TIMEOUT = 10.0
HANGUP_RETRY = 5.0

Handler = Callable[[Call, Any, float], Step | None]  # None: late


def step(call: Call | None, given: i.Input, now: float) -> Step:
    """Apply one input to a call.

    Args:
        call: its row; None for the input that makes it.
        given: a command or a fact.
        now: seconds since the epoch.

    Returns:
        The new row with what follows from it.

    Raises:
        CoreError: a command that cannot be; nothing has changed. A fact never raises.
    """
    if isinstance(given, i.PlaceCall):
        return _place(given, now)
    if isinstance(given, i.OfferCall):
        return _offer(given, now)
    if call is None:
        raise CallUnknown
    if isinstance(given, running.Given):
        made = _run(call, given, now)
    else:
        handler = TABLE[call.state].get(type(given))
        made = handler(call, given, now) if handler else None
    if made is None:
        return Step(call=call, late=True)
    return replace(made, call=replace(made.call, version=call.version + 1))


def _place(given: i.PlaceCall, now: float) -> Step:
    call = Call(
        id=given.id,
        contract=given.contract,
        owner=given.owner,
        direction=Direction.OUTBOUND,
        caller=given.caller,
        callee=given.callee,
        channel=given.channel,
        context=given.context,
        state=CallState.PLACING,
        version=1,
        created_at=now,
        max_duration=given.max_duration,
        deadline=now + PLACE_TIMEOUT,
        dial=given.dial,
        on_answer=given.on_answer,
        asks=given.asks,
    )
    return Step(call=call, effects=(create(call),))


def _offer(given: i.OfferCall, now: float) -> Step:
    call = Call(
        id=given.id,
        contract=given.contract,
        owner=given.owner,
        direction=Direction.INBOUND,
        caller=given.caller,
        callee=given.callee,
        channel=given.channel,
        context=given.context,
        state=CallState.ANSWERING if given.auto_answer else CallState.OFFERED,
        version=1,
        created_at=now,
        max_duration=given.max_duration,
        deadline=now + (ANSWER_TIMEOUT if given.auto_answer else given.accept_timeout),
        auto_answer=given.auto_answer,
        on_answer=given.on_answer,
        asks=given.asks,
    )
    effects = effects_in_force(call)
    if not given.asks or given.auto_answer:
        return Step(call=call, effects=effects, notices=(CallOffered(),))
    asked = dialogues.ask(call, Topic.OFFER, now)
    return Step(call=asked.call, effects=effects + asked.effects)


def _run(call: Call, given: running.Given, now: float) -> Step | None:
    """An input for what runs on the call; that may answer the call, or end it."""
    made = running.advance(call, given, now)
    if made is None:
        return None
    if made.end is not None:
        following = _ending(made.call, made.end, now)
    elif made.take:
        following = _accept(made.call, i.AcceptCall(), now)
    else:
        following = Step(call=made.call)
    return replace(following, effects=made.effects + following.effects, notices=made.notices)


def _ready(call: Call, given: i.ChannelReady, now: float) -> Step | None:
    if given.channel != call.channel or call.dial is None:
        return None
    call = replace(call, state=CallState.DIALING, deadline=now + call.dial.ring_timeout)
    return Step(call=call, effects=(dial(call),))


def _dialled(call: Call, given: i.ChannelDialled, now: float) -> Step | None:
    if given.channel != call.channel:
        return None
    return Step(call=replace(call, state=CallState.TRYING))


def _ringing(call: Call, given: i.ChannelRinging, now: float) -> Step | None:
    if given.channel != call.channel:
        return None
    return Step(call=replace(call, state=CallState.RINGING), notices=(CallRang(),))


def _up(call: Call, given: i.ChannelUp, now: float) -> Step | None:
    if given.channel != call.channel:
        return None
    call = replace(call, state=CallState.UP, answered_at=now, deadline=now + call.max_duration)
    begun = running.begin(call, now)
    notices = (CallAnswered(), *begun.notices)
    return Step(call=begun.call, effects=begun.effects, notices=notices)


def _accept(call: Call, given: i.AcceptCall, now: float) -> Step:
    call = replace(dialogues.taken(call), state=CallState.ANSWERING, deadline=now + ANSWER_TIMEOUT)
    return Step(call=call, effects=(Answer(channel=call.channel),))


def _accept_again(call: Call, given: i.AcceptCall, now: float) -> None:
    if call.direction is Direction.OUTBOUND:
        raise NotOffered


def _accept_over(call: Call, given: i.AcceptCall, now: float) -> None:
    raise CallOver


def _end(call: Call, given: i.EndCall, now: float) -> Step:
    if call.answered_at is not None:
        cause = EndCause.HANGUP
    elif call.direction is Direction.INBOUND:
        cause = EndCause.REJECTED
    else:
        cause = EndCause.CANCELLED
    return _ending(call, Ending(cause=cause, by=EndedBy.APPLICATION), now)


def _ending(call: Call, ending: Ending, now: float) -> Step:
    """Order the end. What runs on the call gets its outcome when the channel is gone."""
    call = replace(
        running.quiet(call), state=CallState.ENDING, ending=ending, deadline=now + HANGUP_RETRY
    )
    return Step(call=call, effects=effects_in_force(call))


def _deadline(call: Call, given: i.CallDeadline, now: float) -> Step | None:
    if given.at != call.deadline:
        return None
    cause = {
        CallState.PLACING: EndCause.FAILED,
        CallState.DIALING: EndCause.NO_ANSWER,
        CallState.TRYING: EndCause.NO_ANSWER,
        CallState.RINGING: EndCause.NO_ANSWER,
        CallState.OFFERED: EndCause.NOT_ACCEPTED,
        CallState.ANSWERING: EndCause.FAILED,
        CallState.UP: EndCause.MAX_DURATION,
    }[call.state]
    detail = f"deadline in {call.state}"
    return _ending(call, Ending(cause=cause, by=EndedBy.SYSTEM, detail=detail), now)


def _hang_up_again(call: Call, given: i.CallDeadline, now: float) -> Step | None:
    if given.at != call.deadline:
        return None
    call = replace(call, deadline=now + HANGUP_RETRY)
    return Step(call=call, effects=effects_in_force(call))


def _refused(call: Call, given: i.ChannelRefused, now: float) -> Step | None:
    if given.channel != call.channel:
        return None
    ending = Ending(cause=given.cause, by=EndedBy.SYSTEM, detail=given.detail)
    return _ending(call, ending, now)


def _gone(call: Call, given: i.ChannelGone, now: float) -> Step | None:
    if given.channel != call.channel:
        return None
    seen = ending_of(call, given.q850, given.sip_code, given.lost)
    ending = seen
    if call.ending is not None:  # ours was first: the cause is ours, the codes are theirs
        ending = replace(call.ending, q850=seen.q850, sip_code=given.sip_code)
    call, notices = running.end(call)
    call = replace(call, state=CallState.ENDED, ending=ending, ended_at=now, deadline=None)
    return Step(call=call, notices=(*notices, CallEnded(ending=ending)))


_ALWAYS: Mapping[type, Handler] = {
    i.EndCall: _end,
    i.ChannelGone: _gone,
    i.CallDeadline: _deadline,
}
TABLE: Mapping[CallState, Mapping[type, Handler]] = {
    CallState.PLACING: {
        **_ALWAYS,
        i.ChannelReady: _ready,
        i.ChannelRefused: _refused,
        i.AcceptCall: _accept_again,
    },
    CallState.DIALING: {
        **_ALWAYS,
        i.ChannelDialled: _dialled,
        i.ChannelRinging: _ringing,
        i.ChannelUp: _up,
        i.ChannelRefused: _refused,
        i.AcceptCall: _accept_again,
    },
    CallState.TRYING: {
        **_ALWAYS,
        i.ChannelRinging: _ringing,
        i.ChannelUp: _up,
        i.ChannelRefused: _refused,
        i.AcceptCall: _accept_again,
    },
    CallState.RINGING: {
        **_ALWAYS,
        i.ChannelUp: _up,
        i.ChannelRefused: _refused,
        i.AcceptCall: _accept_again,
    },
    CallState.OFFERED: {**_ALWAYS, i.AcceptCall: _accept},
    CallState.ANSWERING: {
        **_ALWAYS,
        i.ChannelUp: _up,
        i.ChannelRefused: _refused,
        i.AcceptCall: _accept_again,
    },
    CallState.UP: {**_ALWAYS, i.AcceptCall: _accept_again},
    CallState.ENDING: {
        i.ChannelGone: _gone,
        i.CallDeadline: _hang_up_again,
        i.AcceptCall: _accept_over,
    },
    CallState.ENDED: {i.AcceptCall: _accept_over},
}

_LATE: Mapping[type, tuple[CallState, ...]] = {
    i.ChannelDialled: (
        CallState.PLACING,
        CallState.TRYING,
        CallState.RINGING,
        CallState.OFFERED,
        CallState.ANSWERING,
        CallState.UP,
        CallState.ENDING,
        CallState.ENDED,
    ),
    i.ChannelRinging: (
        CallState.PLACING,
        CallState.RINGING,
        CallState.OFFERED,
        CallState.ANSWERING,
        CallState.UP,
        CallState.ENDING,
        CallState.ENDED,
    ),
    i.ChannelUp: (
        CallState.PLACING,
        CallState.OFFERED,
        CallState.UP,
        CallState.ENDING,
        CallState.ENDED,
    ),
    i.ChannelReady: (
        CallState.DIALING,
        CallState.TRYING,
        CallState.RINGING,
        CallState.OFFERED,
        CallState.ANSWERING,
        CallState.UP,
        CallState.ENDING,
        CallState.ENDED,
    ),
    i.ChannelRefused: (
        CallState.OFFERED,
        CallState.UP,
        CallState.ENDING,
        CallState.ENDED,
    ),
    i.EndCall: (
        CallState.ENDING,
        CallState.ENDED,
    ),
    i.ChannelGone: (CallState.ENDED,),
    i.CallDeadline: (CallState.ENDED,),
}
LATE = frozenset((state, given) for given, states in _LATE.items() for state in states)
