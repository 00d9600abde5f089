"""What the tests of listening share: sound, a server that plays Asterisk's part, a recogniser."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import subprocess
import threading
import uuid
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import soxr  # type: ignore[import-untyped]  # has neither stubs nor py.typed
from aiohttp import WSMsgType, web

from adapter.media.recognition import Limits, Observer
from adapter.media.recognition import Recognition as Host
from adapter.plugin_api import (
    ASR,
    Partial,
    Recognition,
    RecognitionCapabilities,
    RecognitionError,
    RecognitionRequest,
    Transcript,
)
from tests.fakes.speech import hum

RATE = 16000
FRAME = 640
START = "MEDIA_START connection_id:x channel:WebSocket/INCOMING/0x7f format:slin16 ptime:20"


def silence(seconds: float, rate: int = RATE) -> bytes:
    """Digital silence."""
    return bytes(2 * round(seconds * rate))


def tone(seconds: float, hertz: float = 440.0, rate: int = RATE) -> bytes:
    """A tone. The detector takes 300, 400, 440, 1000 and 2000 Hz for voice, others not."""
    return hum(seconds, rate, hertz)


def noise(seconds: float, dbfs: float, rate: int = RATE) -> bytes:
    """White noise, the same each time."""
    values = np.random.default_rng(7).normal(size=round(seconds * rate)) * 10 ** (dbfs / 20)
    return (np.clip(values, -1, 1) * 32767).astype("<i2").tobytes()


@functools.cache
def spoken(text: str, rate: int = RATE) -> bytes:
    """What espeak-ng says, as a telephone at 8 kHz would let it through; nothing before or after.

    Cut to what is louder than -40 dBFS, so that a test knows where it begins and ends.
    """
    done = subprocess.run(["espeak-ng", "--stdout", text], capture_output=True, check=True)
    with wave.open(io.BytesIO(done.stdout)) as file:
        whole = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
        narrow = soxr.resample(whole, file.getframerate(), 8000)
    samples = soxr.resample(narrow, 8000, rate)
    loud = np.flatnonzero(np.abs(samples) > 327)
    return bytes(samples[loud[0] : loud[-1]].astype("<i2").tobytes())


@dataclass(frozen=True, slots=True)
class Script:
    """What a connection does: its first text, then audio, then it is held open or closed."""

    start: str
    pcm: bytes
    paced: bool
    close: bool
    frame: int


class FakeMedia:
    """chan_websocket on loopback, for what it sends."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.open = 0
        self.protocols: list[str | None] = []
        self.stall = False
        """While true, a handshake is not answered."""

    def offer(
        self,
        pcm: bytes = b"",
        *,
        start: str = START,
        paced: bool = False,
        close: bool = False,
        frame: int = FRAME,
    ) -> str:
        """Have audio ready; returns the id of its connection, good for one client."""
        connection = str(uuid.uuid4())
        self.scripts[connection] = Script(start, pcm, paced, close, frame)
        return connection

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/media/{id}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        script = self.scripts.pop(request.match_info["id"], None)
        if script is None:
            raise web.HTTPNotFound
        if self.stall:
            await asyncio.sleep(30)
        socket = web.WebSocketResponse(protocols=("media",))
        await socket.prepare(request)
        self.protocols.append(socket.ws_protocol)
        self.open += 1
        try:
            with contextlib.suppress(ConnectionError):
                await self._play(socket, script)
            if script.close:
                await socket.close()
            async for message in socket:
                assert message.type is not WSMsgType.BINARY
        finally:
            self.open -= 1
        return socket

    async def _play(self, socket: web.WebSocketResponse, script: Script) -> None:
        if script.start:
            await socket.send_str(script.start)
        for at in range(0, len(script.pcm), script.frame):
            await socket.send_bytes(script.pcm[at : at + script.frame])
            if script.paced:
                await asyncio.sleep(0.02)
            if at == 0:
                await socket.send_str("DTMF_END digit:5 channel_id:x")


class ScriptedRecognition(Recognition):
    """Collects; its text says how many seconds it was fed."""

    def __init__(self, asr: ScriptedASR, request: RecognitionRequest) -> None:
        self.asr = asr
        self.request = request
        self.pcm = bytearray()
        self.over = ""

    def feed(self, pcm: bytes) -> None:
        """Keep it; the thread is noted."""
        if self.over:
            raise RuntimeError(self.over)
        self.asr.threads.add(threading.current_thread().name)
        self.asr.compute()
        self.pcm += pcm

    async def finish(self) -> Transcript:
        """The script's text, fault or wait."""
        self.asr.finishing.set()
        await asyncio.sleep(self.asr.delay)
        if self.asr.fault is not None:
            raise self.asr.fault
        self.over = "finished"
        return Transcript(text=self.asr.text, confidence=0.75, language=self.request.language)

    async def cancel(self) -> None:
        """Note it."""
        self.over = "cancelled"


class ScriptedASR(ASR):
    """A whole plug-in (nothing is patched): only what it understands stands in a script.

    Attributes:
        text: what it understands.
        lag: seconds that `recognise` takes; `delay`: seconds that `finish` takes.
        fault: raised by `finish`; `refusal`: raised by `recognise`.
        compute: called for each piece of audio.
        made: all utterances, in order.
        finishing: set from the first `finish` on.
    """

    api_version: ClassVar[int] = 1
    name: ClassVar[str] = "scripted"
    version = "1"

    def __init__(self, text: str = "hello", *, rate: int = RATE, max_seconds: float = 60) -> None:
        self.capabilities = RecognitionCapabilities(
            languages=("en-US", "de-DE"),
            sample_rates=(rate,),
            hints=True,
            partial_results=False,
            max_seconds=max_seconds,
        )
        self.text = text
        self.lag = 0.0
        self.delay = 0.0
        self.fault: RecognitionError | None = None
        self.refusal: RecognitionError | None = None
        self.made: list[ScriptedRecognition] = []
        self.threads: set[str] = set()
        self.finishing = threading.Event()
        self.closed = False

    @classmethod
    async def start(cls, settings: Mapping[str, object]) -> Self:
        """Without settings."""
        return cls()

    def compute(self) -> None:
        """Nothing; tests put work in its place."""

    async def recognise(
        self, request: RecognitionRequest, partial: Partial | None = None
    ) -> ScriptedRecognition:
        """Begin."""
        self.threads.add(threading.current_thread().name)
        request = self.capabilities.resolve(request)
        await asyncio.sleep(self.lag)
        if self.refusal is not None:
            raise self.refusal
        self.made.append(ScriptedRecognition(self, request))
        return self.made[-1]

    async def close(self) -> None:
        """Remember it."""
        self.closed = True


class Observed(Observer):
    """Writes down what was told, and in which thread."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.seconds: list[float] = []
        self.threads: set[str] = set()

    def asr_started(self, provider: str) -> None:
        """Given."""
        self._note(provider, "started")

    def asr_heard(self, provider: str, seconds: float, text: bool) -> None:
        """Understood, or not."""
        self.seconds.append(seconds)
        self._note(provider, "text" if text else "nothing")

    def asr_failed(self, provider: str, fault: RecognitionError | TimeoutError) -> None:
        """Failed."""
        self._note(provider, type(fault).__name__)

    def _note(self, provider: str, what: str) -> None:
        self.told.append((provider, what))
        self.threads.add(threading.current_thread().name)


def nothing() -> None:
    """For those who do not care when speech begins."""


def starting(*recognisers: ScriptedASR) -> Callable[[], Awaitable[Mapping[str, ASR]]]:
    """How a host is given its recognisers."""

    async def start() -> dict[str, ASR]:
        return {f"asr{number}": asr for number, asr in enumerate(recognisers, 1)}

    return start


@asynccontextmanager
async def running(
    media: FakeMedia, *recognisers: ScriptedASR, limits: Limits | None = None
) -> AsyncIterator[tuple[Host, Observed]]:
    """The host with these recognisers, and what was observed of them."""
    observed = Observed()
    host = Host(
        starting(*recognisers),
        media.base_url,
        limits=limits,
        observer=observed,
    )
    await host.start()
    try:
        yield host, observed
    finally:
        await host.close()
    assert all(asr.closed for asr in recognisers)
    assert "audio" not in {thread.name for thread in threading.enumerate()}
