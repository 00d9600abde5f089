"""From a phrase to what Asterisk is told to play: `sound:` and an absolute path without ending.

Asterisk answers a play of a missing or wrong file with success and fails later (lab.md, 4), so
everything is checked here. It also splits lists at commas and `&`, so no path has one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote

from adapter.core.faults import MediaUnavailable
from adapter.core.model import Media, Phrase
from adapter.media import wav
from adapter.media.remote import RemoteAudio
from adapter.media.tts_cache import TtsCache
from adapter.plugin_api import TTS, SpeechError, SpeechRequest, VoiceNotSupported

DEFAULT_GREETING: Final = Phrase(text="Thank you for calling. Please hold.", language="en-US")
"""What `greeting = "default"` says; rendered at its first use, like every text."""

STORED: Final = "prompts"
"""The folder of stored prompts, below the media folder."""

_SPECIAL = re.compile(r"[\x00-\x1f\x7f,&|%$\"'`\\;:?#*{}\[\]<>\ud800-\udfff]")
_LONGEST_NAME = 200


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

    Raises:
        ValueError: Asterisk could not play from a folder of this name.
    """

    def __init__(
        self,
        folder: Path,
        cache: TtsCache,
        providers: Iterable[TTS],
        remote: RemoteAudio | None = None,
    ) -> None:
        if not folder.is_absolute() or _SPECIAL.search(str(folder)):
            raise ValueError(f"Asterisk can't play from {str(folder)!r}: no absolute, plain path")
        self._folder = folder
        self._cache = cache
        self._providers = tuple(providers)
        self._remote = remote

    def supports(self, language: str, voice: str = "") -> bool:
        """Whether there is such a voice.

        Args:
            language: BCP 47; its primary tag is enough for a match.
            voice: `male`, `female`, `neutral` or a synthesiser's voice, in any case; empty for any.
        """
        try:
            self._provider(language, voice)
        except VoiceNotSupported:
            return False
        return True

    async def speech(self, text: str, language: str, voice: str = "") -> Media:
        """Text as audio.

        Raises:
            SpeechError: it can't be spoken.
            OSError: the file can't be written.
        """
        provider = self._provider(language, voice)
        request = SpeechRequest(text=text, language=language, voice=voice)
        rendered = await self._cache.speech(provider, request)
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

    def _provider(self, language: str, voice: str) -> TTS:
        for provider in self._providers:
            try:
                provider.capabilities.pick(language, voice)
            except VoiceNotSupported:
                continue
            return provider
        raise VoiceNotSupported(language, voice)

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
