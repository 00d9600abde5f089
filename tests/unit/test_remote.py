"""Prompts from http addresses: copies and their age, one fetch at a time, limits, faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
from aiohttp import ClientSession

from adapter.core.faults import MEDIA_LATE, MediaUnavailable
from adapter.core.model import Phrase
from adapter.media import decoding, wav
from adapter.media.prompts import Prompts
from adapter.media.remote import Limits, RemoteAudio
from adapter.media.tts_cache import Limits as SpeechLimits
from adapter.media.tts_cache import TtsCache
from adapter.outbox.egress import Policy, open_session
from tests.fakes.webhook_sink import HANG, Reply, WebhookSink
from tests.unit.test_decoding import coded
from tests.unit.test_tts_cache import Counts

SHORT = wav.write(bytes(1600))
LONG = wav.write(bytes(3200))


class Clock:
    """A wall clock that goes when it is told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def sink() -> AsyncIterator[WebhookSink]:
    async with WebhookSink() as sink:
        sink.default = Reply(body=SHORT)
        yield sink


@pytest.fixture
async def session(sink: WebhookSink) -> AsyncIterator[ClientSession]:
    async with open_session(Policy.parse([f"127.0.0.1:{sink.port}"])) as session:
        yield session


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def remote(
    session: ClientSession, tmp_path: Path, clock: Clock
) -> AsyncIterator[RemoteAudio]:
    limits = Limits(timeout=0.5, bytes=20_000, kept=40_000)
    remote = RemoteAudio(session, tmp_path / "remote", limits, clock)
    yield remote
    await remote.close()


async def failure(work: Awaitable[object]) -> str:
    with pytest.raises(MediaUnavailable) as unavailable:
        await work
    return str(unavailable.value)


async def test_fetched_once_within_its_age(
    remote: RemoteAudio, sink: WebhookSink, clock: Clock
) -> None:
    """A copy that is young enough is played without asking; an older one is asked about."""
    url = sink.url("/hello.wav?v=1")
    path = await remote.file(url, 60.0)
    assert wav.seconds_of(path) == 0.1
    clock.now += 59
    assert await remote.file(url, 60.0) == path
    assert len(sink.received) == 1
    clock.now += 2
    sink.script(Reply(body=LONG))
    assert await remote.file(url, 60.0) == path
    assert wav.seconds_of(path) == 0.2
    assert [one.path for one in sink.received] == ["/hello.wav?v=1"] * 2


async def test_no_age_is_always_asked_about(remote: RemoteAudio, sink: WebhookSink) -> None:
    """`max_age` 0: each time."""
    for _ in range(3):
        await remote.file(sink.url(), 0.0)
    assert len(sink.received) == 3


async def test_unchanged(remote: RemoteAudio, sink: WebhookSink, clock: Clock) -> None:
    """With an ETag the server is asked whether it has changed, and 304 makes the copy young."""
    sink.script(Reply(body=SHORT, headers={"ETag": '"v1"'}), Reply(304))
    path = await remote.file(sink.url(), 60.0)
    clock.now += 61
    assert await remote.file(sink.url(), 60.0) == path
    clock.now += 59
    await remote.file(sink.url(), 60.0)
    assert [one.headers.get("If-None-Match") for one in sink.received] == [None, '"v1"']
    assert wav.seconds_of(path) == 0.1


async def test_copies_survive_a_restart(
    remote: RemoteAudio, session: ClientSession, sink: WebhookSink, tmp_path: Path, clock: Clock
) -> None:
    """What is known of a copy stands beside it on the disk."""
    await remote.file(sink.url(), 60.0)
    again = RemoteAudio(session, tmp_path / "remote", now=clock)
    await again.file(sink.url(), 60.0)
    assert len(sink.received) == 1


async def test_a_clock_that_was_set_back(
    remote: RemoteAudio, sink: WebhookSink, clock: Clock
) -> None:
    """A copy from the future is not young for ever."""
    await remote.file(sink.url(), 60.0)
    clock.now -= 500
    await remote.file(sink.url(), 60.0)
    assert len(sink.received) == 2


async def test_one_fetch_for_all_who_wait(
    remote: RemoteAudio, session: ClientSession, tmp_path: Path, sink: WebhookSink
) -> None:
    """One fetch at a time for each address; who gives up does not disturb the others."""
    patient = RemoteAudio(session, tmp_path / "patient", Limits(timeout=5.0))
    sink.script(Reply(body=SHORT, hang=True))
    waiting = [asyncio.create_task(patient.file(sink.url(), 0.0)) for _ in range(3)]
    await sink.wait_for(1)
    waiting[0].cancel()
    sink.resume()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert done[1] == done[2]
    assert len(sink.received) == 1


async def test_too_slow(remote: RemoteAudio, sink: WebhookSink) -> None:
    """A server that does not answer in time has its own words, for the contract's alarm."""
    sink.script(HANG)
    assert (await failure(remote.file(sink.url(), 0.0))).startswith(MEDIA_LATE)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(404), "HTTP 404"),
        (Reply(500), "HTTP 500"),
        (Reply(304), "HTTP 304"),
        (Reply(body=b"<html>"), "not a WAV file"),
        (Reply(body=b""), "not a WAV file"),
        (Reply(body=wav.write(bytes(20_000))), "larger than"),
    ],
)
async def test_what_is_no_audio(
    remote: RemoteAudio, sink: WebhookSink, reply: Reply, why: str
) -> None:
    """Each fault says what it was, and leaves nothing behind that would be played later."""
    sink.script(reply)
    assert why in await failure(remote.file(sink.url(), 60.0))
    await remote.file(sink.url(), 60.0)
    assert len(sink.received) == 2


async def test_nobody_there(remote: RemoteAudio, sink: WebhookSink) -> None:
    """A server that is down is a phrase that can't be had."""
    await sink.down()
    assert "could not be fetched" in await failure(remote.file(sink.url(), 60.0))


async def test_an_old_copy_is_not_played_when_the_fetch_fails(
    remote: RemoteAudio, sink: WebhookSink, clock: Clock
) -> None:
    """Nobody knows whether it is still what should be heard; it is there for the next answer."""
    await remote.file(sink.url(), 60.0)
    clock.now += 61
    sink.script(503)
    assert "HTTP 503" in await failure(remote.file(sink.url(), 60.0))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/a.wav", "http://169.254.169.254/latest", "http://[::1]/x"]
)
async def test_forbidden_addresses(remote: RemoteAudio, url: str) -> None:
    """What the policy does not allow is not called."""
    assert "could not be fetched" in await failure(remote.file(url, 0.0))


async def test_a_redirect_is_checked(remote: RemoteAudio, sink: WebhookSink) -> None:
    """A redirect is followed, but not to an address that may not be called."""
    sink.script(Reply(302, headers={"Location": sink.url("/b")}))
    await remote.file(sink.url("/a"), 0.0)
    assert [one.path for one in sink.received] == ["/a", "/b"]
    sink.script(Reply(302, headers={"Location": "http://127.0.0.1:1/c"}))
    assert "could not be fetched" in await failure(remote.file(sink.url("/a"), 0.0))


async def test_room_is_made(
    session: ClientSession, tmp_path: Path, sink: WebhookSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit the copies that were not handed out for longest go, with their notes."""
    monkeypatch.setattr("adapter.media.remote.KEEP", -1.0)
    folder = tmp_path / "small"
    small = RemoteAudio(session, folder, Limits(kept=3 * len(SHORT)))
    for name in "abcde":
        await small.file(sink.url(f"/{name}"), 60.0)
    assert len([*folder.glob("*/*.wav")]) == len([*folder.glob("*/*.json")]) == 3
    await small.file(sink.url("/e"), 60.0)
    assert len(sink.received) == 5


async def test_other_formats(session: ClientSession, tmp_path: Path, sink: WebhookSink) -> None:
    """An MP3 file is played as well; a wide one is kept twice, as Asterisk likes it."""
    remote = RemoteAudio(session, tmp_path / "copies")
    sink.script(Reply(body=coded("mp3", "libmp3lame", 44100, channels=2)))
    path = await remote.file(sink.url("/music"), 60.0)
    assert wav.seconds_of(path) == pytest.approx(1.0, abs=0.1)
    assert decoding.wide_of(path).exists()
    sink.script(Reply(body=coded("mulaw", "pcm_mulaw", 8000)))
    path = await remote.file(sink.url("/raw.ulaw?version=2"), 60.0)
    assert wav.seconds_of(path) == pytest.approx(1.0, abs=0.1)
    assert not decoding.wide_of(path).exists()


async def test_prompts_play_it(remote: RemoteAudio, sink: WebhookSink, tmp_path: Path) -> None:
    """A phrase with a URL becomes what Asterisk plays; among other phrases, too."""
    cache = TtsCache(tmp_path / "tts", SpeechLimits(), Counts())
    prompts = Prompts(tmp_path, cache, [], remote)
    phrase = Phrase(url=sink.url(), max_age=60.0)
    one, two = await prompts.prepare([phrase, phrase])
    assert one == two
    assert one.seconds == 0.1
    assert wav.seconds_of(Path(one.uri.removeprefix("sound:") + ".wav")) == 0.1
    sink.script(500)
    asked = Phrase(url=sink.url("/other"))
    assert "HTTP 500" in await failure(prompts.prepare([asked]))
    sink.script(500)
    assert "HTTP 500" in await failure(prompts.prepare([phrase, asked]))
    assert "nothing that fetches" in await failure(Prompts(tmp_path, cache, []).prepare([asked]))
    await cache.close()
