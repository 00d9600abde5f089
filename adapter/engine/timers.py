"""Deadlines of rows become inputs when they pass. One timer a call, for the nearest of its own.

When the loop stood still over a deadline, what came meanwhile is read first: the key that the
caller pressed in time is in the socket still.

Not here: what a deadline means. That it was replaced meanwhile is seen by the machine, which
compares the time in the input with the one in its row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from adapter.core.ids import CallId
from adapter.core.inputs import (
    BackgroundDeadline,
    BridgeDeadline,
    CallDeadline,
    DialogueDeadline,
    Input,
    PromptDeadline,
    RecordingDeadline,
)
from adapter.core.model import Call

_HELD_UP = 0.1  # seconds that a timer is late when the loop stood still, and to read what came


class Timers:
    """Arms the event loop for the rows' deadlines.

    Args:
        now: seconds since the epoch, the same clock that made the deadlines.
        tell: called with each deadline that has passed.
    """

    def __init__(self, now: Callable[[], float], tell: Callable[[CallId, Input], None]) -> None:
        self._now = now
        self._tell = tell
        self._armed: dict[CallId, tuple[Call, float, asyncio.TimerHandle]] = {}

    def arm(self, call: Call) -> None:
        """Follow the row: replace, set or drop its timer."""
        nearest = min(call.deadlines, default=None)
        armed = self._armed.get(call.id)
        if armed is not None:
            _, at, handle = armed
            if at == nearest:
                self._armed[call.id] = (call, at, handle)
                return
            handle.cancel()
            del self._armed[call.id]
        if nearest is not None:
            delay = max(0.0, nearest - self._now())
            handle = asyncio.get_running_loop().call_later(delay, self._pass, call.id)
            self._armed[call.id] = (call, nearest, handle)

    def clear(self) -> None:
        """Drop all timers: nothing passes any more."""
        for _, _, handle in self._armed.values():
            handle.cancel()
        self._armed.clear()

    def _pass(self, armed: CallId) -> None:
        loop = asyncio.get_running_loop()
        call, at, handle = self._armed[armed]
        if loop.time() - handle.when() < _HELD_UP:
            self._tell_of(armed)
        else:
            handle = loop.call_later(_HELD_UP, self._tell_of, armed)
            self._armed[armed] = (call, at, handle)

    def _tell_of(self, armed: CallId) -> None:
        call, at, _ = self._armed.pop(armed)
        if call.bridge and at in call.bridge.deadlines:
            self._tell(call.id, BridgeDeadline(at=at))
        if call.recording and call.recording.deadline == at:
            self._tell(call.id, RecordingDeadline(at=at))
        if call.prompt and call.prompt.deadline == at:
            self._tell(call.id, PromptDeadline(at=at))
        if call.background and call.background.deadline == at:
            self._tell(call.id, BackgroundDeadline(at=at))
        if call.dialogue and call.dialogue.deadline == at:
            self._tell(call.id, DialogueDeadline(at=at))
        if call.deadline == at:
            self._tell(call.id, CallDeadline(at=at))
