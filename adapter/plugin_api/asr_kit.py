"""The conformance kit of recognisers: tests that every one inherits. Needs pytest, as `kit.py`.

::

    from adapter.plugin_api.asr_kit import ASRConformance

    class TestMyASR(ASRConformance):
        async def start(self) -> ASR:
            return await MyASR.start({"key": "..."})

        def spoken(self, text: str, sample_rate: int) -> bytes:
            return recorded(text, sample_rate)

Each test runs in an event loop of its own, in a thread other than the main one: that is how the
host does it.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from adapter.plugin_api.asr import (
    ASR,
    MAX_HINT_CHARS,
    MAX_HINTS,
    Recognition,
    RecognitionRequest,
)
from adapter.plugin_api.errors import BadRequest, LanguageNotSupported, RecognitionError
from adapter.plugin_api.kit import PATIENCE, children, hold

FRAME = 0.02
BUSY = 0.5  # seconds of the loop's processor time for all utterances of a test


class ASRConformance(ABC):
    """What every recogniser does.

    Attributes:
        phrases: at least two; each is understood when all are given as hints.
        language: one of the plug-in's own; empty for its first.
    """

    phrases: ClassVar[tuple[str, ...]] = ("yes", "no")
    language: ClassVar[str] = ""

    @abstractmethod
    async def start(self) -> ASR:
        """A started plug-in, with the settings that the tests shall use."""

    @abstractmethod
    def spoken(self, text: str, sample_rate: int) -> bytes:
        """A text as 16-bit mono audio; for a stand-in of a service, what that takes for it."""

    def test_capabilities_are_consistent(self) -> None:
        """There are languages and rates, none twice, and a limit of a sensible length."""

        async def scenario(asr: ASR) -> None:
            offered = asr.capabilities
            hold(bool(asr.name) and asr.name == asr.name.lower(), "the name is lower case")
            hold(bool(asr.version), "there is a version")
            for listed in (offered.languages, offered.sample_rates):
                hold(bool(listed) and len(set(listed)) == len(listed), f"{listed}: none twice")
            hold(offered.max_seconds >= 10, "an utterance may be 10 s long")
            for tag in offered.languages:
                hold(offered.resolve(self._request(asr, tag)).language == tag, f"{tag} is found")

        self._run(scenario)

    def test_speech_is_understood(self) -> None:
        """Each phrase is understood, at each rate, with a confidence that is one or none."""

        async def scenario(asr: ASR) -> None:
            for rate in asr.capabilities.sample_rates:
                for phrase in self.phrases:
                    request = self._request(asr, rate=rate)
                    recognition = await asr.recognise(request)
                    _feed(recognition, self.spoken(phrase, rate), rate)
                    said = await recognition.finish()
                    hold(said.text == phrase, f"{phrase!r} at {rate} Hz, heard {said.text!r}")
                    hold(said.language == self._language(asr), "the language is the listed one")

        self._run(scenario)

    def test_speech_without_hints(self) -> None:
        """Without hints there is a text, or none, but no error."""

        async def scenario(asr: ASR) -> None:
            hold(isinstance(await self._hear(asr, self.phrases[0], hints=()), str), "a text")

        self._run(scenario)

    def test_utterances_do_not_mix(self) -> None:
        """Utterances at the same time give what each of them says; nothing is left in the next."""

        async def scenario(asr: ASR) -> None:
            texts = self.phrases * 4
            running = [await asr.recognise(self._request(asr)) for _ in texts]
            rate = self._rate(asr)
            audio = [_frames(self.spoken(text, rate), rate) for text in texts]
            for number in range(max(map(len, audio))):
                for recognition, frames in zip(running, audio, strict=True):
                    for frame in frames[number : number + 1]:
                        recognition.feed(frame)
                await asyncio.sleep(0)
            said = await asyncio.gather(*(recognition.finish() for recognition in running))
            hold([one.text for one in said] == list(texts), "each has its own text")

        self._run(scenario)

    def test_silence_is_empty(self) -> None:
        """Silence is an empty text, and so is no audio at all."""

        async def scenario(asr: ASR) -> None:
            for seconds in (0, 1):
                recognition = await asr.recognise(self._request(asr))
                _feed(recognition, bytes(2 * seconds * self._rate(asr)), self._rate(asr))
                said = (await recognition.finish()).text
                hold(said == "", f"{seconds} s of silence, heard {said!r}")

        self._run(scenario)

    def test_partial_results_need_the_capability(self) -> None:
        """They come before the end where they are promised, nowhere else, and not after it."""

        async def scenario(asr: ASR) -> None:
            heard: list[str] = []
            arrived = asyncio.Event()

            def partial(text: str) -> None:
                heard.append(text)
                arrived.set()

            recognition = await asr.recognise(self._request(asr), partial)
            _feed(recognition, self.spoken(self.phrases[0], self._rate(asr)), self._rate(asr))
            if asr.capabilities.partial_results:
                await arrived.wait()
                hold(all(heard), "a partial result is a text")
            before = len(heard)
            await recognition.finish()
            hold(len(heard) == before, "no partial result after the end")
            hold(bool(heard) == asr.capabilities.partial_results, "as promised")

        self._run(scenario)

    def test_half_a_sample_is_refused(self) -> None:
        """An odd number of bytes is the host's bug, and is said at once."""

        async def scenario(asr: ASR) -> None:
            recognition = await asr.recognise(self._request(asr))
            with pytest.raises(ValueError, match=r"\S"):
                recognition.feed(b"\0\0\0")
            await recognition.cancel()

        self._run(scenario)

    def test_nothing_after_the_end(self) -> None:
        """No audio and no second `finish` after `finish` or `cancel`; `cancel` may always be."""

        async def scenario(asr: ASR) -> None:
            for ending in ("finish", "cancel"):
                recognition = await asr.recognise(self._request(asr))
                await getattr(recognition, ending)()
                with pytest.raises(RuntimeError):
                    recognition.feed(b"\0\0")
                with pytest.raises(RuntimeError):
                    await recognition.finish()
                await recognition.cancel()
                await recognition.cancel()

        self._run(scenario)

    def test_too_much_audio_is_refused(self) -> None:
        """`feed` takes it, `finish` says BadRequest; one utterance takes no unlimited memory."""

        async def scenario(asr: ASR) -> None:
            recognition = await asr.recognise(self._request(asr))
            rate = self._rate(asr)
            for _ in range(int(asr.capabilities.max_seconds) + 2):
                recognition.feed(bytes(2 * rate))
            with pytest.raises(BadRequest):
                await recognition.finish()

        self._run(scenario)

    def test_language_and_rate(self) -> None:
        """A region falls back to its language; another language or another rate is refused."""

        async def scenario(asr: ASR) -> None:
            primary = self._language(asr).split("-")[0]
            await (await asr.recognise(self._request(asr, f"{primary}-ZZ"))).cancel()
            with pytest.raises(LanguageNotSupported):
                await asr.recognise(self._request(asr, "qaa"))
            with pytest.raises(BadRequest):
                await asr.recognise(self._request(asr, rate=12345))

        self._run(scenario)

    def test_any_hints_give_text_or_an_error_of_the_family(self) -> None:
        """Hints are text, whatever they look like; too many or too long ones are refused."""

        async def scenario(asr: ASR) -> None:
            for hint in ("", "\0", "\ud800", "a | b;", "</s>", "😀", "<x> = y", "//", "'", "<sil>"):
                try:
                    await self._hear(asr, self.phrases[0], hints=(hint,))
                    said = await self._hear(asr, self.phrases[0], hints=(hint, *self.phrases))
                except RecognitionError:
                    continue
                hold(said == self.phrases[0], f"{hint!r} is one hint among others")
            for hints in (("x",) * (MAX_HINTS + 1), ("x" * (MAX_HINT_CHARS + 1),)):
                with pytest.raises(BadRequest):
                    await asr.recognise(self._request(asr, hints=hints))

        self._run(scenario)

    def test_cancel_leaves_nothing_running(self) -> None:
        """After a cancel, at whatever moment, no task and no further process; it still works."""

        async def scenario(asr: ASR) -> None:
            await self._hear(asr, self.phrases[0])
            tasks, processes = asyncio.all_tasks(), len(children())
            for moment in (None, 0.0, 0.001, 0.01, 0.05):
                recognition = await asr.recognise(self._request(asr, hints=()))
                _feed(recognition, self.spoken(self.phrases[0], self._rate(asr)), self._rate(asr))
                if moment is not None:
                    finishing = asyncio.create_task(recognition.finish())
                    await asyncio.wait([finishing], timeout=moment)
                    finishing.cancel()
                    await asyncio.gather(finishing, return_exceptions=True)
                await recognition.cancel()
                await asyncio.sleep(0.01)  # what was cancelled may need a turn of the loop
                hold(asyncio.all_tasks() <= tasks, f"no task is left ({moment} s)")
                hold(len(children()) <= processes, f"no process is left ({moment} s)")
            said = await self._hear(asr, self.phrases[0])
            hold(said == self.phrases[0], "it still works")

        self._run(scenario)

    def test_loop_is_not_held_up(self) -> None:
        """The work is not done in the event loop."""

        async def scenario(asr: ASR) -> None:
            audio = [self.spoken(text, self._rate(asr)) for text in self.phrases * 2]
            before = time.thread_time()
            running = [await asr.recognise(self._request(asr, hints=())) for _ in audio]
            for recognition, one in zip(running, audio, strict=True):
                _feed(recognition, one, self._rate(asr))
            await asyncio.gather(*(recognition.finish() for recognition in running))
            spent = time.thread_time() - before
            hold(spent < BUSY, f"{spent:.2f} s of work in the loop")

        self._run(scenario)

    async def _hear(self, asr: ASR, text: str, *, hints: tuple[str, ...] | None = None) -> str:
        recognition = await asr.recognise(self._request(asr, hints=hints))
        _feed(recognition, self.spoken(text, self._rate(asr)), self._rate(asr))
        return (await recognition.finish()).text

    def _language(self, asr: ASR) -> str:
        return self.language or asr.capabilities.languages[0]

    def _rate(self, asr: ASR) -> int:
        return asr.capabilities.sample_rates[0]

    def _request(
        self,
        asr: ASR,
        language: str | None = None,
        *,
        rate: int | None = None,
        hints: tuple[str, ...] | None = None,
    ) -> RecognitionRequest:
        return RecognitionRequest(
            language=self._language(asr) if language is None else language,
            sample_rate=self._rate(asr) if rate is None else rate,
            hints=self.phrases if hints is None else hints,
        )

    def _run(self, scenario: Callable[[ASR], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with asyncio.timeout(PATIENCE):
                asr = await self.start()
                try:
                    await scenario(asr)
                finally:
                    await asr.close()

        with ThreadPoolExecutor(max_workers=1) as thread:
            thread.submit(asyncio.run, whole()).result()


def _feed(recognition: Recognition, pcm: bytes, rate: int) -> None:
    for frame in _frames(pcm, rate):
        recognition.feed(frame)


def _frames(pcm: bytes, rate: int) -> list[bytes]:
    size = 2 * int(rate * FRAME)
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]
