"""The nouns of the fake Asterisk: channels, playbacks, callees, causes, refusals."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]

SIP_CAUSES = {
    401: (21, "Call Rejected"),
    403: (21, "Call Rejected"),
    404: (1, "Unallocated (unassigned) number"),
    408: (18, "No user responding"),
    410: (22, "Number changed"),
    480: (19, "User alerting, no answer"),
    484: (28, "Invalid number format"),
    486: (17, "User busy"),
    487: (127, "Interworking, unspecified"),
    488: (58, "Bearer capability not available"),
    500: (38, "Network out of order"),
    503: (34, "Circuit/channel congestion"),
    600: (17, "User busy"),
    603: (21, "Call Rejected"),
    604: (1, "Unallocated (unassigned) number"),
    606: (58, "Bearer capability not available"),
}
CAUSE_TEXT = dict(SIP_CAUSES.values()) | {
    0: "Unknown",
    16: "Normal Clearing",
    26: "Answered elsewhere",
    31: "Normal, unspecified",
}
REASONS = {
    "normal": 16, "busy": 17, "congestion": 34, "no_answer": 19, "timeout": 18, "rejected": 21,
    "unallocated": 1, "normal_unspecified": 31, "number_incomplete": 28, "codec_mismatch": 58,
    "interworking": 127, "failure": 38, "answered_elsewhere": 26,
}  # fmt: skip
KNOWN_SCHEMES = ("sound", "tone", "digits", "number", "characters", "recording")


class Refusal(Exception):
    """The world says no; `key` is "message", or "error" for a failed allocation."""

    def __init__(self, status: int, text: str, key: str = "message") -> None:
        super().__init__(text)
        self.status = status
        self.body = {key: text}


class Sound(StrEnum):
    """What Asterisk itself lets a channel hear; one replaces another, for good."""

    NOTHING = ""
    MUSIC = "music"
    RINGING = "ringing"
    SILENCE = "silence"


HUMAN, MACHINE = ("HUMAN", "HUMAN-800-800"), ("MACHINE", "LONGGREETING-1500-1500")


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """What a dialled number does. Times are seconds after `dial`; None means never.

    `amd` is what AMD() finds, as status and cause, `judged_after` so many seconds; None: nothing.
    """

    ring_after: float | None = 0.0
    answer_after: float | None = 0.0
    refuse: int | None = None
    refuse_after: float = 0.0
    hangup_after: float | None = None
    hangup_cause: int = 16
    unreachable: bool = False
    no_rtp_port: bool = False
    amd: tuple[str, str] | None = HUMAN
    judged_after: float = 0.0

    @classmethod
    def refuses(cls, status: int, after: float = 0.0) -> Callee:
        """Reply with a final SIP status."""
        return cls(ring_after=None, answer_after=None, refuse=status, refuse_after=after)

    @classmethod
    def rings_out(cls) -> Callee:
        """Ring until the caller gives up."""
        return cls(answer_after=None)

    @classmethod
    def silent(cls) -> Callee:
        """Reply nothing at all."""
        return cls(ring_after=None, answer_after=None)


@dataclass(slots=True)
class FakePlayback:
    """One queued or running playback."""

    id: str
    target: str
    media: list[str]
    state: str = "queued"
    stopped: bool = False

    def json(self, index: int = 0) -> Json:
        """ARI's Playback."""
        return {
            "id": self.id,
            "media_uri": self.media[index],
            "target_uri": self.target,
            "language": "en",
            "state": self.state,
        }


@dataclass(slots=True)
class FakeChannel:
    """One channel."""

    id: str
    name: str
    state: str
    inbound: bool
    number: str = ""
    caller: Json = field(default_factory=lambda: {"name": "", "number": ""})
    exten: str = "s"
    context: str = "outbound"
    in_stasis: bool = False
    dialled: bool = False
    originator: str = ""
    spies_on: str = ""
    hears: Sound = Sound.NOTHING
    variables: dict[str, str] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    queue: list[FakePlayback] = field(default_factory=list)
    created: str = field(default_factory=lambda: timestamp())

    def json(self) -> Json:
        """ARI's Channel."""
        shown = {name: self.variables[name] for name in sorted(self.reported)}
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "protocol_id": f"{self.id}@fake",
            "caller": dict(self.caller),
            "connected": {"name": "", "number": ""},
            "accountcode": "",
            "dialplan": {"context": self.context, "exten": self.exten, "priority": 1},
            "creationtime": self.created,
            "language": "en",
        } | ({"channelvars": shown} if shown else {})


def timestamp() -> str:
    """Now, as Asterisk writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime())
