"""What Asterisk says of the end of a channel, in one word.

Sources: ITU-T Q.850 (cause values), RFC 3261 section 21 (status codes), RFC 3398 section 7.2.4.1
(how one maps to the other). Where Asterisk gives both, the SIP status is the sharper of the two.
"""

from __future__ import annotations

from dataclasses import replace

from adapter.core.model import Call, Direction, EndCause, EndedBy, Ending

_SIP = {
    **dict.fromkeys((486, 600), EndCause.BUSY),
    **dict.fromkeys((401, 403, 407, 603, 607, 608), EndCause.REJECTED),
    **dict.fromkeys((404, 410, 484, 485, 604), EndCause.NOT_FOUND),
    **dict.fromkeys((408, 480), EndCause.NO_ANSWER),
    487: EndCause.CANCELLED,
    503: EndCause.CONGESTION,
}
_Q850 = {
    **dict.fromkeys((1, 2, 3, 22, 28), EndCause.NOT_FOUND),
    17: EndCause.BUSY,
    **dict.fromkeys((18, 19, 20), EndCause.NO_ANSWER),
    21: EndCause.REJECTED,
    **dict.fromkeys((34, 38, 41, 42, 44), EndCause.CONGESTION),
}
_NO_MEDIA = 44  # what Asterisk gives when rtp_timeout ends an answered call


def ending_of(call: Call, q850: int | None, sip_code: int | None, lost: bool) -> Ending:
    """The ending of a call whose channel went away without being asked to.

    An unanswered outbound channel that ends with cause 16 and no SIP status was ended on our side
    (no RTP port left, say), not by the far end: that is a failure, not a normal hang-up.

    Args:
        call: the row before the end.
        q850: cause value; 0 counts as none.
        sip_code: final SIP status of the leg.
        lost: Asterisk does not know the channel any more and never told why.
    """
    answered = call.answered_at is not None
    if call.direction is Direction.OUTBOUND:
        return ending_of_leg(answered, q850, sip_code, lost)
    if answered or lost:
        ending = ending_of_leg(answered, q850, sip_code, lost)
        return replace(ending, by=EndedBy.CALLER) if ending.by is EndedBy.CALLEE else ending
    return Ending(
        cause=EndCause.CANCELLED, by=EndedBy.CALLER, q850=q850 or None, sip_code=sip_code or 487
    )


def ending_of_leg(answered: bool, q850: int | None, sip_code: int | None, lost: bool) -> Ending:
    """The ending of a leg that we have dialled; arguments as for `ending_of`."""
    q850 = q850 or None
    if lost:
        return Ending(cause=EndCause.LOST, by=EndedBy.SYSTEM)
    if answered and q850 == _NO_MEDIA:
        return Ending(cause=EndCause.MEDIA_TIMEOUT, by=EndedBy.SYSTEM, q850=q850)
    if answered:
        return Ending(cause=EndCause.HANGUP, by=EndedBy.CALLEE, q850=q850, sip_code=sip_code)
    cause = _SIP.get(sip_code or 0) or _Q850.get(q850 or 0) or EndCause.FAILED
    by = EndedBy.SYSTEM if sip_code is None else EndedBy.CALLEE
    return Ending(cause=cause, by=by, q850=q850, sip_code=sip_code)
