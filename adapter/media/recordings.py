"""Recordings of calls: started and saved for the engine, found and removed for everybody else.

Below the folder of recordings, which Asterisk writes to under the same path::

    2026-11-21/<recording>.wav           both sides mixed
    2026-11-21/<recording>-rx.wav        the caller's side       -tx.wav   the other side
    2026-11-21/<recording>-stereo.wav    made at the first download of it

The day is the one (UTC) on which it started. Names are made of our own ids alone. A row is there
from the order on (`Recordings.reserve`), or, when a call is recorded from its answer on, from that
(`Recordings.keep`): running, then saved or failed. Not here: how Asterisk is told
(`adapter.ami.monitors`), the rows (`adapter.store.recordings`).
"""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from adapter.core.faults import AsteriskDown, RecordingFailed, StoreFailed
from adapter.core.ids import ChannelId, RecordingId
from adapter.core.kept import KeptRecording, KeptState
from adapter.core.model import Call, Saved
from adapter.media import stereo
from adapter.media.recording_files import MODE, Files
from adapter.media.recording_ports import Monitors, Rows

log = logging.getLogger(__name__)

NO_ROOM: Final = "too little space is free for recordings"
NOT_WRITTEN: Final = "Asterisk has written no file; its log says why"
NO_ANSWER: Final = "Asterisk does not answer"
"""How texts of RecordingFailed begin that the metrics tell from others."""

_PLAIN: Final = re.compile(r"/[A-Za-z0-9/._~=+@-]{0,300}")
_ID: Final = re.compile(r"[0-9a-f-]{1,64}")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_LONGEST: Final = timedelta(days=2)  # a recording that began this long ago is over
_PORTION: Final = 20  # recordings, or files, removed at a time: the event loop waits for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds.

    Attributes:
        begin: until the files must be there after a start.
        patience: for an Asterisk that does not answer to a start.
        end: until they must be whole after an end; then they are repaired.
        finish: until they must be measured and on the disk.
        look: between two looks at them.
    """

    begin: float = 0.5
    patience: float = 5.0
    end: float = 2.0
    finish: float = 30.0
    look: float = 0.02


class Recordings:
    """All recordings of all tenants.

    Args:
        folder: absolute; made when it is missing. Asterisk must be able to write there.
        rows: the rows.
        min_free: bytes that stay free on its file system; with less no recording starts.
        now: seconds since the epoch.

    Raises:
        ValueError: Asterisk could not be told a folder of this name.
        OSError: it can't be made.
    """

    def __init__(
        self, folder: Path, rows: Rows, min_free: int, now: Callable[[], float] = time.time
    ) -> None:
        if not _PLAIN.fullmatch(str(folder)):
            raise ValueError(f"can't record into {str(folder)!r}: no absolute, plain path")
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._folder = folder
        self._rows = rows
        self._min_free = min_free
        self._now = now
        self._mixing = asyncio.Lock()

    def reserve(self, recording: KeptRecording) -> bool:
        """Write the row of a recording that is ordered; False when its name is taken.

        Raises:
            StoreFailed: nothing was written.
        """
        return self._rows.reserve(recording)

    def keep(self, call: Call, recording: RecordingId) -> None:
        """Write the row of a recording that nobody had to reserve, because it has no name; once.

        Raises:
            StoreFailed: nothing was written.
        """
        row = KeptRecording(
            id=recording,
            contract=call.contract,
            owner=call.owner,
            call=call.id,
            name=None,
            created_at=self._now(),
        )
        self._rows.reserve(row)

    def release(self, recording: RecordingId) -> None:
        """Take `reserve` back, when the order was refused: name and row are free again.

        Raises:
            StoreFailed: nothing was written.
        """
        row = self._rows.get(recording)
        if row is not None and row.stem is None:
            self._rows.forget(recording)

    def find(self, recording: str, contract: str, owner: str) -> KeptRecording | None:
        """A tenant's recording that can be downloaded; None when there is none, or not yet."""
        row = self._rows.get(RecordingId(recording)) if _ID.fullmatch(recording) else None
        if row is None or (row.contract, row.owner) != (contract, owner):
            return None
        return row if row.state is KeptState.SAVED else None

    def known(self, recording: str) -> KeptRecording | None:
        """Anybody's recording, whatever its state."""
        return self._rows.get(RecordingId(recording)) if _ID.fullmatch(recording) else None

    def page(
        self,
        *,
        owner: str | None,
        call: str | None,
        state: str | None,
        after: str | None,
        limit: int,
    ) -> list[KeptRecording]:
        """Recordings of all tenants, the latest first; None does not narrow it down.

        `after` is the id of the last one of the page before.
        """
        return self._rows.page(owner=owner, call=call, state=state, after=after, limit=limit)

    def file(self, recording: KeptRecording) -> Path:
        """The mixed file of a recording that `find` gave."""
        return self._files(recording).mixed

    async def stereo(self, recording: KeptRecording) -> Path:
        """The stereo file of a recording that `find` gave; made now when there is none.

        Raises:
            FileNotFoundError: its sides are not there (any more).
            OSError: it can't be written, or the disk is nearly full.
        """
        files = self._files(recording)
        async with self._mixing:  # one at a time: each keeps the disk busy
            if not files.stereo.is_file():
                if not self.has_room():
                    raise OSError("too little space is free")
                sides = (files.caller, files.other, files.stereo)
                await asyncio.to_thread(stereo.interleave, *sides, MODE)
        return files.stereo

    def remove(self, recording: KeptRecording) -> None:
        """Remove a recording: its files, then its row.

        Raises:
            OSError: a file can't be removed; the row stays.
            StoreFailed: the row can't be removed; it is asked for again.
        """
        if recording.stem is not None:
            self._files(recording).remove()
        self._rows.forget(recording.id)

    def purge(self, before: float) -> int:
        """Remove some of what was recorded before this time, rows or not; returns how much.

        A few at a time, because the event loop waits for it.
        """
        removed = 0
        try:
            over = before - _LONGEST.total_seconds()
            for recording in self._rows.old(before, over, _PORTION):
                self.remove(recording)
                removed += 1
            return removed or self._purge_orphans(before)
        except (OSError, StoreFailed) as error:
            log.warning("old recordings can't be removed", extra={"error": str(error)})
            return 0

    def _purge_orphans(self, before: float) -> int:
        """Files without a row, in folders of days so old that no recording of theirs is kept."""
        last = (datetime.fromtimestamp(before, UTC) - _LONGEST - timedelta(days=1)).date()
        removed = 0
        for day in self._folder.iterdir():
            if not _DAY.fullmatch(day.name) or day.name > last.isoformat() or removed >= _PORTION:
                continue
            orphans = list(day.iterdir())
            for file in orphans[:_PORTION]:
                file.unlink()
                removed += 1
            if len(orphans) <= _PORTION:
                day.rmdir()
        return removed

    def has_room(self) -> bool:
        """Whether enough space is free to begin another file."""
        return shutil.disk_usage(self._folder).free >= self._min_free

    def left(self) -> list[tuple[ChannelId, RecordingId]]:
        """Those that have failed and may run all the same: the channel, and the recording.

        Raises:
            StoreFailed: the rows can't be read.
        """
        return self._rows.left(self._now() - _LONGEST.total_seconds())

    def place(self, recording: RecordingId) -> Files:
        """Where the files of a recording are, or go: decided at the first time.

        Raises:
            RecordingFailed: it has no row, it has failed, or there is no room.
            StoreFailed: it can't be written down.
        """
        row = self._rows.get(recording)
        if row is None or not _ID.fullmatch(recording):
            raise RecordingFailed("it was not reserved")
        if row.state is KeptState.FAILED:
            raise RecordingFailed("it has failed before")
        if row.stem is not None:
            return self._files(row)
        try:
            if not self.has_room():
                raise RecordingFailed(NO_ROOM)
            day = datetime.fromtimestamp(self._now(), UTC).date().isoformat()
            (self._folder / day).mkdir(mode=0o750, exist_ok=True)
        except OSError as error:
            raise RecordingFailed(f"the folder of recordings can't be used: {error}") from error
        stem = f"{day}/{recording}"
        self._rows.place(recording, stem)
        return Files(f"{self._folder}/{stem}")

    def _files(self, row: KeptRecording) -> Files:
        return Files(f"{self._folder}/{row.stem}")


class Recorder:
    """Records for the engine. Each call may be asked for again: it does what is left to do.

    What has failed stands in its row before it is raised. Where Asterisk's answer did not come, it
    may be recorded all the same: at each login what has failed is ended.

    Args:
        recordings: where they are kept.
        rows: the same rows.
        monitors: tells Asterisk.
        times: see `Times`.
    """

    def __init__(
        self, recordings: Recordings, rows: Rows, monitors: Monitors, times: Times | None = None
    ) -> None:
        self._recordings = recordings
        self._rows = rows
        self._monitors = monitors
        self._times = times or Times()
        monitors.at_login(self._end_failed)

    def keep(self, call: Call, recording: RecordingId) -> None:
        """See `Recordings.keep`."""
        self._recordings.keep(call, recording)

    async def start(self, channel: ChannelId, recording: RecordingId) -> None:
        """Record a channel; returns when the files have begun.

        Raises:
            RecordingFailed: it has no row, there is no room, no such channel, Asterisk could not
                write, or has not answered for some seconds.
            StoreFailed: the row can't be read or written; ask again later.
        """
        with self._failing(recording):
            files = self._recordings.place(recording)
            reason = await self._begun(channel, recording, files)
            if not reason:
                return
            with suppress(AsteriskDown):  # then the next login ends it
                await self._monitors.stop(channel, recording)
            raise RecordingFailed(reason)

    async def renew(self, channel: ChannelId, recording: RecordingId) -> None:
        """Go on in the same files with a new monitor; some hundredths of a second are lost.

        As long as Asterisk does not answer it is asked again: cancel it when the channel is gone.

        Raises:
            RecordingFailed: it was not started, or Asterisk refuses.
            StoreFailed: the row can't be read.
        """
        files = self._recordings.place(recording)
        await self._monitors.renew(channel, recording, files.stem)

    async def save(self, channel: ChannelId | None, recording: RecordingId) -> Saved:
        """End a recording and make it whole.

        As long as Asterisk does not end it, it is asked again: cancel it when the channel is gone,
        and save it without one.

        Args:
            channel: it is still up and recorded; None when it has gone.
            recording: one that was started.

        Raises:
            RecordingFailed: there is no file, or it can't be read in time.
            StoreFailed: the row can't be read or written; ask again later.
        """
        row = self._rows.get(recording)
        if row is not None and row.saved is not None:
            return row.saved
        with self._failing(recording):
            if channel is not None:
                await self._monitors.end(channel, recording)
            if row is None or row.stem is None:
                raise RecordingFailed("it was not started")
            saved = await self._finished(recording, self._recordings.place(recording))
        self._rows.saved(recording, saved)
        return saved

    @contextmanager
    def _failing(self, recording: RecordingId) -> Iterator[None]:
        """Write a failure down before it is raised."""
        try:
            yield
        except StoreFailed:
            raise
        except Exception:
            self._rows.failed(recording)
            raise

    async def _begun(self, channel: ChannelId, recording: RecordingId, files: Files) -> str:
        """Ask for it until there are files, or an answer, or no patience; why there are none."""
        end = time.monotonic() + self._times.patience
        while True:
            reason, answered = NOT_WRITTEN, True
            try:
                await self._monitors.start(channel, recording, files.stem)
            except AsteriskDown as down:
                reason, answered = f"{NO_ANSWER}: {down}", False
            # Without an answer it may have been carried out: the files say so
            if await self._until(files.exist, self._times.begin):
                return ""
            if answered or time.monotonic() >= end:
                return reason

    async def _finished(self, recording: RecordingId, files: Files) -> Saved:
        """Its files as they are, once they are whole or will not become so."""
        try:
            async with asyncio.timeout(self._times.end + self._times.finish):
                if not await self._until(files.whole, self._times.end):
                    detail = {"recording": recording}
                    log.warning("recording was not ended; repairing it", extra=detail)
                return await asyncio.to_thread(files.finish)
        except OSError as error:  # a TimeoutError is one, without a text
            raise RecordingFailed(f"its file: {error.strerror or 'not in time'}") from error

    async def _end_failed(self) -> None:
        """End what has failed and is recorded all the same, in calls that are still up."""
        try:
            for channel, recording in self._recordings.left():
                with suppress(RecordingFailed):
                    await self._monitors.stop(channel, recording)
        except (AsteriskDown, StoreFailed) as error:
            log.warning("failed recordings may go on", extra={"error": str(error)})

    async def _until(self, true: Callable[[], bool], limit: float) -> bool:
        """Look again and again; whether it became true in time."""
        end = time.monotonic() + limit
        while not await asyncio.to_thread(true):
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(self._times.look)
        return True
