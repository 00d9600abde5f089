"""What the call machine is told: commands are orders, facts are past.

A command comes from an application and may be refused (`adapter.core.errors`); a fact comes from
Asterisk, a clock or an effect and never raises: one that comes too late changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from adapter.core.ids import CallId, ChannelId, PlaybackId, PromptId, QuestionId
from adapter.core.model import DialOrder, EndCause, Instruction, Media, PromptOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCall:
    """Start an outbound call; with `asks` the application is asked once it is answered.

    `on_answer` is for calls that do not ask.
    """

    id: CallId
    contract: str
    owner: str
    caller: str
    callee: str
    channel: ChannelId
    dial: DialOrder
    max_duration: float
    on_answer: tuple[PromptOrder, ...] = ()
    asks: bool = False
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferCall:
    """Take an inbound call that has arrived; `accept_timeout` in seconds.

    With `asks` the application is asked what shall become of it (unless it is answered by us), and
    then what comes next. `on_answer` is for calls that do not ask.
    """

    id: CallId
    contract: str
    owner: str
    caller: str
    callee: str
    channel: ChannelId
    max_duration: float
    accept_timeout: float
    auto_answer: bool = False
    on_answer: tuple[PromptOrder, ...] = ()
    asks: bool = False
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptCall:
    """Answer an offered call. Accepting again changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndCall:
    """Hang up, cancel or reject. Ending again changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPrompt:
    """Play, and collect when the order says so. With `media` there is nothing left to prepare."""

    order: PromptOrder
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPrompt:
    """Stop the running prompt; with `prompt` only that one."""

    prompt: PromptId | None = None


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
class AskAnew:
    """Leave what is being done, and ask the application what comes next."""

    question: QuestionId | None = None


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


Opening: TypeAlias = PlaceCall | OfferCall
CallInput: TypeAlias = (
    AcceptCall
    | EndCall
    | ChannelReady
    | ChannelDialled
    | ChannelRinging
    | ChannelUp
    | ChannelGone
    | ChannelRefused
    | CallDeadline
)
PromptInput: TypeAlias = (
    StartPrompt
    | StopPrompt
    | MediaReady
    | MediaFailed
    | PlaybackStarted
    | PlaybackFinished
    | PlaybackRefused
    | DigitPressed
    | PromptDeadline
    | Resumed
)
DialogueInput: TypeAlias = Instructed | QuestionFailed | AskAnew | DialogueDeadline
Input: TypeAlias = Opening | CallInput | PromptInput | DialogueInput | BackgroundDeadline

COMMANDS = (PlaceCall, OfferCall, AcceptCall, EndCall, StartPrompt, StopPrompt, AskAnew)
