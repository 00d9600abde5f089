"""How much a tenant may call: so many calls at a time, so many a second; and the end of its calls.

Every front end asks `Limits.admit` before it dials, for a first leg and for each further one. The
count follows the rows as the engine writes them, so it is right after a restart, and a question
takes the same time whether one call is live or ten thousand. Not here: what a refusal is called.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from adapter.core.errors import CoreError
from adapter.core.faults import StoreFailed
from adapter.core.ids import CallId
from adapter.core.inputs import CallArrived, EndCall, Input
from adapter.core.model import Call, CallState
from adapter.core.outputs import HangupReason, Step
from adapter.engine.engine import Engine
from adapter.engine.ports import Observer

log = logging.getLogger(__name__)

Limit: TypeAlias = Literal["concurrent", "rate", "suspended"]

_NEARLY: Final = 1e-9
"""Of a token: who waited as long as we said is not told to wait for a rounding error."""


class LimitReached(Exception):
    """One more call would be one too many.

    Attributes:
        limit: which one.
        retry_after: whole seconds after which it may be tried again, at least 1.
    """

    def __init__(self, limit: Limit, retry_after: int) -> None:
        super().__init__(limit)
        self.limit = limit
        self.retry_after = retry_after


class Limited(Protocol):
    """Who has limits: an app."""

    @property
    def id(self) -> str:
        """The owner of its calls."""

    @property
    def max_concurrent_calls(self) -> int | None:
        """So many legs at a time; None for no limit."""

    @property
    def calls_per_second(self) -> float | None:
        """So many are dialled in a second; None for no limit."""


@dataclass(slots=True)
class Bucket:
    """A token bucket: one token a call, `rate` new ones a second, at most `max(1, rate)` at rest.

    Attributes:
        tokens: that there were at the time `at`, in seconds of the caller's clock.
    """

    tokens: float
    at: float

    def take(self, rate: float, now: float) -> float:
        """Take a token. Returns 0, or the seconds until there is one; then none was taken."""
        self.tokens = min(max(1.0, rate), self.tokens + (now - self.at) * rate)
        self.at = now
        if self.tokens < 1.0 - _NEARLY:
            return (1.0 - self.tokens) / rate
        self.tokens = max(0.0, self.tokens - 1.0)
        return 0.0


def legs(call: Call) -> int:
    """How many calls a row counts as: itself, and each party that it is or will be joined with."""
    return 1 + len(call.further_legs) if call.live else 0


class Limits(Observer):
    """Counts the calls of each owner. Apps and domains never have the same name.

    Args:
        now: seconds of a clock that does not jump.
        refused: told of each refusal, for the metrics; front ends tell it of their own.
    """

    def __init__(self, now: Callable[[], float], refused: Callable[[Limit], None]) -> None:
        self._now = now
        self.refused = refused
        self._legs: dict[CallId, tuple[str, int]] = {}
        self._live: Counter[str] = Counter()
        self._buckets: dict[str, Bucket] = {}

    def load(self, calls: Iterable[Call]) -> None:
        """Count the calls that are live at the start."""
        for call in calls:
            self._note(call)

    def stepped(self, step: Step, given: Input, now: float, seconds: float) -> None:
        """A row was written: see `adapter.engine.ports.Observer`."""
        self._note(step.call)

    def turned_away(self, arrival: CallArrived, reason: HangupReason) -> None:
        """It has no row."""

    def live(self, owner: str) -> int:
        """How many legs are live."""
        return self._live[owner]

    def full(self, who: Limited) -> bool:
        """Whether no further leg may begin. An inbound call that finds it so is turned away."""
        limit = who.max_concurrent_calls
        full = limit is not None and self._live[who.id] >= limit
        if full:
            self.refused("concurrent")
        return full

    def admit(self, who: Limited) -> None:
        """One more leg is about to be dialled. Call it last: it takes a token of the rate.

        Raises:
            LimitReached: it may not be; nothing was counted.
        """
        if self.full(who):
            raise LimitReached("concurrent", 1)
        rate = who.calls_per_second
        if rate is None:
            return
        now = self._now()
        bucket = self._buckets.setdefault(who.id, Bucket(max(1.0, rate), now))
        wait = bucket.take(rate, now)
        if wait > 0.0:
            self.refused("rate")
            raise LimitReached("rate", max(1, math.ceil(wait - _NEARLY)))

    def _note(self, call: Call) -> None:
        before = self._legs.get(call.id, (call.owner, 0))
        now = (call.owner, legs(call))
        if now == before:
            return
        for owner, change in ((before[0], -before[1]), now):
            self._live[owner] += change
            if not self._live[owner]:
                del self._live[owner]
        if now[1]:
            self._legs[call.id] = now
        else:
            del self._legs[call.id]


def hang_up_all(engine: Engine, contract: str, owners: Collection[str]) -> int:
    """End every live call of these owners: what `ari-voice app suspend --hangup` asks for.

    Takes no time when there are no such owners. Calls that are ending already are left alone, so
    it may be done again and again.

    Args:
        engine: owns the calls.
        contract: whose owners they are.
        owners: tenants of that contract.

    Returns:
        How many were told to end.
    """
    if not owners:
        return 0
    ending = [
        call.id
        for call in engine.live.values()
        if call.contract == contract and call.owner in owners and call.state != CallState.ENDING
    ]
    for call in ending:
        try:
            engine.apply(call, EndCall())
        except (CoreError, StoreFailed):
            log.exception("a call of a suspended app could not be ended", extra={"call": call})
    if ending:
        log.warning("calls of suspended apps ended", extra={"calls": len(ending)})
    return len(ending)
