"""The parts of listening with a real Asterisk: media channel, WebSocket, endpointing, the thread.

Without the adapter: one channel of our own in Stasis, and a recogniser that only collects.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soxr  # type: ignore[import-untyped]  # has neither stubs nor py.typed

from adapter.ari.client import AriClient
from adapter.ari.errors import AriError, Conflict
from adapter.ari.listening import close_audio, join_audio, open_audio
from adapter.core.faults import ListeningFailed
from adapter.core.model import Heard, Listen
from adapter.media import wav
from adapter.media.recognition import Recognition
from tests.live.asterisk import Carrier, Instance
from tests.unit.media_house import RATE, ScriptedASR, silence, spoken

pytestmark = pytest.mark.live

ECHOES, SPEAKS, SILENT = "15550100", "15550103", "15550108"  # docs/carrier.md
NAME = "parts.prompt.1"
ENDPOINT = "listening-parts"
LISTEN = Listen(language="en-US", end_silence=0.8)
SENTENCE = "Please transfer me to the sales department."

Call = Callable[[str], Awaitable[str]]


@pytest.fixture
async def client(asterisk: Instance, carrier: Carrier) -> AsyncIterator[AriClient]:
    """An application of this test's own, and a way to the carrier."""
    url = f"http://127.0.0.1:{asterisk.http_port}"
    async with AriClient(url, asterisk.ari_user, asterisk.ari_password, app="parts") as made:
        events = await made.connect_events()
        drained = asyncio.create_task(_drain(events))
        contact = {"contact": f"sip:127.0.0.1:{carrier.sip_port}"}
        await made.put_config("aor", ENDPOINT, contact)
        endpoint = {"aors": ENDPOINT, "allow": "!all,ulaw", "context": "blocked"}
        await made.put_config("endpoint", ENDPOINT, endpoint | {"direct_media": "no"})
        yield made
        await made.delete_config("endpoint", ENDPOINT)
        await made.delete_config("aor", ENDPOINT)
        await events.close()
        await drained


async def _drain(events: object) -> None:
    async for _ in events:  # type: ignore[attr-defined]
        pass


@pytest.fixture
async def call(client: AriClient) -> AsyncIterator[Call]:
    """Calls a number and returns the answered channel; hangs up at the end, and looks around."""
    channels: list[str] = []

    async def place(number: str) -> str:
        channel = f"parts.leg{len(channels) + 1}.{time.time_ns()}"
        channels.append(channel)
        await client.create_channel(f"PJSIP/{number}@{ENDPOINT}", channel)
        for _ in range(50):
            with suppress(Conflict):
                await client.dial(channel, 10)
                break
            await asyncio.sleep(0.02)
        await until(lambda: _is_up(client, channel))
        return channel

    yield place
    for channel in channels:
        await client.hangup(channel)
    await until(lambda: _is_empty(client))


@pytest.fixture
async def asr() -> ScriptedASR:
    """A recogniser that only collects."""
    return ScriptedASR("words")


@pytest.fixture
async def host(asterisk: Instance, asr: ScriptedASR) -> AsyncIterator[Recognition]:
    """The host in its thread."""

    async def start() -> dict[str, ScriptedASR]:
        return {"scripted": asr}

    made = Recognition(start, f"http://127.0.0.1:{asterisk.http_port}")
    await made.start()
    yield made
    await made.close()


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.02)


async def _is_up(client: AriClient, channel: str) -> bool:
    found = await client.get_channel(channel)
    return found is not None and found.state == "Up"


async def _is_empty(client: AriClient) -> bool:
    return not await client.list_channels() and not await client.list_bridges()


async def ours(client: AriClient) -> set[str]:
    """Channels and bridges that were made to listen."""
    channels, bridges = await client.list_channels(), await client.list_bridges()
    ids = [*(one.id for one in channels), *(one.id for one in bridges)]
    return {one for one in ids if one.startswith(NAME)}


@asynccontextmanager
async def listening(
    client: AriClient, host: Recognition, channel: str, began: Callable[[], object]
) -> AsyncIterator[asyncio.Task[Heard]]:
    """Listen to a channel as the adapter does."""
    connection = await open_audio(client, channel, NAME)
    work = asyncio.create_task(host.listen(connection, LISTEN, began))
    try:
        await join_audio(client, NAME)
        yield work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await close_audio(client, NAME)


async def _nothing(client: AriClient) -> bool:
    return await _is_left(client)


async def _is_left(client: AriClient, *ids: str) -> bool:
    return await ours(client) == set(ids)


def likeness(said: bytes, heard: bytes) -> float:
    """How much of the one is in the other: the peak of their normalised cross-correlation."""
    a, b = _samples(said), _samples(heard)
    size = len(a) + len(b)
    cross = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    return float(np.max(np.abs(cross)) / (np.linalg.norm(a) * np.linalg.norm(b)))


def _samples(pcm: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def telephone_file(folder: Path, pcm: bytes) -> str:
    """A file for Asterisk of 16 kHz audio, as a media URI."""
    folder.chmod(0o755)
    samples = soxr.resample(np.frombuffer(pcm, "<i2"), RATE, 8000)
    wav.save(folder / "said.wav", wav.write(samples.astype("<i2").tobytes()))
    return f"sound:{folder / 'said'}"


async def test_what_is_said_is_cut_out(
    client: AriClient, call: Call, host: Recognition, asr: ScriptedASR
) -> None:
    """Speech comes back from an echo: it begins and ends when it does, and all of it is heard.

    Before and after it the far end sends nothing at all, which is silence. Then the snoop waits for
    a frame before it goes; a prompt brings one.
    """
    said = spoken(SENTENCE)
    seconds = len(said) / 2 / RATE
    channel = await call(ECHOES)
    began: list[float] = []
    with tempfile.TemporaryDirectory(prefix="av-", dir="/tmp") as name:
        uri = telephone_file(Path(name), silence(1) + said + silence(0.2))
        async with listening(
            client, host, channel, lambda: began.append(time.monotonic())
        ) as hearing:
            await asyncio.sleep(0.5)
            assert began == []
            started = time.monotonic()
            await client.play(channel, [uri], "parts.playback")
            async with asyncio.timeout(15):
                heard = await hearing
            over = time.monotonic() - started
        await until(lambda: _is_left(client, f"{NAME}.snoop"))
        await client.play(channel, ["sound:beep"], "parts.playback2")
        await until(lambda: _nothing(client))
    assert heard == Heard(text="words", confidence=0.75)
    assert 1.1 < began[0] - started < 1.8
    assert abs(over - (1 + seconds + LISTEN.end_silence)) < 0.6
    (one,) = asr.made
    assert likeness(said, bytes(one.pcm)) > 0.9
    assert 0.7 < np.linalg.norm(_samples(bytes(one.pcm))) / np.linalg.norm(_samples(said)) < 1.4


async def test_caller_who_speaks_at_once(
    client: AriClient, call: Call, host: Recognition, asr: ScriptedASR
) -> None:
    """A recorded human voice, in which pauses are shorter than the silence, is one utterance."""
    channel = await call(SPEAKS)
    async with listening(client, host, channel, lambda: None) as hearing:
        async with asyncio.timeout(15):
            assert (await hearing).text == "words"
    await until(lambda: _nothing(client))
    (one,) = asr.made
    loud = np.sqrt(np.mean(_samples(bytes(one.pcm)) ** 2))
    assert len(one.pcm) / 2 / RATE > 3
    assert loud > 300


async def test_far_end_hangs_up(client: AriClient, call: Call, host: Recognition) -> None:
    """After a hang-up the audio stays until it is closed; then listening has failed."""
    channel = await call(SILENT)
    async with listening(client, host, channel, lambda: None) as hearing:
        await client.hangup(channel)
        await until(lambda: _gone(client, f"{NAME}.snoop"))
        await asyncio.sleep(0.2)
        assert not hearing.done()
        assert await _is_left(client, f"{NAME}.audio", f"{NAME}.listen")
        await close_audio(client, NAME)
        with pytest.raises(ListeningFailed, match="closed"):
            await hearing
    await until(lambda: _nothing(client))


async def _gone(client: AriClient, channel: str) -> bool:
    return await client.get_channel(channel) is None


async def test_cancel_takes_the_media_channel_away(
    client: AriClient, call: Call, host: Recognition
) -> None:
    """When we leave the WebSocket, Asterisk ends its channel; the call goes on."""
    channel = await call(SILENT)
    async with listening(client, host, channel, lambda: None) as hearing:
        hearing.cancel()
        await until(lambda: _gone(client, f"{NAME}.audio"))
        assert await _is_left(client, f"{NAME}.snoop", f"{NAME}.listen")
    await until(lambda: _nothing(client))
    assert await _is_up(client, channel)


async def test_connection_is_for_one(client: AriClient, call: Call, host: Recognition) -> None:
    """A second client of the same connection is refused, and the first one goes on."""
    channel = await call(SILENT)
    connection = await open_audio(client, channel, NAME)
    first = asyncio.create_task(host.listen(connection, LISTEN, lambda: None))
    await join_audio(client, NAME)
    with pytest.raises(ListeningFailed, match="refuses the audio: 4"):
        await host.listen(connection, LISTEN, lambda: None)
    assert not first.done()
    await close_audio(client, NAME)
    with pytest.raises(ListeningFailed):
        await first
    await until(lambda: _nothing(client))


async def test_channel_that_is_not_there(client: AriClient) -> None:
    """Nothing is left in Asterisk when there is nobody to listen to."""
    with pytest.raises(AriError):
        await open_audio(client, "nobody", NAME)
    await until(lambda: _nothing(client))


async def test_modules_are_loaded(asterisk: Instance) -> None:
    """What media over WebSocket needs is in modules.txt."""
    for module in ("chan_websocket", "res_http_websocket", "res_stasis_snoop", "codec_resample"):
        assert "1 modules loaded" in asterisk.cli(f"module show like {module}.so")
