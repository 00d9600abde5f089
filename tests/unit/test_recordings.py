"""Recordings with a fake AMI that writes files, and a real store: started, saved, removed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapter.core.faults import RecordingFailed
from adapter.core.ids import ChannelId, RecordingId
from adapter.core.kept import KeptRecording, KeptState
from adapter.core.model import CallState
from adapter.media import wav
from adapter.media.recordings import Recordings
from tests.fakes.ami import UNFINISHED
from tests.unit.build import outbound
from tests.unit.recordings_house import CHANNEL, DAY, NOON, ONE, TWO, House, recordings_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with recordings_house(tmp_path) as house:
        yield house


async def recorded(house: House, recording: RecordingId = ONE) -> KeptRecording:
    house.reserve(recording)
    await house.recorder.start(CHANNEL, recording)
    await house.recorder.save(CHANNEL, recording)
    return house.found(recording)


async def test_start_stop_and_save(house: House) -> None:
    """Three files in the folder of the day, measured; the channel goes on."""
    house.reserve(ONE)
    await house.recorder.start(CHANNEL, ONE)
    assert house.recordings.find(ONE, "enablex", "app-1") is None
    saved = await house.recorder.save(CHANNEL, ONE)
    assert (saved.seconds, saved.size, saved.repaired) == (0.1, 1644, False)
    assert house.files() == [f"2026-11-21/{ONE}{e}.wav" for e in ("-rx", "-tx", "")]
    assert house.found(ONE).saved == saved
    assert house.recordings.file(house.found(ONE)).stat().st_mode & 0o777 == 0o640
    assert CHANNEL in house.ami.channels


async def test_saved_after_the_hang_up(house: House) -> None:
    """The channel has gone: nothing is asked of Asterisk."""
    house.reserve(ONE)
    await house.recorder.start(CHANNEL, ONE)
    house.ami.hang_up(CHANNEL)
    before = len(house.ami.actions)
    assert (await house.recorder.save(None, ONE)).seconds == 0.1
    assert len(house.ami.actions) == before


async def test_waits_until_the_files_are_whole(house: House) -> None:
    """Asterisk's writer may be later than the end of the channel."""
    house.reserve(ONE)
    await house.recorder.start(CHANNEL, ONE)
    saving = asyncio.create_task(house.recorder.save(None, ONE))
    await asyncio.sleep(0.05)
    assert not saving.done()
    house.ami.hang_up(CHANNEL)
    assert not (await saving).repaired


async def test_killed_asterisk_is_repaired(house: House) -> None:
    """Files that never become whole are made so, and it is said."""
    house.reserve(ONE)
    await house.recorder.start(CHANNEL, ONE)
    for _, files in house.ami.monitors.values():
        for file in files:
            file.write_bytes(UNFINISHED + bytes(16000))
    saved = await house.recorder.save(None, ONE)
    assert (saved.seconds, saved.repaired) == (1.0, True)
    assert wav.seconds_of(house.recordings.file(house.found(ONE))) == 1.0


async def test_renewed(house: House) -> None:
    """A second monitor goes on in the files of the first, and saving ends it."""
    house.reserve(ONE)
    await house.recorder.start(CHANNEL, ONE)
    await house.recorder.renew(CHANNEL, ONE)
    first, second = [one["File"] for one in house.ami.actions if one["Action"] == "MixMonitor"]
    assert first == second
    await house.recorder.save(CHANNEL, ONE)
    assert (house.ami.monitors, len(house.files())) == ({}, 3)


async def test_start_and_save_may_be_asked_again(house: House) -> None:
    """A restarted adapter asks again: one monitor, one file, the same answer, also a day later."""
    house.reserve(ONE)
    await house.recorder.start(CHANNEL, ONE)
    house.now += DAY
    again = house.another_recorder()
    await again.start(CHANNEL, ONE)
    assert house.ami.names().count("MixMonitor") == 1
    saved = await again.save(CHANNEL, ONE)
    assert await house.another_recorder().save(CHANNEL, ONE) == saved
    assert await again.save(None, ONE) == saved
    assert len(house.files()) == 3


async def test_asterisk_writes_nothing(house: House) -> None:
    """It answers Success to a folder that it may not write to: the start fails, nothing runs."""
    house.reserve(ONE, "interview")
    house.ami.silent = True
    with pytest.raises(RecordingFailed, match="no file"):
        await house.recorder.start(CHANNEL, ONE)
    assert house.ami.monitors == {}
    assert house.state(ONE) is KeptState.FAILED
    house.reserve(TWO, "interview")
    with pytest.raises(RecordingFailed):
        await house.recorder.start(CHANNEL, ONE)
    with pytest.raises(RecordingFailed):
        await house.recorder.save(None, ONE)


async def test_channel_is_gone_at_the_start(house: House) -> None:
    """There is nothing to record."""
    house.reserve(ONE)
    with pytest.raises(RecordingFailed, match="No such channel"):
        await house.recorder.start(ChannelId("gone"), ONE)
    assert house.state(ONE) is KeptState.FAILED


async def test_files_are_gone_at_the_end(house: House) -> None:
    """Somebody has removed them: a failure, not a recording without audio."""
    house.reserve(ONE)
    await house.recorder.start(CHANNEL, ONE)
    for name in house.files():
        (house.folder / name).unlink()
    with pytest.raises(RecordingFailed, match="No such file"):
        await house.recorder.save(None, ONE)
    assert house.state(ONE) is KeptState.FAILED


async def test_hang_up_before_the_start(house: House) -> None:
    """A recording that was ordered and never started has no file."""
    house.reserve(ONE)
    with pytest.raises(RecordingFailed, match="not started"):
        await house.recorder.save(None, ONE)
    assert house.state(ONE) is KeptState.FAILED


@pytest.mark.parametrize("recording", [ONE, "../x", "a,b"])
async def test_nobody_reserved_it(house: House, recording: str) -> None:
    """Without a row there is no owner, and no path."""
    with pytest.raises(RecordingFailed, match="reserved"):
        await house.recorder.start(CHANNEL, RecordingId(recording))
    assert house.files() == []


async def test_recorded_from_the_answer_on(house: House) -> None:
    """Its row begins with it, as the call's; kept again after a restart, it is the same row."""
    call = outbound(CallState.UP)
    for now in (NOON, NOON + DAY):
        house.now = now
        house.recorder.keep(call, ONE)
        await house.recorder.start(CHANNEL, ONE)
    row = house.rows.get(ONE)
    assert row is not None
    assert (row.contract, row.owner, row.call) == (call.contract, call.owner, call.id)
    assert (row.name, row.created_at, row.state) == (None, NOON, KeptState.RUNNING)
    house.reserve(TWO, "interview")
    house.recorder.keep(call, TWO)
    assert house.rows.get(TWO) == house.row(TWO, "interview")


async def test_disk_is_nearly_full(house: House) -> None:
    """Nothing is started; what runs goes on and is saved; no stereo file is made."""
    await recorded(house)
    full = house.recordings_with(min_free=1 << 60)
    house.reserve(TWO)
    with pytest.raises(RecordingFailed, match="too little space"):
        await house.another_recorder(full).start(CHANNEL, TWO)
    assert house.state(TWO) is KeptState.FAILED
    with pytest.raises(OSError, match="too little space"):
        await full.stereo(house.found(ONE))


async def test_reserve_and_release(house: House) -> None:
    """An order that was refused gives its name back; one that was started does not."""
    house.reserve(ONE, "interview")
    assert not house.recordings.reserve(house.row(TWO, "interview"))
    house.recordings.release(ONE)
    house.reserve(TWO, "interview")
    await house.recorder.start(CHANNEL, TWO)
    house.recordings.release(TWO)
    assert not house.recordings.reserve(house.row(ONE, "interview"))


async def test_only_the_owner_finds_it(house: House) -> None:
    """Another tenant, another contract, and what is no id at all find nothing."""
    await recorded(house)
    assert house.recordings.find(ONE, "enablex", "app-1") is not None
    assert house.recordings.find(ONE, "enablex", "app-2") is None
    assert house.recordings.find(ONE, "voipnow", "app-1") is None
    for other in ("", "../x", "\udcff", TWO):
        assert house.recordings.find(other, "enablex", "app-1") is None


async def test_stereo_is_made_once(house: House) -> None:
    """Two who ask at once get the same file, and so does who asks later."""
    row = await recorded(house)
    first, second = await asyncio.gather(*(house.recordings.stereo(row) for _ in range(2)))
    made = first.stat()
    assert first == second == await house.recordings.stereo(row)
    assert first.stat().st_ino == made.st_ino
    assert made.st_size == 44 + 2 * 1600


async def test_remove(house: House) -> None:
    """Files and row go, the stereo file too."""
    row = await recorded(house)
    await house.recordings.stereo(row)
    house.recordings.remove(row)
    assert house.files() == []
    assert house.rows.get(ONE) is None


async def test_old_recordings_are_purged(house: House) -> None:
    """Those before the time go with their files, in portions; younger and running ones stay."""
    await recorded(house)
    house.reserve(TWO)
    await house.recorder.start(CHANNEL, TWO)
    house.now += DAY
    young = RecordingId("33333333-0000-4000-8000-00ff00000001")
    await recorded(house, young)
    assert house.recordings.purge(NOON) == 0
    assert house.recordings.purge(NOON + 1) == 1
    assert house.recordings.purge(NOON + 1) == 0
    assert house.rows.get(ONE) is None
    assert house.state(TWO) is KeptState.RUNNING
    assert len(house.files()) == 6
    assert house.found(young)


async def test_forgotten_running_row_is_purged(house: House) -> None:
    """A crash between the row and the call leaves one; it does not stay for ever."""
    house.reserve(ONE)
    assert house.recordings.purge(NOON + 3 * DAY) == 1
    assert house.rows.get(ONE) is None


async def test_orphan_files_are_purged(house: House) -> None:
    """Files of old days go without a row, with their folder; other names are not ours."""
    for day in ("2026-11-10", "2026-11-20"):
        (house.folder / day).mkdir()
        for number in range(25):
            (house.folder / day / f"{number}.wav").write_bytes(b"x")
    (house.folder / "notes").mkdir()
    assert house.recordings.purge(NOON) == 20
    assert house.recordings.purge(NOON) == 5
    assert house.recordings.purge(NOON) == 0
    assert sorted(one.name for one in house.folder.iterdir()) == ["2026-11-20", "notes"]


async def test_file_that_cannot_be_removed(house: House) -> None:
    """Its row stays, nothing is raised into the upkeep, and it ends a round."""
    row = await recorded(house)
    mixed = house.recordings.file(row)
    mixed.unlink()
    mixed.mkdir()
    assert house.recordings.purge(NOON + 1) == 0
    assert house.rows.get(ONE) is not None
    mixed.rmdir()
    assert house.recordings.purge(NOON + 1) == 1


async def test_folder_that_asterisk_could_not_be_told(house: House, tmp_path: Path) -> None:
    """A comma or bracket in the path would end an argument: refused at the start of the server."""
    for folder in (tmp_path / "a,b", tmp_path / "a(b", tmp_path / "a b", Path("relative")):
        with pytest.raises(ValueError, match="plain path"):
            Recordings(folder, house.rows, 0)


async def test_folder_is_private(house: House) -> None:
    """Conversations are nobody else's."""
    await recorded(house)
    for folder in (house.folder, house.folder / "2026-11-21"):
        assert folder.stat().st_mode & 0o007 == 0


async def test_loop_is_free_while_it_waits(house: House) -> None:
    """Hundreds of recordings end at a time after a crash: nobody waits for their disk."""
    house.reserve(ONE)
    await house.recorder.start(CHANNEL, ONE)
    fifo = house.folder / "2026-11-21" / f"{ONE}.wav"
    fifo.unlink()
    os.mkfifo(fifo)
    saving = asyncio.create_task(house.recorder.save(None, ONE))
    begun = time.monotonic()
    await asyncio.sleep(0.05)
    assert time.monotonic() - begun < 10
    assert not saving.done()
    fifo.open("wb").close()  # whoever read it gets its end
    fifo.unlink()
    fifo.write_bytes(wav.write(b"\0\0"))
    assert (await saving).size == 46
