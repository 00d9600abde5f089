"""The runner of effects: recordings and listening, which are slow and depend on one another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.faults import ListeningFailed
from adapter.core.ids import CallId, ChannelId, ListeningId, RecordingId, channel_of, listening_of
from adapter.core.model import Heard, Listen, Saved
from adapter.engine.effects import Effects
from adapter.engine.ports import World
from tests.fakes.engine_ports import ScriptedApplications, SimulatedAsterisk, SlowSpeech
from tests.fakes.engine_world import ScriptedEars, SimulatedRecorder, world_of
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit.build import call_id, prompt_id
from tests.unit.parties import SAVED, recording_order

ONE = call_id(1)
CHANNEL = channel_of(ONE, 1)
RECORDING = recording_order().id
RECORD = o.Record(recording=RECORDING, channel=CHANNEL)
RENEW = o.RenewRecording(recording=RECORDING, channel=CHANNEL, parties=2)
SAVE = o.SaveRecording(recording=RECORDING, channel=CHANNEL)
EARS, NEXT = listening_of(ONE, prompt_id(1), 0), listening_of(ONE, prompt_id(1), 1)
LISTEN = Listen(language="en-US")
HANGUP = o.Hangup(channel=CHANNEL, reason=o.HangupReason.NORMAL)


class SlowRecorder(SimulatedRecorder):
    """Begins when its gate is open; and may have a bug."""

    def __init__(self, *, bug: bool = False) -> None:
        super().__init__()
        self.begin = asyncio.Event()
        self.bug = bug

    async def start(self, channel: ChannelId, recording: RecordingId) -> None:
        """Begin."""
        await self.begin.wait()
        if self.bug:
            raise ZeroDivisionError("a bug")
        await super().start(channel, recording)

    async def save(self, channel: ChannelId | None, recording: RecordingId) -> Saved:
        """End."""
        if self.bug:
            raise ZeroDivisionError("a bug")
        return await super().save(channel, recording)


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


class Bench:
    """A runner with what it needs, and the facts that came back."""

    def __init__(
        self, recorder: SimulatedRecorder | None = None, asterisk: SimulatedAsterisk | None = None
    ) -> None:
        self.asterisk = asterisk or SimulatedAsterisk()
        self.recorder = recorder or SimulatedRecorder()
        self.ears = ScriptedEars()
        self.facts: list[i.Input] = []
        self.effects = Effects(self._world(), lambda call: None, self._tell())

    def _world(self) -> World:
        speech, applications = SlowSpeech(), ScriptedApplications()
        return world_of(self.asterisk, speech, applications, self.ears, self.recorder)

    def _tell(self) -> Callable[[CallId, i.Input], None]:
        def tell(call: CallId, fact: i.Input) -> None:
            assert call == ONE
            self.facts.append(fact)

        return tell

    async def run(self, *effects: o.Effect) -> list[i.Input]:
        """Run effects of a call; all facts so far."""
        self.effects.run(ONE, effects)
        await self.settle()
        return self.facts

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


def listen(listening: ListeningId = EARS) -> o.StartListening:
    return o.StartListening(listening=listening, channel=CHANNEL, listen=LISTEN)


def leave(listening: ListeningId = EARS) -> o.StopListening:
    return o.StopListening(listening=listening)


# Recordings


@runs_in_virtual_time
async def test_a_recording_is_begun_and_saved() -> None:
    """Each order is answered by its fact; the file is known with the second."""
    bench = Bench()
    assert await bench.run(RECORD) == [i.RecordingStarted(recording=RECORDING)]
    facts = await bench.run(SAVE)
    assert facts[1:] == [i.RecordingSaved(recording=RECORDING, saved=SAVED)]
    assert bench.effects.idle(ONE)


@runs_in_virtual_time
async def test_a_recording_is_renewed() -> None:
    """Nothing is told of it, not even when it fails; saving waits for it."""
    bench = Bench()
    assert len(await bench.run(RECORD, RENEW, SAVE)) == 2
    assert bench.recorder.renewed == [RECORDING]
    bench.recorder.broken = True
    assert len(await bench.run(RENEW)) == 2


@runs_in_virtual_time
async def test_each_further_party_renews_it_in_turn() -> None:
    """A third party comes while the second one's renewal waits: both are done, then it is saved."""
    bench = Bench(SlowRecorder())
    assert isinstance(bench.recorder, SlowRecorder)
    assert await bench.run(RECORD, RENEW, replace(RENEW, parties=3), RENEW, SAVE) == []
    assert bench.recorder.renewed == []
    bench.recorder.begin.set()
    await bench.settle()
    assert bench.recorder.renewed == [RECORDING, RECORDING]
    assert [type(one) for one in bench.facts] == [i.RecordingStarted, i.RecordingSaved]


@runs_in_virtual_time
async def test_saving_waits_for_the_beginning() -> None:
    """Ordered while the start is under way: first that, then the end; both are told in order."""
    bench = Bench(SlowRecorder())
    assert isinstance(bench.recorder, SlowRecorder)
    assert await bench.run(RECORD, SAVE) == []
    bench.recorder.begin.set()
    await bench.settle()
    assert [type(one) for one in bench.facts] == [i.RecordingStarted, i.RecordingSaved]


@runs_in_virtual_time
async def test_saving_does_not_wait_for_another_one() -> None:
    """Only for the start of the very recording."""
    bench = Bench(SlowRecorder())
    bench.recorder.running[RECORDING] = CHANNEL
    other = o.Record(recording=recording_order(2).id, channel=CHANNEL)
    facts = await bench.run(other, SAVE)
    assert [type(one) for one in facts] == [i.RecordingSaved]
    await bench.effects.close()


@runs_in_virtual_time
async def test_a_recording_delays_nothing() -> None:
    """Neither its start nor its end holds a hang-up."""
    bench = Bench(SlowRecorder())
    await bench.run(RECORD, SAVE, HANGUP)
    assert bench.asterisk.log == [HANGUP]
    await bench.effects.close()
    assert [type(one) for one in bench.facts] == [i.ChannelGone]


@runs_in_virtual_time
async def test_the_same_order_is_not_under_way_twice() -> None:
    """Ordered again at a reconnect, a recording is begun once and saved once."""
    bench = Bench()
    await bench.run(RECORD, RECORD)
    facts = await bench.run(SAVE, SAVE)
    assert [type(one) for one in facts] == [i.RecordingStarted, i.RecordingSaved]
    assert bench.recorder.saved == [RECORDING]


@runs_in_virtual_time
async def test_a_recording_that_cannot_be() -> None:
    """Start and end each say why; there is no file."""
    bench = Bench()
    bench.recorder.broken = True
    facts = await bench.run(RECORD, SAVE)
    assert facts == [
        i.RecordingLost(recording=RECORDING, reason="no space left"),
        i.RecordingLost(recording=RECORDING, reason="no file"),
    ]


def test_a_bug_of_the_recorder_is_a_fact(caplog: pytest.LogCaptureFixture) -> None:
    """It stays inside, is logged, and the recording is lost."""

    @runs_in_virtual_time
    async def body() -> None:
        bench = Bench(SlowRecorder(bug=True))
        assert isinstance(bench.recorder, SlowRecorder)
        bench.recorder.begin.set()
        lost = i.RecordingLost(recording=RECORDING, reason="internal error")
        assert await bench.run(RECORD, SAVE) == [lost, lost]

    with caplog.at_level(logging.ERROR):
        body()
    assert len(caplog.records) == 2


# Listening


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
