"""pocketsphinx in worker processes: audio is kept until it is complete, then decoded in one go.

In one go, because the model normalises best over a whole utterance, and because a worker is then
busy for as long as it works, not for as long as somebody talks. So there are no partial results.

With hints it understands these phrases and nothing else: whatever is said is taken for the most
similar one, or for none. A hint of which a word is not in the dictionary is left out; when none
is left, that is a BadRequest. Without hints it takes dictation, which on telephone speech is poor.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar, Final, Self

from pocketsphinx import get_model_path

from adapter.plugin_api import (
    ASR,
    BadRequest,
    CannotStart,
    Partial,
    Recognition,
    RecognitionCapabilities,
    RecognitionRequest,
    Transcript,
    Unavailable,
)
from plugins.asr_pocketsphinx.grammar import Grammar, words_of
from plugins.asr_pocketsphinx.pool import Pool

SAMPLE_RATE: Final = 16000
MAX_SECONDS: Final = 60.0

_PATHS = ("hmm", "dict", "lm")
_ENGLISH = {"hmm": "en-us/en-us", "dict": "en-us/cmudict-en-us.dict", "lm": "en-us/en-us.lm.bin"}


class PocketsphinxASR(ASR):
    """The recogniser.

    Settings: `workers` (processes, default 2, or 1 on one processor; 90 MB each). For another
    model than the one of pocketsphinx, English of the United States, all of `language` (BCP 47),
    `hmm` (folder of a 16 kHz acoustic model), `dict` and `lm` (files).
    """

    api_version: ClassVar[int] = 1
    name: ClassVar[str] = "pocketsphinx"

    def __init__(self, pool: Pool, words: frozenset[str], language: str) -> None:
        self.version = version("pocketsphinx")
        self.capabilities = RecognitionCapabilities(
            languages=(language,),
            sample_rates=(SAMPLE_RATE,),
            hints=True,
            partial_results=False,
            max_seconds=MAX_SECONDS,
        )
        self._pool = pool
        self._words = words

    @classmethod
    async def start(cls, settings: Mapping[str, object]) -> Self:
        """Read the dictionary and start the workers."""
        workers, language, model = _read(settings)
        try:
            words = await asyncio.to_thread(words_of, Path(model["dict"]))
        except (OSError, UnicodeDecodeError) as fault:
            raise CannotStart(f"`dict` can't be read: {fault}") from fault
        pool = Pool({**model, "samprate": SAMPLE_RATE, "loglevel": "FATAL"}, workers)
        try:
            await pool.start()
        except BaseException as fault:
            await pool.close()
            if isinstance(fault, Unavailable):
                raise CannotStart(
                    f"no decoder; are `hmm`, `dict`, `lm` a model? {fault}"
                ) from fault
            raise
        return cls(pool, words, language)

    async def recognise(
        self, request: RecognitionRequest, partial: Partial | None = None
    ) -> Recognition:
        """Begin to keep audio; the grammar is made now, so that a refusal comes early."""
        request = self.capabilities.resolve(request)
        grammar = Grammar.of(request.hints, self._words)
        if request.hints and grammar is None:
            raise BadRequest("the dictionary has not all words of any of the hints")
        return _Utterance(self._pool, grammar, request.language)

    async def close(self) -> None:
        """End the workers."""
        await self._pool.close()


class _Utterance(Recognition):
    def __init__(self, pool: Pool, grammar: Grammar | None, language: str) -> None:
        self._pool = pool
        self._grammar = grammar
        self._language = language
        self._audio = bytearray()
        self._too_long = False
        self._over = False
        self._decoding: asyncio.Task[str] | None = None

    def feed(self, pcm: bytes) -> None:
        if len(pcm) % 2:
            raise ValueError("audio is whole 16-bit samples")
        if self._over:
            raise RuntimeError("this utterance is over")
        if len(self._audio) + len(pcm) > 2 * SAMPLE_RATE * MAX_SECONDS:
            self._too_long = True
        else:
            self._audio += pcm

    async def finish(self) -> Transcript:
        if self._over:
            raise RuntimeError("this utterance is over")
        self._over = True
        if self._too_long:
            raise BadRequest(f"an utterance is at most {MAX_SECONDS:g} s long")
        jsgf = self._grammar.jsgf if self._grammar is not None else None
        self._decoding = self._pool.decode(bytes(self._audio), jsgf)
        text = await self._decoding
        if self._grammar is not None:
            # The decoder also answers with the beginning of a phrase that was never completed
            text = self._grammar.phrases.get(text, "")
        return Transcript(text=text, confidence=None, language=self._language)

    async def cancel(self) -> None:
        self._over = True
        self._audio.clear()
        if self._decoding is not None:
            self._decoding.cancel()
            await asyncio.wait([self._decoding])


def _read(settings: Mapping[str, object]) -> tuple[int, str, dict[str, str]]:
    """Number of workers, language, and the paths of the model by pocketsphinx's names."""
    unknown = sorted(set(settings) - {"workers", "language", *_PATHS})
    if unknown:
        raise CannotStart(f"unknown setting {unknown[0]!r}")
    workers = settings.get("workers", min(2, os.cpu_count() or 1))
    if isinstance(workers, bool) or not isinstance(workers, int) or not 1 <= workers <= 64:
        raise CannotStart("`workers` is a whole number from 1 to 64")
    if not set(settings) & {"language", *_PATHS}:
        return workers, "en-US", {key: get_model_path(path) for key, path in _ENGLISH.items()}
    own: dict[str, str] = {}
    for key in ("language", *_PATHS):
        value = settings.get(key)
        if not isinstance(value, str) or not value:
            raise CannotStart(f"`{key}` is missing: a model is `language`, `hmm`, `dict` and `lm`")
        if key in _PATHS and not Path(value).exists():
            raise CannotStart(f"`{key}`: there is no {value}")
        own[key] = value
    return workers, own.pop("language"), own
