"""The plug-in interface and its conformance kit: a good plug-in passes, a bad one does not."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
from collections.abc import Callable

import pytest
from _pytest.outcomes import Failed

from adapter.plugin_api import (
    TTS,
    BadRequest,
    Capabilities,
    Gender,
    PluginError,
    QuotaExceeded,
    Speech,
    SpeechError,
    SpeechRequest,
    Timeout,
    Unavailable,
    VoiceNotSupported,
)
from adapter.plugin_api.kit import TTSConformance
from tests.fakes.speech import CAPABILITIES, RATE, ScriptedTTS, hum, voice


class TestScriptedTTS(TTSConformance):
    """The synthesiser that our other tests use is a conforming plug-in."""

    async def start(self) -> TTS:
        return ScriptedTTS()


class Quiet(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        speech = await super().synthesize(request)
        return Speech(bytes(len(speech.pcm)), speech.sample_rate)


class OtherRate(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        return Speech((await super().synthesize(request)).pcm, 11025)


class FirstWordsOnly(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        await super().synthesize(request)
        return Speech(hum(1.0), RATE)


class AnyVoiceWillDo(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        try:
            return await super().synthesize(request)
        except VoiceNotSupported:
            return Speech(hum(1.0), RATE)


class ExactLanguageOnly(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        if request.language not in self.capabilities.languages:
            raise VoiceNotSupported(request.language)
        return await super().synthesize(request)


class ForgivesEmptyText(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        text = request.text.strip() or "nothing at all"
        return await super().synthesize(dataclasses.replace(request, text=text))


class Cuts(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        text = request.text[: self.capabilities.max_chars]
        return await super().synthesize(dataclasses.replace(request, text=text))


class ObeysMarkup(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        speech = await super().synthesize(request)
        pause = 9 * speech.sample_rate if "<break" in request.text else 0
        return Speech(speech.pcm + bytes(2 * pause), speech.sample_rate)


class StopsAtNul(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        text = request.text.partition("\0")[0] or "."
        return await super().synthesize(dataclasses.replace(request, text=text))


class SwallowsMarkup(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        return await super().synthesize(dataclasses.replace(request, ssml=False))


class EncodesStrictly(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        request.text.encode()
        return await super().synthesize(request)


class Mixes(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        self.latest = request
        await asyncio.sleep(0)
        return await super().synthesize(self.latest)


class LeavesProcess(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        self.left = await asyncio.create_subprocess_exec("sleep", "60")
        return await super().synthesize(request)

    async def close(self) -> None:
        self.left.kill()
        await self.left.wait()


class LeavesTask(ScriptedTTS):
    async def synthesize(self, request: SpeechRequest) -> Speech:
        self.left = asyncio.create_task(asyncio.Event().wait())
        return await super().synthesize(request)


class UnnamedVoice(ScriptedTTS):
    def __init__(self) -> None:
        languages = {"en-US": (voice("female", Gender.MALE),)}
        super().__init__(Capabilities(languages=languages, ssml=False, max_chars=300))


@pytest.mark.parametrize(
    ("plugin", "test"),
    [
        (UnnamedVoice, TTSConformance.test_capabilities_are_consistent),
        (Quiet, TTSConformance.test_audio_is_speech),
        (OtherRate, TTSConformance.test_audio_is_speech),
        (FirstWordsOnly, TTSConformance.test_longer_text_is_longer_audio),
        (ExactLanguageOnly, TTSConformance.test_region_falls_back_to_primary_tag),
        (AnyVoiceWillDo, TTSConformance.test_unknown_voice_is_refused),
        (ForgivesEmptyText, TTSConformance.test_empty_text_is_refused),
        (Cuts, TTSConformance.test_too_long_text_is_refused),
        (ObeysMarkup, TTSConformance.test_text_is_text),
        (StopsAtNul, TTSConformance.test_text_is_text),
        (EncodesStrictly, TTSConformance.test_any_text_gives_speech_or_an_error_of_the_family),
        (SwallowsMarkup, TTSConformance.test_markup_needs_the_capability),
        (Mixes, TTSConformance.test_concurrent_requests_do_not_mix),
        (LeavesProcess, TTSConformance.test_cancel_leaves_nothing_running),
        (LeavesTask, TTSConformance.test_cancel_leaves_nothing_running),
    ],
)
def test_kit_finds(plugin: type[ScriptedTTS], test: Callable[[TTSConformance], None]) -> None:
    """A plug-in with one fault fails the test that is about it."""

    class Conformance(TTSConformance):
        async def start(self) -> TTS:
            return plugin()

    with pytest.raises((AssertionError, Failed, UnicodeEncodeError, VoiceNotSupported)):
        test(Conformance())


def test_interface_does_not_import_pytest() -> None:
    """The adapter runs without pytest: only the kit needs it."""
    code = "import adapter.plugin_api, sys; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("language", "wanted", "found"),
    [
        ("en-US", "", ("en-US", "Joe")),
        ("en-us", "FEMALE", ("en-US", "Ann")),
        ("en_US", " ann ", ("en-US", "Ann")),
        ("en", "", ("en-US", "Joe")),
        ("en-AU", "male", ("en-US", "Joe")),
        ("en-GB", "male", ("en-GB", "Tom")),
        ("en-GB-x-rp", "", ("en-GB", "Tom")),
        ("en-GB", "female", ("en-US", "Ann")),
        ("DE-AT", "Female", ("de", "Eva")),
    ],
)
def test_pick(language: str, wanted: str, found: tuple[str, str]) -> None:
    """Exact tag, then shorter tags, then the same primary tag; words and names in any case."""
    tag, picked = CAPABILITIES.pick(language, wanted)
    assert (tag, picked.name) == found


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("fr", ""),
        ("", ""),
        ("e", ""),
        ("eng", ""),
        ("de", "male"),
        ("de", "Ann"),
        ("en", "neutral"),
    ],
)
def test_pick_refuses(language: str, wanted: str) -> None:
    """No voice, no answer; the error says what was asked for."""
    with pytest.raises(VoiceNotSupported) as fault:
        CAPABILITIES.pick(language, wanted)
    assert (fault.value.language, fault.value.voice) == (language, wanted)


@pytest.mark.parametrize(
    "fields",
    [
        {"text": ""},
        {"text": "x" * 301},
        {"ssml": True},
        {"rate": 0.0},
        {"rate": float("nan")},
        {"pitch": 99.0},
        {"pitch": float("nan")},
    ],
)
def test_resolve_refuses(fields: dict[str, object]) -> None:
    """What can't be served is a BadRequest before anything is done."""
    whole = {"text": "hello", "language": "en", **fields}
    with pytest.raises(BadRequest):
        CAPABILITIES.resolve(SpeechRequest(**whole))  # type: ignore[arg-type]


def test_resolve_names_the_voice() -> None:
    """A resolved request says which language and voice it will be, and keeps the rest."""
    asked = SpeechRequest(text="hello", language="en-GB", voice="female", rate=1.5)
    resolved = CAPABILITIES.resolve(asked)
    assert resolved == SpeechRequest(text="hello", language="en-US", voice="Ann", rate=1.5)
    assert CAPABILITIES.resolve(resolved) == resolved


def test_retryable() -> None:
    """Classes say whether a second try may help, and one error may know better."""
    assert Unavailable("x").retryable
    assert Timeout("x").retryable
    assert not QuotaExceeded("x").retryable
    assert not BadRequest("x").retryable
    assert not VoiceNotSupported("en").retryable
    assert QuotaExceeded("slow down", retryable=True).retryable
    assert not Unavailable("for good", retryable=False).retryable
    assert issubclass(SpeechError, PluginError)


@pytest.mark.parametrize(("pcm", "rate"), [(b"\0", 8000), (b"\0\0", 0)])
def test_speech_is_whole_samples(pcm: bytes, rate: int) -> None:
    """Half a sample or no rate is a bug of the plug-in and is said at once."""
    with pytest.raises(ValueError, match="samples"):
        Speech(pcm, rate)


def test_speech_seconds() -> None:
    """Length follows from samples and rate."""
    assert Speech(bytes(16000), 8000).seconds == 1.0
