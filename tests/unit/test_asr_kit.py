"""The interface of recognisers and its kit: a good plug-in passes, a bad one does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from _pytest.outcomes import Failed

from adapter.plugin_api import (
    ASR,
    MAX_HINTS,
    BadRequest,
    LanguageNotSupported,
    Partial,
    PluginError,
    QuotaExceeded,
    Recognition,
    RecognitionCapabilities,
    RecognitionError,
    RecognitionRequest,
    SpeechError,
    Timeout,
    Transcript,
    Unavailable,
)
from adapter.plugin_api.asr_kit import ASRConformance
from adapter.plugin_api.languages import matching
from tests.fakes.recognition import CAPABILITIES, ScriptedASR, ScriptedRecognition, spoken


class Scripted(ASRConformance):
    def spoken(self, text: str, sample_rate: int) -> bytes:
        return bytes(sample_rate // 10 * 2) + spoken(text)


class TestScriptedASR(Scripted):
    """The recogniser that our other tests use is a conforming plug-in."""

    async def start(self) -> ASR:
        return ScriptedASR()


class TestWithoutPartialResults(Scripted):
    """So is one that has neither partial results nor hints."""

    async def start(self) -> ASR:
        return ScriptedASR(replace(CAPABILITIES, partial_results=False, hints=False))


class Faulty(ScriptedASR):
    """Makes utterances of its own `kind`."""

    kind: type[ScriptedRecognition] = ScriptedRecognition

    async def recognise(
        self, request: RecognitionRequest, partial: Partial | None = None
    ) -> Recognition:
        return self.kind(self, self.capabilities.resolve(request), partial)


def with_finish(change: Callable[[ScriptedRecognition, Transcript], Any]) -> type[Faulty]:
    """A recogniser whose `finish` is followed by `change`."""

    class Kind(ScriptedRecognition):
        async def finish(self) -> Transcript:
            said = await super().finish()
            changed = change(self, said)
            return changed if isinstance(changed, Transcript) else said

    return type("Changed", (Faulty,), {"kind": Kind})


class TakesHalves(Faulty):
    class kind(ScriptedRecognition):
        def feed(self, pcm: bytes) -> None:
            super().feed(pcm[: len(pcm) // 2 * 2])


class GoesOn(Faulty):
    class kind(ScriptedRecognition):
        def _alive(self) -> None:
            return None


class Unlimited(Faulty):
    class kind(ScriptedRecognition):
        async def finish(self) -> Transcript:
            del self.audio[1000:]
            return await super().finish()


class Mixes(Faulty):
    shared = bytearray()

    class kind(ScriptedRecognition):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self.audio = Mixes.shared


class AnyLanguage(ScriptedASR):
    async def recognise(
        self, request: RecognitionRequest, partial: Partial | None = None
    ) -> Recognition:
        return await super().recognise(replace(request, language="en-US"), partial)


class EncodesStrictly(ScriptedASR):
    async def recognise(
        self, request: RecognitionRequest, partial: Partial | None = None
    ) -> Recognition:
        "".join(request.hints).encode()
        return await super().recognise(request, partial)


class LeavesTask(Faulty):
    class kind(ScriptedRecognition):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            if not self.request.hints:
                self.left = asyncio.create_task(asyncio.Event().wait())


class LeavesProcess(Faulty):
    class kind(ScriptedRecognition):
        async def finish(self) -> Transcript:
            if not self.request.hints:
                starting = asyncio.ensure_future(asyncio.create_subprocess_exec("sleep", "60"))
                LeavesProcess.left.append(starting)
                await asyncio.shield(starting)  # a cancel does not end it: that is what it is for
            return await super().finish()

    left: list[asyncio.Future[asyncio.subprocess.Process]] = []  # noqa: RUF012

    async def close(self) -> None:
        while self.left:
            process = await self.left.pop()
            process.kill()
            await process.wait()


def work(_utterance: ScriptedRecognition, _said: Transcript) -> None:
    end = time.thread_time() + 0.2
    while time.thread_time() < end:
        pass


def tell(utterance: ScriptedRecognition, _said: Transcript) -> None:
    if utterance.partial is not None:
        utterance.partial("too late")


class NoLanguages(ScriptedASR):
    def __init__(self) -> None:
        super().__init__(replace(CAPABILITIES, languages=("en-US", "en-US")))


WRONG = Transcript(text="wrong", confidence=1.0, language="en-US")


@pytest.mark.parametrize(
    ("plugin", "test"),
    [
        (NoLanguages, ASRConformance.test_capabilities_are_consistent),
        (with_finish(lambda *_: WRONG), ASRConformance.test_speech_is_understood),
        (with_finish(lambda *_: WRONG), ASRConformance.test_silence_is_empty),
        (Mixes, ASRConformance.test_utterances_do_not_mix),
        (with_finish(tell), ASRConformance.test_partial_results_need_the_capability),
        (TakesHalves, ASRConformance.test_half_a_sample_is_refused),
        (GoesOn, ASRConformance.test_nothing_after_the_end),
        (Unlimited, ASRConformance.test_too_much_audio_is_refused),
        (AnyLanguage, ASRConformance.test_language_and_rate),
        (EncodesStrictly, ASRConformance.test_any_hints_give_text_or_an_error_of_the_family),
        (LeavesTask, ASRConformance.test_cancel_leaves_nothing_running),
        (LeavesProcess, ASRConformance.test_cancel_leaves_nothing_running),
        (with_finish(work), ASRConformance.test_loop_is_not_held_up),
    ],
)
def test_kit_finds(plugin: type[ASR], test: Callable[[ASRConformance], None]) -> None:
    """A plug-in with one fault fails the test that is about it."""

    class Conformance(Scripted):
        async def start(self) -> ASR:
            return plugin()

    with pytest.raises((AssertionError, Failed, UnicodeEncodeError)):
        test(Conformance())


def capabilities(**fields: Any) -> RecognitionCapabilities:
    return replace(CAPABILITIES, **fields)


def request(**fields: Any) -> RecognitionRequest:
    return RecognitionRequest(**{"language": "en-US", "sample_rate": 16000, **fields})


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("en-GB", ["en-GB", "en", "en-US"]),
        ("EN_gb", ["en-GB", "en", "en-US"]),
        ("en-GB-oxendict", ["en-GB", "en", "en-US"]),
        ("en-AU", ["en", "en-US", "en-GB"]),
        ("de", ["de-DE"]),
        ("e", []),
        ("", []),
    ],
)
def test_matching_languages(asked: str, found: list[str]) -> None:
    """The exact tag, then shorter ones, then other regions in their order."""
    assert matching(asked, ["en-US", "de-DE", "en-GB", "en"]) == found


def test_resolve() -> None:
    """The language is the listed one, hints that can't be said go, all where they are no use."""
    hints = ("a", " ", "\0", "\ud800", "b")
    resolved = capabilities().resolve(request(language="en-AU", hints=hints))
    assert (resolved.language, resolved.hints) == ("en-US", ("a", "b"))
    assert capabilities(hints=False).resolve(request(hints=("a",))).hints == ()


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"language": "fr"}, LanguageNotSupported),
        ({"sample_rate": 44100}, BadRequest),
        ({"hints": ("x",) * (MAX_HINTS + 1)}, BadRequest),
        ({"hints": ("x" * 101,)}, BadRequest),
    ],
)
def test_resolve_refuses(fields: dict[str, Any], fault: type[PluginError]) -> None:
    """What can't be served is refused with its own error, and is not retryable."""
    with pytest.raises(fault) as raised:
        capabilities().resolve(request(**fields))
    assert not raised.value.retryable


def test_errors_of_both_families() -> None:
    """What can happen to speech and to recognition is caught by either family, the rest by one."""
    for shared in (Unavailable, Timeout, QuotaExceeded, BadRequest):
        assert issubclass(shared, SpeechError)
        assert issubclass(shared, RecognitionError)
    assert not issubclass(LanguageNotSupported, SpeechError)
    assert LanguageNotSupported("xx").language == "xx"


@pytest.mark.parametrize("confidence", [-0.1, 1.1])
def test_confidence_is_from_0_to_1(confidence: float) -> None:
    """Another one is a bug of the plug-in and is said at once."""
    with pytest.raises(ValueError, match="confidence"):
        Transcript(text="x", confidence=confidence, language="en")
