"""adapter.media.audio_socket, against a real WebSocket server that plays Asterisk's part."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from adapter.core.faults import ListeningFailed
from adapter.media.audio_socket import AudioSocket, connected, media_url
from tests.unit.media_house import FRAME, START, FakeMedia, noise

ID = "fb23f1ad-2973-4cb5-98ea-3203ac0d4292"


@pytest.fixture
async def media() -> AsyncIterator[FakeMedia]:
    """Asterisk's part."""
    async with FakeMedia() as server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """A client of this loop."""
    async with ClientSession() as made:
        yield made


async def received(audio: AudioSocket, size: int) -> bytes:
    """At least so many bytes of audio."""
    pcm = b""
    while len(pcm) < size:
        pcm += await audio.receive(2)
    return pcm


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://127.0.0.1:8088", f"ws://127.0.0.1:8088/media/{ID}"),
        ("http://asterisk:8088/", f"ws://asterisk:8088/media/{ID}"),
        ("https://pbx.example.com", f"wss://pbx.example.com/media/{ID}"),
        ("http://[::1]:8088/pbx", f"ws://[::1]:8088/pbx/media/{ID}"),
    ],
)
def test_address_follows_the_base(base: str, url: str) -> None:
    """http becomes ws, https becomes wss, and a prefix stays."""
    assert media_url(base, ID) == url


@pytest.mark.parametrize(
    ("base", "connection"),
    [
        ("http://a", ""),
        ("http://a", "../ari/channels"),
        ("http://a", ID + "/x"),
        ("http://a", ID.upper()),
        ("http://a", f"{ID}\n"),
        ("http://a", f"{ID}?x"),
        ("ftp://a", ID),
        ("http://", ID),
        ("http://a?x=", ID),
        ("http://a b", ID),
    ],
)
def test_strange_address_is_refused(base: str, connection: str) -> None:
    """An id that is no UUID as Asterisk makes them, or no http address, goes nowhere."""
    with pytest.raises(ListeningFailed):
        media_url(base, connection)


@pytest.mark.parametrize(("name", "rate"), [("slin16", 16000), ("slin", 8000)])
async def test_audio_comes_as_it_was_sent(
    media: FakeMedia, session: ClientSession, name: str, rate: int
) -> None:
    """The frames in their order, at the rate of the format; texts between them are passed over."""
    pcm = noise(2, -10)
    start = START.replace("slin16", name)
    url = media_url(media.base_url, media.offer(pcm, start=start))
    async with connected(session, url, timeout=2) as audio:
        assert audio.rate == rate
        assert await received(audio, len(pcm)) == pcm
        assert media.protocols == ["media"]


async def test_nothing_for_a_while_is_not_the_end(media: FakeMedia, session: ClientSession) -> None:
    """A receive that times out says so, and the connection lives on."""
    pcm = noise(0.2, -10)
    url = media_url(media.base_url, media.offer(pcm, paced=True))
    async with connected(session, url, timeout=2) as audio:
        timeouts, got = 0, b""
        while len(got) < len(pcm):
            try:
                got += await audio.receive(0.005)
            except TimeoutError:
                timeouts += 1
        assert timeouts > 0
        assert got == pcm
        with pytest.raises(TimeoutError):
            await audio.receive(0.05)


async def test_leaving_closes_the_connection(media: FakeMedia, session: ClientSession) -> None:
    """After the block Asterisk's side is closed; a close before that does no harm."""
    url = media_url(media.base_url, media.offer())
    async with connected(session, url, timeout=2) as audio:
        assert media.open == 1
        await audio.close()
        with pytest.raises(ListeningFailed):
            await audio.receive(1)
    async with asyncio.timeout(20):
        while media.open:
            await asyncio.sleep(0.01)


async def test_close_by_asterisk_is_told(media: FakeMedia, session: ClientSession) -> None:
    """What was sent before the close is received, then it is ListeningFailed."""
    pcm = noise(0.1, -10)
    url = media_url(media.base_url, media.offer(pcm, close=True))
    async with connected(session, url, timeout=2) as audio:
        assert await received(audio, len(pcm)) == pcm
        with pytest.raises(ListeningFailed, match="closed"):
            await audio.receive(2)


@pytest.mark.parametrize(
    ("frame", "why"), [(20000, "broke off"), (641, "half samples")], ids=["too large", "odd"]
)
async def test_wrong_message_ends_it(
    media: FakeMedia, session: ClientSession, frame: int, why: str
) -> None:
    """A message beyond the limit, or with half a sample, is no audio."""
    url = media_url(media.base_url, media.offer(noise(2, -10), frame=frame))
    async with connected(session, url, timeout=2) as audio:
        with pytest.raises(ListeningFailed, match=why):
            await received(audio, 64000)


@pytest.mark.parametrize(
    "start",
    [
        START.replace("slin16", "opus"),
        START.replace("format:slin16", ""),
        "MEDIA_START",
        "MEDIA_STOP format:slin16",
        '{"event": "MEDIA_START", "format": "slin16"}',
        " ",
        "\x00" * 1000,
    ],
)
async def test_another_beginning_is_refused(
    media: FakeMedia, session: ClientSession, start: str
) -> None:
    """What does not begin with MEDIA_START in a format of ours is not listened to."""
    url = media_url(media.base_url, media.offer(bytes(FRAME), start=start))
    with pytest.raises(ListeningFailed, match="format"):
        async with connected(session, url, timeout=2):
            raise AssertionError("it was taken")


@pytest.mark.parametrize(
    ("pcm", "close", "why"),
    [(bytes(FRAME), False, "before"), (b"", True, "closed"), (b"", False, "in time")],
    ids=["audio first", "closed", "nothing"],
)
async def test_no_beginning_is_refused(
    media: FakeMedia, session: ClientSession, pcm: bytes, close: bool, why: str
) -> None:
    """Audio before MEDIA_START, a close, and nothing at all."""
    url = media_url(media.base_url, media.offer(pcm, start="", close=close))
    with pytest.raises(ListeningFailed, match=why):
        async with connected(session, url, timeout=0.3):
            raise AssertionError("it was taken")


async def test_no_connection_is_told(media: FakeMedia, session: ClientSession) -> None:
    """An id that Asterisk does not know, a server that hangs, and nobody there."""
    with pytest.raises(ListeningFailed, match="404"):
        async with connected(session, media_url(media.base_url, ID), timeout=2):
            raise AssertionError("it was taken")
    media.stall = True
    with pytest.raises(ListeningFailed, match="TimeoutError"):
        async with connected(session, media_url(media.base_url, media.offer()), timeout=0.1):
            raise AssertionError("it was taken")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ListeningFailed, match="no audio"):
            async with connected(session, media_url(nobody, ID), timeout=2):
                raise AssertionError("it was taken")
