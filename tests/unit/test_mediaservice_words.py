"""Mediaservice's notifications and alarms, key by key, from notices that the machines make."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from adapter.contracts.mediaservice.parse import COMMAND_EMPTY, NEW_CALL_UNKNOWN
from adapter.contracts.mediaservice.tokens import ReplyId, read_reply_id
from adapter.contracts.mediaservice.words import (
    DESCRIPTIONS,
    Words,
    get_ivr_command,
    with_transaction,
)
from adapter.core import inputs as i
from adapter.core.faults import MEDIA_LATE
from adapter.core.model import (
    CallState,
    Collect,
    CollectEnd,
    Dialogue,
    DialogueState,
    Direction,
    EndCause,
    Topic,
)
from adapter.core.outputs import CallRang, Step
from tests.unit.build import (
    NOW,
    call_deadline,
    finished,
    gone,
    instructed,
    key,
    media_ready,
    no_answer,
    order,
    run,
    started,
    up,
)
from tests.unit.mediaservice_house import CONTEXT, DOMAIN, REFERENCE, Directory, call

WORDS = Words(Directory(), "192.0.2.7")
BASE = "http://app.example/base"
IN, OUT = Direction.INBOUND, Direction.OUTBOUND


def said(step: Step, now: float = NOW) -> list[tuple[str, str, Any]]:
    """Event, URL and body of all that a step says."""
    wordings = [w for notice in step.notices for w in WORDS.word(step.call, notice, now)]
    return [(w.event, w.url, json.loads(w.body)) for w in wordings]


def alarms(step: Step) -> list[Any]:
    return [body for event, url, body in said(step) if event == "alarm"]


def test_ringing() -> None:
    """`callNotify` of an outbound call, with a `replyId` for the participant that rings."""
    ringing = call(OUT, CallState.RINGING)
    [wording] = WORDS.word(ringing, CallRang(), NOW)
    body = json.loads(wording.body)
    reply = body.pop("replyId")
    assert (wording.event, wording.url) == ("callNotify", f"{BASE}/callNotify")
    assert body == {
        "event": "ringing",
        "monitoringParticipant": False,
        "participantId": "leg-1",
        "sessionId": ringing.id,
        "sessionReferenceId": REFERENCE,
        "user": "+4922",
        "remoteUser": "+4911",
        "remoteParticipantId": "ivr-1",
        "ivrServer": "192.0.2.7",
        "traceId": "trace-1",
    }
    assert read_reply_id(DOMAIN, reply) == ReplyId(DOMAIN.name, ringing.id, "leg-1", "participant")


def test_answered() -> None:
    """`callAnswered` of an outbound call; user parts of SIP addresses; no session id there."""
    ringing = call(OUT, CallState.RINGING, callee="sip:anna@sip.example:5070", caller="")
    [(event, url, body)] = said(run(ringing, up(ringing)))
    reply = body.pop("replyId")
    assert (event, url) == ("callAnswered", f"{BASE}/callAnswered")
    assert body == {
        "callerParticipantId": "ivr-1",
        "calleeParticipantId": "leg-1",
        "remotePartyNumber": "anna",
        "connectionId": "connection-1",
        "monitoringParticipant": False,
        "sessionReferenceId": REFERENCE,
        "traceId": "trace-1",
    }
    assert read_reply_id(DOMAIN, reply).kind == "connection"


def test_answered_inbound_says_nothing() -> None:
    """Whose call we answered, knows: it was asked."""
    answering = call(IN, CallState.ANSWERING)
    assert said(run(answering, up(answering))) == []


def test_caller_hangs_up() -> None:
    """An ordinary hang-up: `callEvent` without `reason`, and `sessionCompleted` in seconds."""
    talking = call(IN, CallState.UP)
    events = said(run(talking, gone(talking, 16), now=NOW + 62.6), NOW + 62.6)
    assert events == [
        (
            "callEvent",
            f"{BASE}/callEvent",
            {
                "connectionId": "connection-1",
                "domain": "one.example",
                "event": "callingPartyDrop",
                "ivrServer": "192.0.2.7",
                "participantId": "leg-1",
                "remoteParticipantId": "ivr-1",
                "remoteUser": "+4911",
                "sessionId": talking.id,
                "user": "+4922",
                "sessionReferenceId": REFERENCE,
                "sipReason": 'Q.850;cause=16;text="Normal call clearing"',
            },
        ),
        (
            "sessionCompleted",
            f"{BASE}/sessionCompleted",
            {
                "sessionId": talking.id,
                "domain": "one.example",
                "sessionDuration": 63,
                "sessionReferenceId": REFERENCE,
                "ivrServer": "192.0.2.7",
                "traceId": "trace-1",
            },
        ),
    ]


def test_called_party_hangs_up() -> None:
    """Outbound: the called party dropped; without a cause there is no `sipReason`."""
    talking = call(OUT, CallState.UP)
    [(_, _, event), (name, _, completed)] = said(run(talking, gone(talking, 0)))
    assert (event["event"], name) == ("calledPartyDrop", "sessionCompleted")
    assert not {"sipReason", "sipResponseCode", "errorDescr", "reason"} & {*event, *completed}


@pytest.mark.parametrize(
    ("q850", "sip_code", "description"),
    [
        (17, 486, "Busy"),
        (21, 603, "Call rejected"),
        (1, 404, "Number not found"),
        (34, 503, "Network congestion"),
        (19, 480, "No answer"),
        (127, 487, "Request cancelled"),
    ],
)
def test_called_party_failure(q850: int, sip_code: int, description: str) -> None:
    """An outbound call that is not answered: the code that came, and words for it."""
    ringing = call(OUT, CallState.RINGING)
    [(_, _, event), (_, _, completed)] = said(run(ringing, gone(ringing, q850, sip_code)))
    assert event["event"] == "calledPartyFailure"
    assert (event["sipResponseCode"], event["errorDescr"]) == (sip_code, description)
    assert completed["reason"] == description


def test_nobody_answers_in_time() -> None:
    """We gave up: there is no code that was received, so none is made up."""
    ringing = call(OUT, CallState.RINGING)
    step = run(ringing, call_deadline(ringing), gone(ringing, 16, 487))
    [(_, _, event), _] = said(step)
    assert (event["event"], event["errorDescr"]) == ("calledPartyFailure", "No answer")
    assert "sipResponseCode" not in event


def test_caller_gives_up() -> None:
    """The caller cancels while `newCall` is open."""
    offered = call(IN, CallState.OFFERED)
    [(_, _, event), (_, _, completed)] = said(run(offered, gone(offered, 127, 487)))
    assert (event["event"], event["sipResponseCode"]) == ("callingPartyDrop", 487)
    assert event["errorDescr"] == "Request cancelled"
    assert "reason" not in completed


@pytest.mark.parametrize("state", [CallState.RINGING, CallState.UP])
def test_our_own_end_is_no_call_event(state: CallState) -> None:
    """`hangupparticipant` and `hangup`: the application knows; the session is completed."""
    ours = call(OUT, state)
    step = run(ours, i.EndCall(), gone(ours, 16, 487 if state is CallState.RINGING else None))
    assert [event for event, _, _ in said(step)] == ["sessionCompleted"]


@pytest.mark.parametrize(
    ("q850", "cause", "alarm"),
    [
        (None, EndCause.MAX_DURATION, ("sessionError", "maxDuration")),
        (44, EndCause.MEDIA_TIMEOUT, ("callError", "RTP media timeout")),
    ],
)
def test_end_with_an_alarm(q850: int | None, cause: EndCause, alarm: tuple[str, str]) -> None:
    """The session was too long, or no audio came any more: alarm first, then the end."""
    talking = call(IN, CallState.UP)
    before = (call_deadline(talking),) if cause is EndCause.MAX_DURATION else ()
    events = said(run(talking, *before, gone(talking, q850)))
    assert [event for event, _, _ in events] == ["alarm", "sessionCompleted"]
    assert events[0][1:] == (
        "http://alarms.example/one",
        {"type": alarm[0], "domain": "one.example", "sessionId": talking.id, "error": alarm[1]},
    )
    assert events[1][2]["reason"] == alarm[1]


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (NEW_CALL_UNKNOWN, NEW_CALL_UNKNOWN),
        ("internal error", "newCall request failed"),
        (COMMAND_EMPTY, "newCall request failed"),
    ],
)
def test_new_call_alarm(reason: str, error: str) -> None:
    """The document's words for what went wrong; for anything else the general ones."""
    offered = call(IN, CallState.OFFERED)
    step = run(offered, no_answer(offered, reason))
    assert [(alarm["type"], alarm["error"]) for alarm in alarms(step)] == [
        ("newCallEventError", error)
    ]
    assert step.call.state is CallState.ENDING


def test_command_alarm() -> None:
    """A `getIvrCommand` that brought nothing ends the session, with the alarm."""
    talking = call(IN, CallState.UP)
    step = run(talking, no_answer(talking, COMMAND_EMPTY))
    assert [alarm["error"] for alarm in alarms(step)] == [COMMAND_EMPTY]
    ended = run(step.call, gone(talking, 16))
    [(event, _, completed)] = said(ended)
    assert (event, completed["reason"]) == ("sessionCompleted", "Call failed")


def test_no_alarm_url() -> None:
    """A domain without one gets no alarms."""
    context = {key: value for key, value in CONTEXT.items() if key != "alarm_url"}
    offered = call(IN, CallState.OFFERED, context=context)
    assert said(run(offered, no_answer(offered))) == []


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("no prompt 'x.wav'", "phraseError"),
        (f"{MEDIA_LATE}: http://files.example/a.wav", "phraseRemoteCacheTimeout"),
    ],
)
def test_phrase_that_cannot_be_had(reason: str, error: str) -> None:
    """The alarm tells what happened, and the application is asked again."""
    talking = call(IN, CallState.UP)
    playing = run(talking, instructed(talking, prompt=order())).call
    step = run(playing, i.MediaFailed(prompt=order().id, reason=reason))
    [alarm] = alarms(step)
    assert (alarm["type"], alarm["error"]) == ("ivrCommandError", error)
    assert alarm["errorDetails"] == {"description": reason}
    assert step.call.state is CallState.UP


def test_phrase_that_cannot_be_played() -> None:
    """What Asterisk could not play, in the words that the prompt machine has for it today."""
    talking = call(IN, CallState.UP)
    ready = run(talking, instructed(talking, prompt=order())).call
    starting = run(ready, media_ready(ready)).call
    playing = run(starting, started(starting)).call
    never_began = i.PromptDeadline(at=starting.prompt.deadline or 0.0) if starting.prompt else None
    assert never_began is not None
    refused = i.PlaybackRefused(playback=started(starting).playback, detail="play: 412 no media")
    for step in (
        run(playing, finished(playing, failed=True)),
        run(starting, never_began),
        run(starting, refused),
    ):
        assert [alarm["error"] for alarm in alarms(step)] == ["mediaServerError"]


def test_hang_up_during_a_phrase_is_no_alarm() -> None:
    """A prompt that the end of the call has cut has not failed."""
    talking = call(IN, CallState.UP)
    playing = run(talking, instructed(talking, prompt=order())).call
    assert alarms(run(playing, gone(playing, 16))) == []


def asked(digits: str, end: CollectEnd | None, keys: str, **context: Any) -> Any:
    """The body of `getIvrCommand` after a collection of digits."""
    talking = call(IN, CallState.UP)
    dialogue = Dialogue(
        state=DialogueState.ASKING,
        topic=Topic.NEXT,
        asked=3,
        deadline=NOW,
        collected=end,
        digits=digits,
    )
    row = replace(talking, dialogue=dialogue, keys=keys, context={**CONTEXT, **context})
    return json.loads(get_ivr_command(row, "reply", "192.0.2.7"))


def test_first_question() -> None:
    """Nothing was pressed or waited for: neither buffer nor parameters."""
    talking = call(IN, CallState.UP)
    body = json.loads(get_ivr_command(talking, "reply", ""))
    assert body == {"sessionId": talking.id, "sessionReferenceId": REFERENCE, "replyId": "reply"}


def test_digits() -> None:
    """The document's example: `12` ended by `#`; all strings, and what is unused is absent."""
    body = asked("12", CollectEnd.FINISH_KEY, "912#", finish_on="#")
    assert body["dtmfBuffer"] == "912#"
    assert body["dtmfParams"] == {
        "dtmfMatch": "12",
        "reason": "terminationKey",
        "matchedTerminationKey": "#",
    }


@pytest.mark.parametrize(
    ("digits", "end", "reason"),
    [
        ("1", CollectEnd.MAX_DIGITS, "maxDigits"),
        ("", CollectEnd.FIRST_TIMEOUT, "firstTimeout"),
        ("1", CollectEnd.BETWEEN_TIMEOUT, "betweenTimeout"),
    ],
)
def test_digits_without_a_key(digits: str, end: CollectEnd, reason: str) -> None:
    """What else completes them."""
    body = asked(digits, end, digits, finish_on="#")
    assert body["dtmfParams"] == {"dtmfMatch": digits, "reason": reason}
    assert ("dtmfBuffer" in body) == bool(digits)


def test_which_key_ended_them() -> None:
    """Of several termination keys the one that was pressed, also when more came behind it."""
    body = asked("12", CollectEnd.FINISH_KEY, "12#12*7", finish_on="#*")
    assert body["dtmfParams"]["matchedTerminationKey"] == "*"


def test_interrupted_command_has_no_parameters() -> None:
    """An interrupted collection has no reason that the document knows."""
    assert "dtmfParams" not in asked("1", CollectEnd.STOPPED, "1")


def hex_md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_hidden_digits() -> None:
    """md5 mode: hex md5(salt + digits) in both places, and the mode is named."""
    digest = {"type": "md5", "salt": "pepper"}
    body = asked("12", CollectEnd.MAX_DIGITS, "012", digest=digest)
    assert body["dtmfBuffer"] == hex_md5(b"pepper012")
    assert body["dtmfParams"] == {
        "dtmfMatch": hex_md5(b"pepper12"),
        "reason": "maxDigits",
        "encryption": digest,
    }


def test_digits_of_a_real_collection() -> None:
    """The row that the machines make of a command with digits gives the same words."""
    talking = call(IN, CallState.UP)
    collect = Collect(max_digits=4, finish_on="#")
    step = run(
        talking, instructed(talking, prompt=order(collect=collect), context={"finish_on": "#"})
    )
    step = run(step.call, *(key(talking, digit) for digit in "12#"))
    body = json.loads(get_ivr_command(step.call, "reply", ""))
    assert (body["dtmfBuffer"], body["dtmfParams"]["dtmfMatch"]) == ("12#", "12")
    assert body["dtmfParams"]["reason"] == "terminationKey"


def test_transaction() -> None:
    """`httpTransactionId` is the message's id where the document has one, and nowhere else."""
    assert json.loads(with_transaction("callAnswered", b'{"a":1}', "m-1")) == {
        "a": 1,
        "httpTransactionId": "m-1",
    }
    assert with_transaction("callEvent", b'{"a":1}', "m-1") == b'{"a":1}'


def test_every_cause_has_words() -> None:
    """No cause of an end is without a description."""
    assert set(DESCRIPTIONS) == set(EndCause)
