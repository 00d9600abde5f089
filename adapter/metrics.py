"""Prometheus metrics: what the parts report, under names that an operator can alert on.

Source for the naming: Prometheus documentation, "Metric and label naming". Every object is built
with its own registry by `adapter.app`; there is no global one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from adapter.contracts.limits import Limit
from adapter.contracts.throttle import Watcher
from adapter.core.inputs import (
    Admitted,
    CallArrived,
    Input,
    NotAdmitted,
    OfferCall,
    PlaceCall,
)
from adapter.core.outputs import CallAnswered, CallEnded, CallRang, HangupReason, Step
from adapter.engine.ports import Observer as EngineObserver
from adapter.outbox.outbox import Observer as OutboxObserver
from adapter.plugin_api import SpeechError

_FAST = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class EngineMetrics:
    """Calls: the engine's observer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._active = Gauge(
            "ari_voice_calls_active", "Calls that have not ended", ["direction"], registry=registry
        )
        self._total = Counter(
            "ari_voice_calls",
            "Calls that have ended",
            ["contract", "direction", "cause"],
            registry=registry,
        )
        self._setup = Histogram(
            "ari_voice_call_setup_seconds",
            "From the order or arrival to the answer",
            ["direction"],
            buckets=_SLOW,
            registry=registry,
        )
        self._post_dial = Histogram(
            "ari_voice_post_dial_delay_seconds",
            "From the order of an outbound call to ringing",
            buckets=_SLOW,
            registry=registry,
        )
        self._step = Histogram(
            "ari_voice_input_seconds",
            "From an input of a call to the end of its commit",
            buckets=_FAST,
            registry=registry,
        )
        self._late = Counter(
            "ari_voice_inputs_late", "Inputs that came too late", ["input"], registry=registry
        )
        self._codes = Counter(
            "ari_voice_admission_codes",
            "Codes (PINs) that callers gave when they were asked, by what came of them",
            ["result"],
            registry=registry,
        )
        self._turned_away = Counter(
            "ari_voice_calls_turned_away",
            "Inbound calls that belong to no number",
            ["reason"],
            registry=registry,
        )

        self._orphans = Counter(
            "ari_voice_orphans",
            "Channels and bridges of ours that belonged to no call",
            ["kind"],
            registry=registry,
        )

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
                case _:
                    pass

    def turned_away(self, arrival: CallArrived, reason: HangupReason) -> None:
        """An inbound call belongs to nobody."""
        self._turned_away.labels(reason).inc()


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
            buckets=_SLOW,
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
            buckets=_FAST,
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


class SpeechMetrics:
    """Text to speech: the observer of the speech cache."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "ari_voice_tts_render_seconds",
            "Time of a speech synthesis",
            ["provider"],
            buckets=_SLOW,
            registry=registry,
        )
        self._cache = Counter(
            "ari_voice_tts_cache",
            "Requests for speech, by what the cache had",
            ["provider", "result"],
            registry=registry,
        )
        self._failures = Counter(
            "ari_voice_tts_failures",
            "Tries that failed",
            ["provider", "fault"],
            registry=registry,
        )
        self._bytes = Gauge(
            "ari_voice_tts_cache_bytes", "Size of the speech cache", registry=registry
        )

        self._fallbacks = Counter(
            "ari_voice_tts_fallbacks",
            "Prompts that another synthesiser spoke",
            ["provider", "instead_of"],
            registry=registry,
        )

    def tts_fell_back(self, provider: str, instead_of: str) -> None:
        """Another synthesiser spoke than the preferred one."""
        self._fallbacks.labels(provider, instead_of).inc()

    def tts_hit(self, provider: str) -> None:
        """Speech was there already, or being rendered for somebody else."""
        self._cache.labels(provider, "hit").inc()

    def tts_rendered(self, provider: str, seconds: float, size: int) -> None:
        """Speech was rendered."""
        self._cache.labels(provider, "miss").inc()
        self._seconds.labels(provider).observe(seconds)

    def tts_failed(self, provider: str, fault: SpeechError) -> None:
        """A try failed."""
        self._failures.labels(provider, type(fault).__name__).inc()

    def tts_kept(self, size: int) -> None:
        """So many bytes are in the cache now."""
        self._bytes.set(size)


class LoopLag:
    """How late the event loop runs what is due: the first sign of an overload."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lag = Histogram(
            "ari_voice_event_loop_lag_seconds",
            "Delay of a timer of the event loop",
            buckets=_FAST,
            registry=registry,
        )

    async def run(self, interval: float = 0.25) -> None:
        """Measure until cancelled, every `interval` seconds."""
        while True:
            due = perf_counter() + interval
            await asyncio.sleep(interval)
            self._lag.observe(max(0.0, perf_counter() - due))


def exposition(registry: CollectorRegistry) -> Callable[[], bytes]:
    """The text that `/metrics` answers (Prometheus text format 0.0.4)."""
    return lambda: generate_latest(registry)
