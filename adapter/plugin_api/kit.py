"""The conformance kit: tests that every synthesiser inherits; recognisers have `asr_kit.py`.

Needs pytest, and no plug-in of it.

::

    from adapter.plugin_api.kit import TTSConformance

    class TestMyTTS(TTSConformance):
        async def start(self) -> TTS:
            return await MyTTS.start({"key": "..."})

Each test starts the plug-in in an event loop of its own and closes it again. The processes that a
plug-in may leave behind are looked for in /proc, so the kit wants Linux.
"""

from __future__ import annotations

import array
import asyncio
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, ClassVar

import pytest

from adapter.plugin_api.errors import BadRequest, SpeechError, VoiceNotSupported
from adapter.plugin_api.tts import TTS, Speech, SpeechRequest

SPEECH_RMS = 300.0  # of 32767, that is -41 dBFS: quieter is no speech
PATIENCE = 60.0


class TTSConformance(ABC):
    """What every synthesiser does. Set `text` and `language` where the defaults don't suit.

    Attributes:
        text: a sentence of `language`, 1 to 10 seconds long.
        language: one of the plug-in's own; empty for its first.
        parallel: how many requests are made at the same time.
    """

    text: ClassVar[str] = "Good morning. Your order number is four two seven."
    language: ClassVar[str] = ""
    parallel: ClassVar[int] = 8

    @abstractmethod
    async def start(self) -> TTS:
        """A started plug-in, with the settings that the tests shall use."""

    def test_capabilities_are_consistent(self) -> None:
        """Languages have voices, names are unique, and each voice is found by its own name."""

        async def scenario(tts: TTS) -> None:
            offered = tts.capabilities
            hold(bool(tts.name) and tts.name == tts.name.lower(), "the name is lower case")
            hold(bool(tts.version), "there is a version, it is part of the cache key")
            hold(bool(offered.languages), "there is a language")
            hold(offered.max_chars >= 100, "a text may have 100 characters")
            for tag, voices in offered.languages.items():
                hold(bool(voices), f"{tag} has a voice")
                names = {voice.name.casefold() for voice in voices}
                hold(len(names) == len(voices), f"the voices of {tag} have different names")
                hold(not names & {"", "male", "female", "neutral"}, f"{tag}: no such names")
                for voice in voices:
                    hold(bool(voice.sample_rates), f"{voice.name} has a sample rate")
                    hold(offered.pick(tag, voice.name) == (tag, voice), f"{voice.name} is found")

        self._run(scenario)

    def test_audio_is_speech(self) -> None:
        """The audio has a promised rate, a sensible length, and is loud enough to be speech."""

        async def scenario(tts: TTS) -> None:
            request = self._request(tts)
            speech = await tts.synthesize(request)
            _, voice = tts.capabilities.pick(request.language, request.voice)
            hold(speech.sample_rate in voice.sample_rates, "the sample rate is as promised")
            hold(0.5 <= speech.seconds <= 30, f"{speech.seconds:.2f} s for one sentence")
            hold(_rms(speech) > SPEECH_RMS, f"a level of {_rms(speech):.0f} is no speech")

        self._run(scenario)

    def test_longer_text_is_longer_audio(self) -> None:
        """All of a text is spoken, its lines too, not just its beginning."""

        async def scenario(tts: TTS) -> None:
            once = await tts.synthesize(self._request(tts))
            thrice = await tts.synthesize(self._request(tts, "\n".join([self.text] * 3)))
            hold(thrice.seconds > 2 * once.seconds, "three sentences are longer than two")

        self._run(scenario)

    def test_region_falls_back_to_primary_tag(self) -> None:
        """A region that nobody speaks is spoken by a voice of the same language."""

        async def scenario(tts: TTS) -> None:
            primary = self._language(tts).split("-")[0]
            speech = await tts.synthesize(self._request(tts, language=f"{primary}-ZZ"))
            hold(_rms(speech) > SPEECH_RMS, f"{primary}-ZZ is spoken")

        self._run(scenario)

    def test_unknown_voice_is_refused(self) -> None:
        """An unknown voice or language is VoiceNotSupported, never another voice."""

        async def scenario(tts: TTS) -> None:
            for language, voice in ((self._language(tts), "no-such-voice"), ("qaa", "")):
                with pytest.raises(VoiceNotSupported):
                    await tts.synthesize(self._request(tts, language=language, voice=voice))

        self._run(scenario)

    def test_empty_text_is_refused(self) -> None:
        """No text, or nothing but space, is a BadRequest."""

        async def scenario(tts: TTS) -> None:
            for text in ("", " \n\t "):
                with pytest.raises(BadRequest):
                    await tts.synthesize(self._request(tts, text))

        self._run(scenario)

    def test_too_long_text_is_refused(self) -> None:
        """One character more than `max_chars` is a BadRequest."""

        async def scenario(tts: TTS) -> None:
            text = (self.text * tts.capabilities.max_chars)[: tts.capabilities.max_chars]
            with pytest.raises(BadRequest):
                await tts.synthesize(self._request(tts, f"{text}."))

        self._run(scenario)

    def test_text_is_text(self) -> None:
        """Markup, options and control characters in plain text are spoken or refused, not obeyed.

        Each has the sentence behind it, which must be heard in full.
        """

        async def scenario(tts: TTS) -> None:
            plain = await tts.synthesize(self._request(tts))
            for odd in (
                "--help ",
                "<break time='9s'/> ",
                "<!-- ",
                "[[",
                "\x00",
                "\x01 99P ",
                "\x1b",
            ):
                try:
                    speech = await tts.synthesize(self._request(tts, odd + self.text))
                except BadRequest:
                    continue
                hold(speech.seconds > 0.9 * plain.seconds, f"all is spoken after {odd!r}")
                hold(speech.seconds < plain.seconds + 8, f"{odd!r} is not obeyed")

        self._run(scenario)

    def test_any_text_gives_speech_or_an_error_of_the_family(self) -> None:
        """Lone surrogates, emoji, right-to-left text and mere punctuation raise nothing strange."""

        async def scenario(tts: TTS) -> None:
            for text in (
                "\ud800",
                "\U0001f600",
                "\u202e\u05e9\u05dc\u05d5\u05dd",
                "...",
                "\ufeff",
                "🏳️‍🌈" * 10,
                "\ue000x",
            ):
                try:
                    await tts.synthesize(self._request(tts, text))
                except SpeechError:
                    continue

        self._run(scenario)

    def test_markup_needs_the_capability(self) -> None:
        """SSML is spoken without its tags where it is understood, and a BadRequest elsewhere."""

        async def scenario(tts: TTS) -> None:
            request = self._request(tts, f"<speak>{self.text}</speak>", ssml=True)
            if not tts.capabilities.ssml:
                with pytest.raises(BadRequest):
                    await tts.synthesize(request)
                return
            plain = await tts.synthesize(self._request(tts))
            markup = await tts.synthesize(request)
            hold(abs(markup.seconds - plain.seconds) < 1, "the tags are not spoken")

        self._run(scenario)

    def test_concurrent_requests_do_not_mix(self) -> None:
        """Requests at the same time give what each of them gives alone."""

        async def scenario(tts: TTS) -> None:
            texts = ["\n".join([self.text] * (1 + n % 3)) for n in range(self.parallel)]
            together = await asyncio.gather(
                *(tts.synthesize(self._request(tts, text)) for text in texts)
            )
            for text, speech in zip(texts[:3], together[:3], strict=True):
                alone = await tts.synthesize(self._request(tts, text))
                ratio = speech.seconds / alone.seconds
                hold(0.9 < ratio < 1.1, "a request has its own audio")

        self._run(scenario)

    def test_cancel_leaves_nothing_running(self) -> None:
        """After a cancel, at whatever moment, no task and no process is left; it still works."""

        async def scenario(tts: TTS) -> None:
            length = tts.capabilities.max_chars
            request = self._request(tts, (f"{self.text}\n" * length)[:length])
            tasks, processes = asyncio.all_tasks(), children()
            for moment in (0.0, 0.001, 0.005, 0.02):
                task = asyncio.create_task(_speak(tts, request))
                await asyncio.wait([task], timeout=moment)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                hold(asyncio.all_tasks() <= tasks, f"no task is left ({moment} s)")
                hold(children() <= processes, f"no process is left ({moment} s)")
            hold(_rms(await tts.synthesize(self._request(tts))) > SPEECH_RMS, "it still works")

        self._run(scenario)

    def _language(self, tts: TTS) -> str:
        return self.language or next(iter(tts.capabilities.languages))

    def _request(
        self,
        tts: TTS,
        text: str | None = None,
        *,
        language: str | None = None,
        voice: str = "",
        ssml: bool = False,
    ) -> SpeechRequest:
        return SpeechRequest(
            text=self.text if text is None else text,
            language=self._language(tts) if language is None else language,
            voice=voice,
            ssml=ssml,
        )

    def _run(self, scenario: Callable[[TTS], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with asyncio.timeout(PATIENCE):
                tts = await self.start()
                try:
                    await scenario(tts)
                finally:
                    await tts.close()

        asyncio.run(whole())


def _speak(tts: TTS, request: SpeechRequest) -> Coroutine[Any, Any, Speech]:
    return tts.synthesize(request)


def hold(true: bool, that: str) -> None:
    """Assert, also where Python or pytest leaves `assert` out."""
    if not true:
        raise AssertionError(f"does not hold: {that}")


def _rms(speech: Speech) -> float:
    samples = array.array("h", speech.pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    if not samples:
        return 0.0
    return float((sum(sample * sample for sample in samples) / len(samples)) ** 0.5)


def children() -> set[int]:
    """Process ids of those whose parent we are, those that ended and were not waited for too."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = entry.read_text().rpartition(")")[2].split()[1]
        except OSError:  # it is gone meanwhile
            continue
        if int(parent) == os.getpid():
            found.add(int(entry.parent.name))
    return found
