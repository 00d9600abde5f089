"""What Mediaservice applications get: notifications, alarms and the bodies of questions.

Source: mediaservice.txt with the decisions of mediaservice.md. The bodies are in `bodies`.

What stands in a call's context: ``callback_url``, ``alarm_url``, ``reference`` (the
sessionReferenceId), ``trace``, ``connection``, ``participant`` (the SIP leg), ``ivr`` (the
participant that is us), ``sip_call_id``, ``caller_name``, and of the latest command ``digest`` (how
digits are hidden) and ``finish_on`` (the termination keys).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec
from msgspec import UNSET, Struct

from adapter.contracts.mediaservice import parse
from adapter.contracts.mediaservice.bodies import (
    Alarm,
    CallAnsweredBody,
    CallEvent,
    CallNotify,
    DtmfParams,
    GetIvrCommand,
    SessionCompleted,
    Unset,
)
from adapter.contracts.mediaservice.tokens import ReplyId, reply_id
from adapter.core.faults import MEDIA_LATE
from adapter.core.model import (
    Call,
    CallState,
    CollectEnd,
    Direction,
    EndCause,
    EndedBy,
    Ending,
    Topic,
)
from adapter.core.outputs import (
    CallAnswered,
    CallEnded,
    CallRang,
    Notice,
    Outcome,
    PromptOver,
    QuestionUnanswered,
)
from adapter.core.tenants import Domain
from adapter.engine.ports import Wording

_encode = msgspec.json.Encoder().encode

PARTICIPANT: Final = "participant"
CONNECTION: Final = "connection"
COMMAND: Final = "command"
"""Kinds of what a `replyId` stands for."""


class Directory(Protocol):
    """What was provisioned, as it is now."""

    def domain(self, name: str) -> Domain | None:
        """A domain by its name."""


class Words:
    """The contract, seen from the engine.

    Args:
        directory: for the keys that sign `replyId`s.
        ivr_server: address of this server; empty leaves it out.
    """

    def __init__(self, directory: Directory, ivr_server: str = "") -> None:
        self._directory = directory
        self._server = ivr_server or UNSET

    def word(self, call: Call, notice: Notice, now: float) -> Sequence[Wording]:
        """Say a notice in the contract's words; see `adapter.engine.ports.Contract`."""
        match notice:
            case CallRang():
                return (_to(call, "callNotify", self._ringing(call)),)
            case CallAnswered() if call.direction is Direction.OUTBOUND:
                return (_to(call, "callAnswered", self._answered(call)),)
            case PromptOver(outcome=Outcome.FAILED) if call.state is not CallState.ENDED:
                return _alarm(call, "ivrCommandError", _phrase_error(notice.reason), notice.reason)
            case QuestionUnanswered():
                return _unanswered(call, notice)
            case CallEnded(ending=ending):
                return self._ended(call, ending, now)
            case _:
                return ()

    def _ringing(self, call: Call) -> CallNotify:
        context = call.context
        return CallNotify(
            event="ringing",
            monitoringParticipant=False,
            participantId=context["participant"],
            sessionId=call.id,
            user=_user(call.callee),
            remoteUser=_user(call.caller),
            remoteParticipantId=context["ivr"],
            sipCallId=context.get("sip_call_id", UNSET),
            traceId=context["trace"],
            replyId=self._reply_id(call, PARTICIPANT, context["participant"]),
            ivrServer=self._server,
            sessionReferenceId=context.get("reference", UNSET),
        )

    def _answered(self, call: Call) -> CallAnsweredBody:
        context = call.context
        return CallAnsweredBody(
            callingPartyNumber=_user(call.caller),
            callerParticipantId=context["ivr"],
            calleeParticipantId=context["participant"],
            remotePartyNumber=_user(call.callee),
            connectionId=context["connection"],
            monitoringParticipant=False,
            replyId=self._reply_id(call, CONNECTION, context["connection"]),
            sessionReferenceId=context.get("reference", UNSET),
            traceId=context["trace"],
        )

    def _ended(self, call: Call, ending: Ending, now: float) -> tuple[Wording, ...]:
        alarm: tuple[Wording, ...] = ()
        if ending.cause is EndCause.MAX_DURATION:
            alarm = _alarm(call, "sessionError", "maxDuration")
        elif ending.cause is EndCause.MEDIA_TIMEOUT:
            alarm = _alarm(call, "callError", "RTP media timeout")
        event = self._event(call, ending)
        completed = SessionCompleted(
            sessionId=call.id,
            domain=call.owner,
            sessionDuration=max(0, round(now - call.created_at)),
            reason=_reason(call, ending),
            traceId=call.context["trace"],
            ivrServer=self._server,
            sessionReferenceId=call.context.get("reference", UNSET),
        )
        events = (_to(call, "callEvent", event),) if event else ()
        return (*alarm, *events, _to(call, "sessionCompleted", completed))

    def _event(self, call: Call, ending: Ending) -> CallEvent | None:
        """The far end hung up, or could not be reached; None when the end was ours."""
        inbound = call.direction is Direction.INBOUND
        unanswered = call.answered_at is None
        failure = unanswered and not inbound and ending.by is not EndedBy.APPLICATION
        if not failure and ending.by not in (EndedBy.CALLER, EndedBy.CALLEE):
            return None
        context = call.context
        far, near = (call.caller, call.callee) if inbound else (call.callee, call.caller)
        return CallEvent(
            connectionId=context["connection"],
            domain=call.owner,
            event=_event_name(inbound, failure),
            participantId=context["participant"],
            remoteParticipantId=context["ivr"],
            remoteUser=_user(near),
            sessionId=call.id,
            user=_user(far),
            sipResponseCode=_sip_code(ending) if unanswered else UNSET,
            errorDescr=DESCRIPTIONS[ending.cause] if unanswered else UNSET,
            sipReason=_sip_reason(ending),
            ivrServer=self._server,
            sessionReferenceId=context.get("reference", UNSET),
        )

    def _reply_id(self, call: Call, kind: str, subject: str) -> str | Unset:
        domain = self._directory.domain(call.owner)
        return command_id(domain, call, kind, subject) if domain else UNSET


DESCRIPTIONS: Mapping[EndCause, str] = {
    EndCause.HANGUP: "Call ended",
    EndCause.CANCELLED: "Request cancelled",
    EndCause.BUSY: "Busy",
    EndCause.NO_ANSWER: "No answer",
    EndCause.REJECTED: "Call rejected",
    EndCause.NOT_FOUND: "Number not found",
    EndCause.CONGESTION: "Network congestion",
    EndCause.NOT_ACCEPTED: "Not answered in time",
    EndCause.MAX_DURATION: "maxDuration",
    EndCause.MEDIA_TIMEOUT: "RTP media timeout",
    EndCause.FAILED: "Call failed",
    EndCause.LOST: "Call lost",
}
_ALARMING = frozenset(
    {EndCause.MAX_DURATION, EndCause.MEDIA_TIMEOUT, EndCause.FAILED, EndCause.LOST}
)
_Q850 = {
    1: "Unallocated number",
    16: "Normal call clearing",
    17: "User busy",
    18: "No user responding",
    19: "No answer from user",
    21: "Call rejected",
    28: "Invalid number format",
    31: "Normal, unspecified",
    34: "No circuit available",
    38: "Network out of order",
}
_PLAYBACK_FAULTS = ("the playback did not start in time", "the media could not be played", "play: ")
_QUESTIONS: Mapping[Topic, tuple[str, frozenset[str], str]] = {
    Topic.OFFER: (
        "newCallEventError",
        frozenset(
            {
                parse.NEW_CALL_EMPTY,
                parse.NEW_CALL_NO_ACTION,
                parse.NEW_CALL_UNKNOWN,
                parse.NEW_CALL_FAILED,
            }
        ),
        parse.NEW_CALL_FAILED,
    ),
    Topic.NEXT: (
        "ivrCommandError",
        frozenset(
            {parse.COMMAND_EMPTY, parse.COMMAND_ERROR, parse.COMMAND_FAILED, parse.PHRASE_ERROR}
        ),
        parse.COMMAND_ERROR,
    ),
}
_REASONS: Mapping[CollectEnd | None, Any] = {
    CollectEnd.FINISH_KEY: "terminationKey",
    CollectEnd.MAX_DIGITS: "maxDigits",
    CollectEnd.FIRST_TIMEOUT: "firstTimeout",
    CollectEnd.BETWEEN_TIMEOUT: "betweenTimeout",
}
_TRANSACTIONS = frozenset({"callAnswered", "sessionCompleted"})


def command_id(domain: Domain, call: Call, kind: str, subject: str) -> str:
    """The `replyId` of something within a call."""
    return reply_id(domain, ReplyId(domain.name, call.id, subject, kind))


def get_ivr_command(call: Call, reply: str, server: str) -> bytes:
    """The body of `getIvrCommand`."""
    digest = call.context.get("digest")
    body = GetIvrCommand(
        sessionId=call.id,
        dtmfBuffer=_hidden(call.keys, digest) if call.keys else UNSET,
        dtmfParams=_dtmf_params(call, digest),
        replyId=reply,
        ivrServer=server or UNSET,
        sessionReferenceId=call.context.get("reference", UNSET),
    )
    return _encode(body)


def with_transaction(event: str, body: bytes, message: str) -> bytes:
    """A notification as it is sent: `httpTransactionId` is the ``webhook-id`` (mediaservice.md).

    Args:
        event: of the wording.
        body: JSON text of an object with at least one key.
        message: id of the message.
    """
    if event not in _TRANSACTIONS:
        return body
    return body[:-1] + b',"httpTransactionId":' + _encode(message) + b"}"


def _to(call: Call, event: str, body: Struct) -> Wording:
    url = f"{call.context['callback_url'].rstrip('/')}/{event}"
    return Wording(event=event, url=url, body=_encode(body).decode())


def _alarm(call: Call, kind: Any, error: str, detail: str = "") -> tuple[Wording, ...]:
    url = call.context.get("alarm_url")
    if not url:
        return ()
    body = Alarm(
        type=kind,
        domain=call.owner,
        sessionId=call.id,
        error=error,
        errorDetails={"description": detail} if detail else UNSET,
    )
    return (Wording(event="alarm", url=url, body=_encode(body).decode()),)


def _unanswered(call: Call, notice: QuestionUnanswered) -> tuple[Wording, ...]:
    kind, known, otherwise = _QUESTIONS[notice.topic]
    return _alarm(call, kind, notice.reason if notice.reason in known else otherwise)


def _phrase_error(reason: str) -> str:
    if reason.startswith(MEDIA_LATE):
        return "phraseRemoteCacheTimeout"
    return "mediaServerError" if reason.startswith(_PLAYBACK_FAULTS) else parse.PHRASE_ERROR


def _dtmf_params(call: Call, digest: Mapping[str, str] | None) -> DtmfParams | Unset:
    dialogue = call.dialogue
    if dialogue is None or dialogue.collected not in _REASONS:
        return UNSET
    key: str | Unset = UNSET
    if dialogue.collected is CollectEnd.FINISH_KEY:
        key = _finish_key(call.keys, dialogue.digits, call.context.get("finish_on", ""))
    return DtmfParams(
        dtmfMatch=_hidden(dialogue.digits, digest),
        reason=_REASONS[dialogue.collected],
        matchedTerminationKey=key,
        encryption=dict(digest) if digest else UNSET,
    )


def _finish_key(keys: str, digits: str, finish_on: str) -> str | Unset:
    """Which of several keys has ended a collection: the latest that follows its digits."""
    if len(finish_on) == 1:
        return finish_on
    found = max(((keys.rfind(digits + key), key) for key in finish_on), default=(-1, ""))
    return found[1] if found[0] >= 0 else UNSET


def _hidden(digits: str, digest: Mapping[str, str] | None) -> str:
    if digest is None or not digits:
        return digits
    return hashlib.md5((digest["salt"] + digits).encode(), usedforsecurity=False).hexdigest()


def _event_name(inbound: bool, failure: bool) -> Any:
    if inbound:
        return "callingPartyDrop"
    return "calledPartyFailure" if failure else "calledPartyDrop"


def _sip_code(ending: Ending) -> int | Unset:
    """What the far end said; when we gave up there was nothing to be heard."""
    if ending.sip_code is None or ending.by not in (EndedBy.CALLER, EndedBy.CALLEE):
        return UNSET
    return ending.sip_code or UNSET


def _sip_reason(ending: Ending) -> str | Unset:
    """Rebuilt from the cause (RFC 3326); Asterisk does not show the header."""
    text = _Q850.get(ending.q850 or 0)
    if text is None or ending.by not in (EndedBy.CALLER, EndedBy.CALLEE):
        return UNSET
    return f'Q.850;cause={ending.q850};text="{text}"'


def _reason(call: Call, ending: Ending) -> str | Unset:
    """Why a session ended that did not end in the ordinary way."""
    unreached = (
        call.direction is Direction.OUTBOUND
        and call.answered_at is None
        and ending.by is not EndedBy.APPLICATION
    )
    return DESCRIPTIONS[ending.cause] if unreached or ending.cause in _ALARMING else UNSET


def _user(text: str) -> str | Unset:
    """The user part of an address, or the number as it is."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in ("sip", "sips"):
        text = rest.partition("@")[0]
    return text or UNSET
