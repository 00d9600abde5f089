"""What happened: told by Asterisk, a clock or an effect. A fact never raises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from adapter.core.ids import (
    BridgeId,
    ChannelId,
    ListeningId,
    PlaybackId,
    PromptId,
    QuestionId,
    RecordingId,
)
from adapter.core.model import (
    EndCause,
    Heard,
    Instruction,
    Media,
    PromptOrder,
    Saved,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallArrived:
    """An inbound channel is there and belongs to no call yet: somebody must decide whose it is.

    Attributes:
        endpoint: name of the trunk or phone that it came in by.
        called: what was dialled.
        caller: calling number; empty when withheld.
        caller_name: display name; empty for none.
        sip_call_id: Call-ID header of the INVITE (RFC 3261 section 20.8).
        from_phone: it came from one of our own phones.
    """

    channel: ChannelId
    endpoint: str
    called: str
    caller: str
    caller_name: str = ""
    sip_call_id: str = ""
    from_phone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelReady:
    """The channel that we ordered is under our control and can be dialled."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDialled:
    """Asterisk has taken the order to dial."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRinging:
    """The far end rings."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelUp:
    """The channel is answered."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerJudged:
    """Who answered: a machine, or not; None when that could not be told. `detail` for people."""

    channel: ChannelId
    machine: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The code is right: the call is the owner's now.

    Attributes:
        attempt: number of the try.
        owner: tenant of the call's front end.
        accept_timeout: seconds that the call waits for the owner's application.
        auto_answer: it does not wait.
        on_answer: prompts to be played one after the other once the call is up.
        context: keys of the front end to be set in the call's context.
    """

    attempt: int
    owner: str
    accept_timeout: float
    auto_answer: bool = False
    on_answer: tuple[PromptOrder, ...] = ()
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAdmitted:
    """The code is nobody's, or its owner takes no call; without `again` that is the end of it."""

    attempt: int
    again: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelGone:
    """The channel does not exist any more.

    Attributes:
        q850: cause value of ITU-T Q.850; 0 or None when Asterisk gave none.
        sip_code: final SIP status; None when there was none.
        lost: nobody told us: Asterisk had forgotten it when we asked.
    """

    channel: ChannelId
    q850: int | None = None
    sip_code: int | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitPressed:
    """A DTMF digit has ended: one of 0-9, *, #, A-D (RFC 4733 section 3.2)."""

    channel: ChannelId
    digit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackStarted:
    """Asterisk began to play."""

    playback: PlaybackId


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackFinished:
    """Asterisk does not play it any more: to the end, stopped, or it could not."""

    playback: PlaybackId
    failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaReady:
    """All phrases of a prompt can be played now."""

    prompt: PromptId
    media: tuple[Media, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFailed:
    """A phrase of the prompt can't be had."""

    prompt: PromptId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRefused:
    """Asterisk refused a command that the call cannot do without (create, dial, answer)."""

    channel: ChannelId
    cause: EndCause
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackRefused:
    """Asterisk refused to play."""

    playback: PlaybackId
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeRefused:
    """Asterisk refused to make a bridge, or to put a channel into it."""

    bridge: BridgeId
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStarted:
    """The recording runs."""

    recording: RecordingId


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSaved:
    """The recording is over, and its file whole."""

    recording: RecordingId
    saved: Saved


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingLost:
    """The recording could not be started, or has left no file."""

    recording: RecordingId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechBegan:
    """The caller has begun to speak."""

    listening: ListeningId


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechHeard:
    """The caller has spoken."""

    listening: ListeningId
    heard: Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechLost:
    """Nothing can be recognised; `reason` never says what was spoken."""

    listening: ListeningId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeDeadline:
    """A deadline `at` of the bridge has passed; not heard when it was replaced."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingDeadline:
    """The deadline `at` of the recording's state has passed; not heard when it was replaced."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDeadline:
    """The deadline `at` of the call's state has passed; not heard when it was replaced."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDeadline:
    """The deadline `at` of the prompt's state has passed; not heard when it was replaced."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Instructed:
    """The application has answered a question."""

    question: QuestionId
    instruction: Instruction


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionFailed:
    """The application gave no answer that can be used; `reason` in the front end's words."""

    question: QuestionId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogueDeadline:
    """The deadline `at` of the dialogue has passed; not heard when it was replaced."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundDeadline:
    """The deadline `at` of the background has passed; not heard when it was replaced."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """We were away (restart, reconnect) and are back: what was pressed meanwhile is lost."""
