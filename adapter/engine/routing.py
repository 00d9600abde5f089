"""Facts that Asterisk tells find their call; a channel that belongs to none is received."""

from __future__ import annotations

import logging
from collections.abc import Callable

from adapter.core.faults import StoreFailed
from adapter.core.ids import CallId, call_of
from adapter.core.inputs import CallArrived, Input
from adapter.core.model import EndCause
from adapter.core.outputs import Hangup, HangupReason
from adapter.engine.engine import Engine
from adapter.engine.ports import Observer, Reception

log = logging.getLogger(__name__)

_TOLD = {
    EndCause.NOT_FOUND: HangupReason.UNALLOCATED,
    EndCause.REJECTED: HangupReason.REJECTED,
    EndCause.BUSY: HangupReason.BUSY,
    EndCause.CONGESTION: HangupReason.CONGESTION,
}


class Routing:
    """Where events enter the engine.

    Args:
        engine: takes them.
        reception: decides whose an arrival is.
        observer: counts who was turned away.
        new_id: makes call ids.
    """

    def __init__(
        self,
        engine: Engine,
        reception: Reception,
        observer: Observer,
        new_id: Callable[[], CallId],
    ) -> None:
        self._engine = engine
        self._reception = reception
        self._observer = observer
        self._new_id = new_id

    def take(self, fact: Input | CallArrived) -> None:
        """One fact, in the order in which Asterisk told it. Never waits."""
        if isinstance(fact, CallArrived):
            self._arrive(fact)
            return
        call = self._call_of(fact)
        if call is not None:
            self._engine.tell(call, fact)

    def _call_of(self, fact: Input) -> CallId | None:
        playback = getattr(fact, "playback", None)
        if playback is not None:
            return call_of(playback)
        bridge = getattr(fact, "bridge", None)
        if bridge is not None:
            return call_of(bridge)
        channel = getattr(fact, "channel", None)
        return self._engine.call_on(channel) if channel is not None else None

    def _arrive(self, arrival: CallArrived) -> None:
        if self._engine.call_on(arrival.channel) is not None:
            return  # known already: found by the reconciliation while this event was held
        try:
            offer = self._reception.receive(arrival, self._new_id())
            if not isinstance(offer, EndCause):
                self._engine.open(offer)
                return
        except StoreFailed:
            log.exception("an inbound call could not be written down; turned away")
            offer = EndCause.CONGESTION
        reason = _TOLD.get(offer, HangupReason.FAILURE)
        self._observer.turned_away(arrival, reason)
        self._engine.effects.run(
            CallId(arrival.channel), (Hangup(channel=arrival.channel, reason=reason),)
        )
