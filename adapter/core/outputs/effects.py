"""Orders of the machines to the world, run after the commit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from adapter.core.ids import (
    BridgeId,
    ChannelId,
    ListeningId,
    PlaybackId,
    PromptId,
    QuestionId,
    RecordingId,
)
from adapter.core.model import (
    Detection,
    Listen,
    Media,
    Phrase,
    Topic,
)


class HangupReason(StrEnum):
    """What the far end is told; ARI's words for Q.850 causes."""

    NORMAL = "normal"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    UNALLOCATED = "unallocated"
    CONGESTION = "congestion"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateChannel:
    """Make a channel that does not dial yet. The id makes it idempotent.

    `private`, `diversion` and `headers` are those of `adapter.core.model.DialOrder`; `originator`
    is the channel that it is made for.
    """

    channel: ChannelId
    endpoint: str
    caller_number: str
    caller_name: str
    private: bool = False
    diversion: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    originator: ChannelId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """Dial a channel that was created; Asterisk itself gives up after `timeout` seconds.

    `caller` is the channel that hears it ring, in a bridge with it.
    """

    channel: ChannelId
    timeout: float
    caller: ChannelId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAnswer:
    """Find out whether a machine answered; answered by AnswerJudged."""

    channel: ChannelId
    detection: Detection


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """Let the caller hear ringing (180)."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer an inbound channel."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    """End a channel; that it is gone already is success."""

    channel: ChannelId
    reason: HangupReason


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareMedia:
    """Render or fetch the phrases; answered by MediaReady or MediaFailed. May be slow."""

    prompt: PromptId
    phrases: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Play on a channel. Not idempotent in Asterisk: look before you send it again."""

    channel: ChannelId
    playback: PlaybackId
    media: Media


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlayback:
    """Stop playing; that it is over already is success."""

    playback: PlaybackId


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask the application; answered by Instructed or QuestionFailed. May be slow."""

    question: QuestionId
    topic: Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Find out whose the call is that brings this code; answered by Admitted or NotAdmitted."""

    attempt: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBridge:
    """Make a bridge whose members hear one another and whose keys are told."""

    bridge: BridgeId


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToBridge:
    """Put a channel into a bridge; it leaves the one that it is in."""

    bridge: BridgeId
    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFromBridge:
    """Take a channel out of a bridge; that it is out already is success."""

    bridge: BridgeId
    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyBridge:
    """Remove a bridge; its members stay. That it is gone already is success."""

    bridge: BridgeId


class Sound(StrEnum):
    """What a channel can be made to hear that is no prompt."""

    MUSIC = "music"  # on hold
    RINGING = "ringing"  # the far end rings
    SILENCE = "silence"  # packets of silence, so that time goes on for whoever listens or records


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSound:
    """Let a channel hear something until it is stopped. Again is the same."""

    channel: ChannelId
    sound: Sound


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSound:
    """Stop that; that nothing is heard already is success."""

    channel: ChannelId
    sound: Sound


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Record a channel; answered by RecordingStarted or RecordingLost. May be slow."""

    recording: RecordingId
    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewRecording:
    """Go on recording with a new monitor in the same files: a new party is heard. May be slow.

    Asterisk's monitor takes the sound of a further party for packets that came too late and drops
    it, when that counts its packets from a lower number than the one before (22.10, seen).
    `parties` is how many were heard so far, with the new one.
    """

    recording: RecordingId
    channel: ChannelId
    parties: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveRecording:
    """End a recording and make its file whole; answered by RecordingSaved or RecordingLost.

    `channel` is None when it is gone. May be slow.
    """

    recording: RecordingId
    channel: ChannelId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartListening:
    """Recognise what a channel says: SpeechBegan, then SpeechHeard or SpeechLost. May be slow."""

    listening: ListeningId
    channel: ChannelId
    listen: Listen


@dataclass(frozen=True, slots=True, kw_only=True)
class StopListening:
    """Listen no more; that nobody listens already is success."""

    listening: ListeningId


Effect: TypeAlias = (
    CreateChannel
    | Dial
    | JudgeAnswer
    | Ring
    | Answer
    | Hangup
    | PrepareMedia
    | Play
    | StopPlayback
    | Ask
    | Admit
    | CreateBridge
    | AddToBridge
    | RemoveFromBridge
    | DestroyBridge
    | StartSound
    | StopSound
    | Record
    | RenewRecording
    | SaveRecording
    | StartListening
    | StopListening
)
