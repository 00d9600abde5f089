"""What recordings need of others, as Protocols: who tells Asterisk, and the rows."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from adapter.core.ids import ChannelId, RecordingId
from adapter.core.kept import KeptRecording
from adapter.core.model import Saved


class Monitors(Protocol):
    """Tells Asterisk; see `adapter.ami.monitors.Monitors`."""

    def at_login(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run this whenever Asterisk can be told again. It must not raise."""

    async def start(self, channel: str, recording: str, stem: str) -> None:
        """Record into files of this absolute stem. Raises RecordingFailed, AsteriskDown."""

    async def renew(self, channel: str, recording: str, stem: str) -> None:
        """Go on in these files with a new monitor, at its first answer. Raises RecordingFailed."""

    async def end(self, channel: str, recording: str) -> None:
        """End it, or find it ended, however long that takes."""

    async def stop(self, channel: str, recording: str) -> None:
        """End it, or find it ended. Raises RecordingFailed, AsteriskDown."""


class Rows(Protocol):
    """The rows; see `adapter.store.recordings.RecordingStore`. All raise StoreFailed."""

    def reserve(self, recording: KeptRecording) -> bool:
        """Write a new row; False when the name is taken."""

    def get(self, recording: RecordingId) -> KeptRecording | None:
        """A row."""

    def place(self, recording: RecordingId, stem: str) -> None:
        """Write where its files are."""

    def saved(self, recording: RecordingId, saved: Saved) -> None:
        """Write that it is whole."""

    def failed(self, recording: RecordingId) -> None:
        """Write that nothing will come of it."""

    def left(self, since: float) -> list[tuple[ChannelId, RecordingId]]:
        """Those that were placed, ordered since a time, and failed, of calls that are live."""

    def old(self, before: float, over: float, limit: int) -> list[KeptRecording]:
        """The oldest ones before a time; running ones before another."""

    def forget(self, recording: RecordingId) -> None:
        """Remove a row."""

    def page(
        self,
        *,
        owner: str | None,
        call: str | None,
        state: str | None,
        after: str | None,
        limit: int,
    ) -> list[KeptRecording]:
        """Recordings of all tenants, the latest first."""
