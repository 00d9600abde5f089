"""Prometheus metrics of speech, in both directions, and of recordings."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import permutations
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from adapter.core.inputs import CallArrived, Input, SpeechLost
from adapter.core.model import Saved
from adapter.core.outputs import HangupReason, RecordingBegan, RecordingOver, Step
from adapter.engine.ports import Observer as EngineObserver
from adapter.media.recognition import Observer as RecognitionObserver
from adapter.media.recordings import NO_ANSWER, NO_ROOM, NOT_WRITTEN
from adapter.metrics import SLOW, from_the_start
from adapter.plugin_api import (
    BadRequest,
    LanguageNotSupported,
    QuotaExceeded,
    RecognitionError,
    SpeechError,
    Timeout,
    Unavailable,
    VoiceNotSupported,
)

_FAULTS: Final = (Unavailable, Timeout, QuotaExceeded, BadRequest)
SPEECH_FAULTS: Final = tuple(one.__name__ for one in (SpeechError, *_FAULTS, VoiceNotSupported))
RECOGNITION_FAULTS: Final = tuple(
    one.__name__ for one in (RecognitionError, *_FAULTS, LanguageNotSupported)
)
_REASONS: Final = {NO_ROOM: "no_room", NOT_WRITTEN: "not_written", NO_ANSWER: "no_answer"}


class SpeechMetrics:
    """Text to speech: the observer of the speech cache.

    Args:
        registry: of the adapter.
        providers: names of the synthesisers.
    """

    def __init__(self, registry: CollectorRegistry, providers: Iterable[str]) -> None:
        counter = partial(Counter, registry=registry)
        self._seconds = Histogram(
            "ari_voice_tts_render_seconds",
            "Time of a speech synthesis",
            ["provider"],
            buckets=SLOW,
            registry=registry,
        )
        requests = "Requests for speech, by what the cache had"
        self._cache = counter("ari_voice_tts_cache", requests, ["provider", "result"])
        self._failures = counter(
            "ari_voice_tts_failures", "Tries that failed", ["provider", "fault"]
        )
        self._bytes = Gauge(
            "ari_voice_tts_cache_bytes", "Size of the speech cache", registry=registry
        )
        others = "Prompts that another synthesiser spoke"
        self._fallbacks = counter("ari_voice_tts_fallbacks", others, ["provider", "instead_of"])
        providers = tuple(providers)
        from_the_start(self._seconds, providers)
        from_the_start(self._cache, providers, ("hit", "miss"))
        from_the_start(self._failures, providers, SPEECH_FAULTS)
        for pair in permutations(providers, 2):
            self._fallbacks.labels(*pair)

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


class RecognitionMetrics(EngineObserver, RecognitionObserver):
    """Speech to text: the observer of the recognisers, and of the calls that lost them.

    Args:
        registry: of the adapter.
        providers: names of the recognisers.
    """

    def __init__(self, registry: CollectorRegistry, providers: Iterable[str]) -> None:
        counter = partial(Counter, registry=registry)
        given = "Utterances that a recogniser was given"
        self._started = counter("ari_voice_asr_utterances", given, ["provider"])
        results = "Utterances that a recogniser has worked on to their end"
        self._results = counter("ari_voice_asr_results", results, ["provider", "result"])
        failures = "Utterances on which a recogniser failed"
        self._failures = counter("ari_voice_asr_failures", failures, ["provider", "fault"])
        self._seconds = Histogram(
            "ari_voice_asr_seconds",
            "From the end of an utterance to its result",
            ["provider"],
            buckets=SLOW,
            registry=registry,
        )
        lost = "Times that a call wanted speech and had no recogniser, or none that did not fail"
        self._lost = counter("ari_voice_asr_lost", lost)
        providers = tuple(providers)
        from_the_start(self._started, providers)
        from_the_start(self._results, providers, ("text", "nothing"))
        from_the_start(self._failures, providers, RECOGNITION_FAULTS)
        from_the_start(self._seconds, providers)

    def asr_started(self, provider: str) -> None:
        """A recogniser was given an utterance."""
        self._started.labels(provider).inc()

    def asr_heard(self, provider: str, seconds: float, text: bool) -> None:
        """It has understood it, or no word of it, so long after its end."""
        self._results.labels(provider, "text" if text else "nothing").inc()
        self._seconds.labels(provider).observe(seconds)

    def asr_failed(self, provider: str, fault: RecognitionError | TimeoutError) -> None:
        """It has failed, or taken too long."""
        kind = Timeout if isinstance(fault, TimeoutError) else type(fault)
        self._failures.labels(provider, kind.__name__).inc()

    def stepped(self, step: Step, given: Input, now: float, seconds: float) -> None:
        """An input was applied."""
        if isinstance(given, SpeechLost) and not step.late:
            self._lost.inc()

    def turned_away(self, arrival: CallArrived, reason: HangupReason) -> None:
        """Nobody has listened."""


class RecordingMetrics(EngineObserver):
    """Recordings, as their applications are told of them: each has one ending."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, registry=registry)
        self._started = counter("ari_voice_recordings_started", "Recordings that have begun")
        self._saved = counter("ari_voice_recordings_saved", "Recordings that are whole")
        repaired = "Of these, the ones whose end was missing"
        self._repaired = counter("ari_voice_recordings_repaired", repaired)
        failed = "Recordings that could not be started or saved"
        self._failed = counter("ari_voice_recordings_failed", failed, ["reason"])
        self._seconds = counter("ari_voice_recorded_seconds", "Length of what was saved")
        self.ami_connected = Gauge(
            "ari_voice_ami_connected", "1 while recordings can be ordered", registry=registry
        )
        from_the_start(self._failed, (*_REASONS.values(), "other"))

    def stepped(self, step: Step, given: Input, now: float, seconds: float) -> None:
        """An input was applied."""
        for notice in step.notices:
            match notice:
                case RecordingBegan():
                    self._started.inc()
                case RecordingOver(saved=Saved() as saved):
                    self._saved.inc()
                    self._seconds.inc(saved.seconds)
                    if saved.repaired:
                        self._repaired.inc()
                case RecordingOver(reason=reason):
                    self._failed.labels(_word(reason)).inc()
                case _:
                    pass

    def turned_away(self, arrival: CallArrived, reason: HangupReason) -> None:
        """Nothing was recorded."""


def _word(reason: str) -> str:
    """Why a recording failed, in one of a few words."""
    return next((word for text, word in _REASONS.items() if reason.startswith(text)), "other")
