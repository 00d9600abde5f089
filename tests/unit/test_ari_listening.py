"""adapter.ari.listening: what is made in Asterisk to listen to a channel, and taken away again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapter.ari.client import AriClient
from adapter.ari.errors import AriError, BadAnswer, NotFound, Unprocessable, Unreachable
from adapter.ari.listening import close_audio, join_audio, open_audio
from tests.fakes.ari_media import CONNECTION
from tests.fakes.ari_server import FakeAri

NAME = "call.prompt.1"
AUDIO, SNOOP, BRIDGE = f"{NAME}.audio", f"{NAME}.snoop", f"{NAME}.listen"


@pytest.fixture
async def ari() -> AsyncIterator[FakeAri]:
    """A fake Asterisk."""
    async with FakeAri() as fake:
        yield fake


@pytest.fixture
async def client(ari: FakeAri) -> AsyncIterator[AriClient]:
    """A client of it."""
    async with AriClient(ari.base_url, ari.username, ari.password, app="voice", timeout=2) as made:
        yield made


@pytest.fixture
async def caller(ari: FakeAri, client: AriClient) -> str:
    """A channel in Stasis."""
    return ari.inbound("1001")


def left(ari: FakeAri) -> set[str]:
    """What of ours is in Asterisk."""
    return {one for one in (*ari.channels, *ari.world.bridges) if one.startswith(NAME)}


async def test_audio_is_opened_joined_and_closed(
    ari: FakeAri, client: AriClient, caller: str
) -> None:
    """The far end's audio goes by a snoop and a bridge to a media channel; then all is gone."""
    connection = await open_audio(client, caller, NAME)
    assert connection == ari.channels[AUDIO].variables[CONNECTION]
    (snoop,) = ari.seen("snoop")
    assert snoop.ids == {"channel": caller, "snoop": SNOOP}
    assert snoop.query == {"app": "voice", "spy": "in", "whisper": "none"}
    (media,) = ari.seen("external_media")
    assert media.query == {
        **{"app": "voice", "channelId": AUDIO, "external_host": "INCOMING", "format": "slin16"},
        **{"transport": "websocket", "encapsulation": "none", "connection_type": "server"},
    }
    assert ari.world.bridges[BRIDGE] == [SNOOP]
    joining = asyncio.create_task(join_audio(client, NAME))
    await ari.wait_for(lambda: ari.count("add_channel") >= 3)
    ari.channels[AUDIO].in_stasis = True
    await joining
    assert ari.world.bridges[BRIDGE] == [SNOOP, AUDIO]
    await close_audio(client, NAME)
    await ari.wait_for(lambda: not left(ari))
    assert caller in ari.channels
    await close_audio(client, NAME)


async def test_close_takes_what_is_left(ari: FakeAri, client: AriClient, caller: str) -> None:
    """When the caller hung up and the snoop with them, the rest is taken away."""
    await open_audio(client, caller, NAME)
    ari.remote_hangup(caller)
    assert SNOOP not in ari.channels
    await close_audio(client, NAME)
    await ari.wait_for(lambda: not left(ari))


@pytest.mark.parametrize("verb", ["create_bridge", "snoop", "external_media", "add_channel"])
@pytest.mark.parametrize("stage", ["before", "after"])
async def test_a_step_that_fails_leaves_nothing(
    ari: FakeAri, client: AriClient, caller: str, verb: str, stage: str
) -> None:
    """Whichever step fails, carried out or not: its error comes through and nothing is left."""
    ari.fail(verb, 500, stage="before" if stage == "before" else "after")
    with pytest.raises(AriError, match=verb):
        await open_audio(client, caller, NAME)
    await ari.wait_for(lambda: not left(ari))


async def test_cancelled_it_leaves_nothing(ari: FakeAri, client: AriClient, caller: str) -> None:
    """A cancel in the middle removes what was made."""
    ari.slow("external_media", 1.0)
    opening = asyncio.create_task(open_audio(client, caller, NAME))
    await ari.wait_for(lambda: AUDIO in ari.channels)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await ari.wait_for(lambda: not left(ari))


async def test_channel_that_is_gone(ari: FakeAri, client: AriClient) -> None:
    """A channel that has hung up is NotFound, and nothing is left."""
    with pytest.raises(NotFound):
        await open_audio(client, "gone", NAME)
    assert left(ari) == set()


async def test_no_connection_id_is_a_bad_answer(
    ari: FakeAri, client: AriClient, caller: str
) -> None:
    """An Asterisk whose media channel names no connection is not guessed at."""
    ari.media_sockets.names_connections = False
    with pytest.raises(BadAnswer):
        await open_audio(client, caller, NAME)
    await ari.wait_for(lambda: not left(ari))


async def test_nobody_connects(
    ari: FakeAri, client: AriClient, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`join_audio` does not wait for ever; another refusal is not waited for at all."""
    monkeypatch.setattr("adapter.ari.listening._TRIES", 3)
    await open_audio(client, caller, NAME)
    with pytest.raises(Unprocessable, match="Stasis"):
        await join_audio(client, NAME)
    tries = ari.count("add_channel")
    assert tries == 1 + 4
    await close_audio(client, NAME)
    with pytest.raises(NotFound):
        await join_audio(client, NAME)
    assert ari.count("add_channel") == tries + 1


async def test_close_tries_everything(ari: FakeAri, client: AriClient, caller: str) -> None:
    """An Asterisk that cuts one request off: the others are made, and the error is told."""
    await open_audio(client, caller, NAME)
    ari.fail("delete_bridge", 0, times=2)  # once more: aiohttp repeats a DELETE by itself
    with pytest.raises(Unreachable):
        await close_audio(client, NAME)
    await ari.wait_for(lambda: left(ari) == {BRIDGE})
    await close_audio(client, NAME)
    assert left(ari) == set()
