"""What the tests of recordings share: a recorder, a fake AMI that writes files, and real rows."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

from adapter.ami.client import AmiClient
from adapter.ami.client import Times as AmiTimes
from adapter.ami.monitors import Monitors
from adapter.core.ids import CallId, ChannelId, RecordingId
from adapter.core.kept import KeptRecording, KeptState
from adapter.media.recordings import Recorder, Recordings, Times
from adapter.store.recordings import RecordingStore
from adapter.store.sqlite import open_database
from tests.fakes.ami import FakeAmi

CHANNEL = ChannelId("call-1.leg1")
ONE = RecordingId("11111111-0000-4000-8000-00ff00000001")
TWO = RecordingId("22222222-0000-4000-8000-00ff00000001")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
DAY = 86400.0


class House:
    """Everything around the recorder. `now` is its clock."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, ami: FakeAmi) -> None:
        self.ami = ami
        self.now = NOON
        self.folder = folder
        self.connection = connection
        self.rows = RecordingStore(connection)
        self.recordings = self.recordings_with(min_free=0)
        self.client = self.another_client()
        self.recorder = self.another_recorder()

    def recordings_with(self, min_free: int) -> Recordings:
        """Recordings that leave so many bytes free."""
        return Recordings(self.folder, self.rows, min_free, lambda: self.now)

    def another_client(self) -> AmiClient:
        """A connection that nobody has started."""
        times = AmiTimes(answer=0.4, delays=(0.01,))
        return AmiClient("127.0.0.1", self.ami.port, self.ami.username, self.ami.secret, times)

    def another_recorder(self, recordings: Recordings | None = None) -> Recorder:
        """As after a restart of the adapter."""
        times = Times(begin=0.1, patience=0.3, end=0.15, finish=3, look=0.01)
        kept = recordings or self.recordings
        return Recorder(kept, self.rows, Monitors(self.client, again=0.01), times)

    def reserve(self, recording: RecordingId, name: str | None = None) -> KeptRecording:
        """The row of a recording that is ordered."""
        row = self.row(recording, name)
        assert self.recordings.reserve(row)
        return row

    def row(self, recording: RecordingId, name: str | None) -> KeptRecording:
        """The same, not written."""
        return KeptRecording(
            id=recording,
            contract="enablex",
            owner="app-1",
            call=CallId("call-1"),
            name=name,
            created_at=self.now,
        )

    def state(self, recording: RecordingId) -> KeptState:
        """What its row says."""
        row = self.rows.get(recording)
        assert row is not None
        return row.state

    def found(self, recording: RecordingId) -> KeptRecording:
        """The row of one that can be downloaded."""
        row = self.recordings.find(recording, "enablex", "app-1")
        assert row is not None
        return row

    def files(self) -> list[str]:
        """All files there are."""
        return sorted(
            str(one.relative_to(self.folder)) for one in self.folder.rglob("*") if one.is_file()
        )


@asynccontextmanager
async def recordings_house(folder: Path) -> AsyncIterator[House]:
    """A house whose Asterisk has one channel."""
    with closing(open_database(folder / "house.db")) as connection:
        async with FakeAmi() as ami:
            ami.channels[CHANNEL] = {}
            house = House(folder / "recordings", connection, ami)
            house.client.start()
            yield house
            await house.client.close()
