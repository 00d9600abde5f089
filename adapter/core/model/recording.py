"""Rows of the recording of a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from adapter.core.ids import ChannelId, RecordingId


class RecordingState(StrEnum):
    """See the drawing in `adapter.core.recording`."""

    STARTING = "starting"
    RUNNING = "running"
    SAVING = "saving"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingOrder:
    """A recording that shall be made.

    Attributes:
        id: public id; the names of its files are made of it alone.
        context: JSON of the front end, given back with each notice.
    """

    id: RecordingId
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A recording whose files are whole.

    Attributes:
        seconds: length of the audio.
        size: bytes of the mixed file.
        sha256: of the mixed file, in hex.
        repaired: its end was missing, because Asterisk died.
    """

    seconds: float
    size: int
    sha256: str
    repaired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording that is being made.

    Attributes:
        order: what was ordered.
        state: where it is.
        deadline: when this state ends by itself; None while it runs.
        began: it was told that it has started.
        heard: channels of the parties whose sound is in it.
    """

    order: RecordingOrder
    state: RecordingState
    deadline: float | None
    began: bool = False
    heard: tuple[ChannelId, ...] = ()
