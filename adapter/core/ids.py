"""Names of things. Every id is made by us, used once, and contains its parent's.

A public id is a UUID (RFC 9562, version 4) whose last group begins with the four hex digits of the
cell: one cell is one adapter with its Asterisk and its database, so a plain HTTP router can send a
request to the cell that owns the call. Only the channel of an inbound call has an id that we did
not choose: Asterisk made it.
"""

from __future__ import annotations

import re
from typing import NewType

CallId = NewType("CallId", str)
PromptId = NewType("PromptId", str)
ChannelId = NewType("ChannelId", str)
PlaybackId = NewType("PlaybackId", str)
QuestionId = NewType("QuestionId", str)
BridgeId = NewType("BridgeId", str)
RecordingId = NewType("RecordingId", str)
ListeningId = NewType("ListeningId", str)

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CELL = re.compile(r"[0-9a-f]{4}")
_OF_CALL = re.compile(rf"({_UUID})\.[a-z0-9.-]+")


def public_id(cell: str, entropy: bytes) -> str:
    """A version 4 UUID that carries its cell.

    Args:
        cell: four lower-case hex digits.
        entropy: 16 random bytes.

    Raises:
        ValueError: either has another form.
    """
    if not _CELL.fullmatch(cell):
        raise ValueError("a cell is four lower-case hex digits")
    if len(entropy) != 16:
        raise ValueError("16 bytes of entropy are needed")
    raw = bytearray(entropy)
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{cell}{text[24:]}"


def channel_of(call: CallId, leg: int) -> ChannelId:
    """The id of the channel that we create for a leg of the call."""
    return ChannelId(f"{call}.leg{leg}")


def bridge_of(call: CallId, number: int) -> BridgeId:
    """The id of a bridge of the call. None is ever used again."""
    return BridgeId(f"{call}.bridge{number}")


def playback_of(call: CallId, prompt: PromptId, index: int = 0) -> PlaybackId:
    """The id of the playback of one phrase of a prompt (or one round of a background)."""
    return PlaybackId(f"{call}.{prompt}.{index}")


def listening_of(call: CallId, prompt: PromptId, number: int) -> ListeningId:
    """The id of one time of listening for a prompt; the channels and the bridge begin with it."""
    return ListeningId(f"{call}.{prompt}.listening{number}")


def question_of(call: CallId, number: int) -> QuestionId:
    """The id of a question to the application that drives the call."""
    return QuestionId(f"{call}.q{number}")


def call_of(identifier: str) -> CallId | None:
    """The call that a channel or playback id of ours belongs to; None when it is not ours."""
    match = _OF_CALL.fullmatch(identifier)
    return CallId(match.group(1)) if match else None
