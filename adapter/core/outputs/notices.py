"""What the machines tell the application: past, and ours. Worded by the contracts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from adapter.core.ids import (
    ChannelId,
)
from adapter.core.model import (
    CollectEnd,
    Ending,
    Heard,
    LegOrder,
    PromptOrder,
    RecordingOrder,
    Saved,
    Topic,
)


class Outcome(StrEnum):
    """How a prompt ended."""

    FINISHED = "finished"  # played to its end, no digits wanted
    STOPPED = "stopped"  # by a command, no digits wanted
    COLLECTED = "collected"  # digits were wanted; there may be none
    HEARD = "heard"  # speech was wanted, and understood
    NOT_HEARD = "not_heard"  # speech was wanted, but no words could be made of it
    SILENT = "silent"  # speech was wanted, and none came
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOffered:
    """An inbound call is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRang:
    """The far end of an outbound call rings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered:
    """The call is up: by a human as far as is known, or by an answering machine."""

    machine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOver:
    """The one ending of a prompt.

    Attributes:
        collected: what completed the digits; None when none were wanted, or it failed.
        heard: what was said; None when nothing was understood.
        reason: why it failed, for people.
    """

    order: PromptOrder
    outcome: Outcome
    digits: str = ""
    collected: CollectEnd | None = None
    heard: Heard | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyRang:
    """The party that is called for a call rings."""

    order: LegOrder
    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyJoined:
    """The call is joined with this party."""

    order: LegOrder
    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyLeft:
    """The call is no longer joined with this party."""

    order: LegOrder
    channel: ChannelId
    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyFailed:
    """This party could not be joined with the call."""

    order: LegOrder
    channel: ChannelId
    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysPressed:
    """A burst of keys of one channel of a joined call."""

    channel: ChannelId
    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingBegan:
    """The call is being recorded."""

    order: RecordingOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingOver:
    """The one ending of a recording.

    Attributes:
        saved: None when it failed.
        reason: why it failed, for people.
    """

    order: RecordingOrder
    saved: Saved | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The one ending of a call; nothing comes after it."""

    ending: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionUnanswered:
    """The application gave no answer that can be used; the call ends for it."""

    topic: Topic
    reason: str


Notice: TypeAlias = (
    CallOffered
    | CallRang
    | CallAnswered
    | PromptOver
    | QuestionUnanswered
    | PartyRang
    | PartyJoined
    | PartyLeft
    | PartyFailed
    | KeysPressed
    | RecordingBegan
    | RecordingOver
    | CallEnded
)
