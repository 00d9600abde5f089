"""The recording machine: one recording at a time, both sides of the call, one ending each.

::

    StartRecording --> STARTING --RecordingStarted--> RUNNING
                          |  |                           | StopRecording, or the channel is gone
                          |  +--- the same --> SAVING <--+
                          | RecordingLost        | RecordingSaved or RecordingLost
    over: saved or failed <+---------------------+

It is on the call's own channel and goes on through bridges, hold and transfer. A call ends when its
recording has: the file is whole before the application hears of either.

A deadline ends nothing here: it orders again. What came of a recording is said by the recorder
alone, who has written it down before; it answers in time, or as soon as Asterisk does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapter.core import inputs as i
from adapter.core.errors import AlreadyRecording, NotRecording
from adapter.core.ids import ChannelId
from adapter.core.model import Call, CallState, Recording, RecordingOrder, RecordingState, Saved
from adapter.core.outputs import (
    Effect,
    Notice,
    Record,
    RecordingBegan,
    RecordingOver,
    RenewRecording,
    SaveRecording,
)

START_AGAIN = 10.0  # seconds until the order is given again
SAVE_AGAIN = 30.0


@dataclass(frozen=True, slots=True)
class Take:
    """What an input made of the call's recording."""

    call: Call
    effects: tuple[Effect, ...] = ()
    notices: tuple[Notice, ...] = ()


Handler = Callable[[Call, Recording, Any, float], Take | None]  # None: late


def start(call: Call, order: RecordingOrder, now: float) -> Take:
    """Begin to record a call that is not being recorded."""
    recording = Recording(order=order, state=RecordingState.STARTING, deadline=now + START_AGAIN)
    made = Record(recording=order.id, channel=call.channel)
    return Take(replace(call, recording=recording), (made,))


def advance(call: Call, given: i.RecordingInput, now: float) -> Take | None:
    """Apply an input to the recording of a call.

    Returns:
        What it made; None when the input is late.

    Raises:
        AlreadyRecording: StartRecording while one runs.
        NotRecording: StopRecording without one that runs.
    """
    recording = call.recording
    if isinstance(given, i.StartRecording):
        if recording is not None:
            raise AlreadyRecording
        return start(call, given.order, now)
    if recording is None:
        if isinstance(given, i.StopRecording):
            raise NotRecording
        return None
    handler = TABLE[recording.state].get(type(given))
    return handler(call, recording, given, now) if handler else None


def channel_gone(call: Call, now: float) -> Take:
    """The channel is gone: save what there is. Nobody waits for Asterisk to end it any more."""
    recording = call.recording
    if recording is None:
        return Take(call)
    return _saving(call, recording, now, alive=False)


def follow(call: Call, parties: frozenset[ChannelId]) -> Take:
    """Keep up with the parties that the call's channel hears: a further one needs a new monitor."""
    recording = call.recording
    if recording is None or recording.state is not RecordingState.RUNNING:
        return Take(call)
    if parties <= set(recording.heard):
        return Take(call)
    heard = (*recording.heard, *sorted(parties - set(recording.heard)))
    renewed = RenewRecording(recording=recording.order.id, channel=call.channel, parties=len(heard))
    following = replace(call, recording=replace(recording, heard=heard))
    return Take(following, (renewed,) if recording.heard else ())


def order_again(call: Call) -> tuple[Effect, ...]:
    """What its state has ordered; all orders may be given again.

    Whether a monitor was renewed to its end can't be seen. On a call whose end is ordered nothing
    begins: what there is will be saved when its channel is gone.
    """
    recording = call.recording
    if recording is None:
        return ()
    if call.state is CallState.ENDING and recording.state is not RecordingState.SAVING:
        return ()
    if recording.state is RecordingState.RUNNING:
        parties = len(recording.heard)
        if parties < 2:
            return ()
        renewed = RenewRecording(
            recording=recording.order.id, channel=call.channel, parties=parties
        )
        return (renewed,)
    if recording.state is RecordingState.STARTING:
        return (Record(recording=recording.order.id, channel=call.channel),)
    channel = None if call.state is CallState.CLOSING else call.channel
    return (SaveRecording(recording=recording.order.id, channel=channel),)


def _saving(call: Call, recording: Recording, now: float, *, alive: bool) -> Take:
    saving = replace(recording, state=RecordingState.SAVING, deadline=now + SAVE_AGAIN)
    save = SaveRecording(recording=recording.order.id, channel=call.channel if alive else None)
    return Take(replace(call, recording=saving), (save,))


def _over(call: Call, recording: Recording, saved: Saved | None, reason: str = "") -> Take:
    over = RecordingOver(order=recording.order, saved=saved, reason=reason)
    if saved is None:
        return Take(replace(call, recording=None), notices=(over,))
    began = () if recording.began else (RecordingBegan(order=recording.order),)
    made = replace(call, recording=None, recorded=recording.order.id)
    return Take(made, notices=(*began, over))


def _started(
    call: Call, recording: Recording, given: i.RecordingStarted, now: float
) -> Take | None:
    if given.recording != recording.order.id:
        return None
    running = replace(recording, began=True)
    if recording.state is RecordingState.STARTING:
        running = replace(running, state=RecordingState.RUNNING, deadline=None)
    elif recording.began:
        return None
    notice = RecordingBegan(order=recording.order)
    return Take(replace(call, recording=running), notices=(notice,))


def _stop(call: Call, recording: Recording, given: i.StopRecording, now: float) -> Take:
    return _saving(call, recording, now, alive=True)


def _not_running(call: Call, recording: Recording, given: i.StopRecording, now: float) -> None:
    raise NotRecording


def _saved(call: Call, recording: Recording, given: i.RecordingSaved, now: float) -> Take | None:
    if given.recording != recording.order.id:
        return None
    return _over(call, recording, given.saved)


def _lost(call: Call, recording: Recording, given: i.RecordingLost, now: float) -> Take | None:
    if given.recording != recording.order.id:
        return None
    return _over(call, recording, None, given.reason)


def _deadline(
    call: Call, recording: Recording, given: i.RecordingDeadline, now: float
) -> Take | None:
    if given.at != recording.deadline:
        return None
    again = START_AGAIN if recording.state is RecordingState.STARTING else SAVE_AGAIN
    return Take(
        replace(call, recording=replace(recording, deadline=now + again)), order_again(call)
    )


TABLE: Mapping[RecordingState, Mapping[type, Handler]] = {
    RecordingState.STARTING: {
        i.StopRecording: _stop,
        i.RecordingStarted: _started,
        i.RecordingLost: _lost,
        i.RecordingDeadline: _deadline,
    },
    RecordingState.RUNNING: {i.StopRecording: _stop},
    RecordingState.SAVING: {
        i.StopRecording: _not_running,
        i.RecordingStarted: _started,
        i.RecordingSaved: _saved,
        i.RecordingLost: _lost,
        i.RecordingDeadline: _deadline,
    },
}
LATE = frozenset(
    {
        (RecordingState.STARTING, i.RecordingSaved),
        (RecordingState.RUNNING, i.RecordingStarted),
        (RecordingState.RUNNING, i.RecordingSaved),
        (RecordingState.RUNNING, i.RecordingLost),
        (RecordingState.RUNNING, i.RecordingDeadline),
    }
)
