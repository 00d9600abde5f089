"""Prometheus metrics: what the parts report, under names that an operator can alert on.

Source for the naming: Prometheus documentation, "Metric and label naming". Every object is built
with its own registry by `adapter.app`; there is no global one.

A series whose labels are known beforehand is there from the start, with 0: what appears with its
first count has no increase that `rate()` could see (the same, "Avoid missing metrics").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import product
from typing import Final, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from adapter.contracts import enablex, mediaservice
from adapter.contracts.limits import Limit
from adapter.contracts.throttle import Watcher
from adapter.core.destinations import trunk_of
from adapter.core.inputs import (
    Admitted,
    CallArrived,
    Input,
    NotAdmitted,
    OfferCall,
    PlaceCall,
)
from adapter.core.model import Direction, EndCause, EndedBy, Ending
from adapter.core.outputs import (
    CallAnswered,
    CallEnded,
    CallRang,
    CreateChannel,
    HangupReason,
    PartyFailed,
    PartyJoined,
    Step,
)
from adapter.engine.ports import Observer as EngineObserver
from adapter.outbox.outbox import Observer as OutboxObserver

FAST: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
SLOW: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_TURNED_AWAY = (
    HangupReason.UNALLOCATED,
    HangupReason.REJECTED,
    HangupReason.BUSY,
    HangupReason.CONGESTION,
    HangupReason.FAILURE,
)
_CONTRACTS = (enablex.NAME, mediaservice.NAME)
_DIALLED = ("answered", *EndCause)


def from_the_start(metric: Counter | Gauge | Histogram, *labels: Iterable[str]) -> None:
    """Let a metric have all combinations of these values of its labels."""
    for values in product(*labels):
        metric.labels(*values)


class EngineMetrics:
    """Calls: the engine's observer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        slow = partial(Histogram, buckets=SLOW, registry=registry)
        self._active = Gauge(
            "ari_voice_calls_active", "Calls that have not ended", ["direction"], registry=registry
        )
        self._total = counter(
            "ari_voice_calls", "Calls that have ended", ["contract", "direction", "cause"]
        )
        answered = "Calls that have ended and had been answered"
        self._answered = counter("ari_voice_calls_answered", answered, ["contract", "direction"])
        setup = "From the order or arrival to the answer"
        self._setup = slow("ari_voice_call_setup_seconds", setup, ["direction"])
        post_dial = "From the order of an outbound call to ringing"
        self._post_dial = slow("ari_voice_post_dial_delay_seconds", post_dial)
        self._step = Histogram(
            "ari_voice_input_seconds",
            "From an input of a call to the end of its commit",
            buckets=FAST,
            registry=registry,
        )
        self._late = counter("ari_voice_inputs_late", "Inputs that came too late", ["input"])
        codes = "Codes (PINs) that callers gave when they were asked, by what came of them"
        self._codes = counter("ari_voice_admission_codes", codes, ["result"])
        turned_away = "Inbound calls that belong to no number"
        self._turned_away = counter("ari_voice_calls_turned_away", turned_away, ["reason"])
        orphans = "Channels and bridges of ours that belonged to no call"
        self._orphans = counter("ari_voice_orphans", orphans, ["kind"])
        from_the_start(self._active, Direction)
        from_the_start(self._total, _CONTRACTS, Direction, EndCause)
        from_the_start(self._answered, _CONTRACTS, Direction)
        from_the_start(self._setup, Direction)
        from_the_start(self._codes, ("admitted", "refused"))
        from_the_start(self._turned_away, _TURNED_AWAY)
        from_the_start(self._orphans, ("channel", "bridge"))

    def orphan(self, kind: str) -> None:
        """A channel or bridge was left behind."""
        self._orphans.labels(kind).inc()

    def resumed(self, direction: str) -> None:
        """A live call was found in the database at the start."""
        self._active.labels(direction).inc()

    def stepped(self, step: Step, given: Input, now: float, seconds: float) -> None:
        """An input was applied."""
        if step.late:
            self._late.labels(type(given).__name__).inc()
            return
        self._step.observe(seconds)
        call = step.call
        if isinstance(given, PlaceCall | OfferCall):
            self._active.labels(call.direction).inc()
        if isinstance(given, Admitted | NotAdmitted):
            result = "admitted" if isinstance(given, Admitted) else "refused"
            self._codes.labels(result).inc()
        for notice in step.notices:
            match notice:
                case CallRang():
                    self._post_dial.observe(now - call.created_at)
                case CallAnswered():
                    self._setup.labels(call.direction).observe(now - call.created_at)
                case CallEnded(ending=ending):
                    self._active.labels(call.direction).dec()
                    self._total.labels(call.contract, call.direction, ending.cause).inc()
                    if call.answered_at is not None:
                        self._answered.labels(call.contract, call.direction).inc()
                case _:
                    pass

    def turned_away(self, arrival: CallArrived, reason: HangupReason) -> None:
        """An inbound call belongs to nobody."""
        self._turned_away.labels(reason).inc()


class TrunkMetrics(EngineObserver):
    """What came of dialling through each trunk, at the answer or at the end without one.

    A leg that a phone or a SIP address was called on has the trunk "". Inbound calls are not here:
    their rows do not say by which trunk they came.

    Args:
        registry: of the adapter.
        trunks: names of those that are there at the start.
    """

    def __init__(self, registry: CollectorRegistry, trunks: Iterable[str]) -> None:
        self._legs = Counter(
            "ari_voice_dialled_legs",
            "Legs that were dialled, by what came of it",
            ["trunk", "result"],
            registry=registry,
        )
        self._known = {"", *trunks}
        from_the_start(self._legs, self._known, _DIALLED)

    def stepped(self, step: Step, given: Input, now: float, seconds: float) -> None:
        """An input was applied."""
        for effect in step.effects:
            if isinstance(effect, CreateChannel):
                self._dialled(trunk_of(effect.endpoint))
        dial = step.call.dial
        for notice in step.notices:
            match notice:
                case CallAnswered() if dial is not None:
                    self._count(dial.endpoint, "answered")
                case CallEnded(ending=ending) if dial and step.call.answered_at is None:
                    self._count(dial.endpoint, ending.cause)
                case PartyJoined(order=order):
                    self._count(order.dial.endpoint, "answered")
                case PartyFailed(order=order, ending=ending) if not _declined(ending):
                    self._count(order.dial.endpoint, ending.cause)
                case _:
                    pass

    def turned_away(self, arrival: CallArrived, reason: HangupReason) -> None:
        """Nothing was dialled."""

    def _dialled(self, trunk: str) -> None:
        if trunk not in self._known:
            self._known.add(trunk)
            from_the_start(self._legs, (trunk,), _DIALLED)

    def _count(self, endpoint: str, result: str) -> None:
        self._legs.labels(trunk_of(endpoint), result).inc()


def _declined(ending: Ending) -> bool:
    """Whether a party was not called at all: see `adapter.core.bridge.decline`."""
    return (ending.cause, ending.by) == (EndCause.CANCELLED, EndedBy.SYSTEM)


class Observers(EngineObserver):
    """Several observers of one engine."""

    def __init__(self, *observers: EngineObserver) -> None:
        self._observers = observers

    def stepped(self, step: Step, given: Input, now: float, seconds: float) -> None:
        """An input was applied."""
        for one in self._observers:
            one.stepped(step, given, now, seconds)

    def turned_away(self, arrival: CallArrived, reason: HangupReason) -> None:
        """An inbound call belongs to nobody."""
        for one in self._observers:
            one.turned_away(arrival, reason)


class OutboxMetrics(OutboxObserver):
    """Webhooks: the outbox's observer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._delivered = Counter(
            "ari_voice_webhooks_delivered",
            "Webhooks that were acknowledged",
            ["event"],
            registry=registry,
        )
        self._seconds = Histogram(
            "ari_voice_webhook_delivery_seconds",
            "From the event to the acknowledgement of its webhook",
            buckets=SLOW,
            registry=registry,
        )
        self._failed = Counter(
            "ari_voice_webhook_attempts_failed",
            "Attempts that were not acknowledged",
            ["reason"],
            registry=registry,
        )
        self._dead = Counter(
            "ari_voice_webhooks_dead", "Webhooks that were given up", ["event"], registry=registry
        )
        self._backlog = Gauge(
            "ari_voice_webhooks_pending", "Webhooks not acknowledged yet", registry=registry
        )
        self._oldest = Gauge(
            "ari_voice_webhook_oldest_seconds", "Age of the oldest of them", registry=registry
        )

    def delivered(self, event: str, seconds: float, attempts: int) -> None:
        """A webhook was acknowledged."""
        self._delivered.labels(event).inc()
        self._dead.labels(event)  # with 0, before the first
        self._seconds.observe(seconds)

    def failed(self, reason: str) -> None:
        """An attempt failed."""
        self._failed.labels(reason).inc()

    def dead(self, event: str) -> None:
        """A webhook was given up."""
        self._dead.labels(event).inc()

    def backlog(self, count: int, age: float) -> None:
        """How much waits."""
        self._backlog.set(count)
        self._oldest.set(age)


class AsteriskMetrics:
    """ARI: commands by verb, and the event connection."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._commands = Histogram(
            "ari_voice_ari_command_seconds",
            "Time of an ARI request",
            ["verb", "ok"],
            buckets=FAST,
            registry=registry,
        )
        self.connected = Gauge(
            "ari_voice_ari_connected", "1 while ARI events arrive", registry=registry
        )
        self.connections = Counter(
            "ari_voice_ari_connections", "Times the event connection came up", registry=registry
        )
        self.unknown_events = Counter(
            "ari_voice_ari_unknown_events", "Events of unknown type", ["type"], registry=registry
        )
        self.malformed_events = Counter(
            "ari_voice_ari_malformed_events", "Events that could not be read", registry=registry
        )

    def command(self, verb: str, seconds: float, ok: bool) -> None:
        """An ARI request was answered, or not."""
        self._commands.labels(verb, "yes" if ok else "no").observe(seconds)


class AccessMetrics(Watcher):
    """What was refused for its own good: limits, suspended apps, guessed keys."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refused = Counter(
            "ari_voice_limit_refusals",
            "Calls and requests refused by a limit of their app, or because it is suspended",
            ["limit"],
            registry=registry,
        )
        self._failed = Counter(
            "ari_voice_authentication_failures", "Wrong credentials", registry=registry
        )
        self._throttled = Counter(
            "ari_voice_authentications_throttled",
            "Attempts that came after too many failures",
            ["result"],
            registry=registry,
        )
        from_the_start(self._refused, get_args(Limit))
        from_the_start(self._throttled, ("slowed", "turned_away"))

    def refused(self, limit: Limit) -> None:
        """A call or request was refused."""
        self._refused.labels(limit).inc()

    def failed(self) -> None:
        """Credentials were wrong."""
        self._failed.inc()

    def slowed(self) -> None:
        """An attempt had to wait."""
        self._throttled.labels("slowed").inc()

    def turned_away(self) -> None:
        """An attempt was not looked at."""
        self._throttled.labels("turned_away").inc()


def exposition(registry: CollectorRegistry) -> Callable[[], bytes]:
    """The text that `/metrics` answers (Prometheus text format 0.0.4).

    Without `*_created`: in this format these are gauges of their own, one more for each counter and
    histogram, which Prometheus would store and nobody asks for.
    """
    # of the whole process: prometheus_client has it in no other way, and without types
    disable_created_metrics()  # type: ignore[no-untyped-call]
    return lambda: generate_latest(registry)
