"""Recording with a real Asterisk: AMI, files and rows, without the engine.

Two calls come in from the carrier, which plays a tone of its own into each: 500 Hz is the caller's
side of what is recorded, 900 Hz the other party's.
"""

from __future__ import annotations

import asyncio
import json
import time
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from adapter.ami.client import AmiClient
from adapter.ami.monitors import Monitors
from adapter.core.faults import RecordingFailed
from adapter.core.ids import CallId, ChannelId, RecordingId
from adapter.core.kept import KeptRecording
from adapter.media import wav
from adapter.media.recording_files import Files, is_whole
from adapter.media.recordings import Recorder, Recordings
from adapter.store.recordings import RecordingStore
from adapter.store.sqlite import open_database
from tests.live.asterisk import Carrier, Instance
from tests.live.audio import length
from tests.live.test_asterisk_launcher import TRUNK, Watch, watching

pytestmark = pytest.mark.live

CALLER, OTHER = 500, 900  # Hz
SETTLE = 0.5  # seconds until tones have come through


class Desk:
    """What records, and the rows of one test."""

    def __init__(self, asterisk: Instance, folder: Path) -> None:
        self._asterisk = asterisk
        self._connection = open_database(folder / "recordings.db")
        self.rows = RecordingStore(self._connection)
        self.recordings = Recordings(folder / "recordings", self.rows, 0)
        self.clients: list[AmiClient] = []
        self.recorder = self.another()

    def another(self) -> Recorder:
        """A recorder on a connection of its own, as after a restart of the adapter."""
        port = json.loads((self._asterisk.dir / "instance.json").read_text())["ami_port"]
        account = self._asterisk.ari_user, self._asterisk.ari_password
        client = AmiClient("127.0.0.1", port, *account)
        client.start()
        self.clients.append(client)
        return Recorder(self.recordings, self.rows, Monitors(client))

    async def start(self, channel: str) -> RecordingId:
        """Begin to record."""
        recording = self.reserved()
        await self.recorder.start(ChannelId(channel), recording)
        return recording

    def reserved(self) -> RecordingId:
        """The row of a new recording."""
        recording = RecordingId(str(uuid4()))
        row = KeptRecording(
            id=recording,
            contract="enablex",
            owner="app",
            call=CallId("call"),
            name=None,
            created_at=time.time(),
        )
        assert self.recordings.reserve(row)
        return recording

    def files(self, recording: RecordingId) -> Files:
        """Its files."""
        return self.recordings.place(recording)

    async def close(self) -> None:
        """Close connections and rows."""
        for client in self.clients:
            await client.close()
        self._connection.close()


@pytest.fixture
async def desk(asterisk: Instance, tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(asterisk, tmp_path)
    yield desk
    await desk.close()


@pytest.fixture
async def here(asterisk: Instance, carrier: Carrier) -> AsyncIterator[Watch]:
    """The application of the adapter's Asterisk."""
    async with aclosing(watching(asterisk, app="ari-voice")) as watches:
        watch = await anext(watches)
        await watch.push("endpoint", "probe", **TRUNK)
        await watch.push("identify", "probe", endpoint="probe", match="127.0.0.1")
        yield watch
    if asterisk.running:
        asterisk.cli("channel request hangup all")


@pytest.fixture
async def there(carrier: Carrier) -> AsyncIterator[Watch]:
    """An application in the carrier, which plays into calls of its own."""
    async with aclosing(watching(carrier, app="voices")) as watches:
        yield await anext(watches)
    carrier.cli("channel request hangup all")


@pytest.fixture
async def caller(here: Watch, there: Watch, tmp_path: Path) -> str:
    """The channel of an answered call whose far end says 500 Hz."""
    return await call_in(here, there, tone(tmp_path, CALLER))


def tone(folder: Path, frequency: int) -> Path:
    """A minute of it, as a file."""
    at = np.arange(8000 * 60) / 8000
    samples = (8000 * np.sin(2 * np.pi * frequency * at)).astype("<i2")
    file = folder / f"{frequency}.wav"
    wav.save(file, wav.write(samples.tobytes()))
    return file


async def call_in(here: Watch, there: Watch, said: Path) -> str:
    """A call from the carrier, answered; the id of our channel."""
    number, far = str(uuid4().int)[:9], str(uuid4())
    await there.request(
        "POST",
        "channels",
        endpoint=f"PJSIP/{number}@adapter",
        app="voices",
        channelId=far,
        callerId="+17770001",
    )
    channel = await arrived(here, number)
    await here.request("POST", f"channels/{channel}/answer")
    await there.event("StasisStart", far)
    await there.request("POST", f"channels/{far}/play", media=f"sound:{said.with_suffix('')}")
    await there.event("PlaybackStarted")
    return channel


async def arrived(here: Watch, number: str) -> str:
    """The channel on which this number is called."""
    async with asyncio.timeout(10):
        while True:
            for event in here.events:
                channel = event.get("channel") or {}
                if event["type"] == "StasisStart" and channel["dialplan"]["exten"] == number:
                    return str(channel["id"])
            await asyncio.sleep(0.01)


def loudest(samples: np.ndarray, count: int = 1) -> set[int]:
    """The strongest frequencies, in Hz, to 10 Hz."""
    windows = samples[: len(samples) // 800 * 800].astype(float).reshape(-1, 800)
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(800), axis=1)).mean(axis=0)
    found: set[int] = set()
    while len(found) < count:
        top = int(spectrum.argmax())
        found.add(top * 10)
        spectrum[max(0, top - 3) : top + 4] = 0
    return found


def strength(samples: np.ndarray, frequency: int) -> float:
    """Amplitude of one frequency."""
    at = np.arange(len(samples)) / 8000
    return float(2 * abs(np.mean(samples * np.exp(-2j * np.pi * frequency * at))))


def channels_of(path: Path) -> list[np.ndarray]:
    """The samples of each channel."""
    with wave.open(str(path)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return list(data.reshape(-1, file.getnchannels()).T)


async def test_two_parties_stopped(
    here: Watch, there: Watch, caller: str, desk: Desk, tmp_path: Path
) -> None:
    """Bridged: each side has its own tone, the mix both; whole at once when it is stopped."""
    other = await call_in(here, there, tone(tmp_path, OTHER))
    bridge = (await here.request("POST", "bridges", type="mixing"))["id"]
    await here.request("POST", f"bridges/{bridge}/addChannel", channel=f"{caller},{other}")
    await asyncio.sleep(SETTLE)
    recording = await desk.start(caller)
    await asyncio.sleep(2)
    begun = time.monotonic()
    saved = await desk.recorder.save(ChannelId(caller), recording)
    assert time.monotonic() - begun < 0.5
    assert not saved.repaired
    assert 1.9 < saved.seconds < 2.4
    files = desk.files(recording)
    assert {length(file) for file in files.recorded} == {saved.seconds}
    row = desk.recordings.find(recording, "enablex", "app")
    assert row is not None
    left, right = channels_of(await desk.recordings.stereo(row))
    [caller_side], [other_side] = channels_of(files.caller), channels_of(files.other)
    assert np.array_equal(left, caller_side)
    assert np.array_equal(right, other_side)
    assert (loudest(left), loudest(right)) == ({CALLER}, {OTHER})
    assert strength(left, OTHER) < strength(left, CALLER) / 50
    assert strength(right, CALLER) < strength(right, OTHER) / 50
    assert loudest(channels_of(files.mixed)[0], 2) == {CALLER, OTHER}
    await here.request("DELETE", f"bridges/{bridge}")


async def test_hung_up(here: Watch, caller: str, desk: Desk) -> None:
    """The end of the channel ends its recording: whole, nothing to repair."""
    recording = await desk.start(caller)
    await asyncio.sleep(1)
    await here.request("DELETE", f"channels/{caller}")
    await here.event("StasisEnd", caller)  # the writer may be later still
    saved = await desk.recorder.save(None, recording)
    assert not saved.repaired
    assert 0.9 < saved.seconds < 1.4
    assert loudest(channels_of(desk.files(recording).caller)[0]) == {CALLER}


async def test_asterisk_killed(asterisk: Instance, caller: str, desk: Desk) -> None:
    """kill -9 of Asterisk: what had reached the disk is repaired and can be read.

    The one that comes back does not have the channel: nobody has to end the recording any more.
    """
    recording = await desk.start(caller)
    await asyncio.sleep(5)
    assert not is_whole(desk.files(recording).mixed)
    asterisk.kill()
    saving = asyncio.create_task(desk.recorder.save(ChannelId(caller), recording))
    await asyncio.sleep(1)
    assert not saving.done()
    await asyncio.to_thread(asterisk.restart)
    async with asyncio.timeout(15):
        saved = await saving
    assert saved.repaired
    assert 2 < saved.seconds < 5.2
    for file in desk.files(recording).recorded:
        assert is_whole(file)
        assert length(file) > 2
    assert loudest(channels_of(desk.files(recording).mixed)[0]) == {CALLER}


@pytest.mark.usefixtures("carrier")
async def test_comes_back_with_asterisk(asterisk: Instance, desk: Desk) -> None:
    """Asterisk away: a start fails in time. Back again: answers come on the same client."""
    await desk.clients[0].ping()
    asterisk.kill()
    with pytest.raises(RecordingFailed, match=r"no answer|closed"):
        async with asyncio.timeout(15):
            await desk.recorder.start(ChannelId("gone"), desk.reserved())
    await asyncio.to_thread(asterisk.restart)
    async with asyncio.timeout(15):
        while not desk.clients[0].connected:
            await asyncio.sleep(0.05)
    with pytest.raises(RecordingFailed, match="No such channel"):
        await desk.recorder.start(ChannelId("gone"), desk.reserved())


async def test_restarted_adapter(asterisk: Instance, here: Watch, caller: str, desk: Desk) -> None:
    """A second adapter asks for the same start: one monitor, which the second one can end."""
    recording = await desk.start(caller)
    await desk.clients[0].close()
    again = desk.another()
    await again.start(ChannelId(caller), recording)
    assert monitors(asterisk, await name_of(here, caller)) == 1
    await asyncio.sleep(1)
    saved = await again.save(ChannelId(caller), recording)
    assert monitors(asterisk, await name_of(here, caller)) == 0
    assert saved.seconds > 0.9
    assert await again.save(ChannelId(caller), recording) == saved


async def test_one_of_two_is_stopped(
    asterisk: Instance, here: Watch, caller: str, desk: Desk
) -> None:
    """The first recording is ended, the second goes on: Asterisk alone would end the last one."""
    first, second = await desk.start(caller), await desk.start(caller)
    await desk.recorder.save(ChannelId(caller), first)
    assert monitors(asterisk, await name_of(here, caller)) == 1
    assert is_whole(desk.files(first).mixed)
    assert not is_whole(desk.files(second).mixed)


async def test_asterisk_cannot_write(
    asterisk: Instance, here: Watch, caller: str, desk: Desk
) -> None:
    """Asterisk says Success and writes nothing: the start fails, and nothing is left running."""
    recording = desk.reserved()
    desk.files(recording).mixed.mkdir()
    with pytest.raises(RecordingFailed, match="no file"):
        await desk.recorder.start(ChannelId(caller), recording)
    assert monitors(asterisk, await name_of(here, caller)) == 0


def monitors(asterisk: Instance, name: str) -> int:
    """How many monitors a channel has."""
    return asterisk.cli(f"mixmonitor list {name}").count("0x")


async def name_of(here: Watch, channel: str) -> str:
    """A channel's name, which the command line wants."""
    return str((await here.request("GET", f"channels/{channel}"))["name"])
