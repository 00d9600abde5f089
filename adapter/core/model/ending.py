"""How a call, or a leg of it, ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EndCause(StrEnum):
    """Why a call ended, in one word that all contracts can translate."""

    HANGUP = "hangup"  # one of the two hung up, or the application ended it
    CANCELLED = "cancelled"  # ended before the answer, by whoever started it
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    NOT_FOUND = "not_found"  # the number does not exist
    CONGESTION = "congestion"  # the network, or the trunk, cannot take it now
    NOT_ACCEPTED = "not_accepted"  # the application did not accept in time
    MAX_DURATION = "max_duration"
    MEDIA_TIMEOUT = "media_timeout"  # no audio came any more
    FAILED = "failed"
    LOST = "lost"  # Asterisk died or forgot it


class EndedBy(StrEnum):
    """Who made the end."""

    APPLICATION = "application"
    CALLER = "caller"
    CALLEE = "callee"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the call ended.

    Attributes:
        cause: in one word.
        by: who made it.
        q850: cause value of ITU-T Q.850 as Asterisk gave it; None when it gave none.
        sip_code: final SIP status of the leg (RFC 3261); None when there was none.
        detail: for the log and `ari-voice why`, never for the wire.
    """

    cause: EndCause
    by: EndedBy
    q850: int | None = None
    sip_code: int | None = None
    detail: str | None = None
