"""The bodies of Mediaservice's notifications, alarms and `getIvrCommand`, key by key.

Source: mediaservice.txt with mediaservice.md, "Wire types that real applications rely on". What is
not known is left out, never null.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

Unset: TypeAlias = UnsetType
JSON: TypeAlias = Any


class Body(Struct, kw_only=True, omit_defaults=True):
    """What all bodies have that are no alarm."""

    ivrServer: str | Unset = UNSET
    sessionReferenceId: JSON = UNSET


class CallNotify(Body, kw_only=True, omit_defaults=True):
    """`/callNotify`."""

    event: Literal["ringing"]
    monitoringParticipant: bool | Unset = UNSET
    participantId: str
    sessionId: str
    user: str | Unset = UNSET
    remoteUser: str | Unset = UNSET
    remoteParticipantId: str
    sipCallId: str | Unset = UNSET
    traceId: str
    replyId: str | Unset = UNSET


class CallAnsweredBody(Struct, kw_only=True, omit_defaults=True):
    """`/callAnswered`. `httpTransactionId` is set when it is sent (`with_transaction`)."""

    callingPartyNumber: str | Unset = UNSET
    callerParticipantId: str
    calleeParticipantId: str
    remotePartyNumber: str | Unset = UNSET
    connectionId: str
    monitoringParticipant: bool | Unset = UNSET
    replyId: str | Unset = UNSET
    sessionReferenceId: JSON = UNSET
    traceId: str
    httpTransactionId: str | Unset = UNSET


class CallEvent(Body, kw_only=True, omit_defaults=True):
    """`/callEvent`."""

    connectionId: str
    domain: str
    event: Literal["callingPartyDrop", "calledPartyDrop", "calledPartyFailure"]
    participantId: str
    remoteParticipantId: str
    remoteUser: str | Unset = UNSET
    sessionId: str
    user: str | Unset = UNSET
    sipResponseCode: int | Unset = UNSET
    errorDescr: str | Unset = UNSET
    sipReason: str | Unset = UNSET


class SessionCompleted(Body, kw_only=True, omit_defaults=True):
    """`/sessionCompleted`."""

    sessionId: str
    domain: str
    sessionDuration: int
    reason: str | Unset = UNSET
    traceId: str
    httpTransactionId: str | Unset = UNSET


class Alarm(Struct, kw_only=True, omit_defaults=True):
    """What the alarm URL gets."""

    type: Literal["sessionError", "newCallEventError", "ivrCommandError", "callError"]
    domain: str
    sessionId: str
    error: str
    errorDetails: dict[str, str] | Unset = UNSET


class DtmfParams(Struct, kw_only=True, omit_defaults=True):
    """`dtmfParams`: what came of the latest command's digits."""

    dtmfMatch: str
    reason: Literal["terminationKey", "maxDigits", "firstTimeout", "betweenTimeout"]
    matchedTerminationKey: str | Unset = UNSET
    encryption: dict[str, str] | Unset = UNSET


class GetIvrCommand(Body, kw_only=True, omit_defaults=True):
    """`/getIvrCommand`."""

    sessionId: str
    dtmfBuffer: str | Unset = UNSET
    dtmfParams: DtmfParams | Unset = UNSET
    replyId: str
