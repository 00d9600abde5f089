"""The runner of effects: listening, which is slow, and ends when nobody waits for it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.faults import ListeningFailed
from adapter.core.ids import ChannelId, ListeningId, listening_of
from adapter.core.model import Heard, Listen
from tests.fakes.engine_ports import SimulatedAsterisk
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit.build import prompt_id
from tests.unit.effects_bench import CHANNEL, ONE, Bench

EARS, NEXT = listening_of(ONE, prompt_id(1), 0), listening_of(ONE, prompt_id(1), 1)
LISTEN = Listen(language="en-US")


class DeafAsterisk(SimulatedAsterisk):
    """Has no audio for us: at the first step or at the second."""

    def __init__(self, *, opens: bool) -> None:
        super().__init__()
        self.opens = opens

    async def open_audio(self, channel: ChannelId, listening: ListeningId) -> str:
        """Hold audio ready."""
        if not self.opens:
            raise ListeningFailed("no such channel")
        return await super().open_audio(channel, listening)

    async def join_audio(self, listening: ListeningId) -> None:
        """Let it flow."""
        raise ListeningFailed("nobody connected")


def listen(listening: ListeningId = EARS) -> o.StartListening:
    return o.StartListening(listening=listening, channel=CHANNEL, listen=LISTEN)


def leave(listening: ListeningId = EARS) -> o.StopListening:
    return o.StopListening(listening=listening)


@runs_in_virtual_time
async def test_what_is_said_is_heard() -> None:
    """The beginning of speech at once, the words at their end; then nobody listens."""
    bench = Bench()
    assert await bench.run(listen()) == []
    assert (bench.asterisk.opened, len(bench.ears.open)) == ([EARS], 1)
    bench.ears.begins()
    assert bench.facts == [i.SpeechBegan(listening=EARS)]
    bench.ears.hears("yes")
    await bench.settle()
    assert bench.facts[1:] == [
        i.SpeechHeard(listening=EARS, heard=Heard(text="yes", confidence=0.9))
    ]
    assert bench.ears.open == {}


@runs_in_virtual_time
async def test_listening_no_more() -> None:
    """Whoever listens is gone before the audio is taken away; nothing is told."""
    bench = Bench()
    await bench.run(listen())
    ended: list[int] = []
    bench.asterisk.before = lambda effect: ended.append(len(bench.ears.open))
    assert await bench.run(leave()) == []
    assert (ended, bench.asterisk.log, bench.asterisk.opened) == ([0], [leave()], [])


@runs_in_virtual_time
async def test_new_ears_do_not_wait_for_the_old() -> None:
    """A new round begins as the old one goes; only the old one is left."""
    bench = Bench()
    await bench.run(listen())
    await bench.run(leave(), listen(NEXT))
    assert bench.asterisk.opened == [NEXT]
    bench.ears.hears("yes")
    await bench.settle()
    (heard,) = bench.facts
    assert isinstance(heard, i.SpeechHeard)
    assert heard.listening == NEXT


@runs_in_virtual_time
async def test_listening_no_more_when_nobody_does() -> None:
    """The audio is taken away all the same: it may be left of an earlier process."""
    bench = Bench()
    assert await bench.run(leave()) == []
    assert bench.asterisk.log == [leave()]


@runs_in_virtual_time
async def test_the_end_of_the_call_ends_listening() -> None:
    """Nobody is told, and what is slow is given up."""
    bench = Bench()
    await bench.run(listen())
    bench.effects.call_over(ONE)
    await bench.settle()
    assert (bench.facts, bench.ears.open) == ([], {})
    assert len(asyncio.all_tasks()) == 1


@runs_in_virtual_time
async def test_a_recogniser_that_fails() -> None:
    """Its reason is told, once."""
    bench = Bench()
    await bench.run(listen())
    bench.ears.fails()
    await bench.settle()
    assert bench.facts == [i.SpeechLost(listening=EARS, reason="gone")]


@pytest.mark.parametrize(
    ("opens", "reason"), [(False, "no such channel"), (True, "nobody connected")]
)
def test_audio_that_cannot_be_had(opens: bool, reason: str) -> None:
    """At either step: lost, with the reason, and the recogniser is left alone."""

    @runs_in_virtual_time
    async def body() -> None:
        bench = Bench(asterisk=DeafAsterisk(opens=opens))
        assert await bench.run(listen()) == [i.SpeechLost(listening=EARS, reason=reason)]
        assert bench.ears.open == {}

    body()


@runs_in_virtual_time
async def test_asterisk_that_does_not_answer() -> None:
    """Unlike a command in its line, listening has an outcome: the prompt goes on without it."""
    bench = Bench()
    bench.asterisk.down = True
    assert await bench.run(listen()) == [i.SpeechLost(listening=EARS, reason="connection refused")]


def test_a_bug_of_the_ears_is_a_fact(caplog: pytest.LogCaptureFixture) -> None:
    """A plug-in's bug stays inside, and is logged without what was said."""

    @runs_in_virtual_time
    async def body() -> None:
        bench = Bench()
        await bench.run(listen())
        ((_, heard),) = bench.ears.open.values()
        heard.set_exception(ZeroDivisionError("a bug"))
        await bench.settle()
        assert bench.facts == [i.SpeechLost(listening=EARS, reason="internal error")]

    with caplog.at_level(logging.ERROR):
        body()
    assert len(caplog.records) == 1
