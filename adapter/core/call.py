"""The call machine: places, rings, answers, ends; and ends what runs on it.

::

    PlaceCall --> PLACING --ChannelReady--> DIALING --ChannelDialled--> TRYING
                                               |                          | ChannelRinging
                                               |                        RINGING
                                               +-------ChannelUp----------+--> UP --+
                  (machine detection: JUDGING before UP --AnswerJudged--------^)    |
    OfferCall --> OFFERED --AcceptCall--> ANSWERING --ChannelUp---------------^     |
                     (auto_answer: at once) ^                                       |
                  (admission: ADMITTING --Admitted--> WAITING --AcceptCall----->^)  |
    from every state: EndCall, a refusal or a deadline --> ENDING --ChannelGone--> ENDED
                      ChannelGone alone -----------------------------------------> ENDED
                      (a recording is being saved: CLOSING before ENDED)

`step` is the only door. It is a pure function: the same row, input and time give the same result,
which is what makes a call replayable from its journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from adapter.core import admission as admissions
from adapter.core import dialogue as dialogues
from adapter.core import inputs as i
from adapter.core import running
from adapter.core.causes import ending_of
from adapter.core.dialogue import Outcomes
from adapter.core.errors import CallOver, CallUnknown, NotOffered
from adapter.core.layout import arranged, parties
from adapter.core.model import (
    Call,
    CallState,
    Direction,
    EndCause,
    EndedBy,
    Ending,
)
from adapter.core.opening import ANSWER_TIMEOUT, offer, place
from adapter.core.orders import dial, effects_in_force
from adapter.core.outputs import (
    Answer,
    CallAnswered,
    CallEnded,
    CallOffered,
    CallRang,
    JudgeAnswer,
    Step,
)
from adapter.core.recording import follow

HANGUP_RETRY = 5.0
JUDGE_SLACK = 5.0  # beyond what the detection itself may take

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
        return place(given, now)
    if isinstance(given, i.OfferCall):
        return offer(given, now)
    if call is None:
        raise CallUnknown
    if isinstance(given, running.Given) or (
        isinstance(given, i.LegInput) and given.channel != call.channel
    ):
        made = _run(call, given, now)
    else:
        handler = TABLE[call.state].get(type(given))
        made = handler(call, given, now) if handler else None
    if made is None:
        return Step(call=call, late=True)
    recorded = follow(made.call, parties(made.call))
    return replace(
        made,
        call=replace(recorded.call, version=call.version + 1),
        effects=arranged(call, made.call, made.effects) + recorded.effects,
    )


def _run(call: Call, given: running.Given | i.LegInput, now: float) -> Step | None:
    """An input for what runs on the call."""
    made = running.advance(call, given, now)
    if made is None:
        return None
    if made.call.state is CallState.CLOSING:
        return _closed(Step(call=made.call, effects=made.effects, notices=made.notices), now)
    return _follow(made, now)


def _follow(made: Outcomes, now: float) -> Step:
    """What runs on the call may answer it, or end it."""
    if made.end is not None:
        following = _ending(made.call, made.end, now)
    elif made.take:
        following = _accept(made.call, i.AcceptCall(), now)
    else:
        following = Step(call=made.call)
    return replace(
        following,
        effects=made.effects + following.effects,
        notices=made.notices + following.notices,
    )


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
    if call.admission is not None:
        return _follow(admissions.begin(call, now), now)
    recorded = running.record(replace(call, answered_at=now), now)
    if call.detection is None:
        begun = _begin(recorded.call, now)
        return replace(begun, effects=recorded.effects + begun.effects)
    deadline = now + call.detection.total + JUDGE_SLACK
    judging = replace(recorded.call, state=CallState.JUDGING, deadline=deadline)
    judge = JudgeAnswer(channel=call.channel, detection=call.detection)
    return Step(call=judging, effects=(judge, *recorded.effects))


def _judged(call: Call, given: i.AnswerJudged, now: float) -> Step | None:
    if given.channel != call.channel:
        return None
    return _begin(replace(call, machine=given.machine), now)


def _not_judged(call: Call, given: i.CallDeadline, now: float) -> Step | None:
    """No verdict: whoever it is shall not wait in silence."""
    return _begin(call, now) if given.at == call.deadline else None


def _begin(call: Call, now: float) -> Step:
    """The call is up."""
    begun = running.begin(replace(call, state=CallState.UP, deadline=now + call.max_duration), now)
    answered = CallAnswered(machine=bool(call.machine))
    return Step(call=begun.call, effects=begun.effects, notices=(answered, *begun.notices))


def _admitted(call: Call, given: i.Admitted, now: float) -> Step | None:
    """It has its owner, for whom it is a new call: it waits for him, or is up at once."""
    owned = admissions.admitted(call, given)
    if owned is None:
        return None
    if given.auto_answer:
        begun = _taken(owned, i.AcceptCall(), now)
        return replace(begun, notices=(CallOffered(), *begun.notices))
    owned = replace(owned, state=CallState.WAITING, deadline=now + given.accept_timeout)
    return Step(call=owned, notices=(CallOffered(),))


def _not_admitted(call: Call, given: i.NotAdmitted, now: float) -> Step | None:
    made = admissions.refused(call, given, now)
    return _follow(made, now) if made else None


def _taken(call: Call, given: i.AcceptCall, now: float) -> Step:
    return _begin(replace(call, answered_at=now), now)


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
    call, effects, notices = running.quiet(call)
    call = replace(call, state=CallState.ENDING, ending=ending, deadline=now + HANGUP_RETRY)
    return Step(call=call, effects=effects_in_force(call) + effects, notices=notices)


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
        CallState.ADMITTING: EndCause.REJECTED,
        CallState.WAITING: EndCause.NOT_ACCEPTED,
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
    over = running.end(call, now)
    call = replace(over.call, state=CallState.CLOSING, ending=ending, ended_at=now, deadline=None)
    return _closed(Step(call=call, effects=over.effects, notices=over.notices), now)


def _closed(made: Step, now: float) -> Step:
    """The channel is gone; the call has ended when its recording has, too."""
    call = made.call
    ending = call.ending
    if call.recording is not None or ending is None:
        return made
    call = replace(call, state=CallState.ENDED)
    return replace(made, call=call, notices=(*made.notices, CallEnded(ending=ending)))


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
    CallState.ADMITTING: {
        **_ALWAYS,
        i.Admitted: _admitted,
        i.NotAdmitted: _not_admitted,
        i.AcceptCall: _accept_again,
    },
    CallState.WAITING: {**_ALWAYS, i.AcceptCall: _taken},
    CallState.JUDGING: {
        **_ALWAYS,
        i.CallDeadline: _not_judged,
        i.AnswerJudged: _judged,
        i.AcceptCall: _accept_again,
    },
    CallState.UP: {**_ALWAYS, i.AcceptCall: _accept_again},
    CallState.ENDING: {
        i.ChannelGone: _gone,
        i.CallDeadline: _hang_up_again,
        i.AcceptCall: _accept_over,
    },
    CallState.CLOSING: {i.AcceptCall: _accept_over},
    CallState.ENDED: {i.AcceptCall: _accept_over},
}

_ANSWERED = (
    CallState.ADMITTING,
    CallState.WAITING,
    CallState.JUDGING,
    CallState.UP,
    CallState.ENDING,
    CallState.CLOSING,
    CallState.ENDED,
)
_PAST_DIALLING = (
    CallState.OFFERED,
    CallState.ANSWERING,
    *_ANSWERED,
)
_LATE: Mapping[type, tuple[CallState, ...]] = {
    i.ChannelReady: (
        CallState.DIALING,
        CallState.TRYING,
        CallState.RINGING,
        *_PAST_DIALLING,
    ),
    i.ChannelDialled: (
        CallState.PLACING,
        CallState.TRYING,
        CallState.RINGING,
        *_PAST_DIALLING,
    ),
    i.ChannelRinging: (CallState.PLACING, CallState.RINGING, *_PAST_DIALLING),
    i.ChannelUp: (CallState.PLACING, CallState.OFFERED, *_ANSWERED),
    i.ChannelRefused: (CallState.OFFERED, *_ANSWERED),
    i.AnswerJudged: tuple(state for state in CallState if state is not CallState.JUDGING),
    i.Admitted: tuple(state for state in CallState if state is not CallState.ADMITTING),
    i.NotAdmitted: tuple(state for state in CallState if state is not CallState.ADMITTING),
    i.EndCall: (CallState.ENDING, CallState.CLOSING, CallState.ENDED),
    i.ChannelGone: (CallState.CLOSING, CallState.ENDED),
    i.CallDeadline: (CallState.CLOSING, CallState.ENDED),
}
LATE = frozenset((state, given) for given, states in _LATE.items() for state in states)
