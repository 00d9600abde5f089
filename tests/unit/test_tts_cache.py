"""The cache of speech: its key, one render at a time, cancels, retries, limits, and restarts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.media import wav
from adapter.media.tts_cache import KEEP, Limits, Rendered, TtsCache, key_of
from adapter.plugin_api import (
    BadRequest,
    SpeechError,
    SpeechRequest,
    Timeout,
    Unavailable,
    VoiceNotSupported,
)
from tests.fakes.speech import ScriptedTTS

HELLO = SpeechRequest(text="hello", language="en-US", voice="Joe")
SIZE = 44 + 2 * 800  # of HELLO: five characters, 0.1 s


class Counts:
    """Remembers what the cache counted."""

    def __init__(self) -> None:
        self.hits = 0
        self.rendered: list[int] = []
        self.faults: list[SpeechError] = []
        self.size = -1

    def tts_hit(self, provider: str) -> None:
        assert provider == "scripted"
        self.hits += 1

    def tts_rendered(self, provider: str, seconds: float, size: int) -> None:
        assert seconds > 0
        self.rendered.append(size)

    def tts_failed(self, provider: str, fault: SpeechError) -> None:
        self.faults.append(fault)

    def tts_kept(self, size: int) -> None:
        self.size = size


class Clock:
    """Wall time that tests move."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tts() -> ScriptedTTS:
    return ScriptedTTS()


@pytest.fixture
async def cache(tmp_path: Path, counts: Counts, clock: Clock) -> AsyncIterator[TtsCache]:
    opened = TtsCache(tmp_path, Limits(pause=0.0), counts, clock)
    yield opened
    await opened.close()


def text(number: int) -> SpeechRequest:
    """Requests of the same size with different texts."""
    return replace(HELLO, text=f"no {number:02}")


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


async def settle() -> None:
    """Let every task run as far as it gets by itself."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_rendered_once_then_a_hit(
    cache: TtsCache, tts: ScriptedTTS, counts: Counts, tmp_path: Path
) -> None:
    """The first request renders, the second is the same file; both know the length."""
    first = await cache.speech(tts, HELLO)
    second = await cache.speech(tts, HELLO)
    assert first == second == Rendered(first.path, 0.1)
    assert wav.seconds_of(first.path) == 0.1
    assert first.path == tmp_path / f"{key_of(tts, HELLO)}.wav"
    assert files(tmp_path) == [first.path]
    assert len(tts.asked) == 1
    assert (counts.hits, counts.rendered, counts.size) == (1, [SIZE], SIZE)


async def test_ready_renders_nothing(cache: TtsCache, tts: ScriptedTTS, counts: Counts) -> None:
    """What is there is handed out and is a hit; what is not there is not made, nor counted."""
    assert cache.ready(tts, HELLO) is None
    assert (tts.asked, counts.hits) == ([], 0)
    made = await cache.speech(tts, HELLO)
    assert cache.ready(tts, replace(HELLO, voice="male")) == made
    assert counts.hits == 1
    with pytest.raises(VoiceNotSupported):
        cache.ready(tts, replace(HELLO, voice="nobody"))


async def test_key_is_the_whole_request(tts: ScriptedTTS) -> None:
    """Each field, the provider and its version make another key."""
    other = ScriptedTTS(version="2")
    changed = [
        replace(HELLO, text="hullo"),
        replace(HELLO, language="en-GB"),
        replace(HELLO, voice="Ann"),
        replace(HELLO, rate=1.0),
        replace(HELLO, pitch=0.0),
        replace(HELLO, ssml=True),
    ]
    keys = {key_of(tts, request) for request in (HELLO, *changed)} | {key_of(other, HELLO)}
    assert len(keys) == len(SpeechRequest.__dataclass_fields__) + 2
    assert key_of(tts, HELLO) == key_of(ScriptedTTS(), replace(HELLO))


async def test_ways_to_ask_for_one_voice_are_one_file(cache: TtsCache, tts: ScriptedTTS) -> None:
    """The key has the voice that speaks, however it was asked for; and never another voice's."""
    joe = await cache.speech(tts, HELLO)
    for language, voice in (("en", "Male"), ("EN_us", "JOE"), ("en-AU", "")):
        request = replace(HELLO, language=language, voice=voice)
        assert await cache.speech(tts, request) == joe
    assert await cache.speech(tts, replace(HELLO, voice="female")) != joe
    assert len(tts.asked) == 2


async def test_one_render_for_all_who_ask(
    cache: TtsCache, tts: ScriptedTTS, counts: Counts
) -> None:
    """Twenty at once wait for one render; a different text does not wait for it."""
    tts.gate.clear()
    tasks = [asyncio.create_task(cache.speech(tts, HELLO)) for _ in range(20)]
    other = asyncio.create_task(cache.speech(tts, text(1)))
    await settle()
    assert tts.working == 2
    tts.gate.set()
    assert len(set(await asyncio.gather(*tasks))) == 1
    await other
    assert len(tts.asked) == 2
    assert (counts.hits, len(counts.rendered)) == (19, 2)


async def test_cancel_of_one_does_not_disturb_others(cache: TtsCache, tts: ScriptedTTS) -> None:
    """The one who started the render hangs up: those who wait with him get their speech."""
    tts.gate.clear()
    first = asyncio.create_task(cache.speech(tts, HELLO))
    await tts.started.wait()
    second = asyncio.create_task(cache.speech(tts, HELLO))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert tts.working == 1
    tts.gate.set()
    assert (await second).seconds == 0.1
    assert len(tts.asked) == 1


async def test_render_is_given_up_when_nobody_waits(cache: TtsCache, tts: ScriptedTTS) -> None:
    """When the last one has hung up the provider is cancelled; the next request starts afresh."""
    tts.gate.clear()
    tasks = [asyncio.create_task(cache.speech(tts, HELLO)) for _ in range(2)]
    await tts.started.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    again = asyncio.create_task(cache.speech(tts, HELLO))
    tts.gate.set()
    assert (await again).seconds == 0.1
    assert (tts.working, len(tts.asked)) == (0, 2)


async def test_file_written_after_a_cancel_is_counted(
    cache: TtsCache, tts: ScriptedTTS, counts: Counts, tmp_path: Path
) -> None:
    """Speech that is being written when the last one hangs up is kept for the next who asks."""
    task = asyncio.create_task(cache.speech(tts, HELLO))
    await settle()
    assert len(tts.asked) == 1
    assert tts.working == 0
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await cache.speech(tts, HELLO)).seconds == 0.1
    assert len(tts.asked) == 1
    assert cache.size == counts.size == sum(path.stat().st_size for path in files(tmp_path))


async def test_retryable_fault_is_tried_again(
    cache: TtsCache, tts: ScriptedTTS, counts: Counts
) -> None:
    """One retryable fault is not seen by the caller, but counted."""
    tts.faults = [Unavailable("busy")]
    assert (await cache.speech(tts, HELLO)).seconds == 0.1
    assert (len(tts.asked), len(counts.faults)) == (2, 1)


async def test_two_tries_and_no_more(cache: TtsCache, tts: ScriptedTTS, counts: Counts) -> None:
    """The second fault is the caller's; nothing is cached, and a later request tries again."""
    tts.faults = [Unavailable("one"), Unavailable("two")]
    with pytest.raises(Unavailable, match="two"):
        await cache.speech(tts, HELLO)
    assert (len(tts.asked), len(counts.faults), cache.size) == (2, 2, 0)
    assert (await cache.speech(tts, HELLO)).seconds == 0.1


async def test_other_faults_are_not_tried_again(cache: TtsCache, tts: ScriptedTTS) -> None:
    """What can't get better is asked once; everybody who waits is told."""
    tts.gate.clear()
    tts.faults = [BadRequest("no")]
    tasks = [asyncio.create_task(cache.speech(tts, HELLO)) for _ in range(3)]
    await tts.started.wait()
    tts.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [BadRequest] * 3
    assert len(tts.asked) == 1


async def test_total_timeout(tmp_path: Path, tts: ScriptedTTS, counts: Counts) -> None:
    """A provider that hangs is cancelled and is a retryable Timeout for the caller."""
    cache = TtsCache(tmp_path, Limits(timeout=0.05), counts)
    tts.gate.clear()
    with pytest.raises(Timeout) as fault:
        await cache.speech(tts, HELLO)
    assert fault.value.retryable
    assert tts.working == 0
    assert [type(counted) for counted in counts.faults] == [Timeout]


async def test_bad_request_never_reaches_the_provider(cache: TtsCache, tts: ScriptedTTS) -> None:
    """Empty text and unknown voices are refused by what the provider said it can do."""
    with pytest.raises(BadRequest):
        await cache.speech(tts, replace(HELLO, text=" "))
    with pytest.raises(VoiceNotSupported):
        await cache.speech(tts, replace(HELLO, voice="nobody"))
    assert tts.asked == []


async def test_survives_restart(
    cache: TtsCache, tts: ScriptedTTS, counts: Counts, tmp_path: Path
) -> None:
    """A new cache on the same folder knows the file, and drops what was left unfinished."""
    first = await cache.speech(tts, HELLO)
    unfinished = first.path.with_name("tmpabc.tmp")
    await asyncio.to_thread(unfinished.write_bytes, b"RIFF")
    again = TtsCache(tmp_path, Limits(), counts)
    assert again.size == SIZE
    assert await again.speech(tts, HELLO) == first
    assert len(tts.asked) == 1
    assert files(tmp_path) == [first.path]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("damage", ["cut", "grown", "gone", "empty"])
async def test_damaged_file_is_rendered_again(
    cache: TtsCache, tts: ScriptedTTS, counts: Counts, tmp_path: Path, restart: bool, damage: str
) -> None:
    """A file that is not as it was is never handed out, with or without a restart."""
    path = (await cache.speech(tts, HELLO)).path
    content = await asyncio.to_thread(path.read_bytes)
    if damage == "gone":
        await asyncio.to_thread(path.unlink)
    else:
        damaged = {"cut": content[:-100], "grown": content + b"\0\0", "empty": b""}[damage]
        await asyncio.to_thread(path.write_bytes, damaged)
    used = TtsCache(tmp_path, Limits(), counts) if restart else cache
    assert (await used.speech(tts, HELLO)).seconds == 0.1
    assert await asyncio.to_thread(path.read_bytes) == content
    assert (len(tts.asked), used.size) == (2, SIZE)


async def test_zeroed_header_is_found_after_a_restart(
    cache: TtsCache, tts: ScriptedTTS, counts: Counts, tmp_path: Path
) -> None:
    """A file of the right size that a crash left without content is rendered again."""
    path = (await cache.speech(tts, HELLO)).path
    await asyncio.to_thread(path.write_bytes, bytes(SIZE))
    await TtsCache(tmp_path, Limits(), counts).speech(tts, HELLO)
    assert wav.seconds_of(path) == 0.1
    assert len(tts.asked) == 2


async def test_unused_longest_is_evicted_first(
    tmp_path: Path, tts: ScriptedTTS, counts: Counts, clock: Clock
) -> None:
    """Over the limit, what was handed out longest ago goes; a hit makes a file new again."""
    cache = TtsCache(tmp_path, Limits(bytes=3 * SIZE), counts, clock)
    paths = []
    for number in range(3):
        paths.append((await cache.speech(tts, text(number))).path)
        clock.time += 2 * KEEP
    await cache.speech(tts, text(0))
    clock.time += 2 * KEEP
    await cache.speech(tts, text(3))
    assert [path.exists() for path in paths] == [True, False, True]
    assert cache.size == counts.size == 3 * SIZE


async def test_handed_out_is_not_evicted_for_ten_minutes(
    tmp_path: Path, tts: ScriptedTTS, counts: Counts, clock: Clock
) -> None:
    """A file that a call may be about to play stays, even when the cache gets too big for it."""
    cache = TtsCache(tmp_path, Limits(bytes=SIZE), counts, clock)
    old = (await cache.speech(tts, text(0))).path
    clock.time += 5 * KEEP
    await cache.speech(tts, text(0))
    clock.time += KEEP - 1
    await cache.speech(tts, text(1))
    assert old.exists()
    assert cache.size == 2 * SIZE
    clock.time += 2 * KEEP
    await cache.speech(tts, text(2))
    assert not old.exists()
    assert cache.size == SIZE


async def test_protection_and_order_survive_restart(
    tmp_path: Path, tts: ScriptedTTS, counts: Counts, clock: Clock
) -> None:
    """A call goes on over a restart: the files' times say what it may still play."""
    cache = TtsCache(tmp_path, Limits(), counts, clock)
    old, older = [(await cache.speech(tts, text(number))).path for number in range(2)]
    clock.time += 2 * KEEP
    await cache.speech(tts, text(0))
    small = TtsCache(tmp_path, Limits(bytes=0), counts, clock)
    assert (old.exists(), older.exists()) == (True, False)
    assert small.size == SIZE
    clock.time += 2 * KEEP
    assert TtsCache(tmp_path, Limits(bytes=0), counts, clock).size == 0
    assert not old.exists()


async def test_clock_set_back_does_not_lose_protection(
    cache: TtsCache, tts: ScriptedTTS, clock: Clock
) -> None:
    """After a step back of the clock a hit writes the new time."""
    path = (await cache.speech(tts, HELLO)).path
    clock.time -= 86400
    await cache.speech(tts, HELLO)
    assert os.stat(path).st_mtime == clock.time


async def test_close_gives_up(cache: TtsCache, tts: ScriptedTTS) -> None:
    """Closing cancels renders; who waits gets Unavailable, not a cancel of his own."""
    tts.gate.clear()
    task = asyncio.create_task(cache.speech(tts, HELLO))
    await tts.started.wait()
    await cache.close()
    with pytest.raises(Unavailable, match="closing"):
        await task
    assert tts.working == 0


async def test_disk_that_refuses(tmp_path: Path, tts: ScriptedTTS, counts: Counts) -> None:
    """What can't be written is an OSError for the caller, and is not counted as there."""
    cache = TtsCache(tmp_path, Limits(), counts)
    blocked = tmp_path / key_of(tts, HELLO)[:2]
    await asyncio.to_thread(blocked.write_bytes, b"a file where a folder should be")
    with pytest.raises(OSError, match=r"exist|directory"):
        await cache.speech(tts, HELLO)
    assert cache.size == 0
    await asyncio.to_thread(blocked.unlink)
    assert (await cache.speech(tts, HELLO)).seconds == 0.1
