"""How the row of a call begins: placed by an application, or offered by Asterisk."""

from __future__ import annotations

from adapter.core import dialogue as dialogues
from adapter.core import inputs as i
from adapter.core.model import Call, CallState, Direction, Topic
from adapter.core.orders import create, effects_in_force
from adapter.core.outputs import CallOffered, Step

PLACE_TIMEOUT = 10.0
ANSWER_TIMEOUT = 10.0


def place(given: i.PlaceCall, now: float) -> Step:
    """The row of an outbound call, and the order that makes its channel."""
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
        connect_on_answer=given.connect_on_answer,
        record_on_answer=given.record_on_answer,
        detection=given.detection,
        asks=given.asks,
    )
    return Step(call=call, effects=(create(call),))


def offer(given: i.OfferCall, now: float) -> Step:
    """The row of an inbound call."""
    at_once = given.auto_answer or given.admission is not None
    call = Call(
        id=given.id,
        contract=given.contract,
        owner=given.owner,
        direction=Direction.INBOUND,
        caller=given.caller,
        callee=given.callee,
        channel=given.channel,
        context=given.context,
        state=CallState.ANSWERING if at_once else CallState.OFFERED,
        version=1,
        created_at=now,
        max_duration=given.max_duration,
        deadline=now + (ANSWER_TIMEOUT if at_once else given.accept_timeout),
        auto_answer=given.auto_answer,
        admission=given.admission,
        on_answer=given.on_answer,
        asks=given.asks,
    )
    effects = effects_in_force(call)
    if given.admission is not None:
        return Step(call=call, effects=effects)
    if not given.asks or given.auto_answer:
        return Step(call=call, effects=effects, notices=(CallOffered(),))
    asked = dialogues.ask(call, Topic.OFFER, now)
    return Step(call=asked.call, effects=effects + asked.effects)
