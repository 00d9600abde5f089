"""Orders of an application to a call. Each may be refused (`adapter.core.errors`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from adapter.core.ids import (
    CallId,
    ChannelId,
    PromptId,
    QuestionId,
)
from adapter.core.model import (
    Admission,
    Detection,
    DialOrder,
    LegOrder,
    Media,
    PromptOrder,
    RecordingOrder,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCall:
    """Start an outbound call; with `asks` the application is asked once it is answered.

    `on_answer` and `connect_on_answer` are for calls that do not ask.
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
    connect_on_answer: LegOrder | None = None
    record_on_answer: RecordingOrder | None = None
    detection: Detection | None = None
    asks: bool = False
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferCall:
    """Take an inbound call that has arrived; `accept_timeout` in seconds.

    With `asks` the application is asked what shall become of it (unless it is answered by us), and
    then what comes next. `on_answer` is for calls that do not ask. With `admission` the
    caller is answered and asked for a code, which tells the owner; until then `owner` is empty.
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
    admission: Admission | None = None
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
class ConnectCall:
    """Join the call with a party that is called for it; before the answer: once it is answered."""

    order: LegOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCall:
    """The party of a joined call consults somebody, who takes over when the party hangs up."""

    order: LegOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardCall:
    """Somebody else takes the place of the party of a joined call as soon as he answers."""

    order: LegOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldCall:
    """The joined call hears music and its party silence; `on` false joins them again."""

    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecording:
    """Record the call, both sides, until it is stopped or the call ends."""

    order: RecordingOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRecording:
    """Stop recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAnew:
    """Leave what is being done, and ask the application what comes next."""

    question: QuestionId | None = None
