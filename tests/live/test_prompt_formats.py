"""Prompts of any format, put through the admin API, as a real caller hears them."""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from tests.fakes.webhook_sink import WebhookSink
from tests.live.adapter_process import APP_ID, AdapterProcess
from tests.live.asterisk import Carrier, Instance
from tests.live.audio import samples
from tests.live.conftest import Api
from tests.live.wire import Wire
from tests.unit.test_decoding import coded
from tests.unit.test_wav import encode, riff, tone

pytestmark = pytest.mark.live

TOKEN = "token-of-the-operator-000001"
PROMPTS = f"/admin/v1/apps/{APP_ID}/prompts"
HERTZ = 1000.0
ABOVE = 5000.0  # Hz; a telephone call can't carry it
STEREO = riff(encode(np.repeat(tone(44100, HERTZ, 2.0), 2), 16), 44100, 2, 16)
BOTH = riff(encode(tone(44100, HERTZ, 2.0, 0.3) + tone(44100, ABOVE, 2.0, 0.3), 16), 44100, 1, 16)


@pytest.fixture
async def adapter(
    tmp_path: Path, asterisk: Instance, wire: Wire, carrier: Carrier, sink: WebhookSink
) -> AsyncIterator[AdapterProcess]:
    """An adapter with the admin API; in place of that of conftest.py."""
    process = AdapterProcess(
        tmp_path / "adapter",
        asterisk=asterisk,
        ari_port=wire.port,
        carrier_sip_port=carrier.sip_port,
        event_url=sink.url(),
        webhook_port=sink.port,
        extra=f'[admin]\ntoken = "{TOKEN}"\n',
    )
    await process.cli("apply", "provision.toml")
    await process.start()
    yield process
    await process.stop()


async def put(adapter: AdapterProcess, name: str, content: bytes) -> None:
    """Upload a prompt."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        aiohttp.ClientSession(adapter.base, headers=headers) as session,
        session.put(f"{PROMPTS}/{name}", data=io.BytesIO(content)) as answer,
    ):
        assert answer.status == 201, await answer.text()


def share_of(values: Sequence[int], rate: int, hertz: float) -> float:
    """The part of the power that one frequency has, in the second half second that is heard."""
    loud = next(i for i, value in enumerate(values) if abs(value) > 500) + rate // 4
    part = np.array(values[loud : loud + rate // 2], float)
    turns = np.exp(-2j * math.pi * hertz * np.arange(len(part)) / rate)
    return float(2 * abs(np.mean(part * turns)) ** 2 / np.mean(part**2))


@pytest.mark.parametrize(
    ("name", "content"),
    [("tone-mp3", coded("mp3", "libmp3lame", 44100, seconds=2.0)), ("tone-wav", STEREO)],
)
async def test_the_caller_hears_the_tone(
    api: Api, adapter: AdapterProcess, carrier: Carrier, name: str, content: bytes
) -> None:
    """An MP3 and a stereo WAV file of 44.1 kHz are played by name, right after the upload."""
    await put(adapter, name, content)
    channel = carrier.call(to="+15551000", from_="+15557770001", behave="wait:8")
    call = (await api.event("incomingcall"))["voice_id"]
    await api.request("POST", f"/call/{call}/accept")
    await api.event("connected")
    await api.play(call, prompt_name=name)
    await api.event("playfinished")
    await api.hang_up(call)
    await api.over()
    heard, rate = samples(carrier.heard("+15551000", channel))
    assert share_of(heard, rate, HERTZ) > 0.9


class Rtp(asyncio.DatagramProtocol):
    """Collects the audio of one RTP stream (RFC 3550), without its headers."""

    def __init__(self) -> None:
        self.audio = bytearray()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.audio += data[12:]


@pytest.mark.parametrize(
    ("codec", "rate", "wide"), [("slin16", 16000, True), ("slin", 8000, False)]
)
async def test_a_wideband_call_gets_the_wide_file(
    adapter: AdapterProcess, asterisk: Instance, codec: str, rate: int, wide: bool
) -> None:
    """Of NAME.wav and NAME.wav16 Asterisk plays the one that is nearest to the call's codec."""
    await put(adapter, "both", BOTH)
    (file,) = adapter.folder.glob("var/media/prompts/*/*.wav16")
    loop = asyncio.get_running_loop()
    transport, rtp = await loop.create_datagram_endpoint(Rtp, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    auth = {"Authorization": aiohttp.encode_basic_auth(asterisk.ari_user, asterisk.ari_password)}
    base = f"http://127.0.0.1:{asterisk.http_port}/ari"
    media = {"app": "probe", "external_host": f"127.0.0.1:{port}", "format": codec,
             "channelId": f"probe-{codec}"}  # fmt: skip
    async with (
        aiohttp.ClientSession(headers=auth) as session,
        session.ws_connect(f"{base}/events", params={"app": "probe"}) as events,
    ):
        await session.post(f"{base}/channels/externalMedia", params=media)
        while (await events.receive_json())["type"] != "StasisStart":
            pass
        playing = {"media": f"sound:{file.with_suffix('')}"}
        await session.post(f"{base}/channels/probe-{codec}/play", params=playing)
        while (event := await events.receive_json())["type"] != "PlaybackFinished":
            pass
        assert event["playback"]["state"] == "done"
        await session.delete(f"{base}/channels/probe-{codec}")
    transport.close()
    values = np.frombuffer(bytes(rtp.audio[: len(rtp.audio) // 2 * 2]), ">i2").tolist()
    shares = share_of(values, rate, HERTZ), share_of(values, rate, ABOVE if wide else 3000.0)
    assert shares[0] == pytest.approx(0.5 if wide else 1.0, abs=0.1)
    assert shares[1] == pytest.approx(0.5 if wide else 0.0, abs=0.1)
