"""The keys of Mediaservice's bodies are those of the document."""

from __future__ import annotations

import pytest
from msgspec import Struct

from adapter.contracts.mediaservice import bodies

# mediaservice.txt: the keys of each schema; replyId of callNotify is mediaservice.md's
COMMON = {"sessionId", "sessionReferenceId", "ivrServer", "siteId", "siteBaseUrl"}
PARTIES = {"participantId", "remoteParticipantId", "user", "remoteUser"}
DOCUMENTED = {
    bodies.CallNotify: COMMON
    | PARTIES
    | {"event", "monitoringParticipant", "sipCallId", "traceId", "replyId"},
    bodies.CallAnsweredBody: {
        *("callingPartyNumber", "callerParticipantId", "calleeParticipantId", "remotePartyNumber"),
        *("connectionId", "monitoringParticipant", "replyId", "sessionReferenceId", "traceId"),
        "httpTransactionId",
    },
    bodies.CallEvent: COMMON
    | PARTIES
    | {"connectionId", "domain", "event", "sipResponseCode", "errorDescr", "sipReason"},
    bodies.SessionCompleted: COMMON
    | {"domain", "sessionDuration", "reason", "traceId", "httpTransactionId"},
    bodies.GetIvrCommand: COMMON | {"dtmfBuffer", "dtmfParams", "replyId"},
    bodies.DtmfParams: {"dtmfMatch", "reason", "matchedTerminationKey", "encryption"},
    bodies.Alarm: {"type", "domain", "sessionId", "error", "errorDetails"},
}


@pytest.mark.parametrize("body", DOCUMENTED, ids=lambda body: body.__name__)
def test_no_key_is_ours(body: type[Struct]) -> None:
    """A body has keys of the document's schema, and no others."""
    assert set(body.__struct_fields__) <= DOCUMENTED[body]
