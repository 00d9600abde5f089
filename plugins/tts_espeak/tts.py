"""espeak-ng as a subprocess: one process for each text, a few at a time.

The text goes in through stdin, never through the command line, and is text whatever it looks like:
`-m` (SSML, which can play local files) is not given, and what espeak-ng would still take for
commands (`[[phonemes]]`, control character 1, its private-use characters) is defused.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import math
import os
import re
import shutil
import signal
import wave
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from typing import ClassVar, Final, Self

from adapter.plugin_api import (
    TTS,
    BadRequest,
    CannotStart,
    Capabilities,
    Speech,
    SpeechRequest,
    Timeout,
    Unavailable,
)
from plugins.tts_espeak.voices import FEMALE, languages

MAX_CHARS: Final = 5000
REVISION: Final = "1"
"""Of this plug-in's own treatment of text and options; part of the cache key."""

_WORDS_PER_MINUTE = 175  # espeak-ng's default; it takes 80 to 450
_NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff]")
_START_TIMEOUT = 10.0


class EspeakTTS(TTS):
    """The synthesiser.

    Settings: `command` (default `espeak-ng`, found on PATH), `timeout` (seconds for one text,
    default 10), `concurrency` (processes at a time, default the number of processors).
    """

    api_version: ClassVar[int] = 1
    name: ClassVar[str] = "espeak"

    def __init__(
        self,
        command: str,
        *,
        version: str,
        capabilities: Capabilities,
        timeout: float,
        concurrency: int,
    ) -> None:
        self.version = f"{REVISION}/{version}"
        self.capabilities = capabilities
        self._command = command
        self._timeout = timeout
        self._slots = asyncio.Semaphore(concurrency)

    @classmethod
    async def start(cls, settings: Mapping[str, object]) -> Self:
        """Find the program and ask it for its voices."""
        command, timeout, concurrency = _read(settings)
        found = shutil.which(command)
        if found is None:
            raise CannotStart(f"{command!r} is no program here; install espeak-ng or set `command`")
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                version, table, variants = [
                    (await _run([found, option])).decode(errors="replace")
                    for option in ("--version", "--voices", "--voices=variant")
                ]
        except (OSError, TimeoutError, Unavailable) as fault:
            raise CannotStart(f"{found} does not work: {fault or 'no answer'}") from fault
        spoken = languages(table, female=f"!v/{FEMALE} " in variants)
        number = re.search(r"\d+(?:\.\d+)+\S*", version)
        if not spoken or number is None:
            raise CannotStart(f"{found} lists no voices; is it espeak-ng?")
        capabilities = Capabilities(languages=spoken, ssml=False, max_chars=MAX_CHARS)
        return cls(
            found,
            version=number[0],
            capabilities=capabilities,
            timeout=timeout,
            concurrency=concurrency,
        )

    async def synthesize(self, request: SpeechRequest) -> Speech:
        """Speak; the time in the queue for a process does not count."""
        request = self.capabilities.resolve(request)
        text = _plain(request.text)
        if not text:
            raise BadRequest("there is nothing to speak in the text")
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout):
                    audio = await _run([self._command, *_options(request)], text.encode())
            except TimeoutError:
                raise Timeout(f"espeak-ng took longer than {self._timeout:g} s") from None
            except OSError as fault:
                raise Unavailable(f"espeak-ng can't be run: {fault}") from fault
        return _speech(audio)


def _read(settings: Mapping[str, object]) -> tuple[str, float, int]:
    unknown = sorted(set(settings) - {"command", "timeout", "concurrency"})
    if unknown:
        raise CannotStart(f"unknown setting {unknown[0]!r}")
    command = settings.get("command", "espeak-ng")
    timeout = settings.get("timeout", 10.0)
    concurrency = settings.get("concurrency", os.cpu_count() or 1)
    if not isinstance(command, str) or not command:
        raise CannotStart("`command` is the name or path of espeak-ng")
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise CannotStart("`timeout` is a number of seconds")
    if not (math.isfinite(timeout) and timeout > 0):
        raise CannotStart("`timeout` is more than 0 s")
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise CannotStart("`concurrency` is a whole number, at least 1")
    return command, float(timeout), concurrency


def _plain(text: str) -> str:
    """What is to be said, without anything that espeak-ng would obey.

    `[[` starts phonemes, also without `-m`; a space between the two makes it two brackets again.
    """
    cleaned = _NOT_TEXT.sub(" ", text)
    while "[[" in cleaned:
        cleaned = cleaned.replace("[[", "[ [")
    return cleaned.strip()


def _options(request: SpeechRequest) -> list[str]:
    options = ["-v", request.voice, "-b", "1", "--stdin", "--stdout"]
    if request.rate is not None:
        options += ["-s", str(min(max(round(_WORDS_PER_MINUTE * request.rate), 80), 450))]
    if request.pitch is not None:
        # 0 to 99, 50 the voice's own, and 50 steps an octave
        options += ["-p", str(min(max(round(50 + request.pitch * 50 / 12), 0), 99))]
    return options


def _speech(audio: bytes) -> Speech:
    # The header's lengths are made up, as stdout can't be rewound: all that came is audio
    try:
        with wave.open(io.BytesIO(audio)) as wav:
            if (wav.getnchannels(), wav.getsampwidth()) != (1, 2):
                raise Unavailable("espeak-ng wrote something else than 16-bit mono")
            pcm, rate = wav.readframes(len(audio) // 2), wav.getframerate()
    except (wave.Error, EOFError) as fault:
        raise Unavailable(f"espeak-ng wrote no audio ({fault or 'nothing'})") from fault
    if not pcm:
        raise BadRequest("there is nothing to speak in the text")
    return Speech(pcm[: len(pcm) // 2 * 2], rate)


async def _run(command: list[str], text: bytes = b"") -> bytes:
    """Run a program to its end; gone, with what it started, when this is cancelled.

    Raises:
        Unavailable: it failed.
        OSError: it can't be started.
    """
    # In a task of its own: a cancel inside would kill the program without what it has started
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            start_new_session=True,  # a script around espeak-ng and espeak-ng are one group
        )
    )
    try:
        process = await asyncio.shield(starting)
        output, _ = await process.communicate(text)
    except asyncio.CancelledError:
        await _kill(starting)
        raise
    if process.returncode != 0:
        raise Unavailable(f"espeak-ng ended with {process.returncode}")
    return output


async def _kill(starting: asyncio.Task[Process]) -> None:
    async def kill() -> None:
        process = await starting
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()

    reaper = asyncio.create_task(kill())
    with contextlib.suppress(asyncio.CancelledError, OSError):  # a second cancel; never started
        await asyncio.shield(reaper)
