"""From a phrase to what Asterisk is told to play: `sound:` and an absolute path without ending.

Asterisk answers a play of a missing or wrong file with success and fails later (lab.md, 4), so
everything is checked here. It also splits lists at commas and `&`, so no path has one.

The synthesisers are a chain. The first that has the voice speaks; when it can't, the next one with
a voice of that language and gender does, and the file is the stand-in's own (`TtsCache`). One that
fails again and again is left out for a while, so that it does not cost each prompt a timeout.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote

from adapter.core.faults import MediaUnavailable
from adapter.core.model import Media, Phrase
from adapter.media import wav
from adapter.media.remote import RemoteAudio
from adapter.media.tts_cache import Rendered, TtsCache
from adapter.plugin_api import TTS, BadRequest, SpeechError, SpeechRequest, VoiceNotSupported

DEFAULT_GREETING: Final = Phrase(text="Thank you for calling. Please hold.", language="en-US")
"""What `greeting = "default"` says; rendered at its first use, like every text."""

STORED: Final = "prompts"
"""The folder of stored prompts, below the media folder."""

FAILURES: Final = 3
"""In a row, after which a synthesiser is left out."""

COOLING: Final = (30.0, 300.0)
"""Seconds for which it is left out: at first, and at most; each further failure doubles them."""

_SPECIAL = re.compile(r"[\x00-\x1f\x7f,&|%$\"'`\\;:?#*{}\[\]<>\ud800-\udfff]")
_LONGEST_NAME = 200

log = logging.getLogger(__name__)


class PromptError(MediaUnavailable):
    """A prompt can't be played or stored; the text says why."""


class PromptMissing(PromptError):
    """There is no such prompt."""


class Prompts:
    """Finds and makes audio.

    Args:
        folder: the media folder, absolute. Asterisk must be able to read it.
        cache: keeps speech.
        providers: synthesisers in order of preference: the first that has a voice speaks.
        remote: fetches files by their URL; None when they are not to be had.
        fell_back: told the names of the synthesiser that spoke and of the one that should have.
        now: a clock that only goes forward, in seconds.

    Raises:
        ValueError: Asterisk could not play from a folder of this name.
    """

    def __init__(
        self,
        folder: Path,
        cache: TtsCache,
        providers: Iterable[TTS],
        remote: RemoteAudio | None = None,
        fell_back: Callable[[str, str], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if not folder.is_absolute() or _SPECIAL.search(str(folder)):
            raise ValueError(f"Asterisk can't play from {str(folder)!r}: no absolute, plain path")
        self._folder = folder
        self._chain = _Chain(cache, tuple(providers), fell_back, now)
        self._remote = remote

    def supports(self, language: str, voice: str = "") -> bool:
        """Whether there is such a voice.

        Args:
            language: BCP 47; its primary tag is enough for a match.
            voice: `male`, `female`, `neutral` or a synthesiser's voice, in any case; empty for any.
        """
        try:
            self._chain.candidates(language, voice)
        except VoiceNotSupported:
            return False
        return True

    async def speech(self, text: str, language: str, voice: str = "") -> Media:
        """Text as audio.

        Raises:
            SpeechError: it can't be spoken; what the first synthesiser said.
            OSError: the file can't be written.
        """
        rendered = await self._chain.speech(text, language, voice)
        return Media(uri=_uri(rendered.path), seconds=rendered.seconds)

    def file(self, path: str) -> Media:
        """A stored file.

        Args:
            path: relative to the media folder, as `store` returned it.

        Raises:
            PromptMissing: it is not there.
            PromptError: it is not what Asterisk plays, or not below the media folder.
        """
        relative = PurePosixPath(path)
        if relative.is_absolute() or ".." in relative.parts or _SPECIAL.search(path):
            raise PromptError(f"not a path of a prompt: {path!r}")
        if relative.suffix != ".wav":
            raise PromptError(f"not a .wav file: {path!r}")
        whole = self._folder / relative
        try:
            return Media(uri=_uri(whole), seconds=wav.seconds_of(whole))
        except FileNotFoundError:
            raise PromptMissing(f"no prompt {path!r}") from None
        except (OSError, wav.WavError) as fault:
            raise PromptError(f"prompt {path!r} can't be played: {fault}") from fault

    async def prepare(self, phrases: Sequence[Phrase]) -> tuple[Media, ...]:
        """All phrases, in their order; texts are rendered at the same time.

        Raises:
            MediaUnavailable: one of them can't be had.
        """
        if len(phrases) == 1:  # by far the most frequent
            return (await self._only(phrases[0]),)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._phrase(phrase)) for phrase in phrases]
        except BaseExceptionGroup as faults:
            first = faults.exceptions[0]
            if isinstance(first, MediaUnavailable | SpeechError | OSError):
                raise PromptError(str(first) or type(first).__name__) from first
            raise
        return tuple(task.result() for task in tasks)

    async def _only(self, phrase: Phrase) -> Media:
        try:
            return await self._phrase(phrase)
        except (SpeechError, OSError) as fault:
            raise PromptError(str(fault) or type(fault).__name__) from fault

    async def store(self, owner: str, name: str, content: bytes) -> str:
        """Keep a user's WAV file as Asterisk plays it; one with the same name is replaced.

        A call that is hearing the old one hears it to its end.

        Returns:
            The path for `file`. The name and owner may be any text: what a path can't hold is
            escaped.

        Raises:
            PromptError: the name is too long, or the file is not a WAV file that can be used.
            OSError: it can't be written.
        """
        relative = path_of(owner, name)
        try:
            await asyncio.to_thread(_store, self._folder / relative, content)
        except wav.WavError as fault:
            raise PromptError(str(fault)) from fault
        return relative

    async def _phrase(self, phrase: Phrase) -> Media:
        if phrase.text is not None:
            return await self.speech(phrase.text, phrase.language, phrase.voice)
        if phrase.url is not None:
            return await self._fetched(phrase.url, phrase.max_age)
        return self.file(phrase.file or "")

    async def _fetched(self, url: str, max_age: float) -> Media:
        if self._remote is None:
            raise PromptError("there is nothing that fetches files")
        path = await self._remote.file(url, max_age)
        return Media(uri=_uri(path), seconds=wav.seconds_of(path))


class _Chain:
    """Synthesisers in order of preference; see `Prompts`."""

    def __init__(
        self,
        cache: TtsCache,
        providers: Sequence[TTS],
        fell_back: Callable[[str, str], None] | None,
        now: Callable[[], float],
    ) -> None:
        self._cache = cache
        self._circuits = {provider: _Circuit(provider.name, now) for provider in providers}
        self._fell_back = fell_back

    def candidates(self, language: str, voice: str) -> list[tuple[TTS, str]]:
        """Who can speak, and the voice to ask each for.

        The first one has what is asked for. The others may have no such name: they are asked for
        its gender, and for any voice only when any was asked for.

        Raises:
            VoiceNotSupported: nobody can.
        """
        found: list[tuple[TTS, str]] = []
        instead = voice
        for provider in self._circuits:
            for asked in dict.fromkeys((voice, instead)):
                try:
                    _, offered = provider.capabilities.pick(language, asked)
                except VoiceNotSupported:
                    continue
                if not found and voice.strip():
                    instead = offered.gender.value
                found.append((provider, asked))
                break
        if not found:
            raise VoiceNotSupported(language, voice)
        return found

    async def speech(self, text: str, language: str, voice: str) -> Rendered:
        """The first candidate's speech, or that of the next when it fails or is left out.

        A text that is refused as it is (BadRequest) is offered to nobody else.

        Raises:
            SpeechError: of the first one that was asked.
            OSError: the file can't be written.
        """
        candidates = self.candidates(language, voice)
        preferred, last = candidates[0][0], candidates[-1][0]
        faults: list[SpeechError] = []
        for provider, asked in candidates:
            request = SpeechRequest(text=text, language=language, voice=asked)
            try:
                rendered = await self._ask(provider, request, may_skip=provider is not last)
            except SpeechError as fault:
                faults.append(fault)
                if isinstance(fault, BadRequest):
                    break
                continue
            if rendered is None:
                continue
            if provider is not preferred:
                self._note(provider, preferred, faults)
            return rendered
        raise faults[0]

    async def _ask(
        self, provider: TTS, request: SpeechRequest, *, may_skip: bool
    ) -> Rendered | None:
        """Speech; None when the provider is left out now and has nothing in the cache."""
        ready = self._cache.ready(provider, request)
        circuit = self._circuits[provider]
        if ready is not None or (may_skip and not circuit.lets_through()):
            return ready
        try:
            rendered = await self._cache.speech(provider, request)
        except BaseException as fault:
            if isinstance(fault, SpeechError) and not isinstance(
                fault, BadRequest | VoiceNotSupported
            ):
                circuit.failed(fault)
            else:  # says nothing of its health
                circuit.release()
            raise
        circuit.spoke()
        return rendered

    def _note(self, spoke: TTS, preferred: TTS, faults: Sequence[SpeechError]) -> None:
        reason = str(faults[0]) or type(faults[0]).__name__ if faults else "left out"
        extra = {"provider": spoke.name, "instead_of": preferred.name, "reason": reason}
        log.warning("another synthesiser speaks", extra=extra)
        if self._fell_back is not None:
            self._fell_back(spoke.name, preferred.name)


class _Circuit:
    """Whether a synthesiser is asked or left out (a circuit breaker).

    ::

        CLOSED --3 failures in a row--> OPEN --cooling time over, the next request--> TRIAL
           ^                             ^                                              |
           |                             +------------ failure: twice the time ---------+
           +---------------------------------------- speech ----------------------------+

    One request is the trial, all others are kept off until it has ended.
    """

    def __init__(self, name: str, now: Callable[[], float]) -> None:
        self._name = name
        self._now = now
        self._failures = 0
        self._last: SpeechError | None = None
        self._cooling = 0.0  # 0: closed
        self._until = 0.0
        self._trial = False

    def lets_through(self) -> bool:
        """Whether to ask now; the one who is told so in OPEN is the trial."""
        if not self._cooling:
            return True
        if self._trial or self._now() < self._until:
            return False
        self._trial = True
        return True

    def spoke(self) -> None:
        """There was speech."""
        if self._cooling:
            log.info("synthesiser is asked again", extra={"provider": self._name})
        self._failures, self._cooling, self._trial = 0, 0.0, False

    def failed(self, fault: SpeechError) -> None:
        """There was none."""
        if fault is self._last:  # somebody else waited for the same render
            return
        self._last = fault
        self._failures += 1
        if self._failures < FAILURES or (self._cooling and not self._trial):
            return
        shortest, longest = COOLING
        self._cooling = min(2 * self._cooling, longest) or shortest
        self._until = self._now() + self._cooling
        self._trial = False
        extra = {"provider": self._name, "seconds": self._cooling}
        log.warning("synthesiser is left out", extra=extra)

    def release(self) -> None:
        """Nothing was learnt: cancelled, or refused for the text."""
        self._trial = False


def path_of(owner: str, name: str) -> str:
    """Where `Prompts.store` keeps a prompt, relative to the media folder. Different for each name.

    Raises:
        PromptError: a name is empty or too long.
    """
    return f"{STORED}/{escaped(owner)}/{escaped(name)}.wav"


def escaped(name: str) -> str:
    """A name as one part of a path: letters, digits, `_-~`, and `=XX` for each other byte.

    Without dots, as Asterisk would take what follows one for a format.
    """
    part = quote(name, safe="", errors="surrogatepass").replace(".", "%2E").replace("%", "=")
    if not 0 < len(part) <= _LONGEST_NAME:
        raise PromptError(f"not a name for a prompt: {name[:40]!r}")
    return part


def _uri(path: Path) -> str:
    return f"sound:{path.with_suffix('')}"


def _store(path: Path, content: bytes) -> None:
    wav.save(path, wav.to_telephone(content))
