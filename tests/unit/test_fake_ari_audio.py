"""The fake Asterisk's sounds, machine detection and media WebSockets: as seen live."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from adapter.ari.client import AriClient
from adapter.ari.errors import BadRequest, Unprocessable
from tests.fakes.ari_media import CONNECTION, FRAME
from tests.fakes.ari_model import MACHINE, Callee, Sound
from tests.fakes.ari_server import FakeAri


@pytest.fixture
async def ari() -> AsyncIterator[FakeAri]:
    """A fake Asterisk."""
    async with FakeAri() as fake:
        yield fake


@pytest.fixture
async def session(ari: FakeAri) -> AsyncIterator[aiohttp.ClientSession]:
    """HTTP with the credentials."""
    pair = base64.b64encode(f"{ari.username}:{ari.password}".encode()).decode()
    async with aiohttp.ClientSession(headers={"Authorization": f"Basic {pair}"}) as made:
        yield made


@pytest.fixture
async def client(ari: FakeAri, session: aiohttp.ClientSession) -> AsyncIterator[AriClient]:
    """A client, and a WebSocket for the events."""
    async with (
        AriClient(ari.base_url, ari.username, ari.password, app="voice") as made,
        session.ws_connect(f"{ari.base_url}/ari/events?app=voice&subscribeAll=true"),
    ):
        yield made


def caller(ari: FakeAri) -> str:
    """An answered channel."""
    channel = ari.inbound("1001")
    ari.world.answer(channel)
    return channel


async def media(ari: FakeAri, client: AriClient) -> tuple[str, str]:
    """A caller with a snoop and a media channel; the caller and where to connect to."""
    channel = caller(ari)
    await client.create_bridge("b")
    await client.snoop(channel, "snoop", spy="in")
    made = await client.external_media("media", "INCOMING", "slin16")
    await client.add_channel("b", "snoop")
    return channel, f"{ari.base_url}/media/{made.channelvars[CONNECTION]}"


async def test_one_sound_replaces_another(ari: FakeAri, client: AriClient) -> None:
    """Silence replaces music, a play both, for good; to end what is not heard does nothing."""
    channel = caller(ari)
    heard = ari.channels[channel]
    await client.start_moh(channel)
    await client.stop_silence(channel)
    sounds = [heard.hears]
    await client.start_silence(channel)
    sounds.append(heard.hears)
    assert sounds == [Sound.MUSIC, Sound.SILENCE]
    await client.ring(channel)
    await client.play(channel, ["sound:a"], "p")
    await ari.wait_for(lambda: heard.hears is Sound.NOTHING and not ari.world.playbacks)


async def test_a_partner_ends_ringback_and_silence_but_not_music(
    ari: FakeAri, client: AriClient
) -> None:
    """As the partner's first frame does; music goes on inside the bridge until it is stopped."""
    one, other, third = caller(ari), caller(ari), caller(ari)
    await client.create_bridge("b")
    await client.ring(one)
    await client.add_channel("b", one)
    assert ari.channels[one].hears is Sound.RINGING
    await client.add_channel("b", other)
    assert ari.channels[one].hears is Sound.NOTHING
    await client.start_moh(third)
    await client.add_channel("b", third)
    assert ari.channels[third].hears is Sound.MUSIC


async def test_channel_outside_of_stasis(ari: FakeAri, client: AriClient) -> None:
    """It is refused by a bridge with 422 (seen); an unknown one with 400."""
    ari.world.stasis_delay = 60
    await client.create_bridge("b")
    await client.create_channel("PJSIP/100@trunk", "c")
    with pytest.raises(Unprocessable, match="Stasis"):
        await client.add_channel("b", "c")
    with pytest.raises(BadRequest):
        await client.add_channel("b", "unheard-of")


async def test_machine_detection(ari: FakeAri, client: AriClient) -> None:
    """`continue` to AMD: StasisEnd, then StasisStart with the callee's kind."""
    ari.callee("100", Callee(amd=MACHINE))
    await client.create_channel("PJSIP/100@trunk", "c")
    await ari.wait_for(lambda: ari.channels["c"].in_stasis)
    await client.dial("c", 30)
    await ari.wait_for(lambda: ari.channels["c"].state == "Up")
    await client.continue_in_dialplan("c", context="amd")
    await ari.wait_for(lambda: ari.channels["c"].in_stasis)
    story = [event for event in ari.events if event["type"].startswith("Stasis")][1:]
    assert [event["type"] for event in story] == ["StasisEnd", "StasisStart"]
    assert story[1]["args"] == ["amd", *MACHINE]


async def test_audio_takes_its_way(
    ari: FakeAri, client: AriClient, session: aiohttp.ClientSession
) -> None:
    """Connected, the media channel enters Stasis; what is said comes in frames of 20 ms."""
    channel, url = await media(ari, client)
    with pytest.raises(Unprocessable, match="Stasis"):
        await client.add_channel("b", "media")
    async with session.ws_connect(url, protocols=["media"]) as socket:
        assert (await socket.receive_str()).startswith("MEDIA_START")
        await ari.wait_for(lambda: ari.channels["media"].in_stasis)
        assert not ari.media_sockets.listeners(channel)
        await client.add_channel("b", "media")
        await ari.say(channel, bytes(3 * FRAME))
        assert [len(await socket.receive_bytes()) for _ in range(3)] == [FRAME] * 3
        with pytest.raises(WSServerHandshakeError):
            await session.ws_connect(url, protocols=["media"])
    await ari.wait_for(lambda: "media" not in ari.channels)


@pytest.mark.parametrize("who", ["caller", "media"])
async def test_who_goes_with_whom(
    ari: FakeAri, client: AriClient, session: aiohttp.ClientSession, who: str
) -> None:
    """A snoop goes with its channel; a media channel's end closes its WebSocket; bridges stay."""
    channel, url = await media(ari, client)
    async with session.ws_connect(url, protocols=["media"]) as socket:
        await socket.receive_str()
        ari.remote_hangup(channel if who == "caller" else "media")
        if who == "media":
            assert (await socket.receive()).type is WSMsgType.CLOSE
        assert ("snoop" in ari.channels) is (who == "media")
    assert "b" in ari.world.bridges
