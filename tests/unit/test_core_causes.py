"""What Asterisk says of an end, in one word: the tables of lab.md 1 and 2 and lab2.md 28."""

from __future__ import annotations

import pytest

from adapter.core.causes import ending_of
from adapter.core.model import Call, CallState, EndCause, EndedBy, Ending
from tests.unit.build import gone, inbound, outbound, run

# lab.md 2: what ChannelDestroyed carries (cause, tech_cause) for each answer of the callee
UNANSWERED = [
    (17, 486, EndCause.BUSY),
    (17, 600, EndCause.BUSY),
    (21, 603, EndCause.REJECTED),
    (21, 403, EndCause.REJECTED),
    (21, 401, EndCause.REJECTED),
    (1, 404, EndCause.NOT_FOUND),
    (1, 604, EndCause.NOT_FOUND),
    (22, 410, EndCause.NOT_FOUND),
    (28, 484, EndCause.NOT_FOUND),
    (19, 480, EndCause.NO_ANSWER),  # also: rang until the timeout, or never a reply
    (18, 408, EndCause.NO_ANSWER),
    (34, 503, EndCause.CONGESTION),  # also: the name of the host cannot be resolved
    (38, 500, EndCause.CONGESTION),
    (58, 488, EndCause.FAILED),
    (58, 606, EndCause.FAILED),
    (127, 487, EndCause.CANCELLED),
    (23, 302, EndCause.FAILED),  # never followed: it would be toll fraud
]


@pytest.mark.parametrize(("q850", "sip_code", "cause"), UNANSWERED)
def test_an_outbound_call_that_is_not_answered(q850: int, sip_code: int, cause: EndCause) -> None:
    """Each final status of the callee has its word, and both codes are kept."""
    for state in (CallState.DIALING, CallState.RINGING):
        ending = ending_of(outbound(state), q850, sip_code, lost=False)
        expected = Ending(cause=cause, by=EndedBy.CALLEE, q850=q850, sip_code=sip_code)
        assert ending == expected


@pytest.mark.parametrize(
    ("q850", "cause"),
    [
        (17, EndCause.BUSY),
        (1, EndCause.NOT_FOUND),
        (19, EndCause.NO_ANSWER),
        (21, EndCause.REJECTED),
        (34, EndCause.CONGESTION),
        (58, EndCause.FAILED),
        (None, EndCause.FAILED),
        (0, EndCause.FAILED),
    ],
)
def test_without_a_sip_status_the_q850_cause_speaks(q850: int | None, cause: EndCause) -> None:
    """No status from the far end: our side, or Asterisk, made the end."""
    ending = ending_of(outbound(CallState.DIALING), q850, None, lost=False)
    assert ending == Ending(cause=cause, by=EndedBy.SYSTEM, q850=q850 or None)


def test_the_sip_status_is_sharper_than_the_q850_cause() -> None:
    """Where they differ, the status decides."""
    assert ending_of(outbound(CallState.DIALING), 19, 486, lost=False).cause is EndCause.BUSY


def test_cause_16_before_the_answer_is_a_failure_of_ours() -> None:
    """lab2.md 28: no RTP port left looks like a normal hang-up, and is none."""
    ending = ending_of(outbound(CallState.DIALING), 16, None, lost=False)
    assert ending == Ending(cause=EndCause.FAILED, by=EndedBy.SYSTEM, q850=16)


@pytest.mark.parametrize(
    ("q850", "sip_code", "kept"),
    [(0, None, None), (None, None, None), (16, None, 16), (31, 480, 31), (17, 486, 17)],
)
def test_an_answered_call_that_the_far_end_ends_is_a_hang_up(
    q850: int | None, sip_code: int | None, kept: int | None
) -> None:
    """lab.md 1: a BYE without Reason has cause 0, which is none; any other is kept, not worded."""
    caller = ending_of(inbound(CallState.UP), q850, sip_code, lost=False)
    assert caller == Ending(cause=EndCause.HANGUP, by=EndedBy.CALLER, q850=kept, sip_code=sip_code)
    callee = ending_of(outbound(CallState.UP), q850, sip_code, lost=False)
    assert callee == Ending(cause=EndCause.HANGUP, by=EndedBy.CALLEE, q850=kept, sip_code=sip_code)


@pytest.mark.parametrize("state", [CallState.OFFERED, CallState.ANSWERING])
@pytest.mark.parametrize(("q850", "sip_code"), [(127, 487), (0, None), (None, None)])
def test_a_caller_who_gives_up_cancels(
    state: CallState, q850: int | None, sip_code: int | None
) -> None:
    """lab.md 1: CANCEL before the answer is cause 127, status 487; 487 also when none was given."""
    ending = ending_of(inbound(state), q850, sip_code, lost=False)
    assert ending == Ending(
        cause=EndCause.CANCELLED, by=EndedBy.CALLER, q850=q850 or None, sip_code=487
    )


def test_audio_that_stops_is_told_apart() -> None:
    """lab.md 6: rtp_timeout ends an answered call with cause 44."""
    for call in (inbound(CallState.UP), outbound(CallState.UP)):
        ending = ending_of(call, 44, None, lost=False)
        assert ending == Ending(cause=EndCause.MEDIA_TIMEOUT, by=EndedBy.SYSTEM, q850=44)


@pytest.mark.parametrize(
    "call",
    [outbound(CallState.DIALING), outbound(CallState.UP), inbound(CallState.OFFERED)],
    ids=["dialing", "up", "offered"],
)
def test_a_channel_that_asterisk_forgot_is_lost(call: Call) -> None:
    """lab2.md 26: after a crash no event comes; nobody hung up."""
    assert ending_of(call, None, None, lost=True) == Ending(cause=EndCause.LOST, by=EndedBy.SYSTEM)


def test_the_end_of_a_call_after_its_answer_does_not_ask_how_it_began() -> None:
    """A call that we ended keeps our word, whatever Asterisk calls it."""
    call = inbound(CallState.ENDING)
    ending = run(call, gone(call, 44)).call.ending
    assert ending == Ending(cause=EndCause.HANGUP, by=EndedBy.APPLICATION, q850=44)
