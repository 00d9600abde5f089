"""The runner of effects: recordings, whose orders depend on one another."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from adapter.core import inputs as i
from adapter.core import outputs as o
from adapter.core.faults import StoreFailed
from adapter.core.ids import ChannelId, RecordingId
from adapter.core.model import Call, CallState, Saved
from tests.fakes.engine_world import SimulatedRecorder
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit.build import outbound
from tests.unit.effects_bench import CHANNEL, ONE, Bench
from tests.unit.parties import SAVED, recording_order

RECORDING = recording_order().id
RECORD = o.Record(recording=RECORDING, channel=CHANNEL)
RENEW = o.RenewRecording(recording=RECORDING, channel=CHANNEL, parties=2)
SAVE = o.SaveRecording(recording=RECORDING, channel=CHANNEL)
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


class WaitingRecorder(SimulatedRecorder):
    """Can't tell Asterisk anything; without a channel it need not."""

    async def renew(self, channel: ChannelId, recording: RecordingId) -> None:
        """Go on."""
        await asyncio.Event().wait()

    async def save(self, channel: ChannelId | None, recording: RecordingId) -> Saved:
        """End."""
        if channel is not None:
            await asyncio.Event().wait()
        return await super().save(channel, recording)


class FullRecorder(SimulatedRecorder):
    """Its database takes nothing at first."""

    full = True

    def keep(self, call: Call, recording: RecordingId) -> None:
        """Write down whose it is."""
        if self.full:
            raise StoreFailed("disk I/O error")
        super().keep(call, recording)

    async def save(self, channel: ChannelId | None, recording: RecordingId) -> Saved:
        """End."""
        if self.full:
            raise StoreFailed("disk I/O error")
        return await super().save(channel, recording)


@runs_in_virtual_time
async def test_a_recording_is_begun_and_saved() -> None:
    """Each order is answered by its fact; the file is known with the second."""
    bench = Bench()
    assert await bench.run(RECORD) == [i.RecordingStarted(recording=RECORDING)]
    facts = await bench.run(SAVE)
    assert facts[1:] == [i.RecordingSaved(recording=RECORDING, saved=SAVED)]
    assert bench.effects.idle(ONE)


@runs_in_virtual_time
async def test_a_recording_is_kept_before_it_begins() -> None:
    """Whose it is, is written down first: also of one that can't be started."""
    bench = Bench()
    bench.recorder.broken = True
    bench.rows[ONE] = outbound(CallState.UP)
    await bench.run(RECORD)
    assert bench.recorder.kept == {RECORDING: outbound(CallState.UP).id}


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


@pytest.mark.parametrize("before", [(SAVE,), (RENEW, SAVE), (RENEW,), ()])
def test_a_gone_channel_ends_all_waiting(before: tuple[o.Effect, ...]) -> None:
    """What waits for Asterisk is left; saved once, by what the files say."""

    @runs_in_virtual_time
    async def body() -> None:
        bench = Bench(WaitingRecorder())
        assert len(await bench.run(RECORD, *before)) == 1
        facts = await bench.run(o.SaveRecording(recording=RECORDING, channel=None))
        assert facts[1:] == [i.RecordingSaved(recording=RECORDING, saved=SAVED)]
        assert len(asyncio.all_tasks()) == 1

    body()


@runs_in_virtual_time
async def test_a_gone_channel_ends_a_start() -> None:
    """Of this recording: another one's is not touched."""
    bench = Bench(SlowRecorder())
    bench.recorder.running[RECORDING] = CHANNEL
    other = o.Record(recording=recording_order(2).id, channel=CHANNEL)
    facts = await bench.run(other, RECORD, o.SaveRecording(recording=RECORDING, channel=None))
    assert facts == [i.RecordingSaved(recording=RECORDING, saved=SAVED)]
    assert len(asyncio.all_tasks()) == 2
    await bench.effects.close()


@runs_in_virtual_time
async def test_what_cannot_be_written_is_not_told() -> None:
    """Neither at the start nor at the end; ordered again, it is."""
    bench = Bench(FullRecorder())
    assert isinstance(bench.recorder, FullRecorder)
    bench.rows[ONE] = outbound(CallState.UP)
    assert await bench.run(RECORD, SAVE) == []
    bench.recorder.full = False
    facts = await bench.run(RECORD, SAVE)
    assert [type(one) for one in facts] == [i.RecordingStarted, i.RecordingSaved]


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
