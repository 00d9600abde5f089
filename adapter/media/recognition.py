"""The host of speech recognition: from a media connection of Asterisk to what was said.

It owns one thread with an event loop, in which the audio of all calls, the endpointing and the
recognisers live, so that audio never delays call control. Only plain values cross, and always by
the loops: nothing here needs a lock.

::

    Asterisk ── audio_socket ── endpointing ── Utterance ── recogniser
                                                        └── the next one, when it failed

An utterance is kept as long as it is worked on, so that the next recogniser gets all of it. Words
that were said are in no log and in no error.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from ssl import SSLContext
from typing import Any, TypeVar

from aiohttp import ClientSession, DummyCookieJar

from adapter.core.faults import ListeningFailed
from adapter.core.model import Heard, Listen
from adapter.media.audio_socket import AudioSocket, connected, media_url
from adapter.media.endpointing import Endpointer, State
from adapter.media.utterance import BLOCK, Utterance
from adapter.plugin_api import (
    ASR,
    LanguageNotSupported,
    RecognitionError,
    RecognitionRequest,
    Transcript,
)
from adapter.plugin_api import Recognition as Recognising

log = logging.getLogger(__name__)

_LONGEST_TEXT = 4000  # characters
_HELD_UP = 0.05  # seconds; after a stall of this process the timer is due and the audio unread
_T = TypeVar("_T")


class Observer:
    """Hears in the loop of call control what recognisers do, for metrics. This one does nothing."""

    def asr_started(self, provider: str) -> None:
        """A recogniser is given an utterance."""

    def asr_heard(self, provider: str, seconds: float, text: bool) -> None:
        """It has understood it, or no word of it, so long after its end."""

    def asr_failed(self, provider: str, fault: RecognitionError | TimeoutError) -> None:
        """It has failed, or taken too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one utterance may take; all in seconds.

    Attributes:
        connect: until Asterisk's audio is there.
        open: for which a connection is kept, waiting and speaking together.
        utterance: of speech.
        finish: for a recogniser to begin, and to make its text from the end of the speech.
        close: for a recogniser to let go of an utterance, or of everything.
    """

    connect: float = 5.0
    open: float = 300.0
    utterance: float = 30.0
    finish: float = 10.0
    close: float = 5.0


class Recognition:
    """The host. All its methods are called in one loop, that of call control.

    Args:
        start_plugins: starts the recognisers, the preferred one first; is called in the thread's
            loop, where they live from then on and are closed.
        base_url: of Asterisk's HTTP server, before "/ari".
        ssl: for https, as aiohttp takes it.
        limits: see `Limits`.
        observer: see `Observer`.
    """

    def __init__(
        self,
        start_plugins: Callable[[], Awaitable[Mapping[str, ASR]]],
        base_url: str,
        *,
        ssl: SSLContext | bool = True,
        limits: Limits | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._start_plugins = start_plugins
        self._base_url = base_url
        self._ssl = ssl
        self._limits = limits or Limits()
        self._observer = observer or Observer()
        self._recognisers: Mapping[str, ASR] = {}
        self._listening: set[asyncio.Task[Heard]] = set()
        self._opened = contextlib.AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def listening(self) -> int:
        """How many utterances are waited for or worked on."""
        return len(self._listening)

    def supports(self, language: str) -> bool:
        """Whether some recogniser has a language (BCP 47), or one with its primary tag."""
        return bool(self._able(language))

    async def start(self) -> None:
        """Start the thread, and the recognisers in it.

        Raises:
            PluginFault, or what else `start_plugins` raises; then nothing runs.
        """
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(self._loop,), name="audio", daemon=True)
        self._thread.start()
        try:
            await _there(self._loop, self._open(asyncio.get_running_loop()))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End everything; who is listening gets ListeningFailed. Twice is fine."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        try:
            async with asyncio.timeout(2 * self._limits.close):
                await _there(loop, self._shut())
        except TimeoutError:
            log.warning("a recogniser does not close")
        finally:
            loop.call_soon_threadsafe(loop.stop)
            await asyncio.to_thread(self._thread.join, self._limits.close)

    async def listen(self, connection: str, listen: Listen, began: Callable[[], object]) -> Heard:
        """Wait until the caller has said something, and return what.

        It waits as long as nothing is said; whoever has a time limit cancels. A cancel ends it all
        at once: the connection is closed and the recogniser lets go.

        Args:
            connection: id of the media connection.
            listen: language, hints and the silence that ends it.
            began: called once when speech begins, unless cancelled before.

        Raises:
            ListeningFailed: no audio, or no text; the reason never has the words.
        """
        here, there = asyncio.get_running_loop(), self._loop
        if there is None:
            raise ListeningFailed("speech recognition is not running")

        def tell() -> None:
            if not future.done():
                began()

        work = self._listen(connection, listen, partial(here.call_soon_threadsafe, tell))
        future = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, there))
        try:
            return await future
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._loop is None and task is not None and not task.cancelling():
                raise ListeningFailed("speech recognition was stopped") from None
            raise

    # In the thread -------------------------------------------------------------------------

    async def _open(self, owner: asyncio.AbstractEventLoop) -> None:
        self._owner = owner
        self._session = ClientSession(cookie_jar=DummyCookieJar())
        self._opened.push_async_callback(self._session.close)
        recognisers = dict(await self._start_plugins())
        for recogniser in recognisers.values():
            self._opened.push_async_callback(recogniser.close)
        self._recognisers = recognisers

    async def _shut(self) -> None:
        tasks = list(self._listening)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(self._limits.close):
            await self._opened.aclose()

    async def _listen(self, connection: str, listen: Listen, began: Callable[[], object]) -> Heard:
        """In a task that `_shut` can find."""
        task = asyncio.create_task(self._connected(connection, listen, began))
        self._listening.add(task)
        try:
            return await task
        finally:
            self._listening.discard(task)

    async def _connected(
        self, connection: str, listen: Listen, began: Callable[[], object]
    ) -> Heard:
        recognisers = self._able(listen.language)
        if not recognisers:
            raise ListeningFailed(f"no recogniser for {listen.language!r}")
        url = media_url(self._base_url, connection)
        try:
            async with (
                asyncio.timeout(self._limits.open),
                connected(self._session, url, timeout=self._limits.connect, ssl=self._ssl) as audio,
            ):
                return await self._utterance(audio, listen, recognisers, began)
        except TimeoutError:
            raise ListeningFailed(f"nothing was said in {self._limits.open:.0f} s") from None

    async def _utterance(
        self,
        audio: AudioSocket,
        listen: Listen,
        recognisers: Mapping[str, ASR],
        began: Callable[[], object],
    ) -> Heard:
        """From the first audio to the text; recognition goes on while there is speech."""
        longest = min(self._limits.utterance, *(_longest(asr) for asr in recognisers.values()))
        silence = min(listen.end_silence, longest)
        speech = _speech(audio, Endpointer(audio.rate, end_silence=silence, longest=longest))
        said = Utterance(audio.rate)
        said.add(await anext(speech))
        began()
        hearing = asyncio.create_task(self._hear(recognisers, listen, said))
        try:
            async for pcm in speech:
                said.add(pcm)
            said.end()
            await audio.close()
            return await hearing
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    async def _hear(self, recognisers: Mapping[str, ASR], listen: Listen, said: Utterance) -> Heard:
        """The text of the first recogniser that does not fail."""
        failed = []
        tell, observer = self._owner.call_soon_threadsafe, self._observer
        for name, recogniser in recognisers.items():
            tell(observer.asr_started, name)
            try:
                transcript = await self._transcribe(recogniser, listen, said)
            except (RecognitionError, TimeoutError) as error:
                failed.append(f"{name}: {type(error).__name__}")
                tell(observer.asr_failed, name, error)
                log.warning("not recognised", extra={"recogniser": name, "error": str(error)})
                continue
            text = " ".join(transcript.text.split())[:_LONGEST_TEXT]
            tell(observer.asr_heard, name, _since(said), bool(text))
            return Heard(text=text, confidence=transcript.confidence)
        raise ListeningFailed(", ".join(failed))

    async def _transcribe(self, recogniser: ASR, listen: Listen, said: Utterance) -> Transcript:
        """Give one recogniser all of the utterance. Nothing of it is left there afterwards.

        Raises:
            RecognitionError: it failed.
            TimeoutError: it took too long.
        """
        able = recogniser.capabilities
        request = RecognitionRequest(
            language=listen.language, sample_rate=able.sample_rates[0], hints=listen.hints
        )
        async with asyncio.timeout(self._limits.finish):
            recognising = await recogniser.recognise(able.resolve(request))
        try:
            async for block in said.blocks(request.sample_rate):
                recognising.feed(block)
            async with asyncio.timeout(self._limits.finish):
                return await recognising.finish()
        except BaseException:
            await self._give_up(recognising)
            raise

    async def _give_up(self, recognising: Recognising) -> None:
        try:
            async with asyncio.timeout(self._limits.close):
                await recognising.cancel()
        except (RecognitionError, TimeoutError):
            log.warning("a recogniser does not let go of an utterance")

    def _able(self, language: str) -> dict[str, ASR]:
        return {name: asr for name, asr in self._recognisers.items() if _has(asr, language)}


def _has(recogniser: ASR, language: str) -> bool:
    able = recogniser.capabilities
    request = RecognitionRequest(language=language, sample_rate=able.sample_rates[0])
    try:
        able.resolve(request)
    except LanguageNotSupported:
        return False
    return True


def _longest(recogniser: ASR) -> float:
    """Seconds that it surely takes: another rate may make a sample more."""
    return recogniser.capabilities.max_seconds - BLOCK


def _since(said: Utterance) -> float:
    """Seconds since the end of an utterance."""
    now = asyncio.get_running_loop().time()
    return 0.0 if said.ended_at is None else now - said.ended_at


async def _speech(audio: AudioSocket, endpointer: Endpointer) -> AsyncIterator[bytes]:
    """The utterance, as it is said.

    When no audio comes, as after a hang-up, that is silence.
    """
    while endpointer.state is not State.OVER:
        speaking = endpointer.state is State.SPEAKING
        try:
            pcm = await audio.receive(endpointer.silence_left if speaking else None)
        except TimeoutError:
            try:
                pcm = await audio.receive(_HELD_UP)
            except TimeoutError:
                return
        if said := endpointer.feed(pcm):
            yield said


async def _there(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, _T]) -> _T:
    """Run something in the thread and wait for it."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """The thread."""
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
