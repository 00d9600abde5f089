"""Recordings while AMI is away, or its answers are lost: told and kept alike, and nothing lost."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from adapter.core.faults import RecordingFailed, StoreFailed
from adapter.core.ids import RecordingId
from adapter.core.kept import KeptState
from adapter.core.model import Call, Saved
from adapter.core.outputs import Step
from adapter.media.recording_files import Files
from adapter.store.calls import CallStore
from adapter.store.outbox import OutboxStore
from tests.unit.build import NOW, gone, place, ready, run, up
from tests.unit.recordings_house import CHANNEL, DAY, ONE, TWO, House, recordings_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with recordings_house(tmp_path) as house:
        yield house


async def running(house: House, recording: RecordingId = ONE) -> None:
    house.reserve(recording)
    await house.recorder.start(CHANNEL, recording)


async def unanswered(house: House, recording: RecordingId = ONE) -> None:
    """AMI is gone as Asterisk begins: the start has failed, and it is recorded all the same."""
    house.reserve(recording)
    house.ami.silent = True
    starting = asyncio.create_task(house.recorder.start(CHANNEL, recording))
    while not house.ami.monitors:
        await asyncio.sleep(0)
    await house.ami.close()
    with pytest.raises(RecordingFailed):
        await starting
    assert len(house.ami.monitors) == 1
    assert house.state(recording) is KeptState.FAILED


def keep_call(house: House, *, live: bool) -> Call:
    """The row of the call that is recorded."""
    store = CallStore(house.connection, OutboxStore(house.connection).insert)
    made = run(None, place())
    call = run(made.call, ready(made.call), up(made.call)).call
    call = call if live else run(call, gone(call)).call
    house.ami.channels[call.channel] = house.ami.channels[CHANNEL]
    store.save(Step(call=call), place(), NOW, ())
    house.connection.execute("UPDATE recording SET call = ?", (call.id,))
    return call


async def eventually(house: House, monitors: int) -> None:
    async with asyncio.timeout(5):
        while len(house.ami.monitors) != monitors:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("after", [True, False])
async def test_answers_that_are_lost(house: House, after: bool) -> None:
    """The connection is cut at either order: one monitor, saved, as if nothing had been."""
    house.reserve(ONE)
    house.ami.cut("MixMonitor", after=after)
    await house.recorder.start(CHANNEL, ONE)
    assert len(house.ami.monitors) == 1
    house.ami.cut("StopMixMonitor", after=after)
    saved = await house.recorder.save(CHANNEL, ONE)
    assert (house.found(ONE).saved, house.ami.monitors) == (saved, {})
    assert not saved.repaired


async def test_manager_goes_as_it_starts(house: House) -> None:
    """Nobody says that it has begun, and nobody comes back: its files say so."""
    house.reserve(ONE)
    starting = asyncio.create_task(house.recorder.start(CHANNEL, ONE))
    house.ami.cut("MixMonitor", after=True)
    while not house.ami.monitors:
        await asyncio.sleep(0)
    await house.ami.close()
    await starting
    assert house.state(ONE) is KeptState.RUNNING
    await house.ami.listen()


async def test_manager_is_away_at_the_start(house: House) -> None:
    """It has failed after a time, in its row as well: its name is free, and it stays so."""
    house.reserve(ONE, "interview")
    await house.ami.close()
    with pytest.raises(RecordingFailed, match="no answer in time"):
        async with asyncio.timeout(5):
            await house.recorder.start(CHANNEL, ONE)
    assert house.state(ONE) is KeptState.FAILED
    house.reserve(TWO, "interview")
    await house.ami.listen()
    with pytest.raises(RecordingFailed, match="failed before"):
        await house.recorder.start(CHANNEL, ONE)
    assert house.ami.monitors == {}


async def test_manager_comes_back_in_time_for_the_start(house: House) -> None:
    """A short outage delays it."""
    house.reserve(ONE)
    await house.ami.close()
    starting = asyncio.create_task(house.recorder.start(CHANNEL, ONE))
    await asyncio.sleep(0.1)
    assert not starting.done()
    await house.ami.listen()
    await starting
    assert len(house.ami.monitors) == 1


@pytest.mark.parametrize("refused", [True, False])
async def test_manager_is_away_at_the_stop(house: House, refused: bool) -> None:
    """It goes on, and its row says so; it is saved when Asterisk has ended it."""
    await running(house)
    if refused:
        house.ami.fail("StopMixMonitor", "Permission denied")
    else:
        await house.ami.close()
    saving = asyncio.create_task(house.recorder.save(CHANNEL, ONE))
    await asyncio.sleep(0.6)
    assert not saving.done()
    assert house.state(ONE) is KeptState.RUNNING
    if refused:
        house.ami.hang_up(CHANNEL)
    else:
        await house.ami.listen()
    assert (await saving, house.ami.monitors) == (house.found(ONE).saved, {})


async def test_channel_goes_while_the_stop_waits(house: House) -> None:
    """Its end is the recording's: the file is whole, and nobody needs AMI for it."""
    await running(house)
    await house.ami.close()
    saving = asyncio.create_task(house.recorder.save(CHANNEL, ONE))
    await asyncio.sleep(0.1)
    saving.cancel()
    with suppress(asyncio.CancelledError):
        await saving
    assert house.state(ONE) is KeptState.RUNNING
    house.ami.hang_up(CHANNEL)
    assert not (await house.recorder.save(None, ONE)).repaired
    assert house.state(ONE) is KeptState.SAVED
    await house.ami.listen()


async def test_manager_is_away_as_it_is_renewed(house: House) -> None:
    """Without the new monitor nothing would be recorded any more: it is begun as AMI is back."""
    await running(house)
    house.ami.cut("MixMonitor", after=False)
    await house.recorder.renew(CHANNEL, ONE)
    assert len(house.ami.monitors) == 1
    assert (await house.recorder.save(CHANNEL, ONE)).seconds == 0.2


@pytest.mark.parametrize("restarted", [True, False])
async def test_failed_recording_that_goes_on_is_ended(house: House, restarted: bool) -> None:
    """At the next login, this process's or another's; what runs in the same call goes on."""
    await unanswered(house)
    keep_call(house, live=True)
    if restarted:
        await house.client.close()
        house.client = house.another_client()
        house.another_recorder()
        house.client.start()
    await house.ami.listen()
    await eventually(house, monitors=0)


async def test_only_what_has_failed_is_ended_at_a_login(house: House) -> None:
    """Running recordings and those of other calls are left alone."""
    await unanswered(house)
    house.ami.silent = False
    await house.ami.listen()
    await running(house, TWO)
    keep_call(house, live=True)
    house.ami.drop()
    await eventually(house, monitors=1)
    [(_, files)] = house.ami.monitors.values()
    assert TWO in str(files[0])


async def test_nothing_is_ended_in_a_call_that_is_over(house: House) -> None:
    """Its channel is gone: a channel of the same name later is somebody else's."""
    await unanswered(house)
    keep_call(house, live=False)
    await house.ami.listen()
    house.ami.actions.clear()
    await house.client.ping()
    await asyncio.sleep(0.1)
    assert house.ami.names() == ["Ping"]


async def test_old_failures_are_not_looked_at(house: House) -> None:
    """No call lasts for two days; a login costs the same however many recordings there are."""
    await unanswered(house)
    keep_call(house, live=True)
    assert len(house.recordings.left()) == 1
    house.now += 2 * DAY + 1
    assert house.recordings.left() == []
    await house.ami.listen()


async def test_login_while_the_rows_cannot_be_read(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the connection is used as always."""
    monkeypatch.setattr(house.rows, "left", raising(StoreFailed("disk I/O error")))
    house.ami.drop()
    async with asyncio.timeout(5):
        while "failed recordings may go on" not in caplog.text:
            await asyncio.sleep(0.01)
    await house.client.ping()


def raising(error: Exception) -> object:
    """A method that fails."""

    def method(*_: object) -> Saved:
        raise error

    return method


async def test_saving_that_takes_too_long(house: House) -> None:
    """A disk that does not answer is no reason to wait for ever: failed, and written so."""
    await running(house)
    mixed = house.recordings.place(ONE).mixed
    mixed.unlink()
    os.mkfifo(mixed)
    try:
        with pytest.raises(RecordingFailed, match="not in time"):
            async with asyncio.timeout(20):
                await house.recorder.save(None, ONE)
    finally:
        os.close(os.open(mixed, os.O_RDWR | os.O_NONBLOCK))  # whoever reads it gets its end
    assert house.state(ONE) is KeptState.FAILED


async def test_bug_is_a_failure(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever went wrong is told as a failure, so it is kept as one."""
    await running(house)
    with monkeypatch.context() as patched:
        patched.setattr(Files, "finish", raising(ZeroDivisionError("a bug")))
        with pytest.raises(ZeroDivisionError):
            await house.recorder.save(CHANNEL, ONE)
    assert house.state(ONE) is KeptState.FAILED


async def test_outcome_that_cannot_be_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither begun, saved nor failed: asked again, it is."""
    house.reserve(ONE)
    with monkeypatch.context() as patched:
        patched.setattr(house.rows, "place", raising(StoreFailed("disk I/O error")))
        with pytest.raises(StoreFailed):
            await house.recorder.start(CHANNEL, ONE)
    assert house.state(ONE) is KeptState.RUNNING
    await house.recorder.start(CHANNEL, ONE)
    with monkeypatch.context() as patched:
        patched.setattr(house.rows, "saved", raising(StoreFailed("disk I/O error")))
        with pytest.raises(StoreFailed):
            await house.recorder.save(CHANNEL, ONE)
    assert house.state(ONE) is KeptState.RUNNING
    assert await house.recorder.save(CHANNEL, ONE) == house.found(ONE).saved
