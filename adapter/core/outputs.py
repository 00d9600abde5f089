"""What the machines order and tell: effects are orders to the world, notices are past and ours.

An effect carries nothing that is not in the row, so that after a restart it can be made again from
the row alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from adapter.core.ids import ChannelId, PlaybackId, PromptId, QuestionId
from adapter.core.model import Call, CollectEnd, Ending, Media, Phrase, PromptOrder, Topic


class HangupReason(StrEnum):
    """What the far end is told; ARI's words for Q.850 causes."""

    NORMAL = "normal"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    UNALLOCATED = "unallocated"
    CONGESTION = "congestion"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateChannel:
    """Make a channel that does not dial yet. The id makes it idempotent.

    `private`, `diversion` and `headers` are those of `adapter.core.model.DialOrder`.
    """

    channel: ChannelId
    endpoint: str
    caller_number: str
    caller_name: str
    private: bool = False
    diversion: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """Dial a channel that was created; Asterisk itself gives up after `timeout` seconds."""

    channel: ChannelId
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """Let the caller hear ringing (180)."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer an inbound channel."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    """End a channel; that it is gone already is success."""

    channel: ChannelId
    reason: HangupReason


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareMedia:
    """Render or fetch the phrases; answered by MediaReady or MediaFailed. May be slow."""

    prompt: PromptId
    phrases: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Play on a channel. Not idempotent in Asterisk: look before you send it again."""

    channel: ChannelId
    playback: PlaybackId
    media: Media


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlayback:
    """Stop playing; that it is over already is success."""

    playback: PlaybackId


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask the application; answered by Instructed or QuestionFailed. May be slow."""

    question: QuestionId
    topic: Topic


Effect: TypeAlias = (
    CreateChannel | Dial | Ring | Answer | Hangup | PrepareMedia | Play | StopPlayback | Ask
)


class Outcome(StrEnum):
    """How a prompt ended."""

    FINISHED = "finished"  # played to its end, no digits wanted
    STOPPED = "stopped"  # by a command, no digits wanted
    COLLECTED = "collected"  # digits were wanted; there may be none
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOffered:
    """An inbound call is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRang:
    """The far end of an outbound call rings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered:
    """The call is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOver:
    """The one ending of a prompt.

    Attributes:
        collected: what completed the digits; None when none were wanted, or it failed.
        reason: why it failed, for people.
    """

    order: PromptOrder
    outcome: Outcome
    digits: str = ""
    collected: CollectEnd | None = None
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
    CallOffered | CallRang | CallAnswered | PromptOver | QuestionUnanswered | CallEnded
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one input made.

    Attributes:
        call: the new row.
        effects: to be run after the commit, in order.
        notices: to be worded by the contract, in order, in the same transaction.
        late: the input came too late (or said nothing new): the row did not change.
    """

    call: Call
    effects: tuple[Effect, ...] = ()
    notices: tuple[Notice, ...] = ()
    late: bool = False
