"""The chain of synthesisers: who stands in for whom, what is not passed on, and who is left out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapter.core.model import Media
from adapter.media.prompts import COOLING, FAILURES, Prompts
from adapter.media.tts_cache import Limits, TtsCache
from adapter.plugin_api import (
    BadRequest,
    Capabilities,
    Gender,
    QuotaExceeded,
    SpeechError,
    Timeout,
    Unavailable,
    VoiceNotSupported,
)
from tests.fakes.speech import ScriptedTTS, voice

SECRET = "your balance is"
LOCAL = Capabilities(
    languages={
        "en": (voice("robot", Gender.MALE), voice("robot+f", Gender.FEMALE)),
        "de": (voice("roboter", Gender.MALE),),
        "fr": (voice("robote", Gender.MALE),),
    },
    ssml=False,
    max_chars=300,
)


class Cloud(ScriptedTTS):
    """The preferred one: Joe, Ann and Tom speak English, Eva German."""

    name = "cloud"


class Local(ScriptedTTS):
    """The one that stands in."""

    name = "local"


class Counts:
    """The cache's observer; remembers the tries that failed."""

    def __init__(self) -> None:
        self.faults: list[tuple[str, SpeechError]] = []

    def tts_hit(self, provider: str) -> None:
        pass

    def tts_rendered(self, provider: str, seconds: float, size: int) -> None:
        pass

    def tts_failed(self, provider: str, fault: SpeechError) -> None:
        self.faults.append((provider, fault))

    def tts_kept(self, size: int) -> None:
        pass


@dataclass
class House:
    """Two synthesisers, their prompts, and a clock that tests move."""

    prompts: Prompts
    cache: TtsCache
    cloud: Cloud
    local: Local
    counts: Counts
    clock: list[float]
    fell_back: list[tuple[str, str]]
    spoken: int = field(default=0)

    async def say(self, text: str = "", language: str = "en-US", voice: str = "male") -> Media:
        """Speak; without a text, one that nobody has heard yet."""
        self.spoken += 1
        return await self.prompts.speech(text or f"{SECRET} {self.spoken}", language, voice)

    def break_down(self, times: int = 100) -> None:
        """Let the cloud fail at its next tries, each time with another object."""
        self.cloud.faults = [Unavailable(f"down {n}") for n in range(times)]

    async def open_the_circuit(self) -> None:
        """Fail until the cloud is left out."""
        self.break_down()
        for _ in range(FAILURES):
            await self.say()
        self.cloud.asked.clear()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    counts, cloud, local = Counts(), Cloud(), Local(LOCAL)
    cache = TtsCache(tmp_path / "tts", Limits(pause=0.0), counts)
    clock, fell_back = [1000.0], list[tuple[str, str]]()
    prompts = Prompts(
        tmp_path,
        cache,
        [cloud, local],
        fell_back=lambda spoke, instead_of: fell_back.append((spoke, instead_of)),
        now=lambda: clock[0],
    )
    yield House(prompts, cache, cloud, local, counts, clock, fell_back)
    await cache.close()


def voices(tts: ScriptedTTS) -> list[str]:
    """Who was asked to speak."""
    return [request.voice for request in tts.asked]


def left_out(caplog: pytest.LogCaptureFixture) -> list[float]:
    """For how long the cloud was left out, each time."""
    lines = [vars(one) for one in caplog.records if one.msg == "synthesiser is left out"]
    assert {line["provider"] for line in lines} <= {"cloud"}
    return [line["seconds"] for line in lines]


@pytest.mark.parametrize(
    "fault",
    [Unavailable("no"), Timeout("late"), QuotaExceeded("none left"), VoiceNotSupported("en", "x")],
    ids=lambda fault: type(fault).__name__,
)
async def test_next_one_takes_over(
    house: House, caplog: pytest.LogCaptureFixture, fault: SpeechError
) -> None:
    """After its tries the preferred one is replaced; that is told, counted, and has no text."""
    house.cloud.faults = [fault, fault]
    with caplog.at_level(logging.INFO):
        assert (await house.say()).seconds > 0
    assert len(house.cloud.asked) == (2 if fault.retryable else 1)
    assert voices(house.local) == ["robot"]
    assert house.fell_back == [("local", "cloud")]
    lines = [one for one in caplog.records if one.getMessage() == "another synthesiser speaks"]
    assert [(vars(one)["provider"], vars(one)["instead_of"]) for one in lines] == [
        ("local", "cloud")
    ]
    assert not [one for one in caplog.records if SECRET in str(vars(one))]


async def test_bad_request_is_not_passed_on(house: House) -> None:
    """A text that is refused as it is stays refused: nobody else is asked."""
    house.cloud.faults = [BadRequest("unspeakable")]
    with pytest.raises(BadRequest, match="unspeakable"):
        await house.say()
    assert (house.local.asked, house.fell_back) == ([], [])


@pytest.mark.parametrize(
    ("language", "wanted", "instead"),
    [
        ("en-US", "male", "robot"),
        ("en-US", "Female", "robot+f"),
        ("en-US", "Joe", "robot"),
        ("en-US", "ann", "robot+f"),
        ("en-GB", "Tom", "robot"),
        ("en-US", "", "robot"),
        ("de", "", "roboter"),
    ],
)
async def test_stand_in_has_the_same_gender(
    house: House, language: str, wanted: str, instead: str
) -> None:
    """A gender stays, that of a named voice too; who wanted any voice gets any."""
    house.break_down(2)
    await house.say(language=language, voice=wanted)
    assert voices(house.local) == [instead]


@pytest.mark.parametrize("wanted", ["female", "Eva"])
async def test_no_stand_in_of_another_gender(house: House, wanted: str) -> None:
    """A woman's voice is never replaced by a man's: the fault is the caller's then."""
    house.break_down(2)
    with pytest.raises(Unavailable, match="down 1"):
        await house.say(language="de", voice=wanted)
    assert house.local.asked == []


async def test_voice_of_the_second_is_not_a_fallback(house: House) -> None:
    """What only the second one has is its own to speak, and nobody stands in for it."""
    await house.say(voice="robot+f")
    await house.say(language="fr")
    assert (house.cloud.asked, house.fell_back) == ([], [])
    house.local.faults = [Unavailable("one"), Unavailable("two")]
    with pytest.raises(Unavailable, match="two"):
        await house.say(voice="robot+f")


async def test_fault_of_the_first_is_told(house: House) -> None:
    """When nobody can speak the caller hears why the preferred one could not."""
    house.break_down(2)
    house.local.faults = [BadRequest("too long for me")]
    with pytest.raises(Unavailable, match="down 1"):
        await house.say()


async def test_stand_ins_speech_is_not_the_preferred_ones(house: House) -> None:
    """What a stand-in said is not handed out when the preferred one can speak again."""
    house.break_down(2)
    stand_in = await house.say("hello")
    own = await house.say("hello")
    assert own.uri != stand_in.uri
    assert len(house.cloud.asked) == 3
    assert await house.say("hello") == own
    assert len(house.fell_back) == 1


async def test_left_out_after_failures_in_a_row(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """After three failed prompts the cloud is not asked any more, and the log says so once."""
    await house.open_the_circuit()
    await house.say()
    assert house.cloud.asked == []
    assert len(house.local.asked) == FAILURES + 1
    assert left_out(caplog) == [COOLING[0]]


async def test_speech_in_between_starts_the_count_again(house: House) -> None:
    """Only failures in a row count; a hit in the cache says nothing."""
    known = await house.say("hello")
    house.break_down(4)
    await house.say()
    assert await house.say("hello") == known
    await house.say()
    await house.say()  # speech: the count is 0 again
    house.break_down(4)
    await house.say()
    await house.say()
    house.cloud.asked.clear()
    await house.say()
    assert len(house.cloud.asked) == 1


async def test_those_who_wait_together_are_one_failure(house: House) -> None:
    """Twenty callers of the same prompt are one render, and one failure."""
    house.cloud.gate.clear()
    house.break_down(2)
    calls = [asyncio.create_task(house.say("hello")) for _ in range(20)]
    await house.cloud.started.wait()
    house.cloud.gate.set()
    assert len(set(await asyncio.gather(*calls))) == 1
    assert len(house.counts.faults) == 2
    await house.say()
    assert len(house.cloud.asked) == 3


async def test_cached_speech_is_played_while_left_out(house: House) -> None:
    """A synthesiser that is left out still says what it said before, in its own voice."""
    known = await house.say("hello")
    await house.open_the_circuit()
    assert await house.say("hello") == known
    assert len(house.fell_back) == FAILURES


async def test_asked_again_after_the_cooling_time(house: House) -> None:
    """Not a moment earlier; speech brings it back for good."""
    await house.open_the_circuit()
    house.cloud.faults.clear()
    house.clock[0] += COOLING[0] - 0.001
    await house.say()
    assert house.cloud.asked == []
    house.clock[0] += 0.001
    await house.say()
    await house.say()
    assert len(house.cloud.asked) == 2
    house.break_down(4)
    await house.say()
    await house.say()
    assert len(house.cloud.asked) == 6


async def test_cooling_time_doubles_to_its_limit(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Each trial that fails doubles the time, up to five minutes; speech forgets it."""
    await house.open_the_circuit()
    for seconds in (30.0, 60.0, 120.0, 240.0, 300.0):
        house.clock[0] += seconds
        await house.say()
    assert left_out(caplog) == [30.0, 60.0, 120.0, 240.0, 300.0, 300.0]
    house.clock[0] += 300.0
    house.cloud.faults.clear()
    await house.say()
    caplog.clear()
    await house.open_the_circuit()
    assert left_out(caplog) == [30.0]


async def test_one_trial_at_a_time(house: House) -> None:
    """While one request tries the cloud again, the others do not wait for it."""
    await house.open_the_circuit()
    house.cloud.faults.clear()
    house.cloud.started.clear()
    house.cloud.gate.clear()
    house.clock[0] += COOLING[0]
    trial = asyncio.create_task(house.say())
    await house.cloud.started.wait()
    await house.say()
    assert len(house.cloud.asked) == 1
    house.cloud.gate.set()
    await trial
    await house.say()
    assert len(house.cloud.asked) == 2


async def test_trial_that_is_given_up_leaves_room_for_the_next(house: House) -> None:
    """A caller who hangs up during the trial does not keep the cloud left out."""
    await house.open_the_circuit()
    house.cloud.faults.clear()
    house.cloud.started.clear()
    house.cloud.gate.clear()
    house.clock[0] += COOLING[0]
    trial = asyncio.create_task(house.say())
    await house.cloud.started.wait()
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    house.cloud.gate.set()
    house.cloud.asked.clear()
    await house.say()
    assert len(house.cloud.asked) == 1


async def test_last_resort_is_always_asked(house: House) -> None:
    """Where nobody can stand in nobody is left out: no caller can talk it dead for the others."""
    house.local.faults = [Unavailable(f"no {n}") for n in range(2 * (FAILURES + 1))]
    for _ in range(FAILURES + 1):
        with pytest.raises(Unavailable):
            await house.say(language="fr")
    assert (await house.say(language="fr")).seconds > 0
