"""adapter.media.recognition: from a media connection to what was said, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from adapter.core.faults import ListeningFailed
from adapter.core.model import Heard, Listen
from adapter.media.recognition import Limits, Recognition
from adapter.plugin_api import ASR, BadRequest, QuotaExceeded, RecognitionError, Unavailable
from tests.unit.media_house import (
    RATE,
    FakeMedia,
    ScriptedASR,
    nothing,
    running,
    silence,
    spoken,
    starting,
    tone,
)

ENGLISH = Listen(language="en-US", end_silence=0.4)
SECRET = "four one one one"  # what is said must be in no log and in no error
SPEECH = silence(0.6) + tone(1) + silence(1)


@pytest.fixture
async def media() -> AsyncIterator[FakeMedia]:
    """Asterisk's part."""
    async with FakeMedia() as server:
        yield server


@contextmanager
def elsewhere() -> Iterator[FakeMedia]:
    """The same in a thread, for tests that hold up their own loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    media = FakeMedia()
    asyncio.run_coroutine_threadsafe(media.__aenter__(), loop).result(5)
    try:
        yield media
    finally:
        asyncio.run_coroutine_threadsafe(media.__aexit__(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def pitch_of(pcm: bytes, rate: int) -> float:
    """The strongest frequency, Hz."""
    samples = np.frombuffer(pcm, "<i2")
    return int(np.argmax(np.abs(np.fft.rfft(samples)))) * rate / len(samples)


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


async def nothing_left(media: FakeMedia, host: Recognition, *recognisers: ScriptedASR) -> None:
    """No connection, no utterance, and every recogniser was told that it is over."""
    await until(lambda: media.open == 0 and host.listening == 0)
    assert all(one.over for asr in recognisers for one in asr.made)


@pytest.mark.parametrize("paced", [False, True])
async def test_speech_becomes_text(media: FakeMedia, paced: bool) -> None:
    """What was understood comes back, and the recogniser was fed the speech and what it needs."""
    asr = ScriptedASR("transfer me\n to  sales")
    said = tone(1)
    async with running(media, asr) as (host, observed):
        began: list[str] = []
        heard = await host.listen(
            media.offer(silence(0.6) + said + silence(1), paced=paced),
            Listen(language="en", hints=("sales",), end_silence=0.4),
            lambda: began.append(threading.current_thread().name),
        )
        assert heard == Heard(text="transfer me to sales", confidence=0.75)
        assert began == [threading.current_thread().name]
        assert asr.threads == {"audio"}
        (one,) = asr.made
        assert (one.request.language, one.request.hints) == ("en-US", ("sales",))
        assert said in one.pcm
        assert 1.7 < len(one.pcm) / 2 / RATE < 2.1
        await nothing_left(media, host, asr)
        assert observed.told == [("asr1", "started"), ("asr1", "text")]
        assert observed.threads == {threading.current_thread().name}


async def test_began_comes_while_it_is_said(media: FakeMedia) -> None:
    """The caller of `listen` knows that somebody speaks before the speech is over: barge-in."""
    asr = ScriptedASR()
    async with running(media, asr) as (host, _):
        began = asyncio.Event()
        pcm = silence(0.2) + tone(1) + silence(1)
        work = asyncio.create_task(host.listen(media.offer(pcm, paced=True), ENGLISH, began.set))
        async with asyncio.timeout(20):
            await began.wait()
        assert not work.done()
        assert not asr.finishing.is_set()
        assert (await work).text == "hello"


async def test_recogniser_gets_the_rate_that_it_wants(media: FakeMedia) -> None:
    """A recogniser at 8 kHz gets 8 kHz: half the samples, the same pitch."""
    asr = ScriptedASR(rate=8000)
    async with running(media, asr) as (host, _):
        await host.listen(media.offer(SPEECH), ENGLISH, nothing)
    pcm = bytes(asr.made[0].pcm)
    assert 1.7 < len(pcm) / 2 / 8000 < 2.1
    assert abs(pitch_of(pcm, 8000) - 440) < 5


async def test_calls_do_not_mix(media: FakeMedia) -> None:
    """Calls at the same time: each recognition is fed its own call's audio."""
    asr = ScriptedASR()
    pitches = [300, 400, 1000, 2000]
    calls = [silence(0.6) + tone(1, pitch) + silence(1) for pitch in pitches]
    async with running(media, asr) as (host, _):
        offers = [media.offer(pcm, paced=True) for pcm in calls]
        await asyncio.gather(*(host.listen(offer, ENGLISH, nothing) for offer in offers))
    assert sorted(round(pitch_of(bytes(made.pcm), RATE), -1) for made in asr.made) == pitches
    assert all(any(bytes(made.pcm[6400:]) in pcm for pcm in calls) for made in asr.made)


async def test_a_stall_of_ours_is_no_silence(media: FakeMedia) -> None:
    """The audio thread stands still for longer than the silence that ends speech: all is heard."""
    asr = ScriptedASR()

    def stall() -> None:
        del asr.compute  # once
        time.sleep(1.2)

    asr.compute = stall  # type: ignore[method-assign]
    said = tone(2)
    async with running(media, asr) as (host, _):
        offer = media.offer(said + silence(2), paced=True)
        assert (await host.listen(offer, ENGLISH, nothing)).text == "hello"
    assert said in asr.made[0].pcm


async def test_who_sends_nothing_is_silent(media: FakeMedia) -> None:
    """No frames after the speech: it is over when the silence has passed, by the clock."""
    async with running(media, ScriptedASR()) as (host, _):
        started = time.monotonic()
        assert (await host.listen(media.offer(silence(0.6) + tone(1)), ENGLISH, nothing)).text
        assert 0.2 < time.monotonic() - started < 10


async def test_endless_speech_is_cut(media: FakeMedia) -> None:
    """What does not stop is recognised at the limit; a recogniser that takes less gets less."""
    asr = ScriptedASR(max_seconds=3)
    async with running(media, asr, limits=Limits(utterance=10)) as (host, _):
        assert (await host.listen(media.offer(tone(12)), ENGLISH, nothing)).text == "hello"
    assert 2.5 < len(asr.made[0].pcm) / 2 / RATE < 3


async def test_nothing_understood_is_an_empty_text(media: FakeMedia) -> None:
    """Speech without words is Heard with an empty text, not a failure."""
    async with running(media, ScriptedASR(" ")) as (host, observed):
        assert (await host.listen(media.offer(SPEECH), ENGLISH, nothing)).text == ""
    assert observed.told == [("asr1", "started"), ("asr1", "nothing")]


async def test_nobody_speaks(media: FakeMedia) -> None:
    """Silence is waited through until the caller of `listen` cancels, or the last limit."""
    asr = ScriptedASR()
    async with running(media, asr, limits=Limits(open=0.5)) as (host, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await host.listen(media.offer(silence(5)), ENGLISH, nothing)
        with pytest.raises(ListeningFailed, match="nothing was said"):
            await host.listen(media.offer(silence(5)), ENGLISH, nothing)
        await nothing_left(media, host)
    assert asr.made == []


@pytest.mark.parametrize("where", ["waiting", "speaking", "finishing"])
async def test_cancel_leaves_nothing(media: FakeMedia, where: str) -> None:
    """Cancelled while waiting, speaking or finishing: all is closed, and began is not late."""
    asr = ScriptedASR()
    asr.delay = 30
    pcm = {"waiting": silence(9), "speaking": tone(9), "finishing": SPEECH}[where]
    calls: list[str] = []
    async with running(media, asr) as (host, _):
        offer = media.offer(pcm, paced=where != "finishing")
        work = asyncio.create_task(host.listen(offer, ENGLISH, lambda: calls.append("began")))
        if where == "waiting":
            await until(lambda: media.open == 1)
        elif where == "speaking":
            await until(lambda: bool(asr.made and asr.made[0].pcm))
        else:
            await until(asr.finishing.is_set)
            await until(lambda: media.open == 0)  # what is said now is not listened to
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        before = list(calls)
        await nothing_left(media, host, asr)
        assert calls == before
    assert [one.over for one in asr.made] == ([] if where == "waiting" else ["cancelled"])


@pytest.mark.parametrize("when", ["at the beginning", "at the end", "too late", "not at all"])
async def test_next_recogniser_gets_all_of_it(media: FakeMedia, when: str) -> None:
    """When the preferred one fails, whenever, the next one is fed the utterance from its start."""
    first, second = ScriptedASR(SECRET), ScriptedASR("second")
    if when == "at the beginning":
        first.refusal = Unavailable("no connection")
    elif when == "at the end":
        first.fault = QuotaExceeded("no more today")
    elif when == "too late":
        first.delay = 30
    else:
        first.lag = 30
    limits = Limits(finish=0.2)
    async with running(media, first, second, limits=limits) as (host, observed):
        heard = await host.listen(media.offer(SPEECH, paced=True), ENGLISH, nothing)
        assert heard.text == "second"
        assert tone(1) in second.made[0].pcm
        await nothing_left(media, host, first, second)
    fault = {"at the beginning": "Unavailable", "at the end": "QuotaExceeded"}
    assert observed.told[1] == ("asr1", fault.get(when, "TimeoutError"))
    assert observed.told[2:] == [("asr2", "started"), ("asr2", "text")]


async def test_time_is_measured_from_the_end_of_speech(media: FakeMedia) -> None:
    """What a caller waits for the recogniser, not how long he has spoken."""
    asr = ScriptedASR("yes")
    asr.delay = 0.3
    async with running(media, asr) as (host, observed):
        await host.listen(media.offer(SPEECH, paced=True), ENGLISH, nothing)
        await nothing_left(media, host, asr)
    assert observed.seconds == [pytest.approx(0.4, abs=0.15)]


async def test_all_fail(media: FakeMedia, caplog: pytest.LogCaptureFixture) -> None:
    """ListeningFailed says who failed and how, and never what was said."""
    first, second = ScriptedASR(SECRET), ScriptedASR(SECRET)
    first.fault, second.refusal = Unavailable("away"), BadRequest("no")
    with caplog.at_level(logging.DEBUG):
        async with running(media, first, second) as (host, _):
            with pytest.raises(ListeningFailed) as failed:
                await host.listen(media.offer(SPEECH), ENGLISH, nothing)
            await nothing_left(media, host, first, second)
    assert str(failed.value) == "asr1: Unavailable, asr2: BadRequest"
    assert SECRET not in caplog.text


async def test_words_are_in_no_log(media: FakeMedia, caplog: pytest.LogCaptureFixture) -> None:
    """What was understood goes to the caller of `listen`, and nowhere else."""
    with caplog.at_level(logging.DEBUG):
        async with running(media, ScriptedASR(SECRET)) as (host, _):
            heard = await host.listen(media.offer(SPEECH), ENGLISH, nothing)
    assert heard.text == SECRET
    assert SECRET not in caplog.text


@pytest.mark.parametrize("pcm", [silence(0.5), tone(0.8)], ids=["waiting", "speaking"])
async def test_audio_that_ends_is_a_failure(media: FakeMedia, pcm: bytes) -> None:
    """Asterisk closes before anything is said, or in the middle of it."""
    asr = ScriptedASR()
    async with running(media, asr) as (host, _):
        with pytest.raises(ListeningFailed, match="closed"):
            await host.listen(media.offer(pcm, close=True), ENGLISH, nothing)
        await nothing_left(media, host, asr)


async def test_languages(media: FakeMedia) -> None:
    """A language is supported when a recogniser has it; another is refused, not guessed."""
    async with running(media, ScriptedASR()) as (host, _):
        assert all(host.supports(tag) for tag in ("en-US", "en-GB", "de"))
        assert not host.supports("fr-FR")
        with pytest.raises(ListeningFailed, match="fr-FR"):
            await host.listen(media.offer(SPEECH), Listen(language="fr-FR"), nothing)
        many = Listen(language="en-US", hints=("x",) * 2000, end_silence=0.4)
        with pytest.raises(ListeningFailed, match="BadRequest"):
            await host.listen(media.offer(SPEECH), many, nothing)
        with pytest.raises(ListeningFailed, match="address"):
            await host.listen("../../etc", ENGLISH, nothing)
        assert host.listening == 0


async def test_not_running_is_a_failure(media: FakeMedia) -> None:
    """Before the start and after the close nothing is heard; a second close is fine."""
    host = Recognition(starting(ScriptedASR()), media.base_url)
    with pytest.raises(ListeningFailed):
        await host.listen(media.offer(SPEECH), ENGLISH, nothing)
    await host.start()
    await host.close()
    await host.close()
    with pytest.raises(ListeningFailed):
        await host.listen(media.offer(SPEECH), ENGLISH, nothing)


async def test_close_ends_who_is_listening(media: FakeMedia) -> None:
    """Who waits for speech at the close gets ListeningFailed, not a cancel out of nowhere."""
    asr = ScriptedASR()
    async with running(media, asr) as (host, _):
        work = asyncio.create_task(host.listen(media.offer(tone(9), paced=True), ENGLISH, nothing))
        await until(lambda: bool(asr.made))
        await host.close()
        with pytest.raises(ListeningFailed, match="stopped"):
            await work
        await nothing_left(media, host, asr)


async def test_cancel_at_the_close_is_a_cancel(media: FakeMedia) -> None:
    """Who is cancelled just before the close is cancelled, not failed."""
    async with running(media, ScriptedASR()) as (host, _):
        work = asyncio.create_task(host.listen(media.offer(silence(9)), ENGLISH, nothing))
        await until(lambda: media.open == 1)
        work.cancel()
        await host.close()
        with pytest.raises(asyncio.CancelledError):
            await work


async def test_began_does_not_come_after_a_cancel() -> None:
    """Speech that began while the caller's loop was busy is not told to who was cancelled then."""
    with elsewhere() as media:
        asr = ScriptedASR()
        calls: list[str] = []
        async with running(media, asr) as (host, _):
            listening = host.listen(media.offer(SPEECH), ENGLISH, lambda: calls.append("began"))
            work = asyncio.create_task(listening)
            await asyncio.sleep(0)
            limit = time.monotonic() + 5
            while not asr.made and time.monotonic() < limit:
                time.sleep(0.01)  # noqa: ASYNC251 - the busy loop
            assert asr.made
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            await until(lambda: host.listening == 0)
        assert calls == []


async def test_recogniser_that_does_not_start(media: FakeMedia) -> None:
    """What stops a recogniser from starting stops `start`, and leaves no thread."""

    async def start() -> dict[str, ASR]:
        raise RecognitionError("no model")

    host = Recognition(start, media.base_url)
    with pytest.raises(RecognitionError, match="no model"):
        await host.start()
    assert "audio" not in {thread.name for thread in threading.enumerate()}


async def test_call_control_is_not_held_up(media: FakeMedia) -> None:
    """While a recogniser computes in the audio thread, the loop of call control goes on."""
    asr = ScriptedASR()

    def compute() -> None:
        del asr.compute  # once
        end = time.perf_counter() + 4
        while time.perf_counter() < end:
            pass

    asr.compute = compute  # type: ignore[method-assign]
    async with running(media, asr) as (host, _):
        started = time.monotonic()
        work = asyncio.create_task(host.listen(media.offer(SPEECH), ENGLISH, nothing))
        worst = 0.0
        while not work.done():
            before = time.monotonic()
            await asyncio.sleep(0.005)
            worst = max(worst, time.monotonic() - before)
        await work
    assert time.monotonic() - started > 4
    assert worst < 2, f"held up for {worst:.3f} s"


async def test_real_speech_is_cut_out(media: FakeMedia) -> None:
    """A spoken sentence with silence around it reaches the recogniser whole."""
    asr = ScriptedASR()
    sentence = spoken("Please transfer me to the sales department.")
    async with running(media, asr) as (host, _):
        await host.listen(media.offer(silence(1) + sentence + silence(1)), ENGLISH, nothing)
    assert sentence in asr.made[0].pcm
